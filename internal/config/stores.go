package config

import (
	"net/url"
	"slices"
	"strings"

	"tandem.example/tandem/internal/secret"
)

const storeSQLite, storeMemory = "sqlite", "memory"

// Schemes of the stores that are servers of their own.
var (
	postgresSchemes = []string{"postgres", "postgresql"}
	redisSchemes    = []string{"redis", "rediss", "unix"}
)

// OnPostgres reports whether the store is a PostgreSQL server, which several nodes may share.
func (c Config) OnPostgres() bool { return hasScheme(c.Store, postgresSchemes) }

// Embedded reports whether the store is the file in DataDir.
func (c Config) Embedded() bool { return c.Store == storeSQLite || c.Store == "" }

func hasScheme(text string, schemes []string) bool {
	scheme, _, found := strings.Cut(text, "://")
	return found && slices.Contains(schemes, scheme)
}

func (c Config) checkStores(ps *problems) {
	switch {
	case c.OnPostgres():
		checkURL(ps, "store", c.Store, "postgres://USER@HOST:5432/DATABASE")
	case c.Store != storeSQLite && c.Store != storeMemory:
		ps.add("store", "must be sqlite, memory or a postgres:// URL", "write sqlite")
	}
	switch {
	case c.Sessions.Store == "":
		if c.Sessions.InsecureAllowVolatile {
			ps.add("sessions.insecure_allow_volatile", "applies to sessions.store only", "leave it out", "sessions.store")
		}
	case !hasScheme(c.Sessions.Store, redisSchemes):
		ps.add("sessions.store", "must be a redis://, rediss:// or unix:/// URL", "leave it out, to keep sessions in the main store")
	case !c.OnPostgres():
		// One process owns the other stores, and keeps its sessions at the speed of memory anyway.
		ps.add("sessions.store", "needs a postgres:// store beside it, where users and the revocation log stay", "leave it out", "store")
	default:
		checkURL(ps, "sessions.store", c.Sessions.Store, "redis://HOST:6379")
	}
	if !c.OnPostgres() && (c.NoMigrate || c.InsecureAllowAsyncCommit) {
		ps.add("store", "is not PostgreSQL, and migrate_at_start and insecure_allow_async_commit apply to it alone", "leave them out")
	}
	if c.MasterKey.Empty() {
		return
	}
	if c.MasterKeyFile != "" {
		ps.add("master_key", "and master_key_file are both given", "keep one of the two", "master_key_file")
	}
	if _, err := secret.ParseMasterKey(c.MasterKey.Reveal()); err != nil {
		ps.add("master_key", "must be 32 random bytes in base64 or hex", "make one with `openssl rand -base64 32`")
	}
}

// checkURL refuses what is no URL. It does not repeat the text, which may hold a password.
func checkURL(ps *problems, key, text, example string) {
	if _, err := url.Parse(text); err != nil {
		ps.add(key, "is not a valid URL", "write "+example+", with special characters of a password percent-encoded")
	}
}

// Redacted is the URL of a store as it may be shown: without a password.
func Redacted(store string) string {
	u, err := url.Parse(store)
	if err != nil || u.Scheme == "" {
		return store
	}
	q := u.Query()
	for _, key := range []string{"password", "sslpassword"} {
		if q.Has(key) {
			q.Set(key, "xxxxx")
			u.RawQuery = q.Encode()
		}
	}
	return u.Redacted()
}
