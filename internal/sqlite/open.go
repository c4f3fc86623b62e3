package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"sync/atomic"
	"time"
)

// DatabaseFile is the name of the database in the data directory. SQLite keeps two more beside it, with the suffixes
// -wal and -shm.
const DatabaseFile = "tandem.db"

// Config of a Store. Dir must be set; the other zero values are useful.
type Config struct {
	// Dir is the data directory. It is made (0700) if it is not there.
	Dir string
	// MirrorSessions bounds the sessions kept in memory, at some 400 bytes each with its user. 0 for 250,000, negative
	// for none.
	MirrorSessions int
	// Readers bounds the reading connections: as many for rows found by a key, and as many for listings and the log.
	// 0 for twice the processors, at least 4.
	Readers int
	// MaxBatch bounds the writes of one commit. 0 for 512; 1 makes each write a commit of its own.
	MaxBatch int
	// Lock is the lock of Dir if the caller holds it; it stays the caller's. nil: the Store takes it and gives it up
	// when it is closed.
	Lock *DirLock
	// Now is the clock that dates the first epoch; nil for time.Now.
	Now func() time.Time
}

const (
	defaultMirrorSessions = 250_000
	defaultMaxBatch       = 512
	busyTimeout           = 5 * time.Second

	// Pages of the write-ahead log after which a commit copies them into the database: 16 MiB. The more, the more
	// often a page that is written again and again is copied once.
	checkpointPages = 4096
	writerCacheKiB  = 32 << 10
	readerCacheKiB  = 2 << 10
)

func (c Config) withDefaults() Config {
	if c.MirrorSessions == 0 {
		c.MirrorSessions = defaultMirrorSessions
	}
	if c.Readers <= 0 {
		c.Readers = max(4, 2*runtime.GOMAXPROCS(0))
	}
	if c.MaxBatch <= 0 {
		c.MaxBatch = defaultMaxBatch
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return c
}

// Store is the embedded store. Open makes one, Close ends it.
type Store struct {
	path   string
	lock   *DirLock // nil if the caller's
	db     *sql.DB  // one connection, the writer's
	read   *readers
	write  *writer
	mirror *mirror // nil if switched off
	sweep  sweepCursor
	closed atomic.Bool
}

// Open opens the store in the directory and brings its schema up to date; it makes what is not there. What stands in
// the way is answered as an *OpenError. It reads no session, so it takes as long for a million as for none.
func Open(ctx context.Context, c Config) (*Store, error) {
	c = c.withDefaults()
	if c.Dir == "" {
		return nil, &OpenError{Path: `""`, Err: errors.New("no directory is named"), Remedy: remedyDirectory}
	}
	s := &Store{path: filepath.Join(c.Dir, DatabaseFile)}
	if c.Lock == nil {
		lock, err := Lock(c.Dir)
		if err != nil {
			return nil, err
		}
		s.lock = lock
	}
	if err := s.open(ctx, c); err != nil {
		return nil, errors.Join(err, s.release())
	}
	return s, nil
}

func (s *Store) open(ctx context.Context, c Config) error {
	if err := makeFile(s.path); err != nil {
		return err
	}
	var err error
	if s.db, err = connect(s.path, writing); err != nil {
		return databaseError(s.path, err)
	}
	if err := migrate(ctx, s.db, s.path); err != nil {
		return err
	}
	if s.read, err = openReaders(s.path, c.Readers); err != nil {
		return databaseError(s.path, err)
	}
	if c.MirrorSessions > 0 {
		s.mirror = newMirror(c.MirrorSessions)
	}
	s.write, err = startWriter(ctx, s.db, s.mirror, c)
	if err != nil {
		return databaseError(s.path, err)
	}
	return nil
}

// makeFile makes an empty database file that only its owner can read, and takes the rights of others from one that is
// there. SQLite gives the files beside it the same mode. It must not be called while the database is open: closing
// the file would drop SQLite's locks on it.
func makeFile(path string) (err error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return fileError(path, err)
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	info, err := file.Stat()
	if err != nil {
		return fileError(path, err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		if err := file.Chmod(0o600); err != nil {
			return fileError(path, err)
		}
	}
	return nil
}

// Close commits what waits, makes every later verb answer ErrClosed, and gives up the lock of the directory.
func (s *Store) Close() error {
	if s.closed.Swap(true) {
		return nil
	}
	return s.release()
}

func (s *Store) release() (err error) {
	if s.write != nil {
		err = s.write.stop()
	}
	if s.read != nil {
		err = errors.Join(err, s.read.close())
	}
	if s.db != nil {
		err = errors.Join(err, s.db.Close())
	}
	if s.lock != nil {
		err = errors.Join(err, s.lock.Release())
	}
	if err != nil {
		return fmt.Errorf("close store %s: %w", s.path, err)
	}
	return nil
}

// Ping answers nil while the database can be read.
func (s *Store) Ping(ctx context.Context) error {
	if s.closed.Load() {
		return ErrClosed
	}
	if _, err := s.readHead(ctx); err != nil {
		return fmt.Errorf("ping store: %w", err)
	}
	return nil
}

// LastCommit is the latest time that a commit carried, for a server clock that never steps back; zero if there was
// none.
func (s *Store) LastCommit(ctx context.Context) (time.Time, error) {
	h, err := s.readHead(ctx)
	return h.committed, err
}

// use says what a connection is for.
type use int

const (
	writing use = iota
	reading
	copying // reads, but has to write a file beside the database
)

// connect opens the database at the path for one use. Every connection that database/sql makes gets the same pragmas.
func connect(path string, u use) (*sql.DB, error) {
	pragmas := []string{
		fmt.Sprintf("busy_timeout(%d)", busyTimeout.Milliseconds()),
		"foreign_keys(1)",
	}
	switch u {
	case writing:
		pragmas = append(pragmas, "journal_mode(WAL)", "synchronous(FULL)", "temp_store(MEMORY)", "journal_size_limit(67108864)",
			fmt.Sprintf("wal_autocheckpoint(%d)", checkpointPages), fmt.Sprintf("cache_size(-%d)", writerCacheKiB))
	case reading:
		pragmas = append(pragmas, "query_only(1)", fmt.Sprintf("cache_size(-%d)", readerCacheKiB))
	}
	// A path may hold what means something in a URI.
	dsn := (&url.URL{Scheme: "file", Opaque: url.PathEscape(path), RawQuery: url.Values{"_pragma": pragmas}.Encode()}).String()
	db, err := sql.Open("sqlite", dsn)
	if err != nil {
		return nil, err
	}
	if u != reading {
		db.SetMaxOpenConns(1)
	}
	return db, nil
}
