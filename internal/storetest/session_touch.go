package storetest

import (
	"time"

	"tandem.example/tandem/internal/account"
	"tandem.example/tandem/internal/application"
	"tandem.example/tandem/internal/session"
)

var touchTests = []test{
	{"a sighting slides the session and nothing else", touchSlides},
	{"a sighting never takes anything back", touchOnlyGrows},
	{"the idle deadline stays within the absolute one", touchWithinAbsolute},
	{"a batch is taken in any order", touchBatch},
	{"a sighting never revives", touchNeverRevives},
}

func (s *scene) touch(sightings ...session.Sighting) {
	s.t.Helper()
	s.ok(s.Sessions().Touch(s.ctx, sightings))
}

func touchSlides(s *scene) {
	u := s.user("anna")
	row, other := s.session(u), s.session(u)
	before, trail := s.head(), s.trail()
	at := s.now.Add(10 * time.Minute)
	s.touch(session.Sighting{ID: row.ID, At: at})
	row.LastSeenAt, row.IdleExpiresAt = at, at.Add(idle)
	s.equal(s.find(row.ID).Session, row)
	s.equal(s.find(other.ID).Session, other)
	s.equal(s.head(), before)
	s.equal(s.trail(), trail)

	// It would have expired without.
	s.now = at.Add(idle - time.Second)
	s.alive(row.ID)
	s.is(s.find(other.ID).Alive(s.now), session.ErrExpired)
}

func touchOnlyGrows(s *scene) {
	row := s.session(s.user("anna"))
	at := s.now.Add(5 * time.Minute)
	s.touch(session.Sighting{ID: row.ID, At: at})
	want := s.find(row.ID)
	s.touch(session.Sighting{ID: row.ID, At: at.Add(-time.Minute)})
	s.touch(session.Sighting{ID: row.ID, At: row.CreatedAt.Add(-time.Hour)})
	s.touch()
	s.equal(s.find(row.ID), want)
}

func touchWithinAbsolute(s *scene) {
	row := s.session(s.user("anna"))
	for row.IdleExpiresAt.Before(row.ExpiresAt) {
		s.touch(session.Sighting{ID: row.ID, At: row.IdleExpiresAt.Add(-time.Minute)})
		row = s.find(row.ID).Session
	}
	s.equal(row.IdleExpiresAt, row.ExpiresAt)
	s.touch(session.Sighting{ID: row.ID, At: row.ExpiresAt.Add(-time.Second)})
	s.equal(s.find(row.ID).Session.IdleExpiresAt, row.ExpiresAt)
	s.is(s.find(row.ID).Alive(row.ExpiresAt), session.ErrExpired)
}

func touchBatch(s *scene) {
	u := s.user("anna")
	var batch []session.Sighting
	var rows []session.Session
	for range 60 {
		rows = append(rows, s.session(u))
	}
	last := s.now.Add(3 * time.Minute)
	for i, row := range rows {
		batch = append(batch, session.Sighting{ID: row.ID, At: last.Add(-time.Duration(i) * time.Second)})
	}
	batch = append(batch,
		session.Sighting{ID: rows[1].ID, At: last.Add(-time.Minute)}, // older, and later in the batch
		session.Sighting{ID: session.NewID(s.now), At: last},         // swept meanwhile
		session.Sighting{ID: rows[0].ID, At: last.Add(time.Second)},
	)
	s.touch(batch...)
	for i, row := range rows {
		want := last.Add(-time.Duration(i) * time.Second)
		if i == 0 {
			want = last.Add(time.Second)
		}
		s.equal(s.find(row.ID).Session.LastSeenAt, want)
	}
}

func touchNeverRevives(s *scene) {
	u, locked := s.user("anna"), s.user("bert")
	idleOut, ended, lockedOut := s.session(u), s.session(u), s.session(locked)
	here := s.app
	s.app = s.application("revoked")
	revoked := s.session(u)
	_, _, err := s.Applications().Amend(s.ctx, application.Amendment{Application: s.app, EndSessions: true, At: s.tick()})
	s.ok(err)
	s.app = here
	s.end(ended.ID)
	_, _, err = s.Accounts().Amend(s.ctx, account.Amendment{ID: locked.ID, Status: to(account.Locked), At: s.tick()})
	s.ok(err)

	var batch []session.Sighting
	var want []session.View
	for _, row := range []session.Session{ended, lockedOut, revoked} {
		batch = append(batch, session.Sighting{ID: row.ID, At: s.now})
		want = append(want, s.find(row.ID))
	}
	batch = append(batch, session.Sighting{ID: idleOut.ID, At: idleOut.IdleExpiresAt})
	want = append(want, s.find(idleOut.ID))
	s.touch(batch...)
	for _, view := range want {
		s.equal(s.find(view.Session.ID), view)
	}
}
