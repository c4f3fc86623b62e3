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
	// Ring is the version of the signing keys, so that a node learns with what it reads anyway that another has
	// changed them.
	Ring uint64
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
	// Age is how old the read is: zero but at a relay, which answers from what it has read upstream.
	Age time.Duration
}

// Append is a change of the log that belongs to no other row.
type Append struct {
	Events []revocation.Event
	Audit  []audit.Entry
	At     time.Time
}

// ErrClosed is answered by a Service that is shutting down.
var ErrClosed = errors.New("the revocation feed is closing")

// ErrStale is answered where the log has not been read for so long that no lease can be granted.
var ErrStale = errors.New("the revocation log was read too long ago to grant a lease")

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
	// OnCommit registers a function that is called after each commit that appended events, on whichever node. It is
	// a hint: it must not block, and losing a call costs latency, never correctness.
	OnCommit(hint func())
}

// Holder is a verifier instance that may hold a lease. It is written before its first lease is granted.
type Holder struct {
	Application string // the authenticated application; nobody acknowledges for another
	Instance    string // random per process
	Name        string
	SeenAt      time.Time
	// Acknowledged is the position up to which it has applied all events of Epoch, as far as it was written down.
	Epoch        string
	Acknowledged uint64
	// Renewals counts how often the holder was written. The store sets it. Nodes that see it grow know that somebody
	// has granted it a lease meanwhile, without comparing clocks.
	Renewals uint64
}

// Merge answers the stored holder as a newer writing of it leaves it: neither SeenAt nor, within an epoch, Acknowledged
// goes back, since two nodes that write about one verifier may overtake each other.
func (h Holder) Merge(newer Holder) Holder {
	newer.Renewals = h.Renewals + 1
	if h.SeenAt.After(newer.SeenAt) {
		newer.SeenAt = h.SeenAt
	}
	if h.Epoch == newer.Epoch && h.Acknowledged > newer.Acknowledged {
		newer.Acknowledged = h.Acknowledged
	}
	return newer
}

// Signal is a wake-up among the nodes that share a store.
type Signal string

// The signals.
const (
	// AcknowledgementsWanted: a receipt waits, and what verifiers have acknowledged is to be written down as it comes.
	AcknowledgementsWanted Signal = "acknowledgements_wanted"
	// AcknowledgementsWritten: there are new ones.
	AcknowledgementsWritten Signal = "acknowledgements_written"
	// ApplicationsChanged: what is remembered of applications is out of date.
	ApplicationsChanged Signal = "applications_changed"
)

// Signals is the port to the hints that nodes give each other. A signal may be lost, late or given twice: that costs
// latency, never correctness.
type Signals interface {
	// Raise tells every node, this one included. It does not block.
	Raise(s Signal)
	// Hear registers a function that is called at each signal. It must not block.
	Hear(heard func(s Signal))
}

// Leases is the port to the durable list of verifier instances, which outlives the node that granted their leases.
type Leases interface {
	// Hold writes the holders, each at most once, following Merge for those that are there; durable when it returns.
	Hold(ctx context.Context, holders ...Holder) error
	// Holders answers every holder seen since the given time.
	Holders(ctx context.Context, since time.Time) ([]Holder, error)
	// Forget deletes holders last seen before the given time.
	Forget(ctx context.Context, before time.Time) error
}
