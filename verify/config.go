package verify

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"tandem.example/tandem/verify/jws"
)

// Config says whom a Verifier trusts and what it guards. Issuer and Audience
// are required; every other zero value stands for the default named beside it.
type Config struct {
	// Issuer is the Tandem server's URL, exactly as its tokens and its
	// metadata spell it.
	Issuer string
	// Audience names this service: a token must be meant for it.
	Audience string

	// ClientID and ClientSecret authenticate this service to the revocation
	// log, as an application of kind resource. Both or none: only a server in
	// development mode answers without.
	ClientID, ClientSecret string
	// Relay is the base URL of a relay (`tandem relay`) to follow the revocation
	// log at, in place of the issuer; ClientID and ClientSecret are then what
	// that relay was told of. Tokens are checked with the issuer's keys, and live
	// checks asked of the issuer, as ever. Whoever runs the relay can withhold
	// revocations, up to all of them, and cannot make a token or a live answer: it
	// belongs in the hands that run the issuer. There is no other way when it is
	// lost: the lease ends, and decisions are refused with 503. Default: none.
	Relay string
	// Name is shown to operators beside this process. Default: ClientID, else
	// the host's name.
	Name string

	// Freshness is what a route without a freshness rule asks for, and what
	// bounds how long a request may stay open on routes with Live. Default 10 s.
	Freshness time.Duration
	// Skew is how far in the future a token's iat may lie. Default and
	// maximum 60 s. Expiry has no leeway: it is checked by the issuer's clock,
	// which each sync reports, or before the first one by the local clock.
	Skew time.Duration

	// CookieNames are the session cookies looked for, in order of precedence.
	// Where one ends in tandem_session, the cookie that binds the session to a
	// device, of the same name with tandem_bound, is passed on with it.
	// Default: __Host-tandem_session, and tandem_session where the issuer is
	// plain http on this machine. Where the server shares its cookie with
	// subdomains (cookies.domain) it is __Secure-tandem_session: name that, and
	// know that every sibling host can plant it.
	CookieNames []string
	// AllowedOrigins may send state-changing requests with the session cookie
	// from another origin ("https://app.example.com").
	AllowedOrigins []string

	// CacheSize is about how many verified tokens, and as many answers about
	// session tokens, are remembered. Default 100,000.
	CacheSize int
	// MaxRevocations bounds the set of revocations. Beyond it, the oldest are
	// merged into one that costs some clients a silent refresh. Default 1,000,000.
	MaxRevocations int
	// MaxAsks bounds the questions to the server that are under way at once;
	// a quarter of it is the share of OnLeaseLost(AskServer). Default 256.
	MaxAsks int

	// SharedKeys are HS256 keys that issuer and this verifier share by
	// configuration; they are never published.
	SharedKeys []jws.Key

	// HTTPClient reaches the server. Redirects are never followed, and its
	// Timeout is not used: each question has a limit of its own. Default: a
	// client with a connection pool of its own.
	HTTPClient *http.Client
	// Logger gets alarms at error level, trouble at warn. Default slog.Default().
	Logger *slog.Logger
	// OnSync, if set, is called after each successful sync, on the goroutine
	// that syncs: it must return quickly.
	OnSync func(Sync)

	// InsecureAllowHTTP permits an Issuer or a Relay with plain http on another
	// machine. Whoever can touch that network can then read tokens and stop the feed.
	InsecureAllowHTTP bool

	clock      func() reading // injected by tests
	boundNames []string       // of the bound cookies, as CookieNames
}

// Defaults and limits of Config.
const (
	DefaultFreshness      = 10 * time.Second
	DefaultCacheSize      = 100_000
	DefaultMaxRevocations = 1_000_000
	DefaultMaxAsks        = 256
	MaxSkew               = 60 * time.Second
)

// ErrConfig matches every *ConfigError.
var ErrConfig = errors.New("verify: configuration")

// ConfigError names the field of Config that breaks a rule. It holds no value.
type ConfigError struct{ Field, Rule string }

func (e *ConfigError) Error() string { return "verify: Config." + e.Field + " " + e.Rule }

// Unwrap makes every ConfigError match ErrConfig.
func (e *ConfigError) Unwrap() error { return ErrConfig }

// Format shows the configuration without its secrets, whatever the verb.
func (c Config) Format(f fmt.State, _ rune) {
	fmt.Fprintf(f, "{Issuer:%s Audience:%s ClientID:%s ClientSecret:(hidden)}", c.Issuer, c.Audience, c.ClientID)
}

