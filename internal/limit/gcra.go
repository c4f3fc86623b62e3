package limit

import (
	"fmt"
	"math"
	"time"
)

// Policy is an allowance: Burst at once, won back evenly over Period. Burst 10
// and Period 10 minutes means ten at once and then one a minute; in no stretch
// of Period can there be 2*Burst.
//
// The zero Policy is no limit. A policy with only one of the two set, or
// negative, is a mistake: Validate says so, and Decide refuses everything.
type Policy struct {
	Burst  int
	Period time.Duration
}

// Unlimited reports whether p is the zero Policy.
func (p Policy) Unlimited() bool { return p == Policy{} }

// Validate returns an error that says what is wrong with p, or nil.
func (p Policy) Validate() error {
	switch {
	case p.Unlimited():
		return nil
	case p.Burst <= 0 || p.Period <= 0:
		return fmt.Errorf("limit: burst %d in %s: both must be positive, or both zero for no limit", p.Burst, p.Period)
	case p.interval() == 0:
		return fmt.Errorf("limit: burst %d in %s: more than one in a nanosecond", p.Burst, p.Period)
	}
	return nil
}

// interval is the time in which one of the burst is won back.
func (p Policy) interval() time.Duration { return p.Period / time.Duration(p.Burst) }

// State is all that is kept of a key: the time, in nanoseconds since 1970, at
// which its whole burst is available again (the theoretical arrival time of
// GCRA). A key never seen, and any state not after now, is the same as zero, so
// a store may forget it.
type State int64

// Decision is the answer to one take.
type Decision struct {
	Allowed bool
	// RetryAfter is how long until a take would be allowed, if nobody else
	// takes before: zero if Allowed.
	RetryAfter time.Duration
	// Remaining is how many more takes would be allowed at this moment.
	Remaining int
}

// Decide takes one from the allowance described by s and p at the time now,
// and returns what must be kept instead of s. A refused take costs nothing: who
// keeps knocking waits no longer for it.
//
// A clock that was set back finds states far in the future; they count as the
// most that p can owe, one Period, so that nobody is locked out for the size of
// the step.
func Decide(s State, p Policy, now time.Time) (State, Decision) {
	if p.Unlimited() {
		return s, Decision{Allowed: true, Remaining: math.MaxInt}
	}
	if p.Validate() != nil {
		return s, Decision{RetryAfter: max(p.Period, time.Second)}
	}
	interval := p.interval()
	// The burst is counted in whole intervals, so that rounding the interval
	// down does not make room for one more.
	whole := interval * time.Duration(p.Burst)
	owed := s.owed(now, whole)
	if owed+interval > whole {
		return stateAt(now, owed), Decision{RetryAfter: owed + interval - whole}
	}
	owed += interval
	return stateAt(now, owed), Decision{Allowed: true, Remaining: int((whole - owed) / interval)}
}

// Return gives back one take, for what turned out not to count against the
// limit (a sign-in that succeeded). It never leaves more than a whole burst.
func Return(s State, p Policy, now time.Time) State {
	if p.Unlimited() || p.Validate() != nil {
		return s
	}
	interval := p.interval()
	owed := s.owed(now, interval*time.Duration(p.Burst))
	return stateAt(now, owed-interval) // before now is whole
}

// owed is how long it will be until the whole burst is available again.
func (s State) owed(now time.Time, most time.Duration) time.Duration {
	kept := int64(s) - now.UnixNano()
	return time.Duration(min(max(kept, 0), int64(most)))
}

func stateAt(now time.Time, owed time.Duration) State {
	return State(now.UnixNano() + int64(owed))
}
