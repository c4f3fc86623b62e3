package storetest

import (
	"time"

	"tandem.example/tandem/internal/account"
	"tandem.example/tandem/internal/application"
	"tandem.example/tandem/internal/audit"
	"tandem.example/tandem/internal/session"
	"tandem.example/tandem/verify/revocation"
)

var endTests = []test{
	{"one session ends with its event and its entry", endOne},
	{"one that is not there, or not the user's, is not found", endNotFound},
	{"ending twice changes nothing", endTwice},
	{"all of a user's end with one event", endAll},
	{"all of a user's are announced even if none is known", endAllOfNone},
	{"all but one end with an event each", endOthers},
	{"a session that has expired ends all the same", endExpired},
	{"a locked user's session ends for good", endWhileLocked},
	{"what its application has ended is dead already", endAfterApplication},
	{"theft is remembered with the user", endMarksTheft},
}

func endOne(s *scene) {
	u := s.user("anna")
	row, kept := s.session(u), s.session(u)
	before, ending := s.head(), s.ending(row.ID)
	ending.Reason = session.EndedByOperator
	commit, n, err := s.Sessions().End(s.ctx, ending)
	s.ok(err)
	s.equal(n, 1)
	s.equal(commit.Position, before.Position+1)
	s.equal(commit.At, s.now)
	s.equal(s.since(before), []revocation.Event{revocation.SessionEvent(string(row.ID))})
	s.equal(s.audited(ending.Audit[0]), true)
	s.ended(row.ID, session.EndedByOperator)
	s.alive(kept.ID)

	// Nothing but its end has changed.
	row.EndedAt, row.EndReason = s.now, session.EndedByOperator
	s.equal(s.find(row.ID).Session, row)
}

func endNotFound(s *scene) {
	u, other := s.user("anna"), s.user("bert")
	row := s.session(u)
	for _, e := range []session.Ending{
		{Session: row.ID, User: other.ID},
		{Session: session.NewID(s.now)},
		{Session: session.NewID(s.now), User: u.ID},
	} {
		e.At, e.Reason, e.Audit = s.tick(), session.EndedByUser, []audit.Entry{s.entry(audit.SignedOut)}
		e.Theft = true
		s.refused(session.ErrNotFound, func() error {
			_, _, err := s.Sessions().End(s.ctx, e)
			return err
		})
	}
	s.alive(row.ID)
	s.equal(s.find(row.ID).User, u)

	_, n, err := s.Sessions().End(s.ctx, session.Ending{Session: row.ID, User: u.ID, At: s.tick(), Reason: session.EndedByUser})
	s.ok(err)
	s.equal(n, 1)
}

func endTwice(s *scene) {
	row := s.session(s.user("anna"))
	s.end(row.ID)
	want := s.find(row.ID)
	s.refused(nil, func() error {
		again := s.ending(row.ID)
		again.Reason, again.Theft = session.RefreshReused, true
		commit, n, err := s.Sessions().End(s.ctx, again)
		s.equal(n, 0)
		s.equal(commit.Position, want.Revision.Seq)
		return err
	})
	s.equal(s.find(row.ID), want)
}

func endAll(s *scene) {
	u, other := s.user("anna"), s.user("bert")
	first, second, gone, foreign := s.session(u), s.session(u), s.session(u), s.session(other)
	s.end(gone.ID)
	before, entry := s.head(), s.entry(audit.SignedOut)
	commit, n, err := s.Sessions().End(s.ctx, session.Ending{
		User: u.ID, Reason: session.UserRevoked, At: s.tick(), Audit: []audit.Entry{entry},
	})
	s.ok(err)
	s.equal(n, 2)
	s.equal(commit.Position, before.Position+1)
	s.equal(s.since(before), []revocation.Event{revocation.SubjectEvent(string(u.ID))})
	s.equal(s.audited(entry), true)
	s.ended(first.ID, session.UserRevoked)
	s.ended(second.ID, session.UserRevoked)
	s.ended(gone.ID, session.SignedOut)
	s.alive(foreign.ID)
	s.alive(s.session(u).ID) // a later sign-in is another matter
}

