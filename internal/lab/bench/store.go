package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"tandem.example/tandem"
	"tandem.example/tandem/internal/account"
	"tandem.example/tandem/internal/application"
	"tandem.example/tandem/internal/audit"
	"tandem.example/tandem/internal/config"
	"tandem.example/tandem/internal/secret"
	"tandem.example/tandem/internal/session"
	"tandem.example/tandem/internal/signin"
	"tandem.example/tandem/internal/sqlite"
)

// stored is a data directory with so many sessions in it.
type stored struct {
	dir    string
	ids    []session.ID
	tokens []string // session tokens; empty for refreshed ones
}

// kind says which credential the sessions of a store have.
type kind struct {
	sessions int
	refresh  bool // refresh tokens, as in mode jwt, in place of session tokens
}

// writers is how many calls fill a store at once, and load it in row 7.
const writers = 64

// store makes the data directory once; the rows that use it leave its sessions where they are.
func (b *bench) store(k kind) (*stored, error) {
	if s := b.stores[k]; s != nil {
		return s, nil
	}
	s := &stored{dir: filepath.Join(b.dir, fmt.Sprintf("store-%d-%t", k.sessions, k.refresh))}
	began := time.Now()
	server, err := b.open(s.dir) // makes the schema, the keys and the default application
	if err != nil {
		return nil, err
	}
	if err := server.Close(); err != nil {
		return nil, err
	}
	st, err := sqlite.Open(b.ctx, sqlite.Config{Dir: s.dir, MirrorSessions: -1})
	if err != nil {
		return nil, err
	}
	err = b.fill(st, s, k)
	if cerr := st.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return nil, fmt.Errorf("make a store of %d sessions: %w", k.sessions, err)
	}
	b.say("made a store of %d sessions in %s", k.sessions, time.Since(began).Round(100*time.Millisecond))
	b.stores[k] = s
	return s, nil
}

// filled is what is needed of a store to fill it.
type filled interface {
	Applications() application.Store
	SignIn() signin.Store
	Sessions() session.Store
}

func (b *bench) fill(st filled, s *stored, k kind) error {
	app, err := st.Applications().Find(b.ctx, application.DefaultName)
	if err != nil {
		return err
	}
	users := make([]account.ID, max(1, k.sessions/10))
	_, err = together(len(users), writers, func(i int) error {
		now := time.Now()
		u := account.User{ID: account.NewID(now), Email: fmt.Sprintf("person%d@example.com", i), Name: "A Person", Roles: []string{"customer", "support"},
			Status: account.Active, CreatedAt: now, Revision: 1}
		users[i] = u.ID
		return st.SignIn().Register(b.ctx, signin.Registration{User: u})
	})
	if err != nil {
		return err
	}
	s.ids = make([]session.ID, k.sessions)
	if !k.refresh {
		s.tokens = make([]string, k.sessions)
	}
	_, err = together(k.sessions, writers, func(i int) error {
		start, text := draft(users[i%len(users)], app.ID, k.refresh)
		s.ids[i] = start.Session.ID
		if !k.refresh {
			s.tokens[i] = text.Reveal()
		}
		_, err := st.Sessions().Start(b.ctx, start)
		return err
	})
	return err
}

// draft is the start of a session, as signing in makes it.
func draft(user account.ID, app application.ID, refresh bool) (session.Start, secret.Text) {
	now := time.Now()
	one := session.Session{ID: session.NewID(now), User: user, Application: app, ACR: "1", AMR: []string{"pwd"}, Device: "Firefox on Linux", IP: "203.0.113.77", Version: 1}
	session.Standard.Deadlines(&one, now)
	var text secret.Text
	if refresh {
		one.Refresh = session.Refresh{Generation: 1, Digest: generation(1), RotatedAt: now, Floor: 1}
	} else {
		text, one.Token = session.NewToken(one.ID)
	}
	entry := audit.New(audit.SignedIn, now)
	entry.User, entry.Actor, entry.Target, entry.IP = string(user), string(user), string(one.ID), one.IP
	return session.Start{Session: one, AccountRevision: 1, Audit: entry}, text
}

// generation stands for the digest of a refresh token's secret. It is the same for all sessions, so that rows may be
// made of others.
func generation(n uint32) secret.Digest { return secret.Sum(fmt.Append(nil, "generation ", n)) }

// rotations refreshes the sessions of a store, one after another.
type rotations struct {
	sessions session.Store
	ids      []session.ID
	at       []atomic.Uint32
	begin    time.Time
}

func rotating(sessions session.Store, ids []session.ID) *rotations {
	return &rotations{sessions: sessions, ids: ids, at: make([]atomic.Uint32, len(ids)), begin: time.Now()}
}

// rotate refreshes session i once more; no two calls may rotate the same session at once.
func (r *rotations) rotate(ctx context.Context, i int) error {
	from := r.at[i].Add(1)
	at := r.begin.Add(time.Duration(from) * time.Minute)
	_, err := r.sessions.Rotate(ctx, session.Rotation{
		ID: r.ids[i], Generation: from, Digest: generation(from), Next: generation(from + 1), Sealed: make([]byte, 40),
		At: at, IdleExpiresAt: at.Add(session.Standard.Idle),
	})
	return err
}

// open opens a server on the directory, in this process and without limits on guessing.
func (b *bench) open(dir string) (*tandem.Server, error) {
	return tandem.Open(b.ctx, tandem.Config{DataDir: dir, Limits: config.Limits{Disabled: true}}, quiet)
}

var quiet = tandem.WithLogger(slog.New(slog.DiscardHandler))

// copyOf is another data directory with the same content, so that two stores can be had of one.
func (b *bench) copyOf(s *stored, name string) (*stored, error) {
	c := *s
	c.dir = filepath.Join(b.dir, name)
	if err := os.MkdirAll(c.dir, 0o700); err != nil {
		return nil, err
	}
	return &c, copyFile(filepath.Join(s.dir, sqlite.DatabaseFile), filepath.Join(c.dir, sqlite.DatabaseFile))
}

func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	if _, err := io.Copy(out, in); err != nil {
		out.Close()
		return err
	}
	return out.Close()
}
