package sqlite

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Backup writes a copy of the database as it is at one moment to the path, readable by its owner alone, while the
// store is in use. It refuses to write over a file (ErrExists), and leaves nothing behind if it fails. The copy is
// durable when it returns.
func (s *Store) Backup(ctx context.Context, path string) (err error) {
	if s.closed.Load() {
		return ErrClosed
	}
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("back up to %s: %w", path, ErrExists)
	}
	if err != nil {
		return fmt.Errorf("back up: %w", err)
	}
	defer func() {
		err = errors.Join(err, file.Close())
		if err != nil {
			err = errors.Join(err, os.Remove(path))
		}
	}()
	db, err := connect(s.path, copying)
	if err != nil {
		return fmt.Errorf("back up: %w", err)
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	// SQLite takes an empty file for none, so the mode is ours from the beginning.
	if _, err := db.ExecContext(ctx, `VACUUM INTO ?`, path); err != nil {
		return fmt.Errorf("back up to %s: %w", path, err)
	}
	if err := errors.Join(file.Sync(), syncDir(filepath.Dir(path))); err != nil {
		return fmt.Errorf("back up to %s: %w", path, err)
	}
	return nil
}

func syncDir(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// checkedFaults bounds what Check lists.
const checkedFaults = 20

// Check reads the whole database and answers ErrCorrupt with what is wrong. It is for the doctor: it takes seconds for
// a million sessions, and holds up nobody.
func (s *Store) Check(ctx context.Context) error {
	if s.closed.Load() {
		return ErrClosed
	}
	text := func(row scanner) (text string, err error) {
		err = row.Scan(&text)
		return text, err
	}
	rows, err := s.read.db.QueryContext(ctx, fmt.Sprintf(`PRAGMA integrity_check(%d)`, checkedFaults))
	faults, err := collect(rows, err, text)
	if err != nil {
		return fmt.Errorf("check store %s: %w", s.path, err)
	}
	if len(faults) == 1 && faults[0] == "ok" {
		faults = nil
	}
	rows, err = s.read.db.QueryContext(ctx, `SELECT "table" || ' names a row that is not there' FROM pragma_foreign_key_check LIMIT 20`)
	dangling, err := collect(rows, err, text)
	if err != nil {
		return fmt.Errorf("check store %s: %w", s.path, err)
	}
	if faults = append(faults, dangling...); len(faults) > 0 {
		return fmt.Errorf("check store %s: %w: %s", s.path, ErrCorrupt, strings.Join(faults, "; "))
	}
	return nil
}
