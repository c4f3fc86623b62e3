package storetest

import (
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"tandem.example/tandem/internal/account"
	"tandem.example/tandem/internal/audit"
	"tandem.example/tandem/internal/session"
	"tandem.example/tandem/verify/revocation"
)

var bindTests = []test{
	{"a binding sets the key and nothing else", bindSets},
	{"the first key wins, and may be set again", bindFirstWins},
	{"a dead session is not bound", bindDead},
	{"what changes the session leaves the key", bindStays},
	{"of many keys one wins", bindOneWinner},
}

func (s *scene) binding(row session.Session, key string) session.Binding {
	now := s.tick()
	return session.Binding{ID: row.ID, Key: []byte(key), Audit: s.entry(audit.SessionBound), At: now}
}

func bindSets(s *scene) {
	u := s.user("anna")
	row, other := s.session(u), s.session(u)
	before, b := s.head(), s.binding(row, "key one")
	view, err := s.Bindings().Bind(s.ctx, b)
	s.ok(err)
	s.equal(s.head(), before) // nobody's credentials have changed
	s.equal(s.audited(b.Audit), true)
	want := row
	want.Bound = session.Bound{Key: []byte("key one"), At: b.At}
	s.equal(view.Session, want)
	s.equal(s.find(row.ID), view)
	s.equal(s.find(other.ID).Session, other)
	listed, err := s.Sessions().List(s.ctx, session.Query{User: u.ID})
	s.ok(err)
	s.equal(listed[1].Session, want)
	b.Key[0] = 'X' // what a caller does with the key afterwards
	view.Session.Bound.Key[0] = 'Y'
	s.equal(s.find(row.ID).Session, want)
	last, err := s.LastCommit(s.ctx)
	s.ok(err)
	s.equal(last, b.At)
}

func bindFirstWins(s *scene) {
	row := s.session(s.user("anna"))
	first := s.binding(row, "key one")
	bound, err := s.Bindings().Bind(s.ctx, first)
	s.ok(err)
	s.refused(session.ErrBound, func() error {
		_, err := s.Bindings().Bind(s.ctx, s.binding(row, "key two"))
		return err
	})
	again := s.binding(row, "key one")
	view, err := s.Bindings().Bind(s.ctx, again)
	s.ok(err)
	s.equal(view.Session, bound.Session)
	s.equal(s.audited(again.Audit), false)
	s.equal(s.find(row.ID).Session, bound.Session)
}

func bindDead(s *scene) {
	u := s.user("anna")
	ended, expired, locked := s.session(u), s.session(u), s.session(s.user("bert"))
	s.end(ended.ID)
	bind := func(b session.Binding, want error) {
		s.t.Helper()
		s.refused(want, func() error {
			_, err := s.Bindings().Bind(s.ctx, b)
			return err
		})
	}
	bind(s.binding(ended, "key"), session.ErrEnded)
	late := s.binding(expired, "key")
	late.At = expired.IdleExpiresAt
	bind(late, session.ErrExpired)
	_, _, err := s.Accounts().Amend(s.ctx, account.Amendment{ID: locked.User, Status: to(account.Locked), At: s.tick()})
	s.ok(err)
	bind(s.binding(locked, "key"), session.ErrEnded)
	unknown := s.binding(ended, "key")
	unknown.ID = session.NewID(s.now)
	bind(unknown, session.ErrNotFound)
	unknown.ID = "ses_"
	bind(unknown, session.ErrNotFound)
}

func bindStays(s *scene) {
	u := s.user("anna")
	row := s.session(u)
	view, err := s.Bindings().Bind(s.ctx, s.binding(row, "key one"))
	s.ok(err)
	want := view.Session.Bound
	stays := func() {
		s.t.Helper()
		s.equal(s.find(row.ID).Session.Bound, want)
	}
	s.now = s.now.Add(2 * time.Minute)
	s.ok(s.Sessions().Touch(s.ctx, []session.Sighting{{ID: row.ID, At: s.now}}))
	stays()
	_, err = s.Sessions().Rotate(s.ctx, s.rotation(row.ID, 1))
	s.ok(err)
	stays()
	renewed, _, err := s.Sessions().Renew(s.ctx, s.renewal(s.find(row.ID).Session))
	s.ok(err)
	s.equal(renewed.Session.Bound, want)
	stays()
	s.append(revocation.AllEvent())
	s.end(row.ID)
	stays()
}

func bindOneWinner(s *scene) {
	row := s.session(s.user("anna"))
	keys := []string{"one", "two", "three", "four", "five", "six", "seven", "eight"}
	bindings := make([]session.Binding, len(keys))
	for i, key := range keys {
		bindings[i] = s.binding(row, key)
	}
	var all sync.WaitGroup
	var won atomic.Int32
	var winner atomic.Pointer[session.Bound]
	for _, b := range bindings {
		all.Go(func() {
			view, err := s.Bindings().Bind(s.ctx, b)
			switch {
			case err == nil:
				won.Add(1)
				winner.Store(&view.Session.Bound)
			case !errors.Is(err, session.ErrBound):
				s.t.Errorf("bind: %v", err)
			}
		})
	}
	all.Wait()
	s.equal(won.Load(), int32(1))
	s.equal(s.find(row.ID).Session.Bound, *winner.Load())
	recorded := 0
	for _, b := range bindings {
		if s.audited(b.Audit) {
			recorded++
		}
	}
	s.equal(recorded, 1)
}
