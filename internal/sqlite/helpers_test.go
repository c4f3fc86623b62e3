package sqlite

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"tandem.example/tandem/internal/account"
	"tandem.example/tandem/internal/application"
	"tandem.example/tandem/internal/audit"
	"tandem.example/tandem/internal/secret"
	"tandem.example/tandem/internal/session"
	"tandem.example/tandem/internal/signin"
)

// template is a database that has been migrated and nothing else: migrating anew for each test takes longer than most
// tests.
var template = sync.OnceValues(func() ([]byte, error) {
	dir, err := os.MkdirTemp("", "tandem-template")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, DatabaseFile)
	db, err := connect(path, writing)
	if err != nil {
		return nil, err
	}
	if err := migrate(context.Background(), db, path); err != nil {
		return nil, err
	}
	if err := db.Close(); err != nil {
		return nil, err
	}
	return os.ReadFile(path)
})

// open opens a store, in a directory of its own unless one is named, and closes it after the test.
func open(t testing.TB, c Config) *Store {
	t.Helper()
	if c.Dir == "" {
		c.Dir = t.TempDir()
		empty, err := template()
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(c.Dir, DatabaseFile), empty, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s, err := Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return s
}

var epochDay = time.Date(2031, 5, 6, 7, 8, 9, 0, time.UTC)

func (s *Store) addApplication(t testing.TB, name string) application.Application {
	t.Helper()
	app := application.Application{
		ID: application.NewID(epochDay), Name: name, Kind: application.User, Mode: application.ModeJWT, CreatedAt: epochDay,
	}
	if err := s.Applications().Create(t.Context(), app); err != nil {
		t.Fatal(err)
	}
	return app
}

func (s *Store) addUser(t testing.TB, name string) account.User {
	t.Helper()
	u := account.User{
		ID: account.NewID(epochDay), Email: name + "@example.com", Name: name, Roles: []string{"reader"},
		Status: account.Active, CreatedAt: epochDay, Revision: 1,
	}
	if err := s.SignIn().Register(t.Context(), signin.Registration{User: u}); err != nil {
		t.Fatal(err)
	}
	return u
}

// draft is a session that may start.
func draft(u account.User, app application.Application, now time.Time) session.Session {
	row := session.Session{
		ID: session.NewID(now), User: u.ID, Application: app.ID, ACR: "1", AMR: []string{"pwd"},
		Device: "Firefox on Linux", IP: "203.0.113.77", Version: 1, Token: secret.Sum(fmt.Append(nil, "token", now.UnixNano())),
	}
	session.Standard.Deadlines(&row, now)
	return row
}

// withRefresh gives the session the refresh token of the first generation.
func withRefresh(row session.Session) session.Session {
	row.Token = secret.Digest{}
	row.Refresh = session.Refresh{Generation: 1, Digest: generation(1), RotatedAt: row.CreatedAt}
	return row
}

// generation stands for the digest of a refresh token.
func generation(n uint32) secret.Digest { return secret.Sum(fmt.Append(nil, "generation ", n)) }

func rotation(id session.ID, from uint32, at time.Time) session.Rotation {
	return session.Rotation{
		ID: id, Generation: from, Digest: generation(from), Next: generation(from + 1), Sealed: make([]byte, 40),
		At: at, IdleExpiresAt: at.Add(session.Standard.Idle),
	}
}

func (s *Store) start(t testing.TB, row session.Session) session.View {
	t.Helper()
	view, err := s.Sessions().Start(t.Context(), session.Start{
		Session: row, AccountRevision: 1, Audit: audit.New(audit.SignedIn, row.CreatedAt),
	})
	if err != nil {
		t.Fatal(err)
	}
	return view
}
