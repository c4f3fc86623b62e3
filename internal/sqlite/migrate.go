package sqlite

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/pressly/goose/v3"
)

//go:embed migrations/*.sql
var migrationFiles embed.FS

// applicationID is what the first migration writes into the file's header.
const applicationID = 0x544e444d

// MigrationStatus says which schema a store has.
type MigrationStatus struct {
	Current int64 // 0 if there is no store yet
	Target  int64 // what this version of Tandem brings it to
}

// Pending reports whether a migration is to be applied.
func (m MigrationStatus) Pending() bool { return m.Current < m.Target }

// Migrations answers the schema of the store in the directory and changes nothing.
func Migrations(ctx context.Context, dir string) (status MigrationStatus, err error) {
	path := filepath.Join(dir, DatabaseFile)
	if status.Target, err = target(); err != nil {
		return status, err
	}
	if info, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) || err == nil && info.Size() == 0 {
		return status, nil
	} else if err != nil {
		return status, fileError(path, err)
	}
	db, err := connect(path, reading)
	if err != nil {
		return status, databaseError(path, err)
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	status.Current, err = current(ctx, db, path)
	return status, err
}

// Migrate brings the schema of the store in the directory up to date, as Open does, and answers the schema before.
func Migrate(ctx context.Context, dir string) (before MigrationStatus, err error) {
	if before, err = Migrations(ctx, dir); err != nil {
		return before, err
	}
	s, err := Open(ctx, Config{Dir: dir, MirrorSessions: -1})
	if err != nil {
		return before, err
	}
	return before, s.Close()
}

// Version answers the schema of the open store.
func (s *Store) Version(ctx context.Context) (MigrationStatus, error) {
	latest, err := target()
	if err != nil {
		return MigrationStatus{}, err
	}
	now, err := current(ctx, s.read.db, s.path)
	return MigrationStatus{Current: now, Target: latest}, err
}

// migrate applies what is pending, each migration in a transaction of its own.
func migrate(ctx context.Context, db *sql.DB, path string) error {
	latest, err := target()
	if err != nil {
		return err
	}
	now, err := current(ctx, db, path)
	switch {
	case err != nil:
		return err
	case now > latest:
		return &OpenError{
			Path:   path,
			Err:    fmt.Errorf("%w: its schema is %d, the latest known here is %d", ErrNewer, now, latest),
			Remedy: remedyNewer,
		}
	case now == latest:
		return nil
	}
	provider, err := provider(db)
	if err != nil {
		return err
	}
	if _, err := provider.Up(ctx); err != nil {
		return databaseError(path, fmt.Errorf("migrate: %w", err))
	}
	return nil
}

// current reads the version of the schema, 0 for an empty database; ErrNotStore for a database of someone else. It is
// asked at each start, so it is one query rather than goose's three.
func current(ctx context.Context, db *sql.DB, path string) (version int64, err error) {
	var id, foreign, versioned int64
	err = db.QueryRowContext(ctx, `SELECT application_id,
			(SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name <> 'goose_db_version' AND name NOT LIKE 'sqlite_%'),
			(SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = 'goose_db_version')
		FROM pragma_application_id`).Scan(&id, &foreign, &versioned)
	switch {
	case err != nil:
		return 0, databaseError(path, err)
	case id != applicationID && foreign > 0:
		return 0, &OpenError{Path: path, Err: ErrNotStore, Remedy: remedyNotStore}
	case versioned == 0:
		return 0, nil
	}
	err = db.QueryRowContext(ctx, `SELECT coalesce(max(version_id), 0) FROM goose_db_version WHERE is_applied`).Scan(&version)
	if err != nil {
		return 0, databaseError(path, err)
	}
	return version, nil
}

// target is the version of the last migration that is built in.
func target() (int64, error) {
	files, err := fs.Glob(migrationFiles, "migrations/*.sql")
	if err != nil || len(files) == 0 {
		return 0, fmt.Errorf("list migrations: %w", errors.Join(err, fs.ErrNotExist))
	}
	return goose.NumericComponent(files[len(files)-1])
}

func provider(db *sql.DB) (*goose.Provider, error) {
	files, err := fs.Sub(migrationFiles, "migrations")
	if err != nil {
		return nil, fmt.Errorf("read migrations: %w", err)
	}
	p, err := goose.NewProvider(goose.DialectSQLite3, db, files,
		goose.WithDisableGlobalRegistry(true), goose.WithLogger(goose.NopLogger()))
	if err != nil {
		return nil, fmt.Errorf("read migrations: %w", err)
	}
	return p, nil
}