// complete checks the configuration and returns it with defaults filled in.
func (c Config) complete() (Config, error) {
	issuer, err := c.checkIssuer()
	if err != nil {
		return c, err
	}
	if err := c.checkRelay(); err != nil {
		return c, err
	}
	switch {
	case c.Audience == "":
		return c, &ConfigError{"Audience", "is required: it names this service"}
	case c.ClientID == "" && c.ClientSecret != "":
		return c, &ConfigError{"ClientID", "is required when ClientSecret is set"}
	case c.ClientID != "" && c.ClientSecret == "":
		return c, &ConfigError{"ClientSecret", "is required when ClientID is set"}
	case c.Freshness < 0:
		return c, &ConfigError{"Freshness", "must be positive"}
	case c.Skew < 0 || c.Skew > MaxSkew:
		return c, &ConfigError{"Skew", "must be from 0 to 60 s"}
	case c.CacheSize < 0 || c.CacheSize > 1<<26:
		return c, &ConfigError{"CacheSize", "must be from 1 to 67,108,864"}
	case c.MaxRevocations < 0:
		return c, &ConfigError{"MaxRevocations", "must be positive"}
	case c.MaxAsks < 0:
		return c, &ConfigError{"MaxAsks", "must be positive"}
	case len(c.Name) > 128 || strings.ContainsFunc(c.Name, func(r rune) bool { return r < ' ' || r == 0x7f }):
		return c, &ConfigError{"Name", "must be at most 128 characters without control characters"}
	}
	if err := c.checkLists(); err != nil {
		return c, err
	}
	c.fill(issuer)
	return c, nil
}

func (c *Config) checkIssuer() (*url.URL, error) {
	if c.Issuer == "" {
		return nil, &ConfigError{"Issuer", "is required: the Tandem server's URL"}
	}
	u, err := url.Parse(c.Issuer)
	if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.ForceQuery || strings.Contains(c.Issuer, "#") {
		return nil, &ConfigError{"Issuer", "must be a URL with a host and neither user, query nor fragment (RFC 8414 §2)"}
	}
	switch {
	case c.insecureForNothing(u):
		return nil, &ConfigError{"InsecureAllowHTTP", "contradicts an Issuer with https"}
	case u.Scheme == "https", u.Scheme == "http" && (local(u) || c.InsecureAllowHTTP):
		return u, nil
	case u.Scheme == "http":
		return nil, &ConfigError{"Issuer", "must be https unless it is on this machine (or InsecureAllowHTTP is set)"}
	}
	return nil, &ConfigError{"Issuer", "must be an https URL"}
}

// local reports whether the URL's host is this machine by its name alone.
func local(u *url.URL) bool {
	switch u.Hostname() {
	case "localhost", "127.0.0.1", "::1":
		return true
	}
	return strings.HasSuffix(u.Hostname(), ".localhost")
}

func (c *Config) checkLists() error {
	for i, name := range c.CookieNames {
		if (&http.Cookie{Name: name, Value: "x"}).Valid() != nil {
			return &ConfigError{"CookieNames", "must be names of cookies"}
		}
		if slices.Contains(c.CookieNames[:i], name) {
			return &ConfigError{"CookieNames", "must not name a cookie twice"}
		}
	}
	for i, key := range c.SharedKeys {
		if key.Algorithm() != jws.HS256 {
			return &ConfigError{"SharedKeys", "must be HS256 keys; public keys come from the issuer"}
		}
		if _, twice := jws.Set(c.SharedKeys[:i]).Find(key.ID()); twice {
			return &ConfigError{"SharedKeys", "must have distinct ids"}
		}
	}
	for _, origin := range c.AllowedOrigins {
		if http.NewCrossOriginProtection().AddTrustedOrigin(origin) != nil {
			return &ConfigError{"AllowedOrigins", "must be origins like https://app.example.com"}
		}
	}
	return nil
}

func (c *Config) fill(issuer *url.URL) {
	if c.Name == "" {
		c.Name = c.ClientID
	}
	if c.Name == "" {
		c.Name, _ = os.Hostname()
	}
	if c.Name == "" {
		c.Name = "verifier"
	}
	if c.CookieNames == nil {
		c.CookieNames = []string{"__Host-tandem_session"}
		if issuer.Scheme == "http" && local(issuer) {
			c.CookieNames = append(c.CookieNames, "tandem_session")
		}
	}
	c.boundNames = make([]string, len(c.CookieNames))
	for i, name := range c.CookieNames {
		c.boundNames[i] = boundName(name)
	}
	c.Freshness = orDefault(c.Freshness, DefaultFreshness)
	c.Skew = orDefault(c.Skew, MaxSkew)
	c.CacheSize = orDefault(c.CacheSize, DefaultCacheSize)
	c.MaxRevocations = orDefault(c.MaxRevocations, DefaultMaxRevocations)
	c.MaxAsks = orDefault(c.MaxAsks, DefaultMaxAsks)
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	if c.clock == nil {
		c.clock = localClock()
	}
}

func orDefault[T comparable](value, otherwise T) T {
	var zero T
	if value == zero {
		return otherwise
	}
	return value
}
