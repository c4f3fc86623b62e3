package verify

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"tandem.example/tandem/verify/jws"
	"tandem.example/tandem/verify/revocation"
)

// Verifier checks credentials. Make one with New, share it, and Close it at the
// end.
type Verifier struct {
	config   Config
	standard policy // of Verify without rules
	origins  *http.CrossOriginProtection
	tasks    *tasks
	server   *server
	asker    *asker

	lease   atomic.Pointer[lease] // written by the sync loop only
	set     checker               // entries, as decisions see it
	entries *revocation.Set
	keys    *keyring
	jwks    atomic.Pointer[string] // where the keys are; nil until discovered
	tokens  *cache                 // verified access tokens
	answers *cache                 // what the server said of session tokens
	sync    *syncer
	watches *watches

	freshest  atomic.Int64 // the shortest freshness any route asks for, in ns
	closed    atomic.Bool
	lastError atomic.Pointer[error]
	alarms    atomic.Uint64
	lastAlarm atomic.Pointer[string]
	warned    atomic.Int64 // when InsecureAcceptUntilExpiry was last logged
	accepted  atomic.Uint64
}

// checker is the set as a decision needs it.
type checker interface {
	Check(*revocation.Token) revocation.Verdict
}

// startPatience is for how long New waits for the first sync.
const startPatience = 5 * time.Second

// New returns a Verifier for the issuer of c, and starts following its
// revocation log.
//
// It waits for the first sync, until ctx is done or 5 s have passed. A server
// that cannot be reached by then is no error: the Verifier keeps trying, and
// until it succeeds it is cold and refuses with 503 whatever it would have to
// know revocations for (see Status.Ready). Errors are a *ConfigError for a
// configuration that is incomplete or contradicts itself, for an issuer that
// calls itself something else, for a client that the server does not accept;
// and the cause of ctx if it was cancelled.
func New(ctx context.Context, c Config) (*Verifier, error) {
	c, err := c.complete()
	if err != nil {
		return nil, err
	}
	v := build(c)
	v.tasks.start(v.sync.run)
	v.tasks.start(func(ctx context.Context) { observe(ctx, c.clock) })
	v.tasks.start(v.watches.run)
	patience := time.NewTimer(startPatience)
	defer patience.Stop()
	select {
	case err = <-v.sync.first:
		err = misconfigured(err)
	case <-patience.C:
	case <-ctx.Done():
		if errors.Is(ctx.Err(), context.Canceled) {
			err = context.Cause(ctx)
		}
	}
	if err != nil {
		v.Close()
		return nil, err
	}
	return v, nil
}

// build puts the parts together. Nothing runs yet.
func build(c Config) *Verifier {
	v := &Verifier{
		config: c, standard: policy{freshness: c.Freshness}, origins: http.NewCrossOriginProtection(),
		tasks: newTasks(), entries: revocation.NewSet(c.MaxRevocations),
		tokens: newCache(c.CacheSize), answers: newCache(c.CacheSize),
	}
	for _, origin := range c.AllowedOrigins {
		_ = v.origins.AddTrustedOrigin(origin) // checked by Config.complete
	}
	v.set = v.entries
	v.lease.Store(&lease{})
	v.freshest.Store(int64(c.Freshness))
	v.server = newServer(&v.config)
	v.keys = newKeyring(c.SharedKeys, c.clock, v.tasks, v.fetchKeys)
	v.asker = &asker{
		ask: v.server.whoami, clock: c.clock, tasks: v.tasks, flights: make(map[string]*flight),
		remember: v.remember, remembered: v.remembered,
		slots: make(chan struct{}, c.MaxAsks), fallback: make(chan struct{}, max(1, c.MaxAsks/4)),
	}
	v.watches = newWatches(v)
	v.sync = newSyncer(v)
	return v
}

func (v *Verifier) fetchKeys(ctx context.Context) (jws.Set, error) {
	address := v.jwks.Load()
	if address == nil {
		return nil, errors.New("the issuer has not been reached yet")
	}
	return v.server.keySet(ctx, *address)
}

