// Package clock owns the server's clock: wall time that never steps back. It keeps nothing but one offset; domain services
// receive its Now as a field.
package clock

import (
	"sync/atomic"
	"time"
)

// Clock tells wall time that only moves forward, so a system clock that is set back lengthens no session and revives
// no expired code: from then on time passes as the monotonic clock has it. Safe for concurrent use.
type Clock struct {
	start time.Time    // with a monotonic reading
	ahead atomic.Int64 // nanoseconds that the clock runs ahead of start + monotonic elapsed
}

// New makes a clock that is never before notBefore, such as the last commit of the store.
func New(notBefore time.Time) *Clock {
	c := &Clock{start: time.Now()}
	if d := notBefore.Sub(c.start.Round(0)); d > 0 {
		c.ahead.Store(int64(d))
	}
	return c
}

// Now answers the time in UTC, without a monotonic reading.
func (c *Clock) Now() time.Time { return c.at(time.Now()) }

func (c *Clock) at(now time.Time) time.Time {
	return c.read(now.Sub(c.start), now.Round(0))
}

// read combines what the monotonic clock says has passed with what the wall clock shows.
func (c *Clock) read(elapsed time.Duration, wall time.Time) time.Time {
	steady := c.start.Round(0).Add(elapsed)
	jump := int64(wall.Sub(steady)) // forward: the system clock was set, or the machine slept
	for {
		ahead := c.ahead.Load()
		if jump <= ahead || c.ahead.CompareAndSwap(ahead, jump) {
			return steady.Add(time.Duration(max(jump, ahead))).UTC()
		}
	}
}

// Ahead is by how much the clock runs ahead of the system's: more than a little means that the system clock was set
// back, or was wrong when the store was last written.
func (c *Clock) Ahead() time.Duration {
	now := time.Now()
	return c.at(now).Sub(now.Round(0))
}
