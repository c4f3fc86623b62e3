package relay

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"tandem.example/tandem/internal/feed"
	"tandem.example/tandem/internal/secret"
	"tandem.example/tandem/internal/web"
	"tandem.example/tandem/verify/jws"
	"tandem.example/tandem/verify/revocation"
)

// Config wires a Relay. Upstream, URL, Key and either Clients or InsecureOpen are required.
type Config struct {
	// Upstream is the base URL of a Tandem server, exactly as its metadata spell it, or of another relay.
	Upstream string
	// Issuer is the server whose log must come from there; empty to take what a relay says.
	Issuer string
	// URL is the public base URL of this relay.
	URL string
	// ClientID and ClientSecret authenticate the relay upstream; none for one that is open.
	ClientID     string
	ClientSecret secret.Text
	// Name is shown to operators beside this process. Default: "relay".
	Name string
	// Key signs what the zone is answered.
	Key jws.Signer
	// Clients may follow the log here.
	Clients Clients
	// InsecureOpen lets everybody follow the log who reaches the relay.
	InsecureOpen bool
	// InsecureAllowHTTP permits an Upstream with plain http on another machine. Whoever can touch that network can then
	// read the client's secret and stop the feed.
	InsecureAllowHTTP bool

	HTTPClient *http.Client
	Log        *slog.Logger

	clock func() revocation.Reading // injected by tests
}

// ConfigError says which field of a Config breaks which rule. It holds no value.
type ConfigError struct{ Field, Rule string }

func (e *ConfigError) Error() string { return "relay: " + e.Field + " " + e.Rule }

// Relay follows an upstream and answers a zone. Safe for concurrent use.
type Relay struct {
	Config
	upstream *upstream
	handler  http.Handler
	keySet   []byte

	issuer   atomic.Pointer[string] // whose log it is; nil until upstream has been reached
	current  atomic.Pointer[life]   // nil while there is nothing to answer from
	closed   atomic.Bool
	failures atomic.Uint64
	alarms   atomic.Uint64
}

// New checks the configuration. Nothing runs before Run.
func New(c Config) (*Relay, error) {
	if err := c.complete(); err != nil {
		return nil, err
	}
	r := &Relay{Config: c}
	var err error
	if r.keySet, err = (jws.Set{c.Key.Key()}).Marshal(); err != nil {
		return nil, &ConfigError{"Key", "must be the relay's feed key"}
	}
	client := *c.HTTPClient
	client.Timeout = 0 // each question has a limit of its own
	// A redirect would carry the secret to where nobody configured.
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	r.upstream = &upstream{config: &r.Config, client: &client}
	origins, err := web.NewOrigins(c.URL, nil, func(context.Context) ([]string, error) { return nil, nil }, c.Log)
	if err != nil {
		return nil, fmt.Errorf("relay: %w", err)
	}
	r.handler = r.routes(&web.Front{Origins: origins, Secure: strings.HasPrefix(c.URL, "https:"), Log: c.Log, Problem: problemOf})
	return r, nil
}

func (c *Config) complete() error {
	up, err := url.Parse(c.Upstream)
	switch {
	case err != nil || up.Host == "" || up.User != nil || up.RawQuery != "" || strings.Contains(c.Upstream, "#"):
		return &ConfigError{"upstream", "must be a URL with a host and neither user, query nor fragment"}
	case up.Scheme != "https" && (up.Scheme != "http" || !Local(up.Hostname()) && !c.InsecureAllowHTTP):
		return &ConfigError{"upstream", "must be https unless it is on this machine (or plain http is allowed by name)"}
	case (c.ClientID == "") != c.ClientSecret.Empty():
		return &ConfigError{"client", "must have both id and secret, or neither"}
	case (len(c.Clients) == 0) != c.InsecureOpen:
		return &ConfigError{"clients", "must be named, or else the relay be open by name: not both and not neither"}
	}
	own, err := url.Parse(c.URL)
	if err != nil || own.Host == "" || own.Scheme != "https" && own.Scheme != "http" {
		return &ConfigError{"url", "must be a URL with a host"}
	}
	c.URL = strings.TrimSuffix(c.URL, "/")
	if c.Name == "" {
		c.Name = "relay"
	}
	if c.HTTPClient == nil {
		c.HTTPClient = &http.Client{Transport: http.DefaultTransport.(*http.Transport).Clone()}
	}
	if c.Log == nil {
		c.Log = slog.Default()
	}
	if c.clock == nil {
		c.clock = localClock()
	}
	return nil
}

// Local reports whether a host is this machine by its name alone.
func Local(host string) bool {
	return host == "localhost" || host == "127.0.0.1" || host == "::1" || strings.HasSuffix(host, ".localhost")
}

// Run follows upstream until ctx ends, and returns nil then. It returns an error for what only the operator can mend,
// met before upstream has ever answered: credentials that are refused, or another issuer.
func (r *Relay) Run(ctx context.Context) error {
	go observe(ctx, r.clock)
	for ever := false; ; ever = true {
		err := newLife(r).run(ctx)
		switch {
		case ctx.Err() != nil:
			r.Close()
			return nil
		case errors.Is(err, errNewLife):
			r.alarm("relay: begins anew", "reason", err)
		case !ever:
			return fmt.Errorf("relay: %w", err)
		default:
			r.Log.Error("relay: upstream refuses", "error", err)
			pause(ctx, backoffMax)
		}
	}
}

// Close releases held requests and refuses further ones, so that an HTTP server in front can shut down.
func (r *Relay) Close() {
	r.closed.Store(true)
	if l := r.current.Load(); l != nil {
		l.zone.Close()
	}
}

// announce keeps whose log it is, for the metadata. It stays the same: verifiers have checked it.
func (r *Relay) announce() {
	if r.issuer.CompareAndSwap(nil, &r.upstream.found.Issuer) {
		r.Config.Issuer = r.upstream.found.Issuer // discover holds later answers to it
	}
}

func (r *Relay) alarm(message string, args ...any) {
	r.alarms.Add(1)
	r.Log.Error(message, args...)
}

// sign makes the detached JWS of a reply.
func (r *Relay) sign(body []byte) (string, error) { return r.Key.SignDetached("revocation-sync", body) }

// Status is the state of a Relay at one moment.
type Status struct {
	Ready        bool // it has a lease upstream, so that the zone can be granted leases
	Issuer       string
	Epoch        string
	Position     uint64
	Acknowledged uint64 // up to where the zone has enforced the log
	Lease        time.Duration
	Age          time.Duration // of what is known; -1 if it cannot be told
	Verifiers    []feed.Verifier
	Failures     uint64 // requests upstream in vain
	Alarms       uint64
}

// Status answers it.
func (r *Relay) Status() Status {
	s := Status{Age: -1, Failures: r.failures.Load(), Alarms: r.alarms.Load()}
	if issuer := r.issuer.Load(); issuer != nil {
		s.Issuer = *issuer
	}
	l := r.current.Load()
	if l == nil {
		return s
	}
	s.Epoch, s.Position, _ = l.mirror.place()
	s.Lease, s.Acknowledged, s.Verifiers, s.Ready = l.lease, l.acknowledged(), l.zone.Verifiers(), l.mirror.leased() && !r.closed.Load()
	if age, ok := l.mirror.staleness(); ok {
		s.Age = age
	}
	return s
}
