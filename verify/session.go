package verify

import (
	"context"
	"errors"
	"strings"
)

// checkSession decides on a session token under Within. The server is asked
// once; then its answer is remembered and decided on like an access token,
// under the same lease and against the same set. What memory would refuse is
// asked about again: only the server refuses a session token.
func (v *Verifier) checkSession(ctx context.Context, credential string, p *policy) (*Token, error) {
	for range maxRounds {
		if t := v.remembered(credential); t != nil {
			got, err := v.decide(ctx, t, p)
			if !errors.Is(err, ErrInvalidToken) {
				return got, err
			}
			v.answers.forget(t)
		}
		got, err := v.askSession(ctx, credential, p)
		if !errors.Is(err, errRemembered) {
			return got, err
		}
	}
	return nil, unavailable("the server's answers are outdated as soon as they come", nil)
}

// askSession decides on a session token by what the server says of it.
func (v *Verifier) askSession(ctx context.Context, credential string, p *policy) (*Token, error) {
	// A route that denies without a lease must not send everybody to the
	// server when the lease is lost: that is what AskServer is for.
	if p.lost == Deny && !v.leased(ctx) {
		return nil, leaseLost()
	}
	t, _, err := v.askTogether(ctx, question{credential: strings.Clone(credential)}, p)
	return t, err
}

// remember keeps what the server said of a session token, if it is good.
func (v *Verifier) remember(credential string, got *answer) {
	t, err := v.describe(credential, nil, got)
	if err != nil {
		return // whoever asked describes it too, and answers the error
	}
	if now := v.lease.Load().clock.now(v.config.clock()); now < t.until() {
		v.answers.keep(t, 0, now)
	}
}

// remembered returns the answer remembered for a session token, if it may
// still be used.
func (v *Verifier) remembered(credential string) *Token {
	t := v.answers.find(credential, 0)
	if t == nil || t.until() <= v.lease.Load().clock.now(v.config.clock()) {
		return nil
	}
	return t
}

// leased reports whether there is a lease, after a sync if that can bring one.
func (v *Verifier) leased(ctx context.Context) bool {
	if v.lease.Load().Holds(v.config.clock()) {
		return true
	}
	return v.sync.await(ctx) && v.lease.Load().Holds(v.config.clock())
}
