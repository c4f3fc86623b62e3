package redis_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"tandem.example/tandem/internal/account"
	"tandem.example/tandem/internal/application"
	"tandem.example/tandem/internal/audit"
	"tandem.example/tandem/internal/feed"
	"tandem.example/tandem/internal/lab/rig"
	"tandem.example/tandem/internal/memory"
	"tandem.example/tandem/internal/outage"
	"tandem.example/tandem/internal/redis"
	"tandem.example/tandem/internal/secret"
	"tandem.example/tandem/internal/session"
	"tandem.example/tandem/internal/signin"
)

// world is a SQL store in memory with one application and one user, and a Redis that tests do things to.
type world struct {
	testing.TB
	sql    *memory.Store
	config redis.Config
	app    application.Application
	user   account.User
}

func newWorld(t testing.TB, url string) *world {
	t.Helper()
	w := &world{TB: t, sql: memory.Open(memory.Options{})}
	w.config = configOn(url, w.sql)
	now := time.Now()
	w.app = application.Application{ID: application.NewID(now), Name: "app", Kind: application.User, Mode: application.ModeJWT, CreatedAt: now}
	w.ok(w.sql.Applications().Create(t.Context(), w.app))
	w.user = w.person("anna")
	_, err := w.sql.Log().KeepFor(t.Context(), 5*time.Minute, now)
	w.ok(err)
	return w
}

func (w *world) ok(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

func (w *world) person(name string) account.User {
	w.Helper()
	now := time.Now()
	u := account.User{ID: account.NewID(now), Email: name + "@example.com", Status: account.Active, CreatedAt: now, Revision: 1}
	w.ok(w.sql.SignIn().Register(w.Context(), signin.Registration{User: u}))
	return u
}

// kept does not close the SQL store with the store upon it, which several nodes share.
type kept struct{ *memory.Store }

func (kept) Close() error { return nil }

// node opens a store upon the world's SQL store, which it leaves open.
func (w *world) node(change ...func(*redis.Config)) *redis.Store {
	w.Helper()
	c := w.config
	c.Base.Whole = kept{w.sql}
	for _, f := range change {
		f(&c)
	}
	s := opened(w, c)
	w.Cleanup(func() { w.ok(s.Close()) })
	return s
}

func draft(u account.User, app application.Application) session.Session {
	now := time.Now()
	one := session.Session{ID: session.NewID(now), User: u.ID, Application: app.ID, ACR: "1", AMR: []string{"pwd"}, IP: "192.0.2.1"}
	session.Standard.Deadlines(&one, now)
	one.Refresh = session.Refresh{Generation: 1, Digest: token(1), RotatedAt: now, Floor: 1}
	return one
}

// token stands for the secret of a refresh token of the generation.
func token(generation uint32) secret.Digest {
	return secret.Sum([]byte{'g', byte(generation), byte(generation >> 8)})
}

func (w *world) start(s *redis.Store) session.View {
	w.Helper()
	v, err := s.Sessions().Start(w.Context(), session.Start{Session: draft(w.user, w.app), AccountRevision: 1, Audit: audit.New(audit.SignedIn, time.Now())})
	w.ok(err)
	return v
}

func (w *world) end(s *redis.Store, id session.ID) error {
	_, _, err := s.Sessions().End(w.Context(), session.Ending{Session: id, Reason: session.EndedByUser, At: time.Now()})
	return err
}

func (w *world) rotate(s *redis.Store, id session.ID, generation uint32) error {
	now := time.Now()
	_, err := s.Sessions().Rotate(w.Context(), session.Rotation{
		ID: id, Generation: generation, Digest: token(generation), Next: token(generation + 1), At: now, IdleExpiresAt: now.Add(time.Hour),
	})
	return err
}

// lives answers nil, session.ErrEnded or session.ErrNotFound. An outage is waited out.
func (w *world) lives(s *redis.Store, id session.ID) error {
	w.Helper()
	v, err := w.find(s, id)
	if err != nil {
		return err
	}
	return v.Alive(time.Now())
}

func (w *world) find(s *redis.Store, id session.ID) (v session.View, err error) {
	w.Helper()
	w.eventually("redis answers", func() bool {
		v, err = s.Sessions().Find(w.Context(), id)
		return !isOutage(err)
	})
	return v, err
}

func isOutage(err error) bool {
	var out *outage.Error
	return errors.As(err, &out)
}

func (w *world) is(err, want error) {
	w.Helper()
	if !errors.Is(err, want) {
		w.Fatalf("error %v, want %v", err, want)
	}
}

// eventually waits up to 20 seconds.
func (w *world) eventually(what string, so func() bool) {
	w.Helper()
	for deadline := time.Now().Add(20 * time.Second); !so(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			w.Fatalf("not within 20 s: %s", what)
		}
	}
}

// forget prunes the log of everything, by way of the node, as housekeeping does some minutes later.
func (w *world) forget(s *redis.Store) {
	w.Helper()
	_, err := s.Log().Prune(w.Context(), time.Now().Add(time.Hour), 1<<20)
	w.ok(err)
	page, err := w.sql.Log().Read(w.Context(), feed.Ask{})
	w.ok(err)
	if len(page.Events) > 0 {
		w.Fatalf("%d events were not pruned", len(page.Events))
	}
}

// server is a Redis that keeps what it confirms.
func server(t testing.TB) *rig.RedisServer {
	t.Helper()
	return rig.Redis(t, rig.RedisConfig{AppendFsync: "always"})
}

// dying is a ledger whose node dies right after the log was told: what comes after the commit is not done.
type dying struct {
	session.Ledger
	died bool
}

var errDied = errors.New("the node died")

func (d *dying) Conclude(ctx context.Context, c session.Conclusion) (session.Concluded, error) {
	done, err := d.Ledger.Conclude(ctx, c)
	if d.died = err == nil; d.died {
		err = errDied
	}
	return done, err
}

// interposed lets something happen between a decision and its commit.
type interposed struct {
	session.Ledger
	before func()
}

func (i *interposed) Conclude(ctx context.Context, c session.Conclusion) (session.Concluded, error) {
	if before := i.before; before != nil {
		i.before = nil
		before()
	}
	return i.Ledger.Conclude(ctx, c)
}
