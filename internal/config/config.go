// Package config owns the configuration of a Tandem server: its keys, their
// defaults, where a value may come from (flag, environment, tandem.yaml) and
// the rules a value must keep. It opens nothing but configuration files and
// starts nothing.
//
// Package tandem takes a Config, the command line makes one with Load, prints
// the keys with Keys and writes a first tandem.yaml with Write.
package config

import (
	"time"

	"tandem.example/tandem/internal/secret"
	"tandem.example/tandem/verify/jws"
)

// Config says how a server runs. The zero Config is useful: a field that is
// zero stands for its default, which WithDefaults fills in, and Validate
// refuses what contradicts itself. A Config is data: it may be copied, and a
// copy shares its slices.
type Config struct {
	// Issuer is the public URL of this server, the `iss` of its tokens: https,
	// without query, fragment or trailing slash; http only for this machine
	// (localhost, 127.0.0.1, [::1]). Empty means http://localhost:PORT with the
	// port of Listen, which works only while Listen is on this machine.
	Issuer string

	// Listen and AdminListen are the TCP addresses, host:port, of the API and
	// of metrics and profiling. Empty means 127.0.0.1:8484 and 127.0.0.1:8485;
	// port 0 lets the system choose.
	Listen, AdminListen string

	// DataDir is the directory of the embedded store, its lock, the local
	// administration socket and the master key. Empty means tandem-data in the
	// working directory.
	DataDir string

	// Store is where everything is kept: "sqlite" (the default), "memory",
	// which forgets at exit, or the URL of a PostgreSQL server, postgres://,
	// which several nodes may share.
	Store    string
	Sessions Sessions

	// NoMigrate has the server refuse a PostgreSQL schema that is older than
	// its own rather than bring it up to date (`tandem migrate`). It is the key
	// migrate_at_start turned round.
	NoMigrate bool
	// InsecureAllowAsyncCommit accepts a PostgreSQL server that answers before
	// a commit is durable (fsync off): a revocation that was answered may then
	// be lost in a crash.
	InsecureAllowAsyncCommit bool

	// MasterKeyFile names the file with the key that seals signing keys in the
	// store; nobody but its owner may read it. Empty means master.key in
	// DataDir, made on the first start.
	MasterKeyFile string
	// MasterKey is the key itself, 32 bytes in base64 or hex, and takes the
	// place of MasterKeyFile.
	MasterKey secret.Text

	// Lease is the longest time between a revocation and the last acceptance
	// by any verifier: 1 s to 60 s, 10 s if zero.
	Lease time.Duration

	// Drain is for how long a server that was told to stop goes on serving after
	// /readyz has begun to answer 503, so that load balancers send nobody there
	// any more: up to 5 min. Zero, the default, is right where there is none.
	Drain time.Duration

	// AccessTokenTTL is how long an access token lives: 10 s to 15 min, 5 min
	// if zero. With AllowLongAccessTokens it may be up to 24 h: a verifier set
	// to UntilExpiry then goes on accepting a revoked token for that long, and
	// the revocation log keeps each event for that long.
	AccessTokenTTL        time.Duration
	AllowLongAccessTokens bool

	// SigningAlg is the algorithm of new signing keys: ES256 (the default),
	// EdDSA, RS256, PS256 or, with HS256Secret, HS256.
	SigningAlg jws.Algorithm

	// HS256Secret is the key of HS256 tokens, at least 32 bytes as they are.
	// It is never published: verifiers are given it (verify.SharedKey), and
	// whoever holds it can make tokens. Empty means that nothing signs HS256.
	HS256Secret secret.Text

	// Audiences are the audiences of the default application, the first being
	// the one of a token that asks for none. Empty means the issuer alone.
	Audiences []string

	// AccessTokenClaims names claims that access tokens must carry beside the
	// required ones. All it may name are carried anyway; private attributes
	// are refused, since a token is readable by whoever holds it.
	AccessTokenClaims []string

	// AllowedOrigins are the web origins, such as https://app.example.com,
	// whose scripts may call this server with the user's cookie. Empty means
	// none but the server's own.
	AllowedOrigins []string

	Cookies  Cookies
	Password Password
	Limits   Limits
	Session  Session
	Refresh  Refresh

	// TrustedProxies are the networks, in CIDR form, of the reverse proxies
	// whose X-Forwarded-For is believed. Empty means none.
	TrustedProxies []string

	Mail Mail

	// ServiceName is what people know this server as, in messages and on pages;
	// the issuer's host if empty.
	ServiceName string
	SignIn      SignIn

	// Providers are those with whom people may sign in, in the order in which
	// they are offered.
	Providers []Provider

	Log Log

	// Dev is `serve --dev`: mail and the first admin's password are printed,
	// and verifiers may sync without a credential. It is refused unless issuer
	// and listeners are on this machine, and cannot be set by configuration
	// files or environment.
	Dev bool
}

