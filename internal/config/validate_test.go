package config_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"tandem.example/tandem/internal/config"
	"tandem.example/tandem/internal/secret"
	"tandem.example/tandem/verify/jws"
)

func TestZeroConfigIsValid(t *testing.T) {
	if err := (config.Config{}).Validate(); err != nil {
		t.Error(err)
	}
	if err := (config.Config{Dev: true}).Validate(); err != nil {
		t.Error(err)
	}
}

// at is a configuration for the issuer https://auth.example.com.
func at(change func(*config.Config)) config.Config {
	c := config.Config{Issuer: "https://auth.example.com"}
	change(&c)
	return c
}

func TestAccepted(t *testing.T) {
	for name, change := range map[string]func(*config.Config){
		"issuer with a path":    func(c *config.Config) { c.Issuer = "https://example.com/auth" },
		"http on IPv6 loopback": func(c *config.Config) { c.Issuer = "http://[::1]:8484" },
		"public listener":       func(c *config.Config) { c.Listen = ":443" },
		"system's ports":        func(c *config.Config) { c.Listen, c.AdminListen = "127.0.0.1:0", "127.0.0.1:0" },
		"shortest": func(c *config.Config) {
			c.Lease, c.AccessTokenTTL, c.Password.MinLength = time.Second, 10*time.Second, 8
		},
		"longest": func(c *config.Config) {
			c.Lease, c.AccessTokenTTL, c.Password.MinLength = time.Minute, 15*time.Minute, 64
		},
		"long, by name":    func(c *config.Config) { c.AccessTokenTTL, c.AllowLongAccessTokens = 24*time.Hour, true },
		"grace":            func(c *config.Config) { c.Refresh.Grace = 5 * time.Minute },
		"no grace":         func(c *config.Config) { c.Refresh.Grace = config.NoGrace },
		"idle as absolute": func(c *config.Config) { c.Session.Idle, c.Session.Absolute = time.Hour, time.Hour },
		"origins": func(c *config.Config) {
			c.AllowedOrigins = []string{"https://app.example.com:8443", "http://localhost:3000"}
		},
		"cookie for the parent": func(c *config.Config) { c.Cookies.Domain = "example.com" },
		"cookie for subdomains": func(c *config.Config) { c.Cookies.Domain = "auth.example.com" },
		"proxies":               func(c *config.Config) { c.TrustedProxies = []string{"10.0.0.0/8", "127.0.0.1/32", "fd00::/8"} },
		"claims that tokens carry": func(c *config.Config) {
			c.AccessTokenClaims = []string{"roles", "scope"}
		},
		"memory":     func(c *config.Config) { c.Store = "memory" },
		"master key": func(c *config.Config) { c.MasterKey = secret.NewText(strings.Repeat("0f", 31) + "aa") },
		"no limits":  func(c *config.Config) { c.Limits.Disabled = true },
	} {
		if err := at(change).Validate(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	shared := secret.NewText(strings.Repeat("s", 32))
	for _, alg := range []jws.Algorithm{jws.ES256, jws.EdDSA, jws.RS256, jws.PS256, jws.HS256} {
		if err := at(func(c *config.Config) { c.SigningAlg, c.HS256Secret = alg, shared }).Validate(); err != nil {
			t.Errorf("%s: %v", alg, err)
		}
	}
}

func TestRefused(t *testing.T) {
	for _, test := range []struct {
		name   string
		change func(*config.Config)
		key    string // of the one problem
		part   string // of its rule or remedy
	}{
		{"issuer without scheme", func(c *config.Config) { c.Issuer = "auth.example.com" }, "issuer", "must be a URL"},
		{"issuer over http", func(c *config.Config) { c.Issuer = "http://auth.example.com" }, "issuer", "https"},
		{"http that only starts local", func(c *config.Config) { c.Issuer = "http://localhost.example.com" }, "issuer", "https"},
		{"another scheme", func(c *config.Config) { c.Issuer = "ftp://auth.example.com" }, "issuer", "https"},
		{"issuer with a slash", func(c *config.Config) { c.Issuer += "/" }, "issuer", "remove the slash"},
		{"issuer with a query", func(c *config.Config) { c.Issuer += "?a" }, "issuer", "no query"},
		{"issuer with an empty query", func(c *config.Config) { c.Issuer += "?" }, "issuer", "no query"},
		{"issuer with a fragment", func(c *config.Config) { c.Issuer += "#" }, "issuer", "no fragment"},
		{"issuer with a user", func(c *config.Config) { c.Issuer = "https://me@auth.example.com" }, "issuer", "user name"},
		{"issuer in capitals", func(c *config.Config) { c.Issuer = "https://Auth.example.com" }, "issuer", "write https://auth.example.com"},
		{"issuer of a port nobody knows", func(c *config.Config) { c.Issuer, c.Listen = "", "127.0.0.1:0" }, "issuer", "must be given"},
		{"issuer of an open listener", func(c *config.Config) { c.Issuer, c.Listen = "", ":8484" }, "issuer", "must be given"},
		{"dev for others", func(c *config.Config) { c.Dev = true }, "issuer", "--dev"},
		{"dev that others reach", func(c *config.Config) { c.Dev, c.Issuer, c.Listen = true, "http://localhost:1", ":8484" }, "listen", "--dev"},
		{"listen without port", func(c *config.Config) { c.Listen = "127.0.0.1" }, "listen", "host:port"},
		{"listen with a name for a port", func(c *config.Config) { c.AdminListen = "127.0.0.1:http" }, "admin_listen", "host:port"},
		{"one port for two", func(c *config.Config) { c.AdminListen = "127.0.0.1:8484" }, "admin_listen", "differ"},
		{"PostgreSQL", func(c *config.Config) { c.Store = "postgres://u:p%zz@db/tandem" }, "store", "not a valid URL"},
		{"Redis without PostgreSQL", func(c *config.Config) { c.Sessions.Store = "redis://cache" }, "sessions.store", "needs a postgres:// store"},
		{"no Redis URL", func(c *config.Config) { c.Store, c.Sessions.Store = "postgres://db/tandem", "redis://cache:port" }, "sessions.store", "not a valid URL"},
		{"volatile nothing", func(c *config.Config) { c.Sessions.InsecureAllowVolatile = true }, "sessions.insecure_allow_volatile", "applies to sessions.store"},
		{"migration of a file", func(c *config.Config) { c.NoMigrate = true }, "store", "is not PostgreSQL"},
		{"other store", func(c *config.Config) { c.Store = "mysql" }, "store", "sqlite, memory or a postgres"},
		{"other session store", func(c *config.Config) { c.Sessions.Store = "memcached" }, "sessions.store", "redis://"},
		{"two master keys", func(c *config.Config) {
			c.MasterKey, c.MasterKeyFile = secret.NewText(strings.Repeat("0f", 31)+"aa"), "k"
		}, "master_key", "both given"},
		{"short lease", func(c *config.Config) { c.Lease = time.Second - 1 }, "lease", "from 1s to 1m"},
		{"long lease", func(c *config.Config) { c.Lease = time.Minute + 1 }, "lease", "from 1s to 1m"},
		{"short token", func(c *config.Config) { c.AccessTokenTTL = 9 * time.Second }, "access_token_ttl", "from 10s to 15m"},
		{"long token", func(c *config.Config) { c.AccessTokenTTL = 15*time.Minute + 1 }, "access_token_ttl", "allow_long_access_tokens: true"},
		{"too long even so", func(c *config.Config) { c.AccessTokenTTL, c.AllowLongAccessTokens = 25*time.Hour, true }, "access_token_ttl", "to 1d"},
		{"HS256 that nobody could check", func(c *config.Config) { c.SigningAlg = "HS256" }, "hs256_secret", "TANDEM_HS256_SECRET"},
		{"short shared secret", func(c *config.Config) {
			c.SigningAlg, c.HS256Secret = "HS256", secret.NewText(strings.Repeat("s", 31))
		}, "hs256_secret", "32 bytes"},
		{"short shared secret for an application", func(c *config.Config) { c.HS256Secret = secret.NewText("hunter2") }, "hs256_secret", "32 bytes"},
		{"a key file for a secret", func(c *config.Config) {
			c.HS256Secret = secret.NewText("-----BEGIN PUBLIC KEY-----" + strings.Repeat("s", 32))
		}, "hs256_secret", "PEM"},
		{"alg none", func(c *config.Config) { c.SigningAlg = "none" }, "signing_alg", "must be ES256"},
		{"audience with a space", func(c *config.Config) { c.Audiences = []string{"a", "b c"} }, "audiences", "entry 2"},
		{"audience twice", func(c *config.Config) { c.Audiences = []string{"a", "a"} }, "audiences", "entry 2"},
		{"private claim", func(c *config.Config) { c.AccessTokenClaims = []string{"roles", "email"} }, "access_token_claims", "email is private, and an access token is readable by whoever holds it"},
		{"unknown claim", func(c *config.Config) { c.AccessTokenClaims = []string{"e-mail"} }, "access_token_claims", "did you mean email"},
		{"any origin", func(c *config.Config) { c.AllowedOrigins = []string{"*"} }, "allowed_origins", "any page act with the user's cookie"},
		{"null origin", func(c *config.Config) { c.AllowedOrigins = []string{"null"} }, "allowed_origins", "any page"},
		{"pattern", func(c *config.Config) { c.AllowedOrigins = []string{"https://*.example.com"} }, "allowed_origins", "compared exactly"},
		{"origin with a slash", func(c *config.Config) { c.AllowedOrigins = []string{"https://a.example/"} }, "allowed_origins", "write https://a.example"},
		{"origin with the default port", func(c *config.Config) { c.AllowedOrigins = []string{"https://a.example:443"} }, "allowed_origins", "without the port"},
		{"origin over http", func(c *config.Config) { c.AllowedOrigins = []string{"http://a.example"} }, "allowed_origins", "https"},
		{"origin of no page", func(c *config.Config) { c.AllowedOrigins = []string{"file:///a"} }, "allowed_origins", "is not an origin"},
		{"origin twice", func(c *config.Config) { c.AllowedOrigins = []string{"https://a.example", "https://a.example"} }, "allowed_origins", "twice"},
		{"cookie elsewhere", func(c *config.Config) { c.Cookies.Domain = "example.org" }, "cookies.domain", "parent of the issuer's host"},
		{"cookie for a tail that is no parent", func(c *config.Config) { c.Cookies.Domain = "ple.com" }, "cookies.domain", "parent"},
		{"cookie for all", func(c *config.Config) { c.Cookies.Domain = "com" }, "cookies.domain", "two parts"},
		{"cookie with a dot", func(c *config.Config) { c.Cookies.Domain = ".example.com" }, "cookies.domain", "without the dot"},
		{"cookie for an address", func(c *config.Config) { c.Issuer, c.Cookies.Domain = "http://127.0.0.1", "127.0.0.1" }, "cookies.domain", "domain name"},
		{"short password", func(c *config.Config) { c.Password.MinLength = 7 }, "password.min_length", "from 8 to 64"},
		{"long password", func(c *config.Config) { c.Password.MinLength = 65 }, "password.min_length", "from 8 to 64"},
		{"limit below zero", func(c *config.Config) { c.Limits.SignInPerAccount = -1 }, "limits.sign_in_per_account", "more than 0"},
		{"other limit below zero", func(c *config.Config) { c.Limits.SignInPerAddress = -1 }, "limits.sign_in_per_address", "more than 0"},
		{"sessions below zero", func(c *config.Config) { c.Session.Limit = -1 }, "session.limit", "negative"},
		{"unknown preset", func(c *config.Config) { c.Session.Preset = "strickt" }, "session.preset", "did you mean strict?"},
		{"idle above absolute", func(c *config.Config) { c.Session.Preset, c.Session.Idle = "strict", 13*time.Hour }, "session.idle", "(13h) is longer than session.absolute (12h)"},
		{"refresh idle above absolute", func(c *config.Config) { c.Refresh.Idle = 31 * 24 * time.Hour }, "refresh.idle", "longer than refresh.absolute"},
		{"idle below zero", func(c *config.Config) { c.Session.Idle, c.Refresh.Idle = -1, time.Hour }, "session.idle", "more than zero"},
		{"absolute below zero", func(c *config.Config) { c.Refresh.Absolute = -1 }, "refresh.absolute", "more than zero"},
		{"long grace", func(c *config.Config) { c.Refresh.Grace = 5*time.Minute + 1 }, "refresh.grace", "from 0s to 5m"},
		{"negative grace", func(c *config.Config) { c.Refresh.Grace = -time.Second }, "refresh.grace", "from 0s to 5m"},
		{"proxy by address", func(c *config.Config) { c.TrustedProxies = []string{"10.1.2.3"} }, "trusted_proxies", "write 10.1.2.3/32"},
		{"proxy by name", func(c *config.Config) { c.TrustedProxies = []string{"nginx"} }, "trusted_proxies", "not a network"},
		{"everyone a proxy", func(c *config.Config) { c.TrustedProxies = []string{"::/0"} }, "trusted_proxies", "whole internet"},
		{"stray bits", func(c *config.Config) { c.TrustedProxies = []string{"10.1.2.3/8"} }, "trusted_proxies", "write 10.0.0.0/8"},
		{"mail without server", func(c *config.Config) { c.Mail.From = "a@example.com" }, "mail.from", "without mail.server"},
		{"log level", func(c *config.Config) { c.Log.Level = "warning" }, "log.level", "must be debug, info, warn or error"},
		{"log format", func(c *config.Config) { c.Log.Format = "logfmt" }, "log.format", "text or json"},
	} {
		t.Run(test.name, func(t *testing.T) {
			err := at(test.change).Validate()
			got := found(t, err, "./x")
			if len(got) != 1 || !strings.HasPrefix(got[0], test.key+" ") || !strings.Contains(got[0], test.part) {
				t.Errorf("got %q, want one problem of %s with %q", got, test.key, test.part)
			}
		})
	}
}

func TestMailRules(t *testing.T) {
	c := at(func(c *config.Config) {
		c.Mail = config.Mail{Server: "smtp.example.com", From: "nobody", Password: secret.NewText("x"), TLS: "insecure_plaintext"}
	})
	var keys []string
	for _, line := range found(t, c.Validate(), "./x") {
		key, _, _ := strings.Cut(line, " ")
		keys = append(keys, key)
	}
	want := []string{"mail.server", "mail.from", "mail.username", "mail.tls"}
	if !slices.Equal(keys, want) {
		t.Errorf("problems of %v, want %v", keys, want)
	}
	c.Mail.TLS = "ssl"
	if err := c.Validate(); !strings.Contains(err.Error(), "mail.tls must be starttls, implicit or insecure_plaintext") {
		t.Error(err)
	}
}

func TestWithDefaultsIsIdempotentAndSharesNothing(t *testing.T) {
	c := config.Config{AllowedOrigins: []string{"https://a.example"}}
	once := c.WithDefaults()
	once.AllowedOrigins[0] = "changed"
	if c.AllowedOrigins[0] != "https://a.example" {
		t.Error("WithDefaults shares a slice with its receiver")
	}
	if len(config.Default().Audiences) != 1 {
		t.Errorf("audiences %q", config.Default().Audiences)
	}
}
