package postgres

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"hash/fnv"
	"io/fs"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
)

// Migrations add and never take away or change the meaning of what is there, so that two versions of Tandem can serve
// side by side while nodes are replaced one by one. A migration that cannot be so raises head.least to its own number:
// versions that do not know it then refuse to start. Statements name their columns, never *.
//
//go:embed migrations/*.sql
var embedded embed.FS

// versionTable is where goose keeps what has been applied.
const versionTable = "tandem_migrations"

// MigrationStatus says which schema a store has.
type MigrationStatus struct {
	Current int64 // 0 if there is no store yet
	Target  int64 // what this version of Tandem brings it to
}

// Pending reports whether a migration is to be applied.
func (m MigrationStatus) Pending() bool { return m.Current < m.Target }

// Migrations answers the schema of the store and changes nothing.
func Migrations(ctx context.Context, c Config) (status MigrationStatus, err error) {
	err = inspect(ctx, c, func(ctx context.Context, s *Store) error {
		if status.Target, err = s.target(); err != nil {
			return err
		}
		status.Current, err = s.current(ctx)
		return err
	})
	return status, err
}

// Migrate brings the schema up to date, as Open does, and answers the schema before.
func Migrate(ctx context.Context, c Config) (before MigrationStatus, err error) {
	if before, err = Migrations(ctx, c); err != nil {
		return before, err
	}
	c.NoMigrate = false
	s, err := Open(ctx, c)
	if err != nil {
		return before, err
	}
	return before, s.Close()
}

// inspect runs what looks at a database that need not hold a store.
func inspect(ctx context.Context, c Config, look func(context.Context, *Store) error) error {
	c, err := c.complete()
	if err != nil {
		return err
	}
	p, err := c.parse()
	if err != nil {
		return err
	}
	s := &Store{config: c}
	if err := s.newPool(ctx, p); err != nil {
		return s.openError(err)
	}
	defer s.pool.Close()
	ctx, cancel := context.WithTimeout(ctx, c.Timeout)
	defer cancel()
	if err := look(ctx, s); err != nil {
		return s.openError(err)
	}
	return nil
}

func (s *Store) files() (fs.FS, error) {
	if s.config.migrations != nil {
		return s.config.migrations, nil
	}
	return fs.Sub(embedded, "migrations")
}

// target is the version of the last migration that is built in.
func (s *Store) target() (int64, error) {
	files, err := s.files()
	if err != nil {
		return 0, err
	}
	names, err := fs.Glob(files, "*.sql")
	if err != nil || len(names) == 0 {
		return 0, fmt.Errorf("list migrations: %w", errors.Join(err, fs.ErrNotExist))
	}
	return goose.NumericComponent(names[len(names)-1])
}

// current reads the version of the schema, 0 for one that is empty or not there.
func (s *Store) current(ctx context.Context) (version int64, err error) {
	var versioned, foreign bool
	err = s.pool.QueryRow(ctx, `SELECT to_regclass($1) IS NOT NULL,
			EXISTS (SELECT 1 FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
				WHERE n.nspname = $2 AND c.relname IN ('users', 'sessions', 'head'))`,
		s.config.Schema+"."+versionTable, s.config.Schema).Scan(&versioned, &foreign)
	switch {
	case err != nil:
		return 0, err
	case !versioned && foreign:
		return 0, ErrNotStore
	case !versioned:
		return 0, nil
	}
	err = s.pool.QueryRow(ctx, `SELECT coalesce(max(version_id), 0) FROM `+versionTable+` WHERE is_applied`).Scan(&version)
	return version, err
}

// migrate applies what is pending, or refuses a schema that does not fit.
func (s *Store) migrate(ctx context.Context) error {
	target, err := s.target()
	if err != nil {
		return err
	}
	now, err := s.current(ctx)
	switch {
	case err != nil:
		return err
	case now > target:
		return s.checkNewer(ctx, now, target)
	case now == target:
		return nil
	case s.config.NoMigrate:
		return fmt.Errorf("%w: it is %d, wanted %d", ErrOlder, now, target)
	}
	return s.locked(ctx, func() error {
		if now, err := s.current(ctx); err != nil || now >= target {
			return err // another node was faster
		}
		return s.up(ctx)
	})
}

// checkNewer lets a version work with a schema that a later one has migrated, if that says so.
func (s *Store) checkNewer(ctx context.Context, now, target int64) error {
	var least int64
	if err := s.pool.QueryRow(ctx, `SELECT least FROM head WHERE one`).Scan(&least); err != nil {
		return fmt.Errorf("%w: it is %d, the latest known here is %d: %w", ErrNewer, now, target, err)
	}
	if least > target {
		return fmt.Errorf("%w: it is %d and needs %d, the latest known here is %d", ErrNewer, now, least, target)
	}
	return nil
}

// locked makes the schema and runs a migration while no other node does.
func (s *Store) locked(ctx context.Context, run func() error) (err error) {
	c, err := s.dedicated(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.Close(context.WithoutCancel(ctx))) }()
	_, err = c.Exec(ctx, `SELECT set_config('lock_timeout', '0', false), set_config('statement_timeout', '0', false)`)
	if err != nil {
		return err
	}
	if _, err = c.Exec(ctx, `SELECT pg_advisory_lock($1)`, s.lockKey("migrate")); err != nil {
		return fmt.Errorf("wait for another migration: %w", err)
	}
	var there bool
	err = c.QueryRow(ctx, `SELECT EXISTS (SELECT 1 FROM pg_namespace WHERE nspname = $1)`, s.config.Schema).Scan(&there)
	if err == nil && !there {
		_, err = c.Exec(ctx, `CREATE SCHEMA `+pgx.Identifier{s.config.Schema}.Sanitize())
	}
	if err != nil {
		return fmt.Errorf("make schema %s: %w", s.config.Schema, err)
	}
	return run()
}

// lockKey names an advisory lock of this schema. Advisory locks belong to a database.
func (s *Store) lockKey(task string) int64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte("tandem\x00" + s.config.Schema + "\x00" + task))
	return int64(h.Sum64())
}

// up runs the migrations, each in a transaction of its own.
func (s *Store) up(ctx context.Context) (err error) {
	files, err := s.files()
	if err != nil {
		return err
	}
	config := s.pool.Config().ConnConfig.Copy()
	config.RuntimeParams["search_path"] = s.config.Schema
	db := sql.OpenDB(stdlib.GetConnector(*config))
	defer func() { err = errors.Join(err, db.Close()) }()
	p, err := goose.NewProvider(goose.DialectPostgres, db, files, goose.WithTableName(versionTable),
		goose.WithDisableGlobalRegistry(true), goose.WithLogger(goose.NopLogger()))
	if err != nil {
		return fmt.Errorf("read migrations: %w", err)
	}
	if _, err := p.Up(ctx); err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	return nil
}
