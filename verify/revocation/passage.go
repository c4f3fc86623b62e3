package revocation

import "time"

// Passage is how much time has passed for a process, as far as it could see. A machine that slept is noticed by its
// wall clock; once that clock is set back the sleep can be seen no more, unless somebody looked in between. So a
// process looks regularly ([Passage.Observe], twice a second), and time that was seen to have passed stays passed.
//
// A Passage is a value; sharing one between goroutines is the caller's matter.
type Passage struct {
	seen Reading
	at   time.Duration
}

// NewPassage returns the Passage that begins at r.
func NewPassage(r Reading) Passage { return Passage{seen: r, at: r.Mono} }

// At returns the time of a Reading that was taken after the last one observed: what had passed by then and the larger
// of what the two clocks say has passed since.
func (p Passage) At(r Reading) time.Duration {
	return p.at + max(r.Mono-p.seen.Mono, r.Wall-p.seen.Wall, 0)
}

// Observe returns the Passage that has seen r.
func (p Passage) Observe(r Reading) Passage { return Passage{seen: r, at: p.At(r)} }

// Reading returns r with the passage of time in place of the monotonic clock: leases that are counted in such readings
// cannot be revived by setting a clock.
func (p Passage) Reading(r Reading) Reading { return Reading{Mono: p.At(r), Wall: r.Wall} }
