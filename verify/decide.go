package verify

import (
	"context"
	"time"

	"tandem.example/tandem/verify/revocation"
)

// outcome is what the evidence says of a token whose origin is established.
type outcome uint8

const (
	accept  outcome = iota
	revoked         // a session, user or application has ended
	stale           // it must be renewed
	behind          // it is of a place in the log not reached yet: sync, then look again
	lapsed          // the lease does not hold, or the set is older than the route allows
	expired
	overlong // it lives longer than the issuer lets a token live
	future   // it was issued later than now
)

// evidence is what a decision rests on, in the order in which it is taken: the
// lease, then the look into the set, then the look at the clock.
type evidence struct {
	lease   *lease
	verdict revocation.Verdict
	now     reading
}

// conclude is the decision about a token under Within. What is held against it
// counts whatever the state of the lease. Expiry counts only while the lease
// holds: after a clock was set, the issuer's time is as doubtful as the lease.
func conclude(t *Token, e evidence, freshness, skew time.Duration) outcome {
	switch e.verdict {
	case revocation.Revoked:
		return revoked
	case revocation.Stale:
		return stale
	}
	if e.lease.remaining(e.now, freshness) <= 0 {
		return lapsed
	}
	if o := inTime(t, e, skew); o != accept {
		return o
	}
	if e.verdict != revocation.Clear {
		return behind
	}
	return accept
}

// inTime checks a token's times against the issuer's clock and rules.
func inTime(t *Token, e evidence, skew time.Duration) outcome {
	now := e.lease.clock.now(e.now)
	if t.expiry() <= now {
		return expired
	}
	if t.kind != AccessToken {
		return accept
	}
	issued := time.Duration(t.claims.IssuedAt) * time.Second
	switch {
	case issued > now+skew:
		return future
	case e.lease.maxToken > 0 && t.expiry()-issued > e.lease.maxToken:
		return overlong // an event against it may have been pruned before it expires
	}
	return accept
}

// look takes the evidence about a token. The order of the three steps is what
// the promise rests on. See lease for why the lease comes first; the clock comes
// last because whatever held this goroutine up before must count.
func (v *Verifier) look(t *Token) (e evidence) {
	e.lease = v.lease.Load()
	e.verdict = v.set.Check(&t.held)
	e.now = v.config.clock()
	return e
}

// decide says whether a token, whose origin is established, is good now under a
// policy of freshness Within. It does not wait unless a sync can make a
// difference, and then no longer than syncPatience each time. The token it
// returns is the one given unless the server had to be asked.
func (v *Verifier) decide(ctx context.Context, t *Token, p *policy) (*Token, error) {
	var first reading // when the token was found to be ahead of the set
	for round := 0; ; round++ {
		e := v.look(t)
		switch o := conclude(t, e, p.freshness, v.config.Skew); o {
		case accept:
			return v.permit(t, p, e)
		case behind:
			if first == (reading{}) {
				first = e.now
			} else if e.lease.readAfter(first) {
				return nil, notFound(t, e.lease)
			}
		case lapsed:
			if v.lease.Load() != e.lease && round < maxRounds {
				continue // a newer one has come meanwhile: decide by that
			}
		default:
			return nil, o.refusal()
		}
		if round >= maxRounds || !v.sync.await(ctx) {
			return v.undecided(ctx, t, p, e)
		}
	}
}

// maxRounds bounds how often a decision is taken up again.
const maxRounds = 3

// decideByExpiry is the decision under UntilExpiry: no set and no lease.
func (v *Verifier) decideByExpiry(t *Token, p *policy) (*Token, error) {
	e := evidence{lease: v.lease.Load(), now: v.config.clock()}
	if o := inTime(t, e, v.config.Skew); o != accept {
		return nil, o.refusal()
	}
	return v.permit(t, p, e)
}

// permit checks the route's demands on a token that is good.
func (v *Verifier) permit(t *Token, p *policy, e evidence) (*Token, error) {
	if err := p.permits(t, e.lease.clock.now(e.now)); err != nil {
		return nil, err
	}
	return t, nil
}

// notFound refuses a token that is ahead of a set that was synced since the
// token was first looked at. One of another epoch was issued by a log that is
// gone, and can be renewed; one of this epoch names what the issuer never wrote.
func notFound(t *Token, l *lease) error {
	if t.held.Epoch != l.epoch {
		return refusedStale
	}
	return refusedAhead
}

// undecided is what becomes of a token that cannot be decided on offline.
func (v *Verifier) undecided(ctx context.Context, t *Token, p *policy, e evidence) (*Token, error) {
	switch p.lost {
	case AskServer:
		return v.fallBack(ctx, t, p)
	case InsecureAcceptUntilExpiry:
		if o := inTime(t, e, v.config.Skew); o != accept {
			return nil, o.refusal()
		}
		v.warnAccepted(t)
		return v.permit(t, p, e)
	}
	return nil, leaseLost()
}

func leaseLost() error {
	return unavailable("revocations cannot be followed at the moment", nil, ErrLeaseLost)
}

// refusal is the answer to an outcome that is final.
func (o outcome) refusal() error {
	switch o {
	case revoked:
		return refusedRevoked
	case stale:
		return refusedStale
	case expired:
		return refusedExpired
	case overlong:
		return refusedLifetime
	case future:
		return refusedFuture
	}
	return leaseLost()
}
