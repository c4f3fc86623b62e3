package storetest

import (
	"time"

	"tandem.example/tandem/internal/account"
	"tandem.example/tandem/internal/secret"
	"tandem.example/tandem/internal/session"
	"tandem.example/tandem/internal/signin"
	"tandem.example/tandem/verify/revocation"
)

var startTests = []test{
	{"a session is kept whole, at the head", startKeepsAll},
	{"a bare session is kept as bare", startBare},
	{"what is not there is not found", sessionIsNotFound},
	{"a changed user starts none", startAccountChanged},
	{"an id is used once", startTwice},
	{"the limit ends the oldest living ones", startLimit},
	{"the limit is per user and application", startLimitScope},
	{"the dead do not count towards the limit", startLimitDead},
	{"values are copies", sessionIsCopied},
}

func startKeepsAll(s *scene) {
	u := s.user("anna")
	s.append(revocation.AllEvent(), revocation.AllEvent())
	row := s.draft(u)
	row.AMR, row.ACR, row.Device = []string{"pwd", "otp"}, "2", "Ünïcode 'phone'"
	row.Version = 4
	row.AuthenticatedAt = s.now.Add(-time.Minute)
	row.Refresh = session.Refresh{
		Generation: 1<<32 - 1, Digest: digest(2), Previous: digest(1), Sealed: []byte{0, 1, 255},
		RotatedAt: s.now, Floor: 7,
	}
	start := s.starting(row)
	view, err := s.Sessions().Start(s.ctx, start)
	s.ok(err)
	row.Position, row.TokensFrom = 2, view.Session.TokensFrom
	s.equal(view.Session, row)
	s.equal(view.User, u)
	s.equal(view.Revision, s.head().Revision())
	s.equal(view.SessionsFrom, uint64(0))
	s.equal(view.Session.TokensFrom <= 2, true)
	s.equal(s.audited(start.Audit), true)
	s.equal(s.head().Position, uint64(2))
	s.equal(s.find(row.ID), view)
	s.alive(row.ID)

	// A view is read after the head that it names, whichever verb moved that.
	s.append(revocation.AllEvent())
	s.equal(s.find(row.ID).Revision, s.head().Revision())
}

func startBare(s *scene) {
	row := s.draft(s.user("anna"))
	row.Token, row.Refresh, row.AMR, row.Device, row.IP = secret.Digest{}, session.Refresh{}, nil, "", ""
	_, err := s.Sessions().Start(s.ctx, s.starting(row))
	s.ok(err)
	s.equal(s.find(row.ID).Session, row)
}

func sessionIsNotFound(s *scene) {
	s.session(s.user("anna"))
	_, err := s.Sessions().Find(s.ctx, session.NewID(s.now))
	s.is(err, session.ErrNotFound)
	_, err = s.Sessions().Find(s.ctx, "")
	s.is(err, session.ErrNotFound)
}

func startAccountChanged(s *scene) {
	u := s.user("anna")
	amend := func(status account.Status) {
		_, _, err := s.Accounts().Amend(s.ctx, account.Amendment{ID: u.ID, Status: &status, At: s.tick()})
		s.ok(err)
	}
	for name, change := range map[string]func(){
		"another revision":  func() {},
		"locked":            func() { amend(account.Locked) },
		"locked and opened": func() { amend(account.Locked); amend(account.Active) },
		"a new password": func() {
			_, _, err := s.SignIn().SetPassword(s.ctx, signin.NewPassword{
				User: u.ID, From: phc(u.Name), To: phc("new"), At: s.tick(),
			})
			s.ok(err)
		},
		"deleted": func() {
			_, err := s.Accounts().Delete(s.ctx, account.Removal{ID: u.ID, At: s.tick()})
			s.ok(err)
		},
	} {
		u = s.user(name)
		change()
		start := s.starting(s.draft(u))
		if name == "another revision" {
			start.AccountRevision = 2
		}
		start.Limit = 1
		s.refused(session.ErrAccountChanged, func() error {
			_, err := s.Sessions().Start(s.ctx, start)
			return err
		})
		_, err := s.Sessions().Find(s.ctx, start.Session.ID)
		s.is(err, session.ErrNotFound)
	}
	// One who is locked cannot sign in, even where the revision is right.
	u = s.user("locked at the right revision")
	amend(account.Locked)
	start := s.starting(s.draft(u))
	start.AccountRevision = 2
	s.refused(session.ErrAccountChanged, func() error {
		_, err := s.Sessions().Start(s.ctx, start)
		return err
	})
}

