package tandem

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"tandem.example/tandem/internal/audit"
	"tandem.example/tandem/internal/clock"
	"tandem.example/tandem/internal/config"
	"tandem.example/tandem/internal/feed"
	"tandem.example/tandem/internal/postgres"
)

// ErrRestoreOutside is answered for a backup file of a store that is a server of its own: its own tools make and read
// those (pg_dump, pg_restore, pg_basebackup), and Tandem is told afterwards.
var ErrRestoreOutside = errors.New("a PostgreSQL store is restored with its own tools; after that, `tandem restore` without a file begins a new epoch")

// ErrFileNeeded is answered for a restore of the embedded store without a backup.
var ErrFileNeeded = errors.New("the embedded store is restored from a file that `tandem backup` wrote: name it")

// schemaOfShared reads the schema of a PostgreSQL store.
func schemaOfShared(ctx context.Context, c Config) (Schema, error) {
	m, err := postgres.Migrations(ctx, postgresConfig(c))
	return Schema(m), err
}

func migrateShared(ctx context.Context, c Config) (before Schema, err error) {
	m, err := postgres.Migrate(ctx, postgresConfig(c))
	return Schema(m), err
}

func postgresConfig(c Config) postgres.Config {
	return postgres.Config{URL: c.Store, NoMigrate: c.NoMigrate, InsecureAllowAsyncCommit: c.InsecureAllowAsyncCommit}
}

// restoreShared begins a new epoch of a store that was restored by other means. Nodes may be running: they notice.
func restoreShared(ctx context.Context, c Config, r Restoration) (done Restored, err error) {
	if r.File != "" {
		return done, ErrRestoreOutside
	}
	box, source, err := configuredKey(c)
	if err != nil {
		return done, fmt.Errorf("restore: the master key of the store is needed at %s: %w", source, err)
	}
	opened, err := openShared(ctx, c, options{logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return done, fmt.Errorf("restore: %w", err)
	}
	defer func() { err = errors.Join(err, opened.Close()) }()
	st := opened.(sharedStore)
	keys, _, err := st.Keys().Keys(ctx)
	if err == nil {
		err = opens(box, keys)
	}
	if err != nil {
		return done, fmt.Errorf("restore: %w", err)
	}
	if done.TakenAt, err = st.LastCommit(ctx); err != nil {
		return done, err
	}
	now := clock.New(done.TakenAt).Now()
	if done.Sessions, err = countSessions(ctx, st.Sessions(), now); err != nil {
		return done, err
	}
	done.Epoch, done.Kept = feed.RandomEpoch(), r.InsecureKeepSessions
	entry := audit.New(audit.StoreRestored, now)
	entry.Actor, entry.Target, entry.Reason = "operator", config.Redacted(c.Store), r.Reason
	if r.InsecureKeepSessions {
		entry.Reason = strings.TrimSpace(entry.Reason + " (sessions of the backup were kept)")
	}
	_, err = st.BeginEpoch(ctx, feed.NewEpoch{Epoch: done.Epoch, EndSessions: !r.InsecureKeepSessions, KeepHolders: true, Audit: entry, At: now})
	if err != nil {
		return done, fmt.Errorf("restore: %w", err)
	}
	return done, st.main.ConfirmTimeline(ctx)
}

// examineShared looks at a PostgreSQL store and the master key.
func examineShared(ctx context.Context, c Config) Examination {
	e := Examination{DataDir: config.Redacted(c.Store)}
	var box sealer
	box, e.KeySource, e.KeyFault = configuredKey(c)
	if e.Schema, e.Fault = schemaOfShared(ctx, c); e.Fault != nil || e.Schema.Current == 0 {
		return e
	}
	e.Present = true
	if e.Schema.Pending() {
		return e // to open it would change it
	}
	st, err := postgres.Open(ctx, postgresConfig(c))
	if err != nil {
		e.Fault = err
		return e
	}
	defer func() { e.Fault = errors.Join(e.Fault, st.Close()) }()
	keys, _, err := st.Keys().Keys(ctx)
	if err != nil {
		e.Fault = err
		return e
	}
	e.Keys = len(keys)
	if e.LastCommit, err = st.LastCommit(ctx); err != nil {
		e.Fault = err
	}
	if e.KeyFault == nil {
		e.KeyFault = opens(box, keys)
	}
	return e
}
