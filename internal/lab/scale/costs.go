package main

import "time"

// Costs is what the parts cost, measured in this run with the code that ships.
type Costs struct {
	// On the wire and in memory; these do not depend on the machine's speed.
	RequestBytes  float64 // body of a sync request
	ReplyBytes    float64 // body of a reply without events, and its signature
	EventBytes    float64 // more for each event
	HeaderBytes   float64 // more for a request and its reply over HTTP/1.1, headers of both
	GzipEvent     float64 // an event in a large reply that was compressed
	SetBytes      float64 // an entry of a full revocation.Set
	SnapshotHeap  float64 // allocated to answer a snapshot, for each of its events
	HeadReads     float64 // calls of feed.Log.Head for a poll that is held and then told
	EventRow      float64 // an event in the embedded store
	AuditRow      float64 // the audit entry of an ended session there
	SessionRow    float64 // a session there, with its indexes
	SignInTrail   float64 // the audit entry of a sign-in there
	SnapshotLimit float64 // events in a reply, by the wire's own limit

	// Processor time.
	Service   time.Duration // feed.Service answering one poll, signature included
	Event     time.Duration // more for each event in the reply
	Copy      time.Duration // more for each event whose encoding is shared and only hashed
	HTTP      time.Duration // one poll of the whole server over the loopback, with a bare client
	ApplyOne  time.Duration // an event applied by a verifier
	CheckSign time.Duration // a verifier checking a reply's signature
	Mint      time.Duration // an access token, ES256
	Settle    float64       // one receipt, in ns for each pair of verifiers: see Receipt
}

// Receipt is the processor time of one receipt. feed.Service goes through all that it still waits for whenever one
// acknowledges, so it grows with the square of the verifiers.
func (c Costs) Receipt(verifiers int) time.Duration {
	return time.Duration(c.Settle * float64(verifiers) * float64(verifiers))
}

// Sync is the processor time of the origin for one poll whose reply has so many events.
func (c Costs) Sync(events float64, shared bool) time.Duration {
	each := c.Event
	if shared {
		each = c.Copy
	}
	return c.HTTP + time.Duration(events*float64(each))
}

// Wire is the bytes of one poll: what the follower sends, and what it gets.
func (c Costs) Wire(events float64) (up, down float64) {
	return c.RequestBytes + c.HeaderBytes/2, c.ReplyBytes + c.HeaderBytes/2 + events*c.EventBytes
}

// Cited are capacities measured elsewhere: those of docs/performance on the lab's two shared cores, with the row that
// says so.
type Cited struct {
	What   string
	Value  float64
	Source string
}

var (
	pgRefresh     = Cited{"refreshes/s, PostgreSQL, durable", 21_000, "performance.md row 8"}
	pgPointRead   = Cited{"point reads/s, pgx", 86_000, "performance.md row 6"}
	pgBatchRead   = Cited{"point reads/s, pgx, coalesced", 254_000, "performance.md row 6"}
	sqliteGrouped = Cited{"commits/s, SQLite FULL, grouped", 150_000, "performance.md row 7"}
	sqliteAlone   = Cited{"commits/s, SQLite FULL, alone", 7_000, "performance.md row 7"}
	liveMirror    = Cited{"live checks/s over HTTP, mirror, two cores", 67_000, "performance.md row 5"}
	livePG        = Cited{"live checks/s over HTTP, PostgreSQL, two cores (aim)", 16_000, "performance.md, whole servers"}
	passwordRate  = Cited{"sign-ins/s, Argon2id, two cores", 105, "performance.md row 10"}
)

const citedCores = 2 // of the machine that performance.md speaks of

// What housekeep.go keeps, and what internal/feed bounds.
const (
	keepEnded  = 30 * 24 * time.Hour
	keepTrail  = 400 * 24 * time.Hour
	maxHolders = 100_000 // verifier instances: internal/feed/tracker.go
	holdEvery  = 10 * time.Minute
	gather     = 10 * time.Millisecond // acknowledgements for a receipt: internal/feed/nodes.go
)
