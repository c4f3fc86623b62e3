// Package tandem is an authentication server as a library: sessions that can be revoked at once, access tokens that
// services check offline in microseconds, and one log that makes both obey the same revocation within a stated bound.
//
//	server, err := tandem.Open(ctx, tandem.Config{DataDir: "tandem-data"})
//	...
//	defer server.Close()
//	http.ListenAndServe("127.0.0.1:8484", server)
//
// A Server is an http.Handler with the whole API. Services check its credentials with the package
// tandem.example/tandem/verify. This package owns the wiring: it is the one place that knows every adapter, service
// and transport. It decides nothing itself.
package tandem

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"sync"
	"sync/atomic"

	"tandem.example/tandem/internal/config"
	"tandem.example/tandem/internal/console"
	"tandem.example/tandem/internal/httpapi"
	"tandem.example/tandem/internal/pages"
	"tandem.example/tandem/internal/ui"
	"tandem.example/tandem/internal/web"
)

// Config is the configuration of a server. Its zero value is useful: a server on http://localhost:8484 that keeps
// everything in ./tandem-data. Durations are those of package time.
type Config = config.Config

// Option sets what is not configuration but belongs to the embedding program.
type Option func(*options)

type options struct {
	logger *slog.Logger
	mailTo io.Writer
	hashes int
	cheap  bool // passwords, in tests
}

// WithLogger sets the logger; slog.Default is used otherwise. No secret is ever logged.
func WithLogger(l *slog.Logger) Option { return func(o *options) { o.logger = l } }

// WithMailTo prints messages to users to w instead of sending them; for development.
func WithMailTo(w io.Writer) Option { return func(o *options) { o.mailTo = w } }

// WithHashes sets how many passwords are hashed at once; GOMAXPROCS otherwise. A program that leaves some of its
// processors to other requests answers those quickly during a storm of sign-ins.
func WithHashes(n int) Option { return func(o *options) { o.hashes = n } }

// Server is a running Tandem. It is an http.Handler, safe for concurrent use, until Close.
type Server struct {
	config  Config
	log     *slog.Logger
	store   store
	parts   parts
	handler http.Handler
	local   http.Handler
	admin   http.Handler

	stop     context.CancelFunc
	keeper   sync.WaitGroup
	console  *console.Console
	closed   sync.Once
	draining atomic.Bool
}

// Open checks the configuration whole, opens the store, makes what is missing (schema, keys, the default
// application) and starts housekeeping. Nothing half-done is left behind when it answers an error.
//
// Errors: *config.Error with every problem of the configuration; errors of the store name the path and the remedy.
func Open(ctx context.Context, c Config, opts ...Option) (*Server, error) {
	o := options{logger: slog.Default()}
	for _, opt := range opts {
		opt(&o)
	}
	c = c.WithDefaults()
	if err := c.Validate(); err != nil {
		return nil, err
	}
	st, box, err := openStore(ctx, c, o)
	if err != nil {
		return nil, err
	}
	s := &Server{config: c, log: o.logger, store: st}
	s.warnOpenDir()
	if err := s.build(ctx, box, o); err != nil {
		return nil, errors.Join(err, st.Close())
	}
	keeping, stop := context.WithCancel(context.WithoutCancel(ctx))
	s.stop = stop
	s.keeper.Go(func() { s.housekeep(keeping) })
	if outbox := s.parts.post.outbox; outbox != nil {
		s.keeper.Go(func() { outbox.Run(keeping) })
	}
	return s, nil
}

// warnOpenDir tells if others on this machine may enter a data directory that was there before: it is made with mode
// 0700, and holds the master key and the administration socket.
func (s *Server) warnOpenDir() {
	if s.config.Store == "memory" {
		return
	}
	info, err := os.Stat(s.config.DataDir)
	if err == nil && info.Mode().Perm()&0o077 != 0 {
		s.log.Warn("the data directory is open to others on this machine", "data_dir", s.config.DataDir,
			"mode", info.Mode().Perm().String(), "fix", "chmod 700 "+s.config.DataDir)
	}
}

// ServeHTTP answers the public API.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.handler.ServeHTTP(w, r) }

// Local is the same API for callers who are the operator of this machine: each of its requests acts with every right,
// without a credential. It is for the unix socket in the data directory and for programs that embed the server;
// never serve it on a network.
func (s *Server) Local() http.Handler { return s.local }

// Admin answers /metrics and /debug/pprof, for a listener of its own.
func (s *Server) Admin() http.Handler { return s.admin }

// Issuer is the public URL of the server, the `iss` of its tokens.
func (s *Server) Issuer() string { return s.config.Issuer }

// Close stops what Open started and closes the store. Held sync requests are released. Requests still under way
// fail; shut the HTTP server down first.
func (s *Server) Close() error {
	var err error
	s.closed.Do(func() {
		s.stop()
		s.console.Close()
		s.parts.feed.Close()
		s.keeper.Wait()
		s.parts.sightings.Close()
		err = s.store.Close()
	})
	return err
}

func (s *Server) build(ctx context.Context, box sealer, o options) error {
	var err error
	if s.parts, err = assemble(ctx, s.config, s.store, box, o); err != nil {
		return err
	}
	api, err := httpapi.New(httpapi.Config{
		SignIn: s.parts.signin, Operator: s.parts.operator, Feed: s.parts.feed, Ring: s.parts.ring,
		Issuer: s.config.Issuer, CookieDomain: s.config.Cookies.Domain, TrustedProxies: s.config.TrustedProxies,
		AllowedOrigins: s.config.AllowedOrigins, OpenSync: s.config.Dev, Ready: s.ready, Mail: s.parts.post.figures(), Log: o.logger,
	})
	if err != nil {
		return fmt.Errorf("build api: %w", err)
	}
	if err := s.buildPages(api.Site()); err != nil {
		return err
	}
	s.handler, s.admin = api.Handler(), api.AdminListener()
	s.local = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.handler.ServeHTTP(w, r.WithContext(web.WithLocalOperator(r.Context())))
	})
	return nil
}

// buildPages puts up what people see in a browser.
func (s *Server) buildPages(site web.Site) error {
	kit, err := ui.New(ui.Config{Issuer: s.config.Issuer, ServiceName: s.parts.signin.ServiceName})
	if err != nil {
		return fmt.Errorf("build pages: %w", err)
	}
	people, err := pages.New(pages.Config{SignIn: s.parts.signin, Site: site, Kit: kit, Issuer: s.config.Issuer})
	if err != nil {
		return fmt.Errorf("build pages: %w", err)
	}
	people.Register()
	operators := console.Config{SignIn: s.parts.signin, Operator: s.parts.operator, Feed: s.parts.feed, Site: site, Issuer: s.config.Issuer, Kit: kit, Ready: s.ready, Log: s.log}
	if outbox := s.parts.post.outbox; outbox != nil {
		operators.Mail = outbox.Figures
	}
	if s.console, err = console.New(operators); err != nil {
		return fmt.Errorf("build pages: %w", err)
	}
	s.console.Register()
	kit.Register(site)
	return nil
}
