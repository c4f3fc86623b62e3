package postgres

import (
	"context"
	"errors"
	"io/fs"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"tandem.example/tandem/internal/feed"
	"tandem.example/tandem/internal/lab/rig"
	"tandem.example/tandem/internal/session"
)

func TestOpenSaysWhatIsWrong(t *testing.T) {
	good := config(t)
	server := rig.SharedPostgres(t)
	for name, c := range map[string]struct {
		edit func(*Config)
		is   error
	}{
		"no URL":       {edit: func(c *Config) { c.URL = "" }},
		"garbled URL":  {edit: func(c *Config) { c.URL = "postgres://user:secret@:x/y" }},
		"nobody there": {edit: func(c *Config) { c.URL = "postgres://user:secret@127.0.0.1:1/x"; c.Timeout = time.Second }},
		"no database":  {edit: func(c *Config) { c.URL = server.URL(); c.URL = replaceDatabase(c.URL, "nowhere") }},
		"schema name":  {edit: func(c *Config) { c.Schema = `x"; DROP` }},
		"fsync off":    {edit: func(c *Config) { c.InsecureAllowAsyncCommit = false }, is: ErrNotDurable},
		"not migrated": {edit: func(c *Config) { c.NoMigrate = true }, is: ErrOlder},
		"pool":         {edit: func(c *Config) { c.Connections = -1 }},
	} {
		t.Run(name, func(t *testing.T) {
			bad := good
			c.edit(&bad)
			began := time.Now()
			s, err := Open(t.Context(), bad)
			if err == nil {
				s.Close()
				t.Fatal("opened")
			}
			if c.is != nil && !errors.Is(err, c.is) {
				t.Errorf("error %v, want %v", err, c.is)
			}
			if took := time.Since(began); took > 15*time.Second {
				t.Errorf("took %s to say so", took)
			}
			if msg := err.Error(); len(msg) < 20 || containsSecret(msg) {
				t.Errorf("message %q", msg)
			}
		})
	}
}

func TestSynchronousCommitIsTurnedOn(t *testing.T) {
	server := rig.Postgres(t, rig.PostgresConfig{Durable: true, Settings: map[string]string{"synchronous_commit": "off"}})
	s := open(t, Config{URL: server.NewDatabase(t)})
	var now string
	if err := s.pool.QueryRow(t.Context(), `SHOW synchronous_commit`).Scan(&now); err != nil || now != "on" {
		t.Fatalf("synchronous_commit is %s: %v", now, err)
	}
}

