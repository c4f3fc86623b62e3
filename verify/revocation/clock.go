package revocation

import (
	"sync/atomic"
	"time"
)

// glance is what may pass without being noted: too little for a step of the wall clock to hide.
const glance = 250 * time.Millisecond

// Steady returns a reader, for concurrent use, of what has passed by the given
// clocks. It goes by a passage that was there before the clocks were read, and
// still is after: against a look that was taken in between, a wall clock that was
// set back would make the reading one of the future, and a lease that counts from
// there hold until then.
func Steady(clocks func() Reading) func() Reading {
	var passage atomic.Pointer[Passage]
	first := NewPassage(clocks())
	passage.Store(&first)
	return func() Reading {
		for {
			old := passage.Load()
			now := clocks()
			if passage.Load() != old {
				continue
			}
			r := old.Reading(now)
			if r.Mono-old.at < glance {
				return r
			}
			next := old.Observe(now)
			if passage.CompareAndSwap(old, &next) {
				return r
			}
		}
	}
}
