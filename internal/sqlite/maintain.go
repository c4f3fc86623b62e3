package sqlite

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"tandem.example/tandem/internal/audit"
	"tandem.example/tandem/internal/signing"
)

// Copy backs up the store in the directory as Backup does, whether or not another process uses it: the copy is read in
// one transaction, which neither waits for the writer nor holds it up. ErrNoStore if there is nothing to copy.
func Copy(ctx context.Context, dir, path string) error {
	if _, err := present(ctx, dir); err != nil {
		return err
	}
	return (&Store{path: filepath.Join(dir, DatabaseFile)}).Backup(ctx, path)
}

// Inspection is what a store tells about itself without being opened.
type Inspection struct {
	Schema MigrationStatus
	// LastCommit is the latest time that a commit carried; zero if there was none.
	LastCommit time.Time
	// Keys are the signing keys, sealed. Empty while a migration is pending.
	Keys []signing.Stored
	// Fault is what Check found; nil for a sound database.
	Fault error
}

// Inspect reads the store in the directory, whether or not another process uses it, and changes nothing. ErrNoStore if
// there is none.
func Inspect(ctx context.Context, dir string) (in Inspection, err error) {
	if in.Schema, err = present(ctx, dir); err != nil || in.Schema.Pending() {
		return in, err
	}
	s := &Store{path: filepath.Join(dir, DatabaseFile)}
	if s.read, err = openReaders(s.path, 1); err != nil {
		return in, databaseError(s.path, err)
	}
	defer func() { err = errors.Join(err, s.read.close()) }()
	if in.LastCommit, err = s.LastCommit(ctx); err != nil {
		return in, err
	}
	if in.Keys, _, err = s.Keys().Keys(ctx); err != nil {
		return in, err
	}
	in.Fault = s.Check(ctx)
	return in, nil
}

// present answers the schema of the store in the directory, or an *OpenError of ErrNoStore.
func present(ctx context.Context, dir string) (MigrationStatus, error) {
	schema, err := Migrations(ctx, dir)
	if err == nil && schema.Current == 0 {
		err = &OpenError{Path: dir, Err: ErrNoStore, Remedy: "name the data_dir of a server that has run (--data-dir)"}
	}
	return schema, err
}

// AsideFile is what the database that Replace replaced is kept as, beside the new one.
const AsideFile = DatabaseFile + ".before-restore"

// Replaced says what became of the database that Replace replaced.
type Replaced struct {
	// Aside is where it is kept; empty if there was none.
	Aside string
	// Fault is why it could not be read; nil for a sound one.
	Fault error
}

// Replace puts the database file `staged`, which must lie on the same file system and be closed, in the place of that
// of the directory, which is kept beside it. The caller holds the lock of the directory.
//
// Whenever the process dies, the database under its name is either the old one or the new one, whole.
func Replace(dir, staged string) (r Replaced, err error) {
	path := filepath.Join(dir, DatabaseFile)
	if err := syncFile(staged); err != nil {
		return r, fmt.Errorf("replace database: %w", err)
	}
	if _, serr := os.Stat(path); serr == nil {
		if r, err = keepAside(dir, path); err != nil {
			return r, fmt.Errorf("keep the replaced database aside: %w", err)
		}
	} else if !errors.Is(serr, fs.ErrNotExist) {
		return r, fileError(path, serr)
	}
	if err := os.Rename(staged, path); err != nil {
		return r, fmt.Errorf("replace database: %w", err)
	}
	return r, syncDir(dir)
}

// keepAside gives the old database a second name, and sees to it that no write-ahead log stays behind: SQLite would
// play it back into the new one.
func keepAside(dir, path string) (r Replaced, err error) {
	r.Aside = filepath.Join(dir, AsideFile)
	for n := 2; ; n++ {
		if err = os.Link(path, r.Aside); !errors.Is(err, fs.ErrExist) {
			break
		}
		r.Aside = filepath.Join(dir, fmt.Sprintf("%s-%d", AsideFile, n))
	}
	if err != nil {
		return r, err
	}
	// The log gets a second name before SQLite sees it, which removes a log that it can make nothing of.
	log, asideLog := path+"-wal", r.Aside+"-wal"
	if err := os.Link(log, asideLog); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return r, err
	}
	gone := []string{log, path + "-shm"}
	if r.Fault = fold(path); r.Fault == nil {
		gone = append(gone, asideLog)
	}
	for _, name := range gone {
		if err := os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return r, err
		}
	}
	return r, syncDir(dir)
}

// fold copies all of the write-ahead log into the database.
func fold(path string) (err error) {
	db, err := connect(path, writing)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	var busy, frames, copied int
	if err := db.QueryRow(`PRAGMA wal_checkpoint(TRUNCATE)`).Scan(&busy, &frames, &copied); err != nil {
		return fmt.Errorf("read the replaced database: %w", err)
	}
	if busy != 0 {
		return fmt.Errorf("read the replaced database: %w", ErrLocked)
	}
	return nil
}

// TrailOf lists the audit trail of a database file that is not in use, and changes nothing in it.
func TrailOf(ctx context.Context, path string, q audit.Query) (entries []audit.Entry, err error) {
	s := &Store{path: path}
	if s.read, err = openReaders(path, 1); err != nil {
		return nil, databaseError(path, err)
	}
	defer func() { err = errors.Join(err, s.read.close()) }()
	return s.Audit().List(ctx, q)
}

func syncFile(path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(file.Sync(), file.Close())
}
