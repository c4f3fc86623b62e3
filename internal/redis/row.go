package redis

import (
	"crypto/rand"
	"errors"
	"slices"
	"time"

	"tandem.example/tandem/internal/account"
	"tandem.example/tandem/internal/application"
	"tandem.example/tandem/internal/session"
)

// row is a session as it is kept.
type row struct {
	session.Session // without Position and TokensFrom, which are of one epoch
	started, tokens session.Place
	fence           fence
	// hearsay says that the end was learned from the log, which names neither its time nor its reason. Whoever knows
	// better may say so.
	hearsay bool

	stamp string // of the value that was read; empty for one that is not there yet
	key   string // where it was read
}

// stampLen is the length of the random stamp that begins every value. A counter would not do: after a failover that
// lost a write, two different values could have the same.
const stampLen = 8

// kind of fence.
type kind byte

const (
	none kind = iota
	ending
	renewing
)

// fence is put up around a row while the log is being told what is about to happen to it. It does not change whether
// the session lives. See await.
type fence struct {
	kind  kind
	nonce string // stampLen random bytes
	// An ending's.
	reason session.Reason
	at     time.Time
	// A renewing's: the head before. Until the renewal is through, what is minted from the row must not claim to know
	// of the event that the renewal announces.
	before session.Place
}

func newFence(k kind) fence { return fence{kind: k, nonce: random(stampLen)} }

func random(n int) string {
	b := make([]byte, n)
	rand.Read(b)
	return string(b)
}

// keptFor is how long a row stays after its end, for the lists of what was.
const keptFor = 30 * 24 * time.Hour

// expiry is when Redis may forget the row.
func (r *row) expiry() time.Time {
	if !r.EndedAt.IsZero() {
		return earlier(r.EndedAt, r.ExpiresAt).Add(keptFor)
	}
	return r.ExpiresAt.Add(keptFor)
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// end ends the session unless it has been ended before, and says whether it did.
func (r *row) end(reason session.Reason, at time.Time, hearsay bool) bool {
	if !r.EndedAt.IsZero() && (hearsay || !r.hearsay) {
		return false
	}
	if hearsay && r.fence.kind == ending {
		reason, at = r.fence.reason, r.fence.at
	}
	r.EndedAt, r.EndReason, r.hearsay, r.fence = at, reason, hearsay, fence{}
	return true
}

// slide moves the last use and the idle deadline forward, never back and never past the absolute deadline.
func (r *row) slide(seen, idle time.Time) {
	if seen.After(r.LastSeenAt) {
		r.LastSeenAt = seen
	}
	if idle = earlier(idle, r.ExpiresAt); idle.After(r.IdleExpiresAt) {
		r.IdleExpiresAt = idle
	}
}

// renew replaces the credentials; access tokens from before the place are dead.
func (r *row) renew(n session.Renewal, from session.Place) {
	r.Version++
	r.tokens = from
	r.Token, r.Refresh = n.Token, n.Refresh
	r.Refresh.Sealed = slices.Clone(n.Refresh.Sealed)
	r.AuthenticatedAt, r.ACR, r.AMR = n.AuthenticatedAt, n.ACR, slices.Clone(n.AMR)
	r.slide(n.At, r.IdleDeadline(n.At))
	r.fence = fence{}
}

// rotate moves the refresh state one generation on; session.ErrRaced unless (generation, digest) is current.
func (r *row) rotate(n session.Rotation) error {
	old := r.Refresh
	if old.Generation == 0 || old.Generation != n.Generation || !old.Digest.Equal(n.Digest) {
		return session.ErrRaced
	}
	r.Refresh = session.Refresh{
		Generation: old.Generation + 1, Digest: n.Next, Previous: old.Digest, Sealed: slices.Clone(n.Sealed),
		RotatedAt: n.At, Floor: old.Floor,
	}
	r.slide(n.At, n.IdleExpiresAt)
	return nil
}

// errRow is answered for a value that this package did not write.
var errRow = errors.New("redis: the value of a session cannot be read")

// format begins every value after its stamp. A reader knows all formats up to its own. The row of a session that is bound
// to no device is written in the first: a node of the version before can read it, and ends it if it is told to.
const (
	format      = 1
	formatBound = 2 // with the device that the session is bound to, at the end
)

// encode spells the row under a new stamp, which it keeps.
func (r *row) encode() string {
	r.stamp = random(stampLen)
	w := writer{b: make([]byte, 0, 512)}
	w.raw(r.stamp)
	if len(r.Bound.Key) == 0 {
		w.b = append(w.b, format)
	} else {
		w.b = append(w.b, formatBound)
	}
	w.text(string(r.ID), string(r.User), string(r.Application))
	w.time(r.CreatedAt, r.AuthenticatedAt, r.LastSeenAt, r.IdleExpiresAt, r.ExpiresAt)
	w.int(int64(r.Idle))
	w.text(r.ACR, r.Device, r.IP)
	w.int(int64(len(r.AMR)))
	w.text(r.AMR...)
	w.time(r.EndedAt)
	w.text(string(r.EndReason))
	w.flag(r.hearsay)
	w.uint(r.Version)
	w.place(r.started, r.tokens)
	w.digest(r.Token)
	w.refresh(r.Refresh)
	w.fence(r.fence)
	if len(r.Bound.Key) != 0 {
		w.bytes(r.Bound.Key)
		w.time(r.Bound.At)
	}
	return string(w.b)
}

func decode(value string) (*row, error) {
	if len(value) < stampLen+1 || value[stampLen] != format && value[stampLen] != formatBound {
		return nil, errRow
	}
	r := &row{stamp: value[:stampLen]}
	v := reader{s: value[stampLen+1:]}
	r.ID, r.User, r.Application = session.ID(v.text()), account.ID(v.text()), application.ID(v.text())
	for _, t := range []*time.Time{&r.CreatedAt, &r.AuthenticatedAt, &r.LastSeenAt, &r.IdleExpiresAt, &r.ExpiresAt} {
		*t = v.time()
	}
	r.Idle = time.Duration(v.int())
	r.ACR, r.Device, r.IP = v.text(), v.text(), v.text()
	if n := v.int(); n > 0 && n <= int64(len(v.s)) {
		r.AMR = make([]string, n)
		for i := range r.AMR {
			r.AMR[i] = v.text()
		}
	}
	r.EndedAt = v.time()
	r.EndReason = session.Reason(v.text())
	r.hearsay = v.flag()
	r.Version = v.uint()
	r.started, r.tokens = v.place(), v.place()
	r.Token = v.digest()
	r.Refresh = v.refresh()
	r.fence = v.fence()
	if value[stampLen] == formatBound {
		r.Bound = session.Bound{Key: v.bytes(), At: v.time()}
	}
	if v.bad || v.s != "" {
		return nil, errRow
	}
	return r, nil
}
