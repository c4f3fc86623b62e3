package config

import (
	"slices"
	"strings"
)

// Key describes one configuration key, for help, documentation and `init`.
type Key struct {
	Name    string // as in tandem.yaml; a dot means a section
	Env     string // the environment variable that overrides it
	Type    string // as in "a duration"
	Default string // as text; empty for none, or if it derives from other keys
	Doc     string // one sentence
	Secret  bool   // the variable with _FILE appended may name a file instead
}

// field joins a key to its place in a Config.
type field struct {
	name     string
	at       func(*Config) value
	doc      string
	secret   bool // may also come from a file, which the key with _file appended names
	onlyEnv  bool // refused in files and flags, where others could read it
	fallback string
}

var fields = []field{
	{name: "issuer", at: func(c *Config) value { return textValue{&c.Issuer} }, fallback: "http://localhost:PORT",
		doc: "Public URL of this server, the `iss` of its tokens: https, no trailing slash; http only for this machine."},
	{name: "listen", at: func(c *Config) value { return textValue{&c.Listen} },
		doc: "Address of the API, host:port."},
	{name: "admin_listen", at: func(c *Config) value { return textValue{&c.AdminListen} },
		doc: "Address of metrics and profiling, host:port. Keep it where only operators reach it."},
	{name: "data_dir", at: func(c *Config) value { return textValue{&c.DataDir} },
		doc: "Directory of the embedded store, the master key and the local administration socket."},
	{name: "store", at: func(c *Config) value { return textValue{&c.Store} }, secret: true,
		doc: "Where everything is kept: sqlite, memory, which forgets at exit, or postgres://USER@HOST/DATABASE for several nodes."},
	{name: "migrate_at_start", at: func(c *Config) value { return switchValue{p: &c.NoMigrate, inverted: true} },
		doc: "Whether a PostgreSQL schema is brought up to date at start; off, `tandem migrate` does it."},
	{name: "insecure_allow_async_commit", at: func(c *Config) value { return switchValue{p: &c.InsecureAllowAsyncCommit} },
		doc: "Accepts a PostgreSQL that answers before a commit is durable: a crash may undo a revocation that was answered."},
	{name: "sessions.store", at: func(c *Config) value { return textValue{&c.Sessions.Store} }, secret: true,
		doc: "Redis for the sessions of a PostgreSQL store, redis://HOST:6379; leave it out to keep them with the rest."},
	{name: "sessions.insecure_allow_volatile", at: func(c *Config) value { return switchValue{p: &c.Sessions.InsecureAllowVolatile} },
		doc: "Accepts a Redis that may forget sessions (no append-only file, or eviction): their users sign in again."},
	{name: "master_key_file", at: func(c *Config) value { return textValue{&c.MasterKeyFile} }, fallback: "master.key in data_dir",
		doc: "File with the key that seals signing keys, readable by its owner alone; made on the first start."},
	{name: "master_key", at: func(c *Config) value { return secretValue{&c.MasterKey} }, onlyEnv: true,
		doc: "The master key itself, 32 bytes in base64 or hex, in place of master_key_file."},
	{name: "lease", at: func(c *Config) value { return durationValue{&c.Lease} },
		doc: "Longest time from a revocation to the last acceptance by any verifier, 1s to 1m."},
	{name: "drain", at: func(c *Config) value { return pauseValue{&c.Drain} },
		doc: "How long a server told to stop goes on serving while /readyz answers 503, so that load balancers leave it, 0s to 5m."},
	{name: "access_token_ttl", at: func(c *Config) value { return durationValue{&c.AccessTokenTTL} },
		doc: "Life of an access token, 10s to 15m."},
	{name: "allow_long_access_tokens", at: func(c *Config) value { return switchValue{p: &c.AllowLongAccessTokens} },
		doc: "Lets access_token_ttl reach 1d. A verifier set to UntilExpiry then accepts a revoked token for that long."},
	{name: "signing_alg", at: func(c *Config) value { return textValue{(*string)(&c.SigningAlg)} },
		doc: "Algorithm of new signing keys: ES256, EdDSA, RS256, PS256, or HS256 for verifiers that share hs256_secret."},
	{name: "hs256_secret", at: func(c *Config) value { return secretValue{&c.HS256Secret} }, secret: true, onlyEnv: true,
		doc: "Key of HS256 tokens, shared with their verifiers: at least 32 random bytes. Whoever holds it can make tokens."},
	{name: "audiences", at: func(c *Config) value { return listValue{&c.Audiences} }, fallback: "the issuer",
		doc: "Audiences of the default application; a token gets the first unless it asks for another."},
	{name: "access_token_claims", at: func(c *Config) value { return listValue{&c.AccessTokenClaims} },
		doc: "Claims that access tokens must carry beside the required ones; private attributes are refused."},
	{name: "allowed_origins", at: func(c *Config) value { return listValue{&c.AllowedOrigins} },
		doc: "Web origins whose scripts may call this server with the user's cookie, such as https://app.example.com."},
	{name: "cookies.domain", at: func(c *Config) value { return textValue{&c.Cookies.Domain} },
		doc: "Shares the session cookie with the subdomains of this domain; leave it out to keep it to the issuer's host."},
	{name: "cookies.device_binding", at: func(c *Config) value { return switchValue{p: &c.Cookies.NoDeviceBinding, inverted: true} },
		doc: "Whether browsers that can bind a session to their device, so that a stolen cookie dies within 8m; on https without cookies.domain."},
	{name: "password.min_length", at: func(c *Config) value { return numberValue{&c.Password.MinLength} },
		doc: "Shortest new password in characters, 8 to 64."},
	{name: "limits.enabled", at: func(c *Config) value { return switchValue{p: &c.Limits.Disabled, inverted: true} },
		doc: "Whether attempts to sign in are limited. Off invites guessing."},
	{name: "limits.sign_in_per_account", at: func(c *Config) value { return numberValue{&c.Limits.SignInPerAccount} },
		doc: "Attempts to sign in per minute for one account."},
	{name: "limits.sign_in_per_address", at: func(c *Config) value { return numberValue{&c.Limits.SignInPerAddress} },
		doc: "Attempts to sign in per minute from one address."},
	{name: "session.preset", at: func(c *Config) value { return textValue{&c.Session.Preset} },
		doc: "standard (14d idle, 30d in all) or strict (15m idle, 12h in all)."},
	{name: "session.idle", at: func(c *Config) value { return durationValue{&c.Session.Idle} }, fallback: "that of the preset",
		doc: "Ends a session that nobody used for that long."},
	{name: "session.absolute", at: func(c *Config) value { return durationValue{&c.Session.Absolute} }, fallback: "that of the preset",
		doc: "Ends a session that long after sign-in."},
	{name: "session.limit", at: func(c *Config) value { return numberValue{&c.Session.Limit} },
		doc: "Sessions a user may have at once with one application; 0 means no limit."},
	{name: "refresh.grace", at: func(c *Config) value { return graceValue{&c.Refresh.Grace} },
		doc: "For how long a used refresh token still answers with its successor, 0s to 5m."},
	{name: "refresh.idle", at: func(c *Config) value { return durationValue{&c.Refresh.Idle} }, fallback: "session.idle",
		doc: "Life of a refresh token that is not used."},
	{name: "refresh.absolute", at: func(c *Config) value { return durationValue{&c.Refresh.Absolute} }, fallback: "session.absolute",
		doc: "Life of all refresh tokens that descend from one sign-in."},
	{name: "trusted_proxies", at: func(c *Config) value { return listValue{&c.TrustedProxies} },
		doc: "Networks (CIDR) of the reverse proxies whose X-Forwarded-For is believed."},
	{name: "mail.server", at: func(c *Config) value { return textValue{&c.Mail.Server} },
		doc: "SMTP server for mail to users, host:port."},
	{name: "mail.from", at: func(c *Config) value { return textValue{&c.Mail.From} },
		doc: "Sender of mail to users, such as \"Tandem <no-reply@example.com>\"."},
	{name: "mail.username", at: func(c *Config) value { return textValue{&c.Mail.Username} },
		doc: "User name at the SMTP server."},
	{name: "mail.password", at: func(c *Config) value { return secretValue{&c.Mail.Password} }, secret: true,
		doc: "Password at the SMTP server; mail.password_file names a file with it."},
	{name: "mail.tls", at: func(c *Config) value { return textValue{&c.Mail.TLS} }, fallback: TLSStart,
		doc: "How the SMTP connection is protected: starttls, implicit, or insecure_plaintext."},
	{name: "service_name", at: func(c *Config) value { return textValue{&c.ServiceName} }, fallback: "the issuer's host, Tandem on localhost",
		doc: "What people know this server as, in messages and on pages, at most 60 characters."},
	{name: "sign_in.methods", at: func(c *Config) value { return listValue{&c.SignIn.Methods} }, fallback: "all that can be",
		doc: "How a sign-in may begin, in the order offered: password, passkey, email_code (needs mail), provider:NAME."},
	{name: "sign_in.second_factor", at: func(c *Config) value { return textValue{&c.SignIn.SecondFactor} },
		doc: "When a second factor is asked for: if_enrolled, required (of everybody, who then sets one up), or never."},
	{name: "sign_in.remember", at: func(c *Config) value { return graceValue{&c.SignIn.Remember} },
		doc: "For how long a device that has proven a second factor is not asked for one again, 0s to 365d."},
	{name: "sign_in.acr", at: func(c *Config) value { return textValue{&c.SignIn.ACR} },
		doc: "Level that a session must have: 1, or 2, for which a second factor is asked for at each sign-in."},
	{name: "log.level", at: func(c *Config) value { return textValue{&c.Log.Level} },
		doc: "Least level that is logged: debug, info, warn or error."},
	{name: "log.format", at: func(c *Config) value { return textValue{&c.Log.Format} },
		doc: "text or json."},
}

