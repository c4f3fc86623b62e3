package relay

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"
)

const (
	waitShare   = 20                     // the upstream may hold a request for that part of a lease
	minWait     = 20 * time.Millisecond  // however fresh the zone wants to be
	spacing     = 5 * time.Millisecond   // between requests at least
	backoffBase = 100 * time.Millisecond // after the first failure; doubled each time
	backoffMax  = 2 * time.Second
	maxNext     = 30 * time.Second // of next_ms and Retry-After
	forgetWaits = 10 * time.Second // for how long it counts how fresh a verifier wants to be
)

// pace says for how long the next request may be held upstream, and cuts a held one short when somebody cannot wait.
// Safe for concurrent use.
type pace struct {
	mu     sync.Mutex
	urgent bool               // the next request must not be held
	cancel context.CancelFunc // of the request under way, if it may be held

	// The shortest wait that verifiers of the zone asked for, in this and in the previous spell.
	shortest, before time.Duration
	spell            time.Time
}

// errSuperseded: the request was given up because somebody cannot wait for it.
var errSuperseded = errors.New("superseded")

// hurry has the next request made now, and answered at once.
func (p *pace) hurry() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.urgent {
		return
	}
	p.urgent = true
	if p.cancel != nil {
		p.cancel()
	}
}

// begin answers for how long the next request may be held. One that follows a hurry is not held and not cut short: were
// it, a zone that acknowledges faster than upstream answers would never have an answer. done must be called.
func (p *pace) begin(ctx context.Context, lease time.Duration) (_ context.Context, wait time.Duration, done func()) {
	ctx, supersede := context.WithCancelCause(ctx)
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.urgent && lease > 0 {
		wait = p.wait(lease)
		p.cancel = func() { supersede(errSuperseded) }
	}
	p.urgent = false
	return ctx, wait, func() {
		p.mu.Lock()
		p.cancel = nil
		p.mu.Unlock()
		supersede(context.Canceled)
	}
}

// wait is a twentieth of a lease, so that a relay more in a chain costs its verifiers little of theirs; and no longer
// than what the most impatient verifier asks for.
func (p *pace) wait(lease time.Duration) time.Duration {
	wait := lease / waitShare
	for _, wanted := range []time.Duration{p.shortest, p.before} {
		if wanted > 0 && time.Since(p.spell) < 2*forgetWaits {
			wait = min(wait, wanted)
		}
	}
	return max(wait, minWait)
}

// asked notes for how long a verifier is willing to wait.
func (p *pace) asked(wait time.Duration) {
	if wait <= 0 {
		return // it is in a hurry once, which says nothing of its habits
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if now := time.Now(); now.Sub(p.spell) >= forgetWaits {
		p.before, p.shortest, p.spell = p.shortest, 0, now
	}
	if p.shortest == 0 || wait < p.shortest {
		p.shortest = wait
	}
}

// backoff is how long to wait after so many failures: longer each time, spread out, not shorter than upstream asks for,
// and short enough to try several times more while there is a lease to save.
func backoff(err error, fails int, left time.Duration) time.Duration {
	wait := min(backoffBase<<min(fails-1, 10), backoffMax)
	wait = wait/2 + rand.N(wait/2)
	if left > 0 {
		wait = min(wait, max(backoffBase, left/4))
	}
	var status *statusError
	if errors.As(err, &status) {
		wait = max(wait, min(status.retryAfter, maxNext))
	}
	return wait
}

// pause waits, or until ctx ends.
func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
