package feed

import (
	"sync"
	"time"
)

// freely is how many requests a second are answered without asking for a pause. While the log moves faster than
// followers ask, each of them is behind again when its answer arrives, and would be answered at once, up to 199 times a
// second: what is coalesced are the wake-ups, not the requests.
const freely = 2000

// pace says how long followers are to wait before they ask again, so that many of them and a busy log do not use up the
// processors. It is zero until there is need; a pause delays what it is about by its length, and leases by nothing.
type pace struct {
	mu    sync.Mutex
	since time.Time
	polls int
	pause time.Duration
}

// count notes a request. verifiers tells how many follow, once a second; a pause is at most a tenth of the lease.
func (p *pace) count(now time.Time, lease time.Duration, verifiers func() int) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.polls++
	passed := now.Sub(p.since)
	if passed < time.Second {
		return p.pause
	}
	rate := float64(p.polls) / passed.Seconds()
	p.since, p.polls = now, 0
	switch {
	case rate > freely:
		share := time.Duration(float64(verifiers()) / freely * float64(time.Second))
		p.pause = min(lease/10, max(share, p.pause*3/2))
	case rate < freely/2:
		p.pause = (p.pause / 2).Truncate(time.Millisecond)
	}
	return p.pause
}

// living is how many may hold a lease now.
func (t *tracker) living() (n int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := time.Now()
	for _, h := range t.holders {
		if h.until.After(now) {
			n++
		}
	}
	return n
}