// env is the environment variable of the key.
func (f field) env() string {
	return envPrefix + strings.ToUpper(strings.NewReplacer(".", "_", "-", "_").Replace(f.name))
}

// envFile is the variable that may name a file with the value instead.
func (f field) envFile() string { return f.env() + "_FILE" }

// Keys lists every key in the order of documentation. The slice is the
// caller's.
func Keys() []Key {
	defaults := Default()
	keys := make([]Key, len(fields), len(fields)+len(providerKeys))
	for i, f := range fields {
		v := f.at(&defaults)
		keys[i] = Key{
			Name: f.name, Env: f.env(), Type: v.kind().name, Default: f.fallback, Doc: f.doc,
			Secret: f.secret || f.onlyEnv,
		}
		if f.fallback == "" {
			keys[i].Default = v.text()
		}
	}
	for _, k := range providerKeys {
		of := field{name: providersSection + ".NAME." + k.key}
		keys = append(keys, Key{Name: of.name, Env: of.env(), Type: k.at(new(Provider)).kind().name, Doc: k.doc, Secret: k.secret})
	}
	return keys
}

// lookup finds a field by its key.
func lookup(name string) (field, bool) {
	i := slices.IndexFunc(fields, func(f field) bool { return f.name == name })
	if i < 0 {
		return lookupProvider(name)
	}
	return fields[i], true
}

// isSection reports whether keys stand below name.
func isSection(name string) bool {
	return name == providersSection || isProvider(name) ||
		slices.ContainsFunc(fields, func(f field) bool { return strings.HasPrefix(f.name, name+".") })
}

// keyNames lists the names of all keys.
func keyNames() []string {
	names := make([]string, len(fields))
	for i, f := range fields {
		names[i] = f.name
	}
	return names
}