func TestManyNodesOpenAtOnce(t *testing.T) {
	c := config(t)
	var wg sync.WaitGroup
	epochs := make([]string, 6)
	for i := range epochs {
		wg.Go(func() {
			s, err := Open(t.Context(), c)
			if err != nil {
				t.Error(err)
				return
			}
			head, err := s.Log().Head(t.Context())
			if epochs[i] = head.Epoch; err != nil || s.Close() != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	for _, e := range epochs {
		if e == "" || e != epochs[0] {
			t.Fatalf("nodes that started together have the epochs %v", epochs)
		}
	}
}

func TestSchemaOfSomeoneElseIsRefused(t *testing.T) {
	c := config(t)
	other := open(t, config(t))
	for _, statement := range []string{`CREATE SCHEMA ` + c.Schema, `CREATE TABLE ` + c.Schema + `.users (id int)`} {
		if _, err := other.pool.Exec(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	if s, err := Open(t.Context(), c); !errors.Is(err, ErrNotStore) {
		if err == nil {
			s.Close()
		}
		t.Fatalf("error %v", err)
	}
}

// later is the schema with a migration that this version does not know.
func later(t *testing.T, sql string) fs.FS {
	t.Helper()
	files := fstest.MapFS{}
	entries, err := fs.Glob(embedded, "migrations/*.sql")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range entries {
		data, err := embedded.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		files[path[len("migrations/"):]] = &fstest.MapFile{Data: data}
	}
	files["09999_later.sql"] = &fstest.MapFile{Data: []byte("-- +goose Up\n" + sql)}
	return files
}

// Two versions side by side: one that began before a migration works on after it, beside one that knows it.
func TestTwoVersionsServeTogether(t *testing.T) {
	c := config(t)
	old := open(t, c)
	app, u := old.addApplication(t, "app"), old.addUser(t, "anna")
	smoke := func(s *Store, name string) {
		t.Helper()
		row := s.begin(t, withRefresh(draft(u, app, epochDay)))
		_, err := s.Sessions().Rotate(t.Context(), rotation(row.Session.ID, 1, epochDay))
		if err == nil {
			err = s.Sessions().Touch(t.Context(), []session.Sighting{{ID: row.Session.ID, At: epochDay.Add(time.Minute)}})
		}
		if err == nil {
			_, err = s.Sessions().Find(t.Context(), row.Session.ID)
		}
		if err == nil {
			_, _, err = s.Sessions().End(t.Context(), session.Ending{Session: row.Session.ID, At: epochDay, Reason: session.SignedOut})
		}
		if err == nil {
			_, err = s.Log().Append(t.Context(), feed.Append{Events: all(2), At: epochDay})
		}
		if err == nil {
			_, err = s.Log().Read(t.Context(), feed.Ask{})
		}
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	smoke(old, "before the migration")
	c.migrations = later(t, `ALTER TABLE sessions ADD COLUMN color text NOT NULL DEFAULT '';
		ALTER TABLE users ADD COLUMN color text NOT NULL DEFAULT ''; ALTER TABLE head ADD COLUMN color text NOT NULL DEFAULT '';
		ALTER TABLE events ADD COLUMN color text NOT NULL DEFAULT ''; ALTER TABLE applications ADD COLUMN color text;`)
	next := open(t, c)
	smoke(next, "the later version")
	smoke(old, "the earlier version, which began before")
	c.migrations = nil
	again := open(t, c)
	smoke(again, "the earlier version, begun after")
	if m, err := Migrations(t.Context(), c); err != nil || m.Pending() || m.Current != 9999 {
		t.Errorf("status %+v, %v", m, err)
	}
	if _, err := old.pool.Exec(t.Context(), `UPDATE head SET least = 9999 WHERE one`); err != nil {
		t.Fatal(err)
	}
	if s, err := Open(t.Context(), c); !errors.Is(err, ErrNewer) {
		if err == nil {
			s.Close()
		}
		t.Errorf("a schema that needs a later version is opened: %v", err)
	}
}

// Ordinals grow over epochs, so an end outlives them.
func TestOrdinalsOutliveEpochs(t *testing.T) {
	s := open(t, config(t))
	base := func() (base, position int64) {
		t.Helper()
		if err := s.pool.QueryRow(t.Context(), `SELECT base, position FROM head`).Scan(&base, &position); err != nil {
			t.Fatal(err)
		}
		return base, position
	}
	last := int64(0)
	for range 3 {
		b, p := base()
		if b <= last || b < time.Now().Add(-time.Hour).UnixMicro() {
			t.Fatalf("base %d after the ordinal %d", b, last)
		}
		if _, err := s.Log().Append(t.Context(), feed.Append{Events: all(5), At: epochDay}); err != nil {
			t.Fatal(err)
		}
		last = b + p + 5
		if _, err := s.BeginEpoch(t.Context(), feed.NewEpoch{Epoch: feed.RandomEpoch(), At: epochDay}); err != nil {
			t.Fatal(err)
		}
	}
	head, _ := s.Log().Head(t.Context())
	_, err := s.BeginEpoch(t.Context(), feed.NewEpoch{Epoch: feed.RandomEpoch(), From: "another", At: epochDay})
	if after, _ := s.Log().Head(t.Context()); !errors.Is(err, feed.ErrEpochMoved) || after.Epoch != head.Epoch {
		t.Errorf("an epoch was begun from another: %v", err)
	}
}

func TestClosedStoreRefuses(t *testing.T) {
	s, err := Open(t.Context(), config(t))
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(s.Close(), s.Close()); err != nil {
		t.Fatal(err)
	}
	_, findErr := s.Sessions().Find(t.Context(), session.NewID(epochDay))
	for _, err := range []error{s.Ping(t.Context()), findErr, s.Alone(t.Context(), "x", func(context.Context) error { return nil })} {
		if !errors.Is(err, ErrClosed) {
			t.Errorf("error %v", err)
		}
	}
	s.Signals().Raise(feed.ApplicationsChanged) // leads nowhere, and does not hang
}
