package redis

import (
	"encoding/hex"
	"strings"

	"tandem.example/tandem/internal/account"
	"tandem.example/tandem/internal/application"
	"tandem.example/tandem/internal/session"
	"tandem.example/tandem/verify/revocation"
)

// buckets is how many hash tags share all keys: enough to spread over a large cluster, few enough to be read at once.
const buckets = 256

// keys spells the names of keys. What a script touches has one tag, and so lies in one slot of a cluster.
type keys struct {
	prefix string
	tags   [buckets]string // prefix and tag of each bucket
	marks  [buckets]string
}

func newKeys(prefix string) keys {
	k := keys{prefix: prefix}
	if prefix == "" {
		k.prefix = "tandem"
	}
	for b := range buckets {
		k.tags[b] = k.prefix + ":{" + hex.EncodeToString([]byte{byte(b)}) + "}:"
		k.marks[b] = k.of(b, "m", "")
	}
	return k
}

func bucketOf(id revocation.ID) int { return int(id[0]) }

func (k *keys) of(bucket int, kind string, name string) string { return k.tags[bucket] + kind + name }

// row holds a session.
func (k *keys) row(id revocation.ID) string { return k.of(bucketOf(id), "s:", id.String()) }

// mark says how far the bucket has followed the log.
func (k *keys) mark(bucket int) string { return k.marks[bucket] }

// index holds a member for each session of the bucket.
func (k *keys) index(bucket int) string { return k.of(bucket, "i", "") }

// latest holds the latest time that a rotation carried.
func (k *keys) latest() string { return k.of(0, "t", "") }

// user holds a member for each session of the user. It is written before the session and never decides on life.
func (k *keys) user(id account.ID) string {
	h := revocation.Hash(string(id))
	return k.of(bucketOf(h), "u:", h.String())
}

// evicted holds the members that a limit has just pushed out, and by whom.
func (k *keys) evicted(id account.ID) string {
	h := revocation.Hash(string(id))
	return k.of(bucketOf(h), "e:", h.String())
}

// limit holds the state of a rate limit.
func (k *keys) limit(name string) string { return k.of(bucketOf(revocation.Hash(name)), "l:", name) }

// channel carries hints.
func (k *keys) channel() string { return k.prefix + ":hints" }

// member is how indexes name a session. Ids are time-ordered and of one length, so members sort by age.
func member(id session.ID, app application.ID) string { return string(id) + " " + string(app) }

func parseMember(m string) (session.ID, application.ID) {
	id, app, _ := strings.Cut(m, " ")
	return session.ID(id), application.ID(app)
}
