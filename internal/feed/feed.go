// Package feed owns the revocation log on the server: its positions and epochs, the long poll by which verifiers
// follow it, the leases they hold, and the receipts that prove a revocation is enforced.
//
// It does not decide who is revoked: the verbs of other ports append events in the same commit as the change they
// announce. It is called by the transports (sync), by operator (receipts) and by adapters (pure rules).
package feed

import (
	"context"
	"errors"
	"time"

	"tandem.example/tandem/internal/audit"
	"tandem.example/tandem/verify/revocation"
	"tandem.example/tandem/verify/token"
)

// Skew is the difference between clocks that is allowed anywhere.
const Skew = 60 * time.Second

// Head is the end of the log: the last position of the current epoch.
type Head struct {
	Epoch    string // 26 characters, new after a restore
	Position uint64 // 0 for an empty log
	Chain    revocation.Chain
	// MaxToken is the longest lifetime an access token that is still alive may have. It bounds how long events are
	// kept and is told to verifiers.
	MaxToken time.Duration
}

// Revision is the head as the `rv` claim of a token minted from state that was read after the head.
func (h Head) Revision() token.Revision {
	return token.RevisionAt(h.Epoch, h.Position)
}

// Commit tells where and when a change became durable. Position is the last event it appended, or the head at that
// moment if it appended none.
type Commit struct {
	Position uint64
	At       time.Time
}

// Stored is an event as the log keeps it.
type Stored struct {
	Event       revocation.Event // RetainMS is not set
	Chain       revocation.Chain // after this event
	RetainUntil time.Time
}

// Ask is what a verifier knows: where it stands.
type Ask struct {
	Epoch    string
	Position uint64
	Chain    string // base64url, as sent
}

// Page answers an Ask from one snapshot of the database.
type Page struct {
	Head     Head
	Snapshot bool     // Events are all live ones rather than those after the asked position
	Events   []Stored // in the order of their positions
}

// Append is a change of the log that belongs to no other row.
type Append struct {
	Events []revocation.Event
	Audit  []audit.Entry
	At     time.Time
}

// ErrClosed is answered by a Service that is shutting down.
var ErrClosed = errors.New("the revocation feed is closing")

// Log is the port to the revocation log. Appends take their positions from one head row inside the committing
// transaction, so positions are gap-free and ordered as the commits are.
type Log interface {
	// Head answers the end of the log. State that is read after it is at least as new as it says.
	Head(ctx context.Context) (Head, error)
	// Read answers an Ask from a read of the primary that begins after the call, in one database snapshot, following
	// Plan.
	Read(ctx context.Context, ask Ask) (Page, error)
	// Append commits events and audit entries; durable when it returns.
	Append(ctx context.Context, a Append) (Commit, error)
	// KeepFor records the longest access-token lifetime now in force, following Longest, and answers what is kept.
	KeepFor(ctx context.Context, lifetime time.Duration, now time.Time) (time.Duration, error)
	// Prune deletes at most limit events whose RetainUntil has passed, oldest first and without leaving a gap.
	Prune(ctx context.Context, now time.Time, limit int) (int, error)
	// OnCommit registers a function that is called after each commit that appended events. It is a hint: it must
	// not block, and losing a call costs latency, never correctness.
	OnCommit(hint func())
}

// Holder is a verifier instance that may hold a lease. It is written before its first lease is granted.
type Holder struct {
	Application string // the authenticated application; nobody acknowledges for another
	Instance    string // random per process
	Name        string
	SeenAt      time.Time
}

// Leases is the port to the durable list of verifier instances, which outlives the node that granted their leases.
type Leases interface {
	// Hold writes the holder, or refreshes its name and SeenAt; durable when it returns.
	Hold(ctx context.Context, h Holder) error
	// Holders answers every holder seen since the given time.
	Holders(ctx context.Context, since time.Time) ([]Holder, error)
	// Forget deletes holders last seen before the given time.
	Forget(ctx context.Context, before time.Time) error
}
