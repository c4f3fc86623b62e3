package verify

import (
	"context"
	"time"

	"tandem.example/tandem/verify/revocation"
)

// reading is one look at both local clocks, monotonic and wall. The wall part
// counts from 1970, so that it is also the local opinion of the time of day.
type reading = revocation.Reading

// localClock returns the reader of the real clock. It reads the clock anew on
// each call: one that a timer keeps up to date would show the old time to the
// first decision after the process was stopped and resumed.
//
// In place of the monotonic clock, which stands still while the machine sleeps,
// it shows what has passed as far as anybody could see. Each call looks, and
// observe makes sure that somebody does: a wall clock that is set back after a
// sleep then hides nothing.
func localClock() func() reading {
	start := time.Now()
	return revocation.Steady(func() reading {
		now := time.Now()
		return reading{Mono: now.Sub(start), Wall: time.Duration(now.UnixNano())}
	})
}

// lookEvery is how often the clocks are looked at, whatever else happens.
const lookEvery = 500 * time.Millisecond

// observe looks at the clocks until ctx ends.
func observe(ctx context.Context, clock func() reading) {
	ticker := time.NewTicker(lookEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			clock()
		case <-ctx.Done():
			return
		}
	}
}

// passed is the time between two readings, the larger of what the clocks say.
func passed(from, to reading) time.Duration {
	d, _ := to.Since(from)
	return d
}

// timebase ties the issuer's clock to the local one. Each sync says what the
// issuer's clock showed at some moment between sending and receiving, which
// bounds the difference both ways; syncs that took less time bound it better.
// The zero value knows nothing and believes the local wall clock.
type timebase struct {
	known  bool
	at     reading       // the local moment
	issuer time.Duration // the issuer's time then, since 1970; best estimate
	margin time.Duration // how far off the estimate may be
}

// drift is how slowly two clocks part: one unit in so many, 200 ppm.
const drift = 5000

// now is the issuer's time at that reading, since 1970.
func (t *timebase) now(r reading) time.Duration {
	if !t.known {
		return r.Wall
	}
	return t.issuer + passed(t.at, r)
}

// observe returns the base after a sync that was sent and received at those
// readings and reported the issuer's time.
func (t timebase) observe(sent, received reading, issuer time.Duration) timebase {
	half := passed(sent, received) / 2
	seen := timebase{known: true, at: received, issuer: issuer + half, margin: half}
	if !t.known {
		return seen
	}
	since := passed(t.at, received)
	kept := timebase{known: true, at: received, issuer: t.issuer + since, margin: t.margin + since/drift}
	// Both intervals hold the truth unless a clock was set meanwhile: then
	// only the new one does.
	low := max(seen.issuer-seen.margin, kept.issuer-kept.margin)
	high := min(seen.issuer+seen.margin, kept.issuer+kept.margin)
	if low > high {
		return seen
	}
	kept.issuer, kept.margin = low+(high-low)/2, (high-low)/2
	return kept
}
