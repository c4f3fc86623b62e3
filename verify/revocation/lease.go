package revocation

import "time"

// StepTolerance is by how much the wall clock may fall behind the monotonic clock between two readings before
// it counts as having been stepped back. It leaves room for slewing and for a pause between the two looks.
const StepTolerance = 100 * time.Millisecond

// Reading is one look at the local clocks: monotonic and wall, both as durations since a base that the process
// chose once. Readings of two processes cannot be compared, and nothing here ever does.
type Reading struct{ Mono, Wall time.Duration }

// Since returns how long ago the earlier reading was taken: the larger of what the two clocks say, never
// negative. The monotonic clock stands still while a machine is suspended, and then the wall clock is the one
// to believe; a wall clock that jumps ahead merely makes leases end early.
//
// stepped reports that the wall clock was set back, by more than [StepTolerance]: it may then hide a suspension,
// and whatever lease was counted from the earlier reading must be dropped.
func (r Reading) Since(earlier Reading) (elapsed time.Duration, stepped bool) {
	mono, wall := r.Mono-earlier.Mono, r.Wall-earlier.Wall
	return max(mono, wall, 0), wall < mono-StepTolerance
}

// Lease is the right to decide offline that a verified reply grants. The zero value is no lease.
type Lease struct {
	// Sent is when the request was sent: before the server began the read that the reply is made of. When the
	// reply arrived says nothing, for the network may have held it.
	Sent Reading
	// Age is how old the answer was already, in the hands of relays.
	Age time.Duration
	// Length is for how long an answer may be used.
	Length time.Duration
}

// Staleness returns how old the verifier's knowledge may be at most: a revocation committed longer ago has been
// obeyed. It returns false if there is no lease, or none that can still be counted.
func (l Lease) Staleness(now Reading) (time.Duration, bool) {
	if l.Length <= 0 || l.Age < 0 {
		return 0, false
	}
	elapsed, stepped := now.Since(l.Sent)
	staleness := elapsed + l.Age
	if stepped || staleness < elapsed { // set back, or more than a duration can hold
		return 0, false
	}
	return staleness, true
}

// Holds reports whether the verifier may decide offline at now. It is the last question of a decision; the
// package documentation says what must come before.
func (l Lease) Holds(now Reading) bool {
	staleness, ok := l.Staleness(now)
	return ok && staleness < l.Length
}