func startTwice(s *scene) {
	u := s.user("anna")
	row := s.session(u)
	second := s.draft(u)
	second.ID, second.Token = row.ID, secret.Sum([]byte("another"))
	start := s.starting(second)
	start.Limit = 1
	s.refusedAnyhow(func() error {
		_, err := s.Sessions().Start(s.ctx, start)
		return err
	})
	s.equal(s.find(row.ID).Session, row)
}

// startLimited starts a session under a limit.
func (s *scene) startLimited(u account.User, limit int) session.Session {
	s.t.Helper()
	start := s.starting(s.draft(u))
	start.Limit = limit
	view, err := s.Sessions().Start(s.ctx, start)
	s.ok(err)
	return view.Session
}

func startLimit(s *scene) {
	u := s.user("anna")
	var rows []session.Session
	for range 5 {
		rows = append(rows, s.session(u))
	}
	before := s.head()
	sixth := s.startLimited(u, 3)
	for _, row := range rows[:3] {
		s.ended(row.ID, session.LimitReached)
	}
	for _, id := range []session.ID{rows[3].ID, rows[4].ID, sixth.ID} {
		s.alive(id)
	}
	s.equal(s.since(before), []revocation.Event{
		revocation.SessionEvent(string(rows[0].ID)), revocation.SessionEvent(string(rows[1].ID)),
		revocation.SessionEvent(string(rows[2].ID)),
	})
	s.equal(s.find(sixth.ID).Session.Position >= before.Position, true)

	seventh := s.startLimited(u, 1)
	s.ended(sixth.ID, session.LimitReached)
	s.alive(seventh.ID)
	s.startLimited(u, 0)
	s.alive(seventh.ID)
}

func startLimitScope(s *scene) {
	u, other := s.user("anna"), s.user("bert")
	foreign := s.session(other)
	here := s.app
	s.app = s.application("second")
	elsewhere := s.session(u)
	s.app = here
	first, before := s.startLimited(u, 1), s.head()
	s.equal(before.Position, uint64(0))
	s.startLimited(u, 1)
	s.ended(first.ID, session.LimitReached)
	s.alive(foreign.ID)
	s.alive(elsewhere.ID)
}

func startLimitDead(s *scene) {
	u := s.user("anna")
	expired := s.session(u)
	s.now = s.now.Add(idle)
	ended, living := s.session(u), s.session(u)
	s.end(ended.ID)
	before := s.head()
	s.startLimited(u, 2)
	s.alive(living.ID)
	s.ended(ended.ID, session.SignedOut)
	s.equal(s.find(expired.ID).Session.EndedAt.IsZero(), true)
	s.equal(s.head(), before)
}

func sessionIsCopied(s *scene) {
	row := s.draft(s.user("anna"))
	row.Refresh.Sealed = []byte("sealed")
	view, err := s.Sessions().Start(s.ctx, s.starting(row))
	s.ok(err)
	for _, v := range []session.Session{row, view.Session, s.find(row.ID).Session} {
		v.AMR[0], v.Refresh.Sealed[0] = "forged", 'X'
	}
	view.User.Roles[0] = "admin"
	again := s.find(row.ID)
	s.equal(again.Session.AMR, []string{"pwd"})
	s.equal(string(again.Session.Refresh.Sealed), "sealed")
	s.equal(again.User.Roles, []string{"reader", "writer"})
}
