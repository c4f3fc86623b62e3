package postgres

import (
	"fmt"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"tandem.example/tandem/internal/account"
	"tandem.example/tandem/internal/application"
	"tandem.example/tandem/internal/audit"
	"tandem.example/tandem/internal/lab/rig"
	"tandem.example/tandem/internal/secret"
	"tandem.example/tandem/internal/session"
	"tandem.example/tandem/internal/signin"
)

var schemas atomic.Int64

// config names a schema that nobody has used.
func config(t testing.TB) Config {
	t.Helper()
	return Config{
		URL: rig.SharedPostgres(t).URL(), Schema: fmt.Sprintf("s%d", schemas.Add(1)), Connections: 8,
		Timeout: 20 * time.Second, InsecureAllowAsyncCommit: true,
	}
}

// open opens a store and closes it after the test.
func open(t testing.TB, c Config) *Store {
	t.Helper()
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

func starting(row session.Session) session.Start {
	entry := audit.New(audit.SignedIn, row.CreatedAt)
	entry.User, entry.Actor, entry.IP = string(row.User), string(row.User), row.IP
	return session.Start{Session: row, AccountRevision: 1, Audit: entry}
}

func (s *Store) begin(t testing.TB, row session.Session) session.View {
	t.Helper()
	view, err := s.Sessions().Start(t.Context(), starting(row))
	if err != nil {
		t.Fatal(err)
	}
	return view
}

// replaceDatabase names another database of the same server.
func replaceDatabase(address, database string) string {
	u, err := url.Parse(address)
	if err != nil {
		panic(err)
	}
	u.Path = "/" + database
	return u.String()
}

func containsSecret(text string) bool { return strings.Contains(text, "secret") }
