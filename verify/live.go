package verify

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"tandem.example/tandem/verify/revocation"
	"tandem.example/tandem/verify/token"
)

// asker puts questions about credentials to the server, a bounded number at
// once.
type asker struct {
	ask   func(ctx context.Context, credential string) (*answer, error)
	clock func() reading
	tasks *tasks

	// What is said of a session token is remembered before its flight ends, and
	// looked for before a flight begins: of many who ask at the moment, none can
	// slip in between and ask again.
	remember   func(credential string, got *answer)
	remembered func(credential string) *Token

	slots    chan struct{} // for Live and for session tokens: wait for one
	fallback chan struct{} // for OnLeaseLost(AskServer): have one or give up

	mu      sync.Mutex
	flights map[string]*flight
	// After a question for want of a lease that the server could not answer, none is put for a while: a server that
	// comes back must not be met by all who were refused meanwhile, and their clients.
	resting reading
	rest    time.Duration
}

// flight is one question that several wait for.
type flight struct {
	sent   reading
	done   chan struct{}
	answer *answer
	err    error
}

const (
	askTimeout  = 5 * time.Second       // for one answer
	askPatience = 2 * time.Second       // for a free slot
	askJitter   = 20 * time.Millisecond // before falling back: all verifiers lose their leases at once
	leastRest   = time.Second           // after the server could not answer, or as it asks for; half to one and a half times it
	mostRest    = 10 * time.Second
	maxRemember = 5 * time.Minute // then idle deadlines are slid by asking again
)

var (
	errBusy       = errors.New("too many questions to the server are under way")
	errRemembered = errors.New("the answer is remembered by now") // never leaves the package
)

// alone asks on behalf of one caller: the answer is read after the call began.
func (a *asker) alone(ctx context.Context, credential string) (*answer, reading, error) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	patience := time.NewTimer(askPatience)
	defer patience.Stop()
	select {
	case a.slots <- struct{}{}:
		defer func() { <-a.slots }()
	case <-patience.C:
		return nil, reading{}, unavailable("the server is asked too much at the moment", errBusy)
	case <-ctx.Done():
		return nil, reading{}, unavailable("the server could not be asked", context.Cause(ctx))
	}
	sent := a.clock()
	got, err := a.ask(ctx, credential)
	return got, sent, err
}

// together asks on behalf of all who ask about the credential at the moment.
// The answer may have been read before the call began, but not before sent. It
// answers errRemembered if there is no need to ask about a session token.
func (a *asker) together(ctx context.Context, q question) (*answer, reading, error) {
	f, err := a.join(q)
	if err != nil {
		return nil, reading{}, err
	}
	select {
	case <-f.done:
		return f.answer, f.sent, f.err
	case <-ctx.Done():
		return nil, reading{}, unavailable("the server could not be asked", context.Cause(ctx))
	}
}

func (a *asker) join(q question) (*flight, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if f := a.flights[q.credential]; f != nil {
		return f, nil
	}
	if q.known == nil && a.remembered(q.credential) != nil {
		return nil, errRemembered
	}
	if q.asFallback && a.rest > 0 && passed(a.resting, a.clock()) < a.rest {
		return nil, unavailable("the server could not be asked a moment ago", errBusy, ErrLeaseLost)
	}
	if q.asFallback {
		select {
		case a.fallback <- struct{}{}:
		default:
			return nil, unavailable("the server is asked too much at the moment", errBusy, ErrLeaseLost)
		}
	}
	f := &flight{sent: a.clock(), done: make(chan struct{})}
	started := a.tasks.start(func(ctx context.Context) {
		if q.asFallback {
			pause(ctx, rand.N(askJitter))
			defer func() { <-a.fallback }()
		}
		got, _, err := a.alone(ctx, q.credential)
		if err == nil && q.known == nil {
			a.remember(q.credential, got)
		}
		a.mu.Lock()
		f.answer, f.err = got, err
		if q.asFallback {
			a.rest, a.resting = restAfter(err), a.clock()
		}
		delete(a.flights, q.credential)
		a.mu.Unlock()
		close(f.done)
	})
	if !started {
		return nil, closed()
	}
	a.flights[q.credential] = f
	return f, nil
}

