package postgres

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"regexp"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
)

// Config says where the database is. Zero values take the defaults.
type Config struct {
	// URL is a connection string as libpq reads it: postgres://user@host1,host2/database?sslmode=verify-full. Of
	// several hosts the one that takes writes is used.
	URL string
	// Schema holds all tables; it is made if it is not there. "tandem" by default.
	Schema string
	// Connections is the size of the pool, 16 by default. Two more are used beside it, for wake-ups and Alone.
	Connections int
	// Timeout bounds every verb whose context has no earlier deadline, and connecting at start. 10 s by default.
	Timeout time.Duration
	// NoMigrate refuses to change the schema: Open answers ErrOlder then if it is too old.
	NoMigrate bool
	// Serializable leaves transactions at the isolation SERIALIZABLE, for engines that have no other.
	Serializable bool
	// InsecureAllowAsyncCommit accepts a server that acknowledges commits before they are on disk (fsync=off,
	// synchronous_commit=off). A crash then takes back revocations that were answered as done.
	InsecureAllowAsyncCommit bool
	// OnTimeline is called, if set, when a connection is made to a server whose history is not the one last confirmed:
	// after a failover. It must not block; see Store.Rolled.
	OnTimeline func()
	// Logger is told what has no caller to answer to. Nil for none.
	Logger *slog.Logger

	migrations fs.FS // in place of those built in, for tests
}

const (
	defaultSchema      = "tandem"
	defaultConnections = 16
	defaultTimeout     = 10 * time.Second
	maxConnections     = 1000
)

var schemaName = regexp.MustCompile(`^[a-z_][a-z0-9_]{0,40}$`)

// complete fills in the defaults and refuses what cannot be meant.
func (c Config) complete() (Config, error) {
	c.Schema = cmp.Or(c.Schema, defaultSchema)
	c.Connections = cmp.Or(c.Connections, defaultConnections)
	c.Timeout = cmp.Or(c.Timeout, defaultTimeout)
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	switch {
	case c.URL == "":
		return c, errors.New("postgres: URL is empty: name the database, as in postgres://tandem@localhost/tandem")
	case !schemaName.MatchString(c.Schema):
		return c, fmt.Errorf("postgres: Schema %q: want a lower-case name of letters, digits and _", c.Schema)
	case c.Connections < 1 || c.Connections > maxConnections:
		return c, fmt.Errorf("postgres: Connections %d: want 1 to %d", c.Connections, maxConnections)
	case c.Timeout < 0:
		return c, fmt.Errorf("postgres: Timeout %s is negative", c.Timeout)
	}
	return c, nil
}

// parse reads the URL. What the driver says about one that it cannot read may quote the password, so it is dropped.
func (c Config) parse() (*pgxpool.Config, error) {
	p, err := pgxpool.ParseConfig(c.URL)
	if err != nil {
		return nil, errors.New("postgres: URL cannot be read: want postgres://user:password@host:port/database")
	}
	return p, nil
}
