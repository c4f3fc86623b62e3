package storetest

import (
	"time"

	"tandem.example/tandem/internal/account"
	"tandem.example/tandem/internal/application"
	"tandem.example/tandem/internal/session"
)

var listTests = []test{
	{"list is newest first and pages by cursor", sessionsPage},
	{"list filters by user and application", sessionsFilter},
	{"list filters by last use", sessionsSeen},
	{"list leaves out the dead if told so", sessionsAlive},
	{"sweep deletes what is long dead, and no more than asked", sweepDead},
}

func (s *scene) list(q session.Query) []session.View {
	s.t.Helper()
	if q.Limit == 0 {
		q.Limit = 100
	}
	found, err := s.Sessions().List(s.ctx, q)
	s.ok(err)
	return found
}

func ids(views []session.View) (list []session.ID) {
	for _, v := range views {
		list = append(list, v.Session.ID)
	}
	return list
}

func sessionsPage(s *scene) {
	u, other := s.user("anna"), s.user("bert")
	var want []session.View
	for range 7 {
		row := s.session(u)
		s.session(other)
		want = append([]session.View{s.find(row.ID)}, want...)
	}
	var got []session.View
	q := session.Query{User: u.ID, Limit: 3}
	for _, size := range []int{3, 3, 1, 0} {
		page := s.list(q)
		s.equal(len(page), size)
		got = append(got, page...)
		if size > 0 {
			q.Before = page[size-1].Session.ID
		}
	}
	s.equal(got, want)
	s.equal(len(s.list(session.Query{})), 14)
}

func sessionsFilter(s *scene) {
	u, other := s.user("anna"), s.user("bert")
	a, b := s.session(u), s.session(other)
	first := s.app
	s.app = s.application("second")
	c, d := s.session(u), s.session(other)
	for _, t := range []struct {
		q    session.Query
		want []session.ID
	}{
		{session.Query{}, []session.ID{d.ID, c.ID, b.ID, a.ID}},
		{session.Query{User: u.ID}, []session.ID{c.ID, a.ID}},
		{session.Query{Application: first.ID}, []session.ID{b.ID, a.ID}},
		{session.Query{User: other.ID, Application: s.app.ID}, []session.ID{d.ID}},
		{session.Query{User: account.NewID(s.now)}, nil},
	} {
		found := s.list(t.q)
		s.equal(ids(found), t.want)
		for _, view := range found { // each with its own user
			s.equal(view.User.ID, view.Session.User)
		}
	}
}

func sessionsSeen(s *scene) {
	u := s.user("anna")
	a, b := s.session(u), s.session(u)
	at := s.now.Add(time.Minute)
	s.touch(session.Sighting{ID: a.ID, At: at})
	s.equal(ids(s.list(session.Query{SeenSince: at})), []session.ID{a.ID})
	s.equal(len(s.list(session.Query{SeenSince: at.Add(time.Millisecond)})), 0)
	s.equal(ids(s.list(session.Query{SeenSince: b.LastSeenAt, User: u.ID})), []session.ID{b.ID, a.ID})
}

func sessionsAlive(s *scene) {
	u, locked := s.user("anna"), s.user("bert")
	idleOut := s.session(u)
	s.now = s.now.Add(idle)
	ended, lockedOut := s.session(u), s.session(locked)
	s.app = s.application("revoked")
	revoked := s.session(u)
	_, _, err := s.Applications().Amend(s.ctx, application.Amendment{Application: s.app, EndSessions: true, At: s.tick()})
	s.ok(err)
	living := s.session(u)
	s.end(ended.ID)
	_, _, err = s.Accounts().Amend(s.ctx, account.Amendment{ID: locked.ID, Status: to(account.Locked), At: s.tick()})
	s.ok(err)

	s.equal(ids(s.list(session.Query{AliveAt: s.now})), []session.ID{living.ID})
	s.equal(len(s.list(session.Query{AliveAt: living.IdleExpiresAt})), 0)
	s.equal(ids(s.list(session.Query{})), []session.ID{living.ID, revoked.ID, lockedOut.ID, ended.ID, idleOut.ID})
	// A page is full as long as there are living ones, however many of the dead lie between.
	s.app = s.application("third")
	newest := s.session(u)
	for range 5 {
		s.end(s.session(u).ID)
	}
	s.equal(ids(s.list(session.Query{AliveAt: s.now, Limit: 2})), []session.ID{newest.ID, living.ID})
}

func (s *scene) sweep(before time.Time, limit, want int) {
	s.t.Helper()
	n, err := s.Sessions().Sweep(s.ctx, before, limit)
	s.ok(err)
	s.equal(n, want)
}

func sweepDead(s *scene) {
	u := s.user("anna")
	start := s.now
	ended, idleOut, living := s.session(u), s.session(u), s.session(u)
	s.end(ended.ID)
	s.sweep(s.now, 100, 0) // not before its end
	s.sweep(s.now.Add(time.Millisecond), 100, 1)
	_, err := s.Sessions().Find(s.ctx, ended.ID)
	s.is(err, session.ErrNotFound)

	seen := start.Add(10 * time.Minute)
	s.touch(session.Sighting{ID: living.ID, At: seen})
	s.sweep(idleOut.IdleExpiresAt, 100, 0)
	before := s.head()
	s.sweep(idleOut.IdleExpiresAt.Add(time.Millisecond), 100, 1)
	s.equal(ids(s.list(session.Query{})), []session.ID{living.ID})
	s.alive(living.ID)
	s.equal(s.head(), before)

	for range 5 {
		s.end(s.session(u).ID)
	}
	for _, n := range []int{3, 2, 0} {
		s.sweep(s.now.Add(time.Millisecond), 3, n)
	}
	s.alive(living.ID)
}
