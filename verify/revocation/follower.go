package revocation

import "time"

// Follower is the verifier's side of the feed: it knows up to where the log has been applied to its [Set], asks
// for what comes next, and applies nothing but what provably continues it. One goroutine uses it; the Set may be
// read by others all the while.
type Follower struct {
	verifier, instance string
	set                *Set

	epoch   string              // the epoch followed; empty before the first reply
	at      place               // up to where its log has been applied
	left    map[string]struct{} // epochs left behind, in short form
	resync  bool                // the next reply must be a snapshot
	doubt   bool                // the log contradicted what was known, and has not been read anew since
	changes []change            // of the reply being applied; reused
}

// place is a position with the history that led to it.
type place struct {
	position uint64
	chain    Chain
}

// NewFollower returns a Follower that has seen nothing yet and will write to set, which must have no other writer.
// verifier is the name of the service, instance a random name of this process.
func NewFollower(verifier, instance string, set *Set) *Follower {
	return &Follower{verifier: verifier, instance: instance, set: set, left: make(map[string]struct{}), resync: true}
}

// Epoch returns the epoch followed, in full; empty before the first reply.
func (f *Follower) Epoch() string { return f.epoch }

// Position returns up to where the log of the epoch has been applied.
func (f *Follower) Position() uint64 { return f.at.position }

// Request returns what to ask next. The nonce must be unpredictable and never used before. wait is how long the
// server may hold the request.
func (f *Follower) Request(nonce string, wait time.Duration) Request {
	r := Request{Verifier: f.verifier, Instance: f.instance, Nonce: nonce, WaitMS: wait.Milliseconds()}
	if !f.resync {
		r.Epoch, r.Position, r.Chain = f.epoch, f.at.position, f.at.chain.String()
	}
	return r
}

// Outcome is what a reply changed.
type Outcome struct {
	Applied  []Event // the reply's events, all of which are in the Set now
	Snapshot bool    // whether they came as a snapshot
	// NewEpoch: the log was replaced by another, as after a restore. Raise an alarm. Every token of the epoch before is
	// refused as stale, and what was revoked in it stays so.
	NewEpoch bool
	// Rewritten: under the same epoch the log has another history than it had. Raise an alarm, for only a new epoch
	// makes up for a rollback. Every token minted before the snapshot is refused as stale.
	Rewritten bool
}

// Apply checks a reply to req whole, then applies it to the Set. When it returns without error, the Set knows every
// event up to the reply's To, and the reply's lease may be published. The reply's signature must have been verified
// before. now is the local monotonic clock, read when the reply had arrived or later: retention counts from it. It must
// be that clock and no [Passage]: a wall clock that is set ahead ends leases, which harms nobody, but would have entries
// forgotten whose tokens are good for as long as before.
//
// An error, always a *[Mismatch], means that nothing was applied and that the reply grants no lease. What had been
// applied stays, whatever the reason; after most of them the Follower asks for a snapshot.
func (f *Follower) Apply(req Request, rep Reply, now time.Duration) (Outcome, error) {
	if m := f.answers(req, rep); m != nil {
		return Outcome{}, m
	}
	to, m := f.examine(rep)
	if m != nil {
		f.resync = true
		f.doubt = f.doubt || m.Reason == ReasonChain || m.Reason == ReasonRollback
		return Outcome{}, m
	}
	out := Outcome{
		Applied: rep.Events, Snapshot: rep.Snapshot,
		NewEpoch:  f.epoch != "" && f.epoch != rep.Epoch,
		Rewritten: rep.Snapshot && f.rewritten(rep, to),
	}
	u := update{epoch: Short(rep.Epoch), position: rep.To, changes: f.changes, now: now}
	if out.Rewritten {
		// Revisions of the old history mean nothing in the new one, and nothing tells the two apart. Those that this
		// verifier may have accepted lie before To.
		u.floor = rep.To
	}
	f.set.apply(u)
	if out.NewEpoch {
		f.left[Short(f.epoch)] = struct{}{}
	}
	f.epoch, f.at = rep.Epoch, to
	f.resync, f.doubt = false, false
	if rep.Snapshot {
		f.changes = nil // it may be large, and the next one is far away
	}
	return out, nil
}