// misconfigured turns those errors of the first sync into errors of New that
// trying again does not mend.
func misconfigured(err error) error {
	var status *statusError
	switch {
	case errors.Is(err, errOtherRelay):
		return &ConfigError{"Relay", "is not a relay of the Issuer: " + err.Error()}
	case errors.Is(err, errOtherIssuer):
		return &ConfigError{"Issuer", "is not what the server there calls itself: " + err.Error()}
	case errors.As(err, &status) && (status.status == http.StatusUnauthorized || status.status == http.StatusForbidden):
		return &ConfigError{"ClientID", "and ClientSecret are not accepted where the log is followed (an application of kind resource is needed)"}
	}
	return nil
}

// Verify decides on a credential, an access token or a session token, under
// the rules; without rules, Within(Config.Freshness). The error is a *Refusal,
// or matches ErrRules. A decision about a remembered credential does not
// allocate, block or wait.
//
// With Live, and whenever the server was asked, the Token holds the roles, acr
// and time of authentication of this moment.
func (v *Verifier) Verify(ctx context.Context, credential string, rules ...Rule) (*Token, error) {
	if len(rules) == 0 {
		return v.verify(ctx, credential, &v.standard)
	}
	p, err := compile(rules, v.config.Freshness)
	if err != nil {
		return nil, err
	}
	v.register(&p)
	return v.verify(ctx, credential, &p)
}

func (v *Verifier) verify(ctx context.Context, credential string, p *policy) (*Token, error) {
	if v.closed.Load() {
		return nil, closed()
	}
	if strings.HasPrefix(credential, sessionPrefix) {
		if !plausibleSession(credential) {
			return nil, refusedMalformed
		}
		if p.mode == modeLive {
			return v.checkLive(ctx, strings.Clone(credential), nil, p)
		}
		return v.checkSession(ctx, credential, p)
	}
	if credential == "" {
		return nil, refusedMissing
	}
	t, err := v.authenticate(ctx, credential)
	if err != nil {
		return nil, err
	}
	switch p.mode {
	case modeLive:
		return v.checkLive(ctx, t.credential, t, p)
	case modeUntilExpiry:
		return v.decideByExpiry(t, p)
	}
	return v.decide(ctx, t, p)
}

func closed() error { return unavailable("this service is shutting down", nil, ErrClosed) }

// register takes note of how fresh a route wants to be: polls must come back
// often enough for it, beginning with the one under way.
func (v *Verifier) register(p *policy) {
	for p.mode == modeWithin {
		now := v.freshest.Load()
		if int64(p.freshness) >= now {
			return
		}
		if v.freshest.CompareAndSwap(now, int64(p.freshness)) {
			v.sync.hurry()
			return
		}
	}
}

// pollWait is for how long a poll may wait for something to happen. The set is
// as old as the last request that was answered: just before the next answer,
// that is two waits. A strict route needs that to be well within its freshness.
func (v *Verifier) pollWait() time.Duration {
	return max(minWait, min(pollWait, time.Duration(v.freshest.Load())/4))
}

// alarm tells the operator of something that must not happen.
func (v *Verifier) alarm(message string, args ...any) {
	v.alarms.Add(1)
	v.lastAlarm.Store(&message)
	v.config.Logger.Error(message, args...)
}

// warnAccepted logs that a token was accepted without a lease, every 10 s.
func (v *Verifier) warnAccepted(t *Token) {
	n := v.accepted.Add(1)
	now := v.config.clock().Mono
	last := v.warned.Load()
	if n > 1 && now-time.Duration(last) < 10*time.Second || !v.warned.CompareAndSwap(last, int64(now)) {
		return
	}
	v.config.Logger.Warn("verify: tokens are accepted without a lease, as InsecureAcceptUntilExpiry says",
		slog.Any("token", t), slog.Uint64("so_far", n))
}

// Close ends what the Verifier does in the background, and the contexts of open
// requests with ErrClosed. Afterwards everything is refused with 503. It waits
// until nothing of the Verifier runs any more; further calls do nothing.
func (v *Verifier) Close() {
	v.closed.Store(true)
	v.watches.close()
	v.tasks.close()
	v.server.close()
}
