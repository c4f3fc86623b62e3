package verify

import (
	"context"
	"errors"
	"sync"
	"time"

	"tandem.example/tandem/verify/revocation"
)

// watches are the tokens that open requests live on. Each reply that is applied
// checks all of them against the set. The lapse of the lease, and a clock that
// was set, are noticed by one goroutine for all; expiry has a timer each.
type watches struct {
	v    *Verifier
	wake chan struct{} // look again, something changed

	mu      sync.Mutex
	open    map[*watch]struct{}
	closed  bool
	planned time.Duration // monotonic: when the goroutine looks next; 0 if it sleeps
}

// watch is one token under watch.
type watch struct {
	policy policy
	cancel context.CancelCauseFunc

	// Guarded by watches.mu.
	token  *Token
	expiry *time.Timer
	own    revocation.Lease // from a live check, when the common lease was about to lapse
	asking bool
}

const (
	// tick is how often the clocks are compared while something is watched: a
	// timer alone sleeps through the time of a suspended machine.
	tick = 500 * time.Millisecond
	// askAgain is how long after a live check in vain the next is made.
	askAgain = time.Second
	// askGrace is for how long an answer that should be renewed may be used
	// while the server fails to renew it.
	askGrace = 10 * time.Second
)

func newWatches(v *Verifier) *watches {
	return &watches{v: v, wake: make(chan struct{}, 1), open: make(map[*watch]struct{})}
}

// run looks at the watches whenever the lease may have lapsed for one of them.
func (ws *watches) run(ctx context.Context) {
	timer := time.NewTimer(tick)
	defer timer.Stop()
	for {
		timer.Stop()
		if next, any := ws.recheck(); any {
			timer.Reset(next)
		}
		select {
		case <-timer.C:
		case <-ws.wake:
		case <-ctx.Done():
			return
		}
	}
}

func (ws *watches) nudge() {
	select {
	case ws.wake <- struct{}{}:
	default:
	}
}

// add puts a token under watch. It is registered before it is looked at, so
// nothing that happens in between is missed.
func (ws *watches) add(w *watch) {
	ws.mu.Lock()
	if ws.closed {
		ws.mu.Unlock()
		w.cancel(ErrClosed)
		return
	}
	ws.open[w] = struct{}{}
	ws.schedule(w)
	ws.mu.Unlock()
	ws.check(w)
}

// schedule sets the timer for a token's end. By the time it fires, the issuer's
// clock may be known better: then it is set again. ws.mu is held.
func (ws *watches) schedule(w *watch) {
	w.expiry = time.AfterFunc(max(0, ws.untilEnd(w)), func() {
		ws.check(w)
		ws.mu.Lock()
		defer ws.mu.Unlock()
		if left := ws.untilEnd(w); left > 0 && ws.isOpen(w) {
			w.expiry.Reset(left)
		}
	})
}

func (ws *watches) isOpen(w *watch) bool {
	_, ok := ws.open[w]
	return ok
}

func (ws *watches) untilEnd(w *watch) time.Duration {
	return w.token.until() - ws.v.lease.Load().clock.now(ws.v.config.clock())
}

// remove ends a watch. Its context is left alone.
func (ws *watches) remove(w *watch) {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	ws.drop(w)
}

func (ws *watches) drop(w *watch) {
	if ws.isOpen(w) {
		delete(ws.open, w)
		w.expiry.Stop()
	}
}

// check looks at one watch and ends it if its token is not good any more.
func (ws *watches) check(w *watch) {
	ws.mu.Lock()
	var cause error
	if ws.isOpen(w) {
		var left time.Duration
		left, cause = ws.judge(w)
		if now := ws.v.config.clock().Mono; cause != nil {
			ws.drop(w)
		} else if ws.planned == 0 || now+left < ws.planned {
			ws.nudge()
		}
	}
	ws.mu.Unlock()
	if cause != nil {
		w.cancel(cause)
	}
}

// recheck looks at all watches. It returns for how long none needs looking at.
func (ws *watches) recheck() (next time.Duration, any bool) {
	causes := make(map[*watch]error)
	next = tick
	ws.mu.Lock()
	for w := range ws.open {
		left, cause := ws.judge(w)
		if cause != nil {
			causes[w] = cause
			ws.drop(w)
		}
		next = min(next, max(left, 0))
	}
	any = len(ws.open) > 0
	ws.planned = 0
	if any {
		ws.planned = ws.v.config.clock().Mono + next
	}
	ws.mu.Unlock()
	for w, cause := range causes {
		w.cancel(cause)
	}
	return next, any
}