// LongestAccessTokenTTL is the longest AccessTokenTTL that c allows, for itself
// and for any application.
func (c Config) LongestAccessTokenTTL() time.Duration {
	if c.AllowLongAccessTokens {
		return maxLongTokenTTL
	}
	return maxTokenTTL
}

// Sessions says where sessions are kept.
type Sessions struct {
	// Store is empty for the same store as everything else, or the URL of a
	// Redis server or cluster, redis:// or rediss://, further addresses as
	// ?addr=HOST:PORT.
	Store string
	// InsecureAllowVolatile accepts a Redis that may forget sessions: without
	// an append-only file, or evicting keys when its memory is full. Their
	// users have to sign in again; no revocation is lost.
	InsecureAllowVolatile bool
}

// Cookies says how session cookies are scoped.
type Cookies struct {
	// Domain shares the cookie with the subdomains of a domain that the issuer
	// lies in. Empty, the default, keeps it to the issuer's host.
	Domain string
	// NoDeviceBinding leaves sessions unbound in browsers that could bind them
	// to their device, and takes the cookie of a bound one for itself. It is
	// the key cookies.device_binding turned round, so that the zero value is
	// the safe one. Sessions are bound on https without a Domain only.
	NoDeviceBinding bool
}

// Password is the policy for new passwords.
type Password struct {
	MinLength int // in characters, 8 to 64; 12 if zero
}

// LimitPeriod is the time in which the numbers of Limits are won back.
const LimitPeriod = time.Minute

// Limits bound how often someone may try to sign in.
type Limits struct {
	// Disabled turns rate limits off. It is the key limits.enabled turned
	// round, so that the zero value is the safe one.
	Disabled bool
	// SignInPerAccount and SignInPerAddress are attempts per LimitPeriod for
	// one account and from one address; 10 and 60 if zero.
	SignInPerAccount, SignInPerAddress int
}

// The presets of Session.
const (
	PresetStandard = "standard" // 14 days idle, 30 days in all
	PresetStrict   = "strict"   // 15 minutes idle, 12 hours in all
)

// Session bounds the sessions of applications that set nothing themselves.
type Session struct {
	// Preset is PresetStandard (the default) or PresetStrict; it gives Idle
	// and Absolute where they are zero.
	Preset string
	// Idle ends a session that nobody used for that long, Absolute ends any:
	// Idle <= Absolute.
	Idle, Absolute time.Duration
	// Limit is how many sessions a user may have at once with one application;
	// zero means no limit.
	Limit int
}

// NoGrace is the Refresh.Grace under which a refresh token works only once.
const NoGrace time.Duration = -1

// Refresh bounds the refresh tokens of applications that set nothing
// themselves.
type Refresh struct {
	// Grace is for how long a used refresh token still answers with the
	// successor it was exchanged for: up to 5 min, 30 s if zero. NoGrace
	// stands for none, since zero stands for the default; read it through
	// Window.
	Grace time.Duration
	// Idle and Absolute bound the life of a refresh token that is not used,
	// and of all that descend from one sign-in: Idle <= Absolute. Zero means
	// those of Session.
	Idle, Absolute time.Duration
}

// Window is the grace in force: Grace, or zero for NoGrace.
func (r Refresh) Window() time.Duration { return max(r.Grace, 0) }

// The values of Mail.TLS.
const (
	TLSStart     = "starttls"           // STARTTLS or no mail
	TLSImplicit  = "implicit"           // TLS from the first byte
	TLSPlaintext = "insecure_plaintext" // readable on the way
)

// Mail says how messages to users leave. Without a Server none are sent; under
// Dev they are printed.
type Mail struct {
	Server   string // SMTP server, host:port
	From     string // address of the sender, as in `Tandem <no-reply@example.com>`
	Username string
	Password secret.Text
	TLS      string // TLSStart if empty
}

// Log says what the server writes to standard error.
type Log struct {
	Level  string // debug, info (the default), warn or error
	Format string // text (the default) or json
}
