package config

import (
	"strings"

	"tandem.example/tandem/internal/secret"
)

const storeSQLite, storeMemory = "sqlite", "memory"

func (c Config) checkStores(ps *problems) {
	const notYet = "names a store that is not in this build yet"
	if strings.HasPrefix(c.Store, "postgres://") || strings.HasPrefix(c.Store, "postgresql://") {
		ps.add("store", notYet+": PostgreSQL", "use sqlite")
	} else if c.Store != storeSQLite && c.Store != storeMemory {
		ps.add("store", "must be sqlite or memory", "write sqlite")
	}
	if strings.HasPrefix(c.Sessions.Store, "redis://") || strings.HasPrefix(c.Sessions.Store, "rediss://") {
		ps.add("sessions.store", notYet+": Redis", "leave it out, to keep sessions in the main store")
	} else if c.Sessions.Store != "" {
		ps.add("sessions.store", "must be a redis:// URL", "leave it out, to keep sessions in the main store")
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
