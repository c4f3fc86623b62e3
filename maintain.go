package tandem

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"tandem.example/tandem/internal/config"
	"tandem.example/tandem/internal/feed"
	"tandem.example/tandem/internal/secret"
	"tandem.example/tandem/internal/signing"
	"tandem.example/tandem/internal/sqlite"
	"tandem.example/tandem/verify/revocation"
)

// Errors of maintenance, to match with errors.Is. What wraps them names the path and the remedy.
var (
	// ErrRunning: another process uses the store, and what was asked needs it to itself.
	ErrRunning = sqlite.ErrLocked
	// ErrNoStore: there is no store in the data directory.
	ErrNoStore = sqlite.ErrNoStore
	// ErrExists: a backup is never written over a file.
	ErrExists = sqlite.ErrExists
	// ErrNotEmbedded: the configured store is not the embedded one, so there is no file to maintain.
	ErrNotEmbedded = errors.New("only the embedded store (store: sqlite) has a database file; a PostgreSQL store is backed up with its own tools, such as pg_dump")
	// ErrMasterKey: the keys in a database do not open under the configured master key.
	ErrMasterKey = errors.New("the signing keys in the database were sealed under another master key")
)

// Schema says which schema a store has and which this version of Tandem wants.
type Schema struct {
	Current, Target int64 // Current is 0 where there is no store
}

// Pending reports whether a migration is to be applied.
func (s Schema) Pending() bool { return s.Current < s.Target }

// SchemaOf reads the schema of the store and changes nothing. A server may be running.
func SchemaOf(ctx context.Context, c Config) (Schema, error) {
	c, err := lasting(c)
	if err != nil {
		return Schema{}, err
	}
	if c.OnPostgres() {
		return schemaOfShared(ctx, c)
	}
	m, err := sqlite.Migrations(ctx, c.DataDir)
	return Schema(m), err
}

// Migrate brings the schema of the store up to date and answers the schema before. Open does the same; this is for
// those who want it done and seen before the server starts. ErrRunning while a server uses the embedded store; on
// PostgreSQL nodes may be running, one migration runs at a time, and nodes of the version before go on with the new
// schema.
func Migrate(ctx context.Context, c Config) (before Schema, err error) {
	c, err = lasting(c)
	if err != nil {
		return Schema{}, err
	}
	if c.OnPostgres() {
		return migrateShared(ctx, c)
	}
	if before, err = SchemaOf(ctx, c); err != nil || !before.Pending() {
		return before, err
	}
	_, err = sqlite.Migrate(ctx, c.DataDir)
	return before, err
}

// Backup writes a copy of the database as it is at one moment to path, readable by its owner alone, whether or not a
// server is running. The master key is not in it. ErrExists if something is at path already; nothing is left behind
// on failure.
func Backup(ctx context.Context, c Config, path string) error {
	c, err := embedded(c)
	if err != nil {
		return err
	}
	return sqlite.Copy(ctx, c.DataDir, path)
}

// Examination is what a look at the store and the master key found, for a doctor. A field that could not be learned is
// zero and Fault or KeyFault says why.
type Examination struct {
	DataDir string
	Dir     fs.FileInfo // nil if the data directory is not there
	Present bool        // there is a store
	Running bool        // a process uses the store
	Schema  Schema
	// LastCommit is the latest time a commit carried.
	LastCommit time.Time
	// Keys is how many signing keys the store holds.
	Keys int
	// Fault is what is wrong with the store, KeyFault with the master key; nil for what is sound.
	Fault, KeyFault error
	// KeySource names where the master key comes from.
	KeySource string
}

// Examine looks at the store and the master key and changes nothing. A server may be running. The error is
// ErrNotEmbedded, or that of a configuration that is wrong.
func Examine(ctx context.Context, c Config) (Examination, error) {
	c, err := lasting(c)
	if err != nil {
		return Examination{}, err
	}
	if c.OnPostgres() {
		return examineShared(ctx, c), nil
	}
	e := Examination{DataDir: c.DataDir}
	if e.Dir, e.Fault = os.Stat(c.DataDir); errors.Is(e.Fault, fs.ErrNotExist) {
		e.Fault = nil
	}
	var box sealer
	box, e.KeySource, e.KeyFault = configuredKey(c)
	if e.Dir == nil {
		return e, nil
	}
	if e.Running, err = running(c.DataDir); err != nil {
		e.Fault = err
		return e, nil
	}
	in, err := sqlite.Inspect(ctx, c.DataDir)
	if errors.Is(err, sqlite.ErrNoStore) {
		return e, nil
	}
	e.Present, e.Schema, e.LastCommit, e.Keys, e.Fault = true, Schema(in.Schema), in.LastCommit, len(in.Keys), errors.Join(err, in.Fault)
	if e.KeyFault == nil {
		e.KeyFault = opens(box, in.Keys)
	}
	return e, nil
}

// running asks for the lock of the directory and gives it back at once. It makes no directory.
func running(dir string) (bool, error) {
	if _, err := os.Stat(filepath.Join(dir, sqlite.LockFile)); err != nil {
		return false, nil // nobody has ever used it
	}
	lock, err := sqlite.Lock(dir)
	if errors.Is(err, sqlite.ErrLocked) {
		return true, nil
	}
	if err != nil {
		return false, err
	}
	return false, lock.Release()
}

// configuredKey reads the master key where the configuration has it, and makes none. A file that is not there is an
// error that matches fs.ErrNotExist.
func configuredKey(c Config) (box sealer, source string, err error) {
	var key []byte
	if c.MasterKey.Empty() {
		source = c.MasterKeyFile
		if source == "" {
			source = filepath.Join(c.DataDir, "master.key")
		}
		key, err = secret.LoadMasterKey(source)
	} else {
		source = "TANDEM_MASTER_KEY"
		key, err = secret.ParseMasterKey(c.MasterKey.Reveal())
	}
	if err != nil {
		return nil, source, err
	}
	box, err = secret.NewBox(key)
	return box, source, err
}

// opens checks that the keys of a store open under the master key.
func opens(box sealer, keys []signing.Stored) error {
	for _, k := range keys {
		if k.State == signing.Revoked {
			continue
		}
		if _, err := box.Open(k.Sealed, "signing key "+k.KID); err != nil {
			return fmt.Errorf("%w (key %s): put back the master key that belongs to this database (master_key_file)", ErrMasterKey, k.KID)
		}
	}
	return nil
}

// lasting completes and checks a configuration whose store outlives the process.
func lasting(c Config) (Config, error) {
	c = c.WithDefaults()
	if err := c.Validate(); err != nil {
		return c, err
	}
	if !c.Embedded() && !c.OnPostgres() {
		return c, ErrNotEmbedded
	}
	return c, nil
}

// embedded completes and checks a configuration whose store is a file.
func embedded(c Config) (Config, error) {
	c = c.WithDefaults()
	if err := c.Validate(); err != nil {
		return c, err
	}
	if c.Store != config.Default().Store {
		return c, ErrNotEmbedded
	}
	return c, nil
}

// Age is how long ago an event committed, by the server's clock when it sent the event: what is left of its retention
// tells. maxToken is the lifetime of access tokens that came with it.
func Age(e revocation.Event, maxToken time.Duration) time.Duration {
	var committed time.Time
	return feed.RetainUntil(e.Kind, committed, maxToken).Sub(committed) - time.Duration(e.RetainMS)*time.Millisecond
}
