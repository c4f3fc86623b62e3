package relay

import (
	"context"
	"time"

	"tandem.example/tandem/verify/revocation"
)

// lookEvery is how often the clocks are looked at, so that a sleep which a later step of the wall clock would hide is
// seen.
const lookEvery = 500 * time.Millisecond

// localClock reads the clocks anew on each call, with what was seen to pass in place of the monotonic clock: that one
// stands still while the machine sleeps, and then what the mirror holds would look younger than it is.
func localClock() func() revocation.Reading {
	start := time.Now()
	return revocation.Steady(func() revocation.Reading {
		now := time.Now()
		return revocation.Reading{Mono: now.Sub(start), Wall: time.Duration(now.UnixNano())}
	})
}

// observe looks at the clocks until ctx ends.
func observe(ctx context.Context, clock func() revocation.Reading) {
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

// issuerClock is what is known of the issuer's clock: at a local reading it showed something between low and high,
// counted from 1970. Verifiers judge by it whether a token has expired, so a relay passes it on: its own clock may be
// wrong by hours.
type issuerClock struct {
	known     bool
	at        revocation.Reading
	low, high time.Duration
}

// drift is how slowly two clocks part: one unit in so many, 200 ppm.
const drift = 5000

// observe returns what is known after an answer that was asked for and had come at those readings, and was given when
// the issuer's clock showed `shown`.
func (c issuerClock) observe(sent, received revocation.Reading, shown time.Duration) issuerClock {
	took, _ := received.Since(sent)
	seen := issuerClock{known: true, at: received, low: shown, high: shown + took}
	if !c.known {
		return seen
	}
	since, _ := received.Since(c.at)
	low, high := max(seen.low, c.low+since-since/drift), min(seen.high, c.high+since+since/drift)
	if low > high { // one of the clocks was set
		return seen
	}
	return issuerClock{known: true, at: received, low: low, high: high}
}

// now is the issuer's time at a reading, as well as it is known.
func (c issuerClock) now(r revocation.Reading) time.Time {
	if !c.known {
		return time.Unix(0, int64(r.Wall))
	}
	since, _ := r.Since(c.at)
	return time.Unix(0, int64(c.low+(c.high-c.low)/2+since))
}
