package tandem

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"tandem.example/tandem/internal/application"
	"tandem.example/tandem/internal/audit"
	"tandem.example/tandem/internal/clock"
	"tandem.example/tandem/internal/credential"
	"tandem.example/tandem/internal/feed"
	"tandem.example/tandem/internal/limit"
	"tandem.example/tandem/internal/operator"
	"tandem.example/tandem/internal/session"
	"tandem.example/tandem/internal/signin"
	"tandem.example/tandem/internal/signing"
	"tandem.example/tandem/verify/jws"
)

// parts are the services of a server.
type parts struct {
	clock     *clock.Clock
	ring      *signing.Ring
	feed      *feed.Service
	sightings *session.Sightings
	signin    *signin.Service
	operator  *operator.Service
	post      post
}

// wrongClock is how far the store's last commit may lie in the future before the server refuses to start: a system
// clock that far behind would make every deadline wrong.
const wrongClock = 24 * time.Hour

// assemble builds the services upon the store, bottom up.
func assemble(ctx context.Context, c Config, st store, box sealer, o options) (p parts, failed error) {
	last, err := st.LastCommit(ctx)
	if err != nil {
		return p, fmt.Errorf("read time of last commit: %w", err)
	}
	p.clock = clock.New(last)
	if ahead := p.clock.Ahead(); ahead > wrongClock {
		return p, fmt.Errorf("the system clock is %s behind the store's last commit: set the clock, then start again", ahead.Round(time.Second))
	}
	now := p.clock.Now
	p.ring, err = signing.Open(ctx, signing.Config{
		Store: st.Keys(), Box: box, Algorithm: jws.Algorithm(c.SigningAlg), Schedule: signing.DefaultSchedule, Now: now,
		MaxToken: func() time.Duration { return maxToken(context.WithoutCancel(ctx), st, c) },
		Shared:   []byte(c.HS256Secret.Reveal()), Nodes: st.Signals() != nil,
	})
	if err != nil {
		return p, err
	}
	restored, err := restoredAt(ctx, st.Audit())
	if err != nil {
		return p, err
	}
	p.feed, err = feed.Open(ctx, feed.Config{Log: st.Log(), Leases: st.Leases(), Lease: c.Lease, Sign: p.ring.SignReply, Now: now,
		RestoredAt: restored, Shared: nodes(st, p.ring, o)})
	if err != nil {
		return p, err
	}
	defer func() {
		if failed != nil {
			p.feed.Close()
		}
	}()
	hasher, err := credential.NewHasher(hashing(o))
	if err != nil {
		return p, fmt.Errorf("prepare password hashing: %w", err)
	}
	apps := remember(st)
	if err := defaultApplication(ctx, apps, now()); err != nil {
		return p, err
	}
	if p.post, err = openPost(c, st, box, now, o); err != nil {
		return p, err
	}
	passwords := credential.Policy{MinLength: c.Password.MinLength}
	idps, err := providers(c, now)
	if err != nil {
		return p, err
	}
	p.sightings = session.NewSightings(st.Sessions(), o.logger)
	p.signin = signin.New(signin.Config{
		Store: st.SignIn(), Accounts: st.Accounts(), Applications: apps, Sessions: st.Sessions(), Audit: st.Audit(),
		Bindings: st.Bindings(), Binder: binder(c, box),
		Sightings: p.sightings, Ring: p.ring, Hasher: hasher, Passwords: passwords,
		Tokens:       session.NewRefreshTokens(box.Derive("refresh token tag")),
		DeviceTokens: signin.NewDeviceTokens(box.Derive("device token")),
		Attempts:     st.Attempts(), Passkeys: st.Passkeys(), Codes: st.Codes(), Connections: st.Connections(), Box: box, Providers: idps,
		Limits: st.Limits(), Mail: p.post.sender, Issuer: c.Issuer,
		ServiceName: c.ServiceName, CanMail: p.post.reaches,
		Defaults: defaults(c), Now: now, Log: o.logger,
	})
	p.operator = operator.New(operator.Config{
		Accounts: st.Accounts(), Applications: apps, Sessions: st.Sessions(), SignIn: st.SignIn(), APIKeys: st.APIKeys(),
		Audit: st.Audit(), Log: st.Log(), Feed: p.feed, Ring: p.ring, Hasher: hasher, Passwords: passwords,
		Bounds: operator.Bounds{AccessTokenTTL: longestTTL(c), DefaultTTL: c.AccessTokenTTL, Methods: methods(c, p.signin)}, Now: now, Logger: o.logger,
		Tell: p.signin.Tell,
	})
	// What applications ask for counts from the start: retention must never be shorter than a living token.
	return p, p.operator.Housekeep(ctx)
}