// judge says for how long a watch is certainly good, or why it is no more. It
// is the decision about a request that is open already: nothing is waited for,
// and where the server may be asked, that is begun before the lease lapses, so
// that nothing stays open beyond it. ws.mu is held.
func (ws *watches) judge(w *watch) (time.Duration, error) {
	e := ws.v.look(w.token)
	if cause := ws.ended(w, e); cause != nil {
		return 0, cause
	}
	if w.policy.mode == modeUntilExpiry && w.token.kind == AccessToken {
		return tick, nil
	}
	switch e.verdict {
	case revocation.Revoked:
		return 0, ErrRevoked
	case revocation.Stale:
		return 0, ErrStale
	}
	if w.policy.lost == InsecureAcceptUntilExpiry {
		return tick, nil
	}
	own := lease{Lease: w.own}
	left := max(e.lease.remaining(e.now, w.policy.freshness), own.remaining(e.now, w.policy.freshness))
	if left <= 0 {
		return 0, ErrLeaseLost
	}
	if w.policy.lost == AskServer {
		early := min(max(e.lease.Length, w.own.Length), w.policy.freshness) / 4
		if left > early {
			return left - early, nil
		}
		ws.ask(w, true)
	}
	return left, nil
}

// ended says whether a token has reached its end. The end of what is remembered
// about a session token is a reason to ask again.
func (ws *watches) ended(w *watch, e evidence) error {
	now := e.lease.clock.now(e.now)
	switch {
	case w.token.expiry() <= now:
		return ErrExpired
	case w.token.until()+askGrace <= now:
		return ErrLeaseLost
	case w.token.until() <= now:
		ws.ask(w, false)
	}
	return nil
}

// ask makes a live check on behalf of a watch. ws.mu is held.
func (ws *watches) ask(w *watch, asFallback bool) {
	if w.asking {
		return
	}
	t := w.token
	w.asking = ws.v.tasks.start(func(ctx context.Context) {
		ctx, cancel := context.WithTimeout(ctx, askTimeout)
		defer cancel()
		told, sent, err := ws.v.askTogether(ctx, question{t.credential, t, asFallback}, &w.policy)
		if err == nil && !told.sameRights(t) {
			err = refusedStale // as if the event had arrived: whoever holds the request open goes by what t says
		}
		if errors.Is(err, ErrUnavailable) {
			pause(ctx, askAgain)
		}
		ws.answered(w, told, sent, err)
	})
}

// answered takes up what a live check said. A token that is good stays so for
// the route's freshness, lease or no lease; if the server could not be asked,
// the watch ends when its time is over and not before.
func (ws *watches) answered(w *watch, told *Token, sent reading, err error) {
	ws.mu.Lock()
	w.asking = false
	ok := ws.isOpen(w)
	if ok && err == nil {
		w.token = told
		w.own = revocation.Lease{Sent: sent, Length: ws.v.lease.Load().bound(w.policy.freshness)}
		w.expiry.Stop()
		ws.schedule(w)
	}
	end := ok && err != nil && !errors.Is(err, ErrUnavailable)
	if end {
		ws.drop(w)
	}
	ws.mu.Unlock()
	if end {
		w.cancel(endOf(err))
		return
	}
	ws.check(w)
}

// endOf is the cause that a refused live check gives to the end of a watch.
func endOf(err error) error {
	for _, cause := range []error{ErrRevoked, ErrStale, ErrExpired} {
		if errors.Is(err, cause) {
			return cause
		}
	}
	return ErrStale // other rights than the handler was given
}

// close ends all watches, and those that are added later.
func (ws *watches) close() {
	ws.mu.Lock()
	ws.closed = true
	open := ws.open
	for w := range open {
		w.expiry.Stop()
	}
	ws.open = nil
	ws.mu.Unlock()
	for w := range open {
		w.cancel(ErrClosed)
	}
}

func (ws *watches) len() int {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	return len(ws.open)
}