// restAfter is for how long nobody falls back on the server after an answer like this: spread out, since all verifiers
// lose their leases at once.
func restAfter(err error) time.Duration {
	if !errors.Is(err, ErrUnavailable) {
		return 0
	}
	rest := leastRest
	var status *statusError
	if errors.As(err, &status) {
		rest = min(max(rest, status.retryAfter), mostRest)
	}
	return rest/2 + rand.N(rest)
}

// pause waits, or until ctx is done.
func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// checkLive is the decision under Live: the server is asked about this very
// request. t is what is known of an access token, or nil for a session token.
func (v *Verifier) checkLive(ctx context.Context, credential string, t *Token, p *policy) (*Token, error) {
	if t != nil {
		e := evidence{lease: v.lease.Load(), now: v.config.clock()}
		if o := inTime(t, e, v.config.Skew); o != accept {
			return nil, o.refusal()
		}
	}
	for range maxRounds {
		got, sent, err := v.asker.alone(ctx, credential)
		if err != nil {
			return nil, err
		}
		told, err := v.describe(credential, t, got)
		if err != nil {
			return nil, err
		}
		if told, err = v.admit(told, sent, p); !errors.Is(err, errOutdated) {
			return told, err
		}
	}
	return nil, tooSlow()
}

// fallBack is the live check of a route that lost its lease.
func (v *Verifier) fallBack(ctx context.Context, t *Token, p *policy) (*Token, error) {
	told, _, err := v.askTogether(ctx, question{t.credential, t, true}, p)
	return told, err
}

// question is what the server is asked.
type question struct {
	credential string
	known      *Token // what is known of the credential; nil for a session token that is new here
	asFallback bool   // because the lease was lost: bounded more narrowly
}

// askTogether asks about a credential, together with all who ask about it at
// the moment, until the answer is fresh enough, and decides by it. A route that
// denies without a lease waits for one before, not after, its answer is looked at.
func (v *Verifier) askTogether(ctx context.Context, q question, p *policy) (*Token, reading, error) {
	for range maxRounds {
		got, sent, err := v.asker.together(ctx, q)
		if err != nil {
			return nil, reading{}, err
		}
		told, err := v.describe(q.credential, q.known, got)
		if err != nil {
			return nil, reading{}, err
		}
		if p.lost == Deny && !v.leased(ctx) {
			return nil, reading{}, leaseLost()
		}
		if told, err = v.admit(told, sent, p); !errors.Is(err, errOutdated) && !errors.Is(err, errSlow) {
			return told, sent, err
		}
	}
	return nil, reading{}, tooSlow()
}

var (
	errSlow     = errors.New("the answer is older than the route allows")
	errOutdated = errors.New("the answer is from before an event that has arrived") // never leaves the package
)

func tooSlow() error { return unavailable("the server answers too slowly", errSlow) }

// admit decides on what the server has just answered, to a question that was
// sent at that reading. The answer needs no lease: it is fresh by itself, unless
// it is older than the route allows (errSlow) or from before an event that the
// set knows (errOutdated): that one may have been acknowledged, and a receipt
// given. What the set says to have ended stays ended all the same, so that a
// store that was rolled back revives nobody, and no key; that it must be renewed
// for another reason has just been done.
func (v *Verifier) admit(t *Token, sent reading, p *policy) (*Token, error) {
	distrusted := t.kind == AccessToken && v.entries.Distrusts(t.held.KeyID)
	outdated := v.entries.Outdates(&t.held)
	e := v.look(t) // its look at the clock comes last here too
	switch {
	case e.verdict == revocation.Revoked:
		return nil, refusedRevoked
	case distrusted:
		return nil, refusedStale
	case outdated:
		return nil, errOutdated
	}
	if o := inTime(t, e, v.config.Skew); o != accept {
		return nil, o.refusal()
	}
	if passed(sent, e.now) >= e.lease.bound(p.freshness) {
		return nil, tooSlow()
	}
	return v.permit(t, p, e)
}

// answer is what GET /v1/session says of a credential that is good.
type answer struct {
	User *struct {
		ID     string   `json:"id"`
		Status string   `json:"status"`
		Roles  []string `json:"roles"`
	} `json:"user"`
	Session *struct {
		ID              string    `json:"id"`
		ACR             string    `json:"acr"`
		AMR             []string  `json:"amr"`
		AuthenticatedAt time.Time `json:"authenticated_at"`
		ExpiresAt       time.Time `json:"expires_at"`
		IdleExpiresAt   time.Time `json:"idle_expires_at"`
	} `json:"session"`
	Access *struct {
		Audiences []string `json:"audiences"`
		ClientID  string   `json:"client_id"`
		Scope     string   `json:"scope"`
		Position  string   `json:"position"` // as the claim rv, read before the rest
		// BoundUntil is when the bound cookie expires that the session token came with; zero without one.
		BoundUntil time.Time `json:"bound_until"`
	} `json:"access"`
}

