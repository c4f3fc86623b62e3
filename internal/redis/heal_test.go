package redis_test

import (
	"testing"
	"time"

	"tandem.example/tandem/internal/redis"
	"tandem.example/tandem/internal/session"
)

// The log is told first. A node that dies before it has told Redis leaves nothing that lives, and others finish its work.
func TestCrashBetweenLogAndRedisHeals(t *testing.T) {
	w := newWorld(t, server(t).URL())
	other := w.node()
	one, spared := w.start(other), w.start(other)
	d := &dying{Ledger: w.sql.Ledger()}
	dead := w.node(func(c *redis.Config) { c.Base.Ledger = d })
	w.is(w.end(dead, one.Session.ID), errDied)
	w.is(w.lives(other, one.Session.ID), session.ErrEnded)
	w.is(w.rotate(other, one.Session.ID, 1), session.ErrEnded)

	// Once the log has forgotten the event, Redis alone knows.
	w.forget(other)
	w.is(w.lives(other, one.Session.ID), session.ErrEnded)
	v, err := other.Sessions().Find(t.Context(), one.Session.ID)
	w.ok(err)
	if v.Session.EndReason != session.EndedByUser || v.Session.EndedAt.IsZero() {
		t.Errorf("healed as ended at %s for %q: the fence told why", v.Session.EndedAt, v.Session.EndReason)
	}
	w.is(w.lives(other, spared.Session.ID), nil)
	if _, n, err := other.Sessions().End(t.Context(), session.Ending{Session: one.Session.ID, Reason: session.SignedOut, At: time.Now()}); n != 0 || err != nil {
		t.Errorf("ending it again: %d, %v", n, err)
	}
}

// Of several sessions that end together no fence tells.
func TestCrashAmidSeveralEndsHeals(t *testing.T) {
	w := newWorld(t, server(t).URL())
	other := w.node()
	keep, one, two := w.start(other), w.start(other), w.start(other)
	d := &dying{Ledger: w.sql.Ledger()}
	dead := w.node(func(c *redis.Config) { c.Base.Ledger = d })
	_, _, err := dead.Sessions().End(t.Context(), session.Ending{User: w.user.ID, Except: keep.Session.ID, Reason: session.SignedOut, At: time.Now()})
	w.is(err, errDied)
	for range 2 {
		w.is(w.lives(other, one.Session.ID), session.ErrEnded)
		w.is(w.lives(other, two.Session.ID), session.ErrEnded)
		w.is(w.lives(other, keep.Session.ID), nil)
		w.forget(other)
	}
}

// A renewal whose node died leaves a fence that somebody else takes down; the credentials are the old ones, and
// whoever holds them goes on.
func TestCrashAmidARenewalLeavesTheOldCredentials(t *testing.T) {
	w := newWorld(t, server(t).URL())
	other := w.node()
	one := w.start(other)
	d := &dying{Ledger: w.sql.Ledger()}
	dead := w.node(func(c *redis.Config) { c.Base.Ledger = d })
	before, err := w.sql.Log().Head(t.Context())
	w.ok(err)
	now := time.Now()
	_, _, err = dead.Sessions().Renew(t.Context(), session.Renewal{
		ID: one.Session.ID, Refresh: session.Refresh{Generation: 2, Digest: token(99), Floor: 2}, AuthenticatedAt: now, At: now,
	})
	w.is(err, errDied)
	v, err := other.Sessions().Find(t.Context(), one.Session.ID)
	w.ok(err)
	if v.Revision.Seq > before.Position || v.Session.Refresh.Digest != token(1) {
		t.Errorf("minted from revision %d, the renewal was announced after %d", v.Revision.Seq, before.Position)
	}
	start := time.Now()
	w.ok(w.rotate(other, one.Session.ID, 1))
	if waited := time.Since(start); waited < 2*time.Second || waited > 10*time.Second {
		t.Errorf("the fence of a dead node stood for %s", waited)
	}
	w.ok(w.rotate(other, one.Session.ID, 2))
}

// A session that is pushed out between its place in the index and its row has no row to end: it must not live once the
// log has forgotten.
func TestPushedOutBeforeItIsThere(t *testing.T) {
	w := newWorld(t, server(t).URL())
	s := w.node()
	starting := &interposed{Ledger: w.sql.Ledger()}
	slow := w.node(func(c *redis.Config) { c.Base.Ledger = starting })
	begin := func(s *redis.Store) session.View {
		t.Helper()
		v, err := s.Sessions().Start(t.Context(), session.Start{Session: draft(w.user, w.app), AccountRevision: 1, Limit: 1})
		w.ok(err)
		return v
	}
	first := begin(s)
	var third session.View
	starting.before = func() {
		third = begin(s)
		_, err := s.Log().Prune(t.Context(), time.Now(), 1) // nothing is due, but the marks move past the event
		w.ok(err)
	}
	second := begin(slow)
	for range 2 {
		w.is(w.lives(s, first.Session.ID), session.ErrEnded)
		w.is(w.lives(s, second.Session.ID), session.ErrEnded)
		w.is(w.lives(s, third.Session.ID), nil)
		w.forget(s)
	}
}

// A renewal that is through has no fence, and the view that it answers knows its event.
func TestEndsWhileANodeRenews(t *testing.T) {
	w := newWorld(t, server(t).URL())
	s := w.node()
	one := w.start(s)
	ends := &interposed{Ledger: w.sql.Ledger()}
	renewing := w.node(func(c *redis.Config) { c.Base.Ledger = ends })
	ends.before = func() { w.ok(w.end(s, one.Session.ID)) }
	now := time.Now()
	_, _, err := renewing.Sessions().Renew(t.Context(), session.Renewal{ID: one.Session.ID, AuthenticatedAt: now, At: now})
	w.is(err, session.ErrEnded)
	w.is(w.lives(s, one.Session.ID), session.ErrEnded)
	w.forget(s)
	w.is(w.lives(s, one.Session.ID), session.ErrEnded)
}
