package sqlite

import (
	"errors"
	"fmt"
	"io/fs"
	"syscall"

	driver "modernc.org/sqlite"
	lib "modernc.org/sqlite/lib"
)

// What can be wrong with a store that is to be opened. An *OpenError carries them with the path and the remedy.
var (
	// ErrLocked: another process has the store open.
	ErrLocked = errors.New("store is in use by another process")
	// ErrNewer: the database was written by a later version of Tandem.
	ErrNewer = errors.New("store was written by a newer version")
	// ErrNotDirectory: the path of the directory names something else.
	ErrNotDirectory = errors.New("not a directory")
	// ErrNotWritable: this user may not write there, or nobody can.
	ErrNotWritable = errors.New("store is not writable")
	// ErrNotStore: the file is no SQLite database, or not one of Tandem's.
	ErrNotStore = errors.New("not a store of Tandem")
	// ErrNoStore is answered by what needs an existing store.
	ErrNoStore = errors.New("there is no store")
	// ErrExists: a backup is never written over something.
	ErrExists = errors.New("file exists already")
)

// ErrClosed is answered by every verb after Close.
var ErrClosed = errors.New("sqlite store is closed")

// ErrCorrupt is answered by Check and by Open, with what SQLite found.
var ErrCorrupt = errors.New("store is damaged")

// OpenError says why a store cannot be opened, where, and what can be done. It unwraps to a sentinel above, and to
// the cause.
type OpenError struct {
	Path   string
	Err    error
	Remedy string
}

func (e *OpenError) Error() string {
	return fmt.Sprintf("open store %s: %v; %s", e.Path, e.Err, e.Remedy)
}

func (e *OpenError) Unwrap() error { return e.Err }

const (
	remedyDirectory = "name a directory that is Tandem's own (data_dir)"
	remedyWritable  = "let the user that runs Tandem write there, or choose another data_dir"
	remedyNewer     = "run the version of Tandem that wrote it, or a later one"
	remedyCorrupt   = "restore a backup, and have the disk looked at"
	remedyNotStore  = "choose another data_dir, or move the file away"
)

// fileError names the remedy for a failure of the file system.
func fileError(path string, err error) error {
	switch {
	case errors.Is(err, syscall.ENOTDIR):
		return &OpenError{Path: path, Err: fmt.Errorf("%w: %w", ErrNotDirectory, err), Remedy: remedyDirectory}
	case errors.Is(err, syscall.EISDIR):
		return &OpenError{Path: path, Err: fmt.Errorf("%w: %w", ErrNotStore, err), Remedy: remedyNotStore}
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS):
		return &OpenError{Path: path, Err: fmt.Errorf("%w: %w", ErrNotWritable, err), Remedy: remedyWritable}
	}
	return &OpenError{Path: path, Err: err, Remedy: "see the cause"}
}

// databaseError names the remedy for a failure of SQLite while opening.
func databaseError(path string, err error) error {
	switch code(err) & 0xff {
	case lib.SQLITE_CORRUPT:
		return &OpenError{Path: path, Err: fmt.Errorf("%w: %w", ErrCorrupt, err), Remedy: remedyCorrupt}
	case lib.SQLITE_NOTADB:
		return &OpenError{Path: path, Err: fmt.Errorf("%w: %w", ErrNotStore, err), Remedy: remedyNotStore}
	case lib.SQLITE_READONLY, lib.SQLITE_CANTOPEN, lib.SQLITE_PERM:
		return &OpenError{Path: path, Err: fmt.Errorf("%w: %w", ErrNotWritable, err), Remedy: remedyWritable}
	case lib.SQLITE_BUSY, lib.SQLITE_LOCKED:
		return &OpenError{Path: path, Err: fmt.Errorf("%w: %w", ErrLocked, err), Remedy: remedyLocked}
	case lib.SQLITE_FULL:
		return &OpenError{Path: path, Err: err, Remedy: "free space on the disk"}
	}
	return &OpenError{Path: path, Err: err, Remedy: "see the cause"}
}

// code is SQLite's extended result code, 0 for other errors.
func code(err error) int {
	var e *driver.Error
	if errors.As(err, &e) {
		return e.Code()
	}
	return 0
}

// unsettles reports whether SQLite may have rolled the whole transaction back by itself with the statement that failed
// (https://sqlite.org/lang_transaction.html, "Response To Errors Within A Transaction").
func unsettles(err error) bool {
	switch code(err) & 0xff {
	case lib.SQLITE_FULL, lib.SQLITE_IOERR, lib.SQLITE_NOMEM, lib.SQLITE_BUSY, lib.SQLITE_INTERRUPT, lib.SQLITE_CORRUPT:
		return true
	}
	return false
}

// taken reports whether a unique key was violated.
func taken(err error) bool {
	c := code(err)
	return c == lib.SQLITE_CONSTRAINT_UNIQUE || c == lib.SQLITE_CONSTRAINT_PRIMARYKEY
}
