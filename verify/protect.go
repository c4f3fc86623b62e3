package verify

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"sync/atomic"
)

// Protect guards a handler: it is called only for requests whose credential
// meets the rules; the others are answered by the Refusal. Rules that
// contradict each other are a mistake in the program: Protect panics, when the
// route is set up.
//
// The request's context carries the Token (FromContext) and ends when the
// token is revoked, must be renewed or expires, and when the lease that it was
// accepted under is lost: a request that stays open must not outlive the
// route's freshness either. On routes with Live, Config.Freshness takes its
// place; with OnLeaseLost(AskServer) the server is asked in time. context.Cause
// says which of ErrRevoked, ErrStale, ErrExpired, ErrLeaseLost and ErrClosed it
// was. A handler that streams, or that has hijacked its connection for a
// WebSocket, must watch it; one that answers at once pays nothing for it. The
// context ends when the handler returns.
//
// Preflight requests carry no credential: put CORS outside of Protect.
func (v *Verifier) Protect(next http.Handler, rules ...Rule) http.Handler {
	p, err := compile(rules, v.config.Freshness)
	if err != nil {
		panic(err)
	}
	if next == nil {
		panic("verify: Protect: nil handler")
	}
	v.register(&p)
	if p.lost == InsecureAcceptUntilExpiry {
		v.config.Logger.Warn("verify: a route is set up with InsecureAcceptUntilExpiry: it does not keep the promise about revocation")
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		credential, err := v.extract(r)
		var t *Token
		if err == nil {
			t, err = v.verify(r.Context(), credential, &p)
		}
		if err != nil {
			refuse(w, r, err)
			return
		}
		ctx := &requestContext{Context: r.Context(), v: v, token: t, policy: &p}
		defer ctx.release()
		next.ServeHTTP(w, r.WithContext(ctx))
	})
}

func refuse(w http.ResponseWriter, r *http.Request, err error) {
	var refused *Refusal
	if !errors.As(err, &refused) {
		refused = unavailable("the credential could not be checked", err)
	}
	refused.ServeHTTP(w, r)
}

// FromContext returns the Token of a guarded request.
func FromContext(ctx context.Context) (*Token, bool) {
	t, ok := ctx.Value(tokenKey{}).(*Token)
	return t, ok
}

type tokenKey struct{}

// requestContext is the context of a guarded request. It puts the token under
// watch only when somebody asks whether it has ended.
type requestContext struct {
	context.Context //nolint:containedctx // it is a context itself; this is the request's own
	v               *Verifier
	token           *Token
	policy          *policy

	watched atomic.Pointer[watchedContext]
	mu      sync.Mutex
	over    bool
}

// watchedContext is a context under the watch that may end it.
type watchedContext struct {
	context.Context //nolint:containedctx // it is a context itself
	watch           *watch
}

// Done starts the watch.
func (c *requestContext) Done() <-chan struct{} { return c.start().Done() }

// Err starts the watch.
func (c *requestContext) Err() error { return c.start().Err() }

// Value finds the token, and what the request's context holds.
func (c *requestContext) Value(key any) any {
	switch key.(type) {
	case tokenKey:
		return c.token
	case *int:
		// context.Cause looks for the context that was cancelled by a key of
		// this type: it asks whether the context has ended, like Err.
		return c.start().Value(key)
	}
	return c.Context.Value(key)
}

// start returns the context under watch, which it makes if there is none.
func (c *requestContext) start() context.Context {
	if w := c.watched.Load(); w != nil {
		return w.Context
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if w := c.watched.Load(); w != nil {
		return w.Context
	}
	if c.over {
		return c.Context
	}
	ctx, cancel := context.WithCancelCause(c.Context)
	w := &watch{token: c.token, policy: *c.policy, cancel: cancel}
	c.watched.Store(&watchedContext{ctx, w})
	c.v.watches.add(w)
	return ctx
}

// release ends the watch: the handler has returned.
func (c *requestContext) release() {
	c.mu.Lock()
	c.over = true
	w := c.watched.Load()
	c.mu.Unlock()
	if w != nil {
		c.v.watches.remove(w.watch)
		w.watch.cancel(context.Canceled)
	}
}

// Watch returns a context that ends as the context of a request guarded by
// those rules would, for work on behalf of a token outside HTTP. Only the
// freshness and OnLeaseLost of the rules matter. Call the function when done,
// or end ctx. Rules that contradict each other, and a Token that no Verifier
// made, give a context that has ended.
func (v *Verifier) Watch(ctx context.Context, t *Token, rules ...Rule) (context.Context, context.CancelFunc) {
	watched, cancel := context.WithCancelCause(ctx)
	p, err := compile(rules, v.config.Freshness)
	if err == nil && (t == nil || t.kind == 0) {
		err = ErrInvalidToken
	}
	if err != nil {
		cancel(err)
		return watched, func() {}
	}
	v.register(&p)
	w := &watch{token: t, policy: p, cancel: cancel}
	v.watches.add(w)
	forget := context.AfterFunc(ctx, func() { v.watches.remove(w) })
	return watched, func() {
		forget()
		v.watches.remove(w)
		cancel(context.Canceled)
	}
}