// appsFor is for how long applications are remembered where another node may change them, should its hint be lost.
const appsFor = 5 * time.Second

// remember keeps applications in memory: for good where this process owns the store, until somebody changes one or for
// a few seconds where others share it.
func remember(st store) *application.Remembered {
	signals := st.Signals()
	if signals == nil {
		return application.Remember(st.Applications(), 0, nil)
	}
	apps := application.Remember(st.Applications(), appsFor, func() { signals.Raise(feed.ApplicationsChanged) })
	signals.Hear(func(heard feed.Signal) {
		if heard == feed.ApplicationsChanged {
			apps.Forget()
		}
	})
	return apps
}

// restoredAt is when the store was last restored, or found to have lost its end; zero if never.
func restoredAt(ctx context.Context, trail audit.Store) (last time.Time, err error) {
	for _, t := range []audit.Type{audit.StoreRestored, audit.StoreRolledBack} {
		entries, err := trail.List(ctx, audit.Query{Type: t, Limit: 1})
		if err != nil {
			return last, fmt.Errorf("look for a restore: %w", err)
		}
		if len(entries) > 0 && entries[0].At.After(last) {
			last = entries[0].At
		}
	}
	return last, nil
}

// maxToken is the longest lifetime of a living access token; what is configured if the log cannot tell.
func maxToken(ctx context.Context, st store, c Config) time.Duration {
	head, err := st.Log().Head(ctx)
	if err != nil {
		return c.AccessTokenTTL
	}
	return head.MaxToken
}

// longestTTL is what an application may set.
func longestTTL(c Config) time.Duration {
	if c.AllowLongAccessTokens {
		return 24 * time.Hour
	}
	return 15 * time.Minute
}

// binder binds sessions to devices where browsers do: on https, and not for cookies of a whole domain, since a browser
// renews the bound cookie only where it visits the issuer itself.
func binder(c Config, box sealer) session.Binder {
	if c.Cookies.NoDeviceBinding || c.Cookies.Domain != "" || !strings.HasPrefix(c.Issuer, "https://") {
		return session.Binder{}
	}
	return session.NewBinder(box.Derive("bound cookie"), session.BoundLifetime)
}

func hashing(o options) credential.HasherConfig {
	if o.cheap {
		return credential.HasherConfig{Cost: credential.Cost{MemoryKiB: 8, Passes: 1, Lanes: 1}, InsecureAllowCheap: true}
	}
	return credential.HasherConfig{Parallel: o.hashes}
}

func defaults(c Config) signin.Defaults {
	d := signin.Defaults{
		Audiences: c.Audiences, AccessTokenTTL: c.AccessTokenTTL, SignIn: signInDefaults(c), AllowedOrigins: c.AllowedOrigins,
		Session: session.Policy{Idle: c.Session.Idle, Absolute: c.Session.Absolute, Limit: c.Session.Limit, Grace: c.Refresh.Window()},
		Refresh: session.Policy{Idle: c.Refresh.Idle, Absolute: c.Refresh.Absolute, Grace: c.Refresh.Window()},
	}
	if !c.Limits.Disabled {
		d.PerAccount = limit.Policy{Burst: c.Limits.SignInPerAccount, Period: time.Minute}
		d.PerAddress = limit.Policy{Burst: c.Limits.SignInPerAddress, Period: time.Minute}
		d.PerFactor = limit.Policy{Burst: 10, Period: time.Hour}
		d.MailTo = limit.Policy{Burst: 5, Period: 15 * time.Minute}
		d.MailFrom = limit.Policy{Burst: 30, Period: 15 * time.Minute}
	}
	return d
}

// defaultApplication makes the application that exists from the start. Its audiences and origins are the configured ones.
func defaultApplication(ctx context.Context, apps application.Store, now time.Time) error {
	_, err := apps.Find(ctx, application.DefaultName)
	if !errors.Is(err, application.ErrNotFound) {
		return err
	}
	entry := audit.New(audit.ApplicationMade, now)
	entry.Actor = "system"
	app := application.Application{ID: application.NewID(now), Name: application.DefaultName, Kind: application.User,
		Mode: application.ModeHybrid, CreatedAt: now}
	entry.Target = string(app.ID)
	err = apps.Create(ctx, app, entry)
	if err != nil && !errors.Is(err, application.ErrNameTaken) { // another node that begins too may have been first
		return fmt.Errorf("make default application: %w", err)
	}
	return nil
}