var errAnswer = errors.New("the server's answer about a credential is not as agreed")

// describe makes a Token of an answer. t is what is known of an access token
// already, or the Token of an earlier answer, or nil.
func (v *Verifier) describe(credential string, t *Token, got *answer) (*Token, error) {
	if got.User != nil && got.User.Status != "" && got.User.Status != "active" {
		return nil, refusedEnded
	}
	var told *Token
	var err error
	if t != nil && t.kind == AccessToken {
		told, err = t.renewed(got)
	} else {
		told, err = v.session(credential, got)
	}
	if err != nil {
		var refused *Refusal
		if errors.As(err, &refused) {
			return nil, refused
		}
		v.config.Logger.Error("verify: live check", "error", err)
		return nil, unavailable("the server's answer cannot be used", err)
	}
	return told, nil
}

// renewed is an access token with what the server says of its subject now.
func (t *Token) renewed(got *answer) (*Token, error) {
	now := *t
	if got.User == nil || got.Session == nil {
		if t.claims.SessionID != "" {
			return nil, fmt.Errorf("%w: no user or no session", errAnswer)
		}
	} else {
		if got.User.ID != t.claims.Subject || got.Session.ID != t.claims.SessionID {
			return nil, fmt.Errorf("%w: it is about somebody else", errAnswer)
		}
		now.claims.Roles = got.User.Roles
		now.claims.ACR, now.claims.AMR = got.Session.ACR, got.Session.AMR
		now.claims.AuthTime = got.Session.AuthenticatedAt.Unix()
	}
	if got.Access != nil {
		at, err := token.ParseRevision(got.Access.Position)
		if err != nil {
			return nil, fmt.Errorf("%w: access.position: %w", errAnswer, err)
		}
		now.claims.Revision = at
		now.held.Epoch, now.held.Seq = at.Epoch, at.Seq
	}
	return &now, nil
}

// session is the Token of a session token, as the server describes it.
func (v *Verifier) session(credential string, got *answer) (*Token, error) {
	if got.User == nil || got.User.ID == "" || got.Session == nil || got.Session.ID == "" || got.Access == nil {
		return nil, fmt.Errorf("%w: user, session and access are needed for a session token", errAnswer)
	}
	at, err := token.ParseRevision(got.Access.Position)
	if err != nil {
		return nil, fmt.Errorf("%w: access.position: %w", errAnswer, err)
	}
	if got.Session.ExpiresAt.IsZero() || got.Session.ExpiresAt.Unix() > maxUnix {
		return nil, fmt.Errorf("%w: session.expires_at", errAnswer)
	}
	t := &Token{kind: SessionToken, credential: credential, claims: token.Claims{
		Issuer: v.config.Issuer, Subject: got.User.ID, Audience: got.Access.Audiences, ClientID: got.Access.ClientID,
		ExpiresAt: got.Session.ExpiresAt.Unix(), SessionID: got.Session.ID, Revision: at,
		AuthTime: got.Session.AuthenticatedAt.Unix(), ACR: got.Session.ACR, AMR: got.Session.AMR,
		Scope: got.Access.Scope, Roles: got.User.Roles,
	}}
	if !t.claims.HasAudience(v.config.Audience) {
		return nil, refusedAudience
	}
	t.hold("", v.lease.Load().epoch)
	t.forget = v.rememberUntil(got)
	return t, nil
}

// rememberUntil says until when an answer may be remembered: not so long that
// the server takes somebody who is busy here for idle, and not beyond what shows
// that the session is on its device.
func (v *Verifier) rememberUntil(got *answer) time.Duration {
	now := v.lease.Load().clock.now(v.config.clock())
	keep := maxRemember
	if !got.Session.IdleExpiresAt.IsZero() {
		idle := time.Duration(got.Session.IdleExpiresAt.UnixNano()) - now
		keep = min(keep, idle/2)
	}
	if bound := got.Access.BoundUntil; !bound.IsZero() {
		keep = min(keep, time.Duration(bound.UnixNano())-now)
	}
	return now + keep
}