// Access tokens outlive the rows of sessions that were swept: an order to revoke a user is announced whatever the
// store still knows.
func endAllOfNone(s *scene) {
	u := s.user("anna")
	before, entry := s.head(), s.entry(audit.Revoked)
	commit, n, err := s.Sessions().End(s.ctx, session.Ending{
		User: u.ID, Reason: session.UserRevoked, At: s.tick(), Audit: []audit.Entry{entry},
	})
	s.ok(err)
	s.equal(n, 0)
	s.equal(commit.Position, before.Position+1)
	s.equal(s.since(before), []revocation.Event{revocation.SubjectEvent(string(u.ID))})
	s.equal(s.audited(entry), true)
}

func endOthers(s *scene) {
	u, other := s.user("anna"), s.user("bert")
	first, kept, third, gone, foreign := s.session(u), s.session(u), s.session(u), s.session(u), s.session(other)
	s.end(gone.ID)
	before := s.head()
	commit, n, err := s.Sessions().End(s.ctx, session.Ending{
		User: u.ID, Except: kept.ID, Reason: session.SignedOut, At: s.tick(),
	})
	s.ok(err)
	s.equal(n, 2)
	s.equal(commit.Position, before.Position+2)
	events := map[revocation.Event]bool{}
	for _, e := range s.since(before) {
		events[e] = true
	}
	s.equal(events, map[revocation.Event]bool{
		revocation.SessionEvent(string(first.ID)): true, revocation.SessionEvent(string(third.ID)): true,
	})
	s.ended(first.ID, session.SignedOut)
	s.ended(third.ID, session.SignedOut)
	s.alive(kept.ID)
	s.alive(foreign.ID)

	// There are no others any more.
	head := s.head()
	commit, n, err = s.Sessions().End(s.ctx, session.Ending{
		User: u.ID, Except: kept.ID, Reason: session.SignedOut, At: s.tick(),
	})
	s.ok(err)
	s.equal(n, 0)
	s.equal(commit.Position, head.Position)
	s.equal(s.head(), head)
}

// An access token may outlive the idle deadline of its session, and the server's clock may step back over it: only
// an end that is written and announced sticks.
func endExpired(s *scene) {
	u := s.user("anna")
	one, two := s.session(u), s.session(u)
	s.now = s.now.Add(absolute)
	before := s.head()
	s.end(one.ID)
	_, _, err := s.Sessions().End(s.ctx, session.Ending{User: u.ID, Reason: session.UserRevoked, At: s.tick()})
	s.ok(err)
	s.equal(s.since(before), []revocation.Event{
		revocation.SessionEvent(string(one.ID)), revocation.SubjectEvent(string(u.ID)),
	})
	s.now = s.now.Add(-absolute)
	s.ended(one.ID, session.SignedOut)
	s.ended(two.ID, session.UserRevoked)
}

// A lock alone makes the session dead, but not for good.
func endWhileLocked(s *scene) {
	u := s.user("anna")
	row := s.session(u)
	for _, status := range []account.Status{account.Locked, account.Active} {
		_, _, err := s.Accounts().Amend(s.ctx, account.Amendment{ID: u.ID, Status: &status, At: s.tick()})
		s.ok(err)
		if status == account.Locked {
			s.is(s.find(row.ID).Alive(s.now), session.ErrEnded)
			s.end(row.ID)
		}
	}
	s.ended(row.ID, session.SignedOut)
}

func endAfterApplication(s *scene) {
	row := s.session(s.user("anna"))
	_, _, err := s.Applications().Amend(s.ctx, application.Amendment{
		Application: s.app, EndSessions: true, At: s.tick(),
		Announce: []revocation.Event{revocation.ApplicationEvent(string(s.app.ID))},
	})
	s.ok(err)
	s.refused(nil, func() error {
		commit, n, err := s.Sessions().End(s.ctx, s.ending(row.ID))
		s.equal(n, 0)
		s.equal(commit.Position, s.head().Position)
		return err
	})
}

func endMarksTheft(s *scene) {
	u := s.user("anna")
	row, kept := s.session(u), s.session(u)
	s.now = s.now.Add(time.Second)
	e := s.ending(row.ID)
	e.Theft, e.Reason = true, session.RefreshReused
	_, n, err := s.Sessions().End(s.ctx, e)
	s.ok(err)
	s.equal(n, 1)
	u.TheftAt = e.At
	found, err := s.Accounts().ByID(s.ctx, u.ID)
	s.ok(err)
	s.equal(found, u)
	s.equal(s.find(kept.ID).User, u)
	s.alive(kept.ID)
	s.session(u) // the revision is the same: it undoes no sign-in
}
