package config

import (
	"net"
	"net/url"
	"slices"
	"time"

	"tandem.example/tandem/internal/session"
	"tandem.example/tandem/verify/jws"
)

// Bounds and defaults of the keys that have them, stated here once.
const (
	minLease, maxLease, defaultLease = time.Second, time.Minute, 10 * time.Second

	minTokenTTL, maxTokenTTL, defaultTokenTTL = 10 * time.Second, 15 * time.Minute, 5 * time.Minute
	maxLongTokenTTL                           = day

	maxGrace, defaultGrace = 5 * time.Minute, 30 * time.Second

	maxDrain = 5 * time.Minute

	minPassword, maxPassword, defaultPassword = 8, 64, 12
)

// Default returns the configuration of a server that nobody configured.
func Default() Config { return Config{}.WithDefaults() }

// WithDefaults returns c with its zero fields set to their defaults. It is
// idempotent, changes nothing else, and does not share slices with c.
//
// An empty Issuer stays empty where none can be derived: when the system
// chooses the port, or other machines can reach the listener. Validate says so.
func (c Config) WithDefaults() Config {
	setDefault(&c.Listen, "127.0.0.1:8484")
	setDefault(&c.AdminListen, "127.0.0.1:8485")
	setDefault(&c.DataDir, "tandem-data")
	setDefault(&c.Store, storeSQLite)
	setDefault(&c.Lease, defaultLease)
	setDefault(&c.AccessTokenTTL, defaultTokenTTL)
	setDefault(&c.SigningAlg, jws.ES256)
	setDefault(&c.Issuer, localIssuer(c.Listen))
	c.Audiences = slices.Clone(c.Audiences)
	if len(c.Audiences) == 0 && c.Issuer != "" {
		c.Audiences = []string{c.Issuer}
	}
	c.AccessTokenClaims = slices.Clone(c.AccessTokenClaims)
	c.AllowedOrigins = slices.Clone(c.AllowedOrigins)
	c.TrustedProxies = slices.Clone(c.TrustedProxies)

	setDefault(&c.Password.MinLength, defaultPassword)
	setDefault(&c.Limits.SignInPerAccount, 10)
	setDefault(&c.Limits.SignInPerAddress, 60)
	setDefault(&c.Session.Preset, PresetStandard)
	idle, absolute := preset(c.Session.Preset)
	setDefault(&c.Session.Idle, idle)
	setDefault(&c.Session.Absolute, absolute)
	setDefault(&c.Refresh.Grace, defaultGrace)
	setDefault(&c.Refresh.Idle, c.Session.Idle)
	setDefault(&c.Refresh.Absolute, c.Session.Absolute)
	if c.Mail.Server != "" {
		setDefault(&c.Mail.TLS, TLSStart)
	}
	if u, err := url.Parse(c.Issuer); err == nil && !isLocal(u.Hostname()) {
		setDefault(&c.ServiceName, u.Hostname())
	}
	setDefault(&c.ServiceName, defaultServiceName) // the name of this machine says nothing to anybody
	c.SignIn.Methods = slices.Clone(c.SignIn.Methods)
	setDefault(&c.SignIn.SecondFactor, "if_enrolled")
	setDefault(&c.SignIn.Remember, defaultRemember)
	setDefault(&c.SignIn.ACR, "1")
	c.Providers = slices.Clone(c.Providers)
	for i, p := range c.Providers {
		c.Providers[i] = p.withDefaults()
	}
	setDefault(&c.Log.Level, "info")
	setDefault(&c.Log.Format, "text")
	return c
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// preset returns what a preset stands for. An unknown name gives the standard
// one, so that Validate complains of the name alone.
func preset(name string) (idle, absolute time.Duration) {
	policy := session.Standard
	if name == PresetStrict {
		policy = session.Strict
	}
	return policy.Idle, policy.Absolute
}

// localIssuer derives the issuer from the listener, or returns "" where that
// would be a guess.
func localIssuer(listen string) string {
	host, port, err := net.SplitHostPort(listen)
	if err != nil || !isLocal(host) || port == "" || port == "0" {
		return ""
	}
	return "http://localhost:" + port
}
