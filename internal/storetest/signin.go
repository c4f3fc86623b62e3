package storetest

import (
	"tandem.example/tandem/internal/account"
	"tandem.example/tandem/internal/audit"
	"tandem.example/tandem/internal/credential"
	"tandem.example/tandem/internal/session"
	"tandem.example/tandem/internal/signin"
	"tandem.example/tandem/verify/revocation"
)

var signInTests = []test{
	{"registration keeps user, password and entry together", registerKeeps},
	{"a taken address registers nobody", registerTaken},
	{"a user may have no password", registerWithout},
	{"a new password ends all sessions", passwordEndsAll},
	{"a new password keeps one session, with new credentials", passwordKeepsOne},
	{"a new password is conditional", passwordConditions},
	{"an operator's reset asks for nothing and keeps nothing", passwordReset},
	{"rehashing changes the hash alone, and only if it is the same", rehash},
	{"an address is known after a sign-in from it", knownAddress},
}

func (s *scene) password(user account.ID) (credential.PHC, uint64) {
	s.t.Helper()
	hash, revision, err := s.SignIn().Password(s.ctx, user)
	s.ok(err)
	return hash, revision
}

// hasPassword compares hashes, which do not print.
func (s *scene) hasPassword(user account.ID, want credential.PHC, revision uint64) {
	s.t.Helper()
	hash, got := s.password(user)
	if hash != want {
		s.t.Fatal("another password hash is stored")
	}
	s.equal(got, revision)
}

func registerKeeps(s *scene) {
	entry := s.entry(audit.UserCreated)
	u := account.User{
		ID: account.NewID(s.tick()), Email: "anna@example.com", Status: account.Active, CreatedAt: s.now, Revision: 5,
	}
	before := s.head()
	s.ok(s.SignIn().Register(s.ctx, signin.Registration{User: u, Password: phc("first"), Audit: []audit.Entry{entry}}))
	found, err := s.Accounts().ByID(s.ctx, u.ID)
	s.ok(err)
	s.equal(found, u)
	s.hasPassword(u.ID, phc("first"), 5)
	s.equal(s.audited(entry), true)
	s.equal(s.head(), before)
	_, _, err = s.SignIn().Password(s.ctx, account.NewID(s.now))
	s.is(err, account.ErrNotFound)
}

func registerTaken(s *scene) {
	u := s.user("anna")
	second := u
	second.ID, second.Email = account.NewID(s.tick()), "  ANNA@example.com"
	s.refused(account.ErrEmailTaken, func() error {
		return s.SignIn().Register(s.ctx, signin.Registration{
			User: second, Password: phc("forged"), Audit: []audit.Entry{s.entry(audit.SignedUp)},
		})
	})
	_, err := s.Accounts().ByID(s.ctx, second.ID)
	s.is(err, account.ErrNotFound)
	s.hasPassword(u.ID, phc("anna"), 1)

	sameID := u
	sameID.Email = "other@example.com"
	s.refusedAnyhow(func() error {
		return s.SignIn().Register(s.ctx, signin.Registration{User: sameID, Password: phc("forged")})
	})
	s.hasPassword(u.ID, phc("anna"), 1)
}

func registerWithout(s *scene) {
	u := account.User{ID: account.NewID(s.tick()), Email: "a@b.example", Status: account.Active, CreatedAt: s.now}
	s.ok(s.SignIn().Register(s.ctx, signin.Registration{User: u}))
	_, _, err := s.SignIn().Password(s.ctx, u.ID)
	s.is(err, account.ErrNotFound)
	s.ok(s.SignIn().Rehash(s.ctx, u.ID, credential.PHC{}, phc("x")))
	_, _, err = s.SignIn().Password(s.ctx, u.ID)
	s.is(err, account.ErrNotFound)
	_, _, err = s.SignIn().SetPassword(s.ctx, signin.NewPassword{User: u.ID, To: phc("first"), Reset: true, At: s.tick()})
	s.ok(err)
	s.hasPassword(u.ID, phc("first"), 1)
}

// newPassword is a change from the user's first password, whose Revision is still 1.
func (s *scene) newPassword(u account.User) signin.NewPassword {
	return signin.NewPassword{
		User: u.ID, From: phc(u.Name), To: phc("next"), At: s.tick(),
		Announce: []revocation.Event{revocation.SubjectEvent(string(u.ID))},
		Audit:    []audit.Entry{s.entry(audit.PasswordChanged)},
	}
}

func passwordEndsAll(s *scene) {
	u, other := s.user("anna"), s.user("bert")
	one, two, gone, foreign := s.session(u), s.session(u), s.session(u), s.session(other)
	s.end(gone.ID)
	before, change := s.head(), s.newPassword(u)
	view, commit, err := s.SignIn().SetPassword(s.ctx, change)
	s.ok(err)
	s.equal(view, session.View{})
	s.equal(commit.Position, before.Position+1)
	s.equal(commit.At, change.At)
	s.equal(s.since(before), change.Announce)
	s.equal(s.audited(change.Audit[0]), true)
	s.hasPassword(u.ID, phc("next"), 2)
	s.ended(one.ID, session.PasswordChanged)
	s.ended(two.ID, session.PasswordChanged)
	s.ended(gone.ID, session.SignedOut)
	s.alive(foreign.ID)
	s.hasPassword(other.ID, phc("bert"), 1)
}

func passwordKeepsOne(s *scene) {
	u := s.user("anna")
	kept, other := s.session(u), s.session(u)
	before, change, keep := s.head(), s.newPassword(u), s.renewal(kept)
	keep.Audit.Type = audit.PasswordChanged
	change.Keep = &keep
	view, commit, err := s.SignIn().SetPassword(s.ctx, change)
	s.ok(err)
	s.equal(s.since(before), change.Announce)
	s.ended(other.ID, session.PasswordChanged)
	s.alive(kept.ID)
	s.equal(s.audited(change.Audit[0]), true)
	s.equal(s.audited(keep.Audit), true)

	got := view.Session
	s.equal(got.TokensFrom, commit.Position)
	s.equal(view.Revision, s.head().Revision())
	s.equal(view.User.Revision, uint64(2))
	s.equal(got.Version, kept.Version+1)
	s.equal(got.Token, keep.Token)
	s.equal(got.Refresh, keep.Refresh)
	s.equal(got.AuthenticatedAt, keep.AuthenticatedAt)
	s.equal(got.ACR, keep.ACR)
	s.equal(got.AMR, keep.AMR)
	s.equal(got.EndedAt.IsZero(), true)
	s.equal(s.find(kept.ID), view)
}

func passwordConditions(s *scene) {
	u, other := s.user("anna"), s.user("bert")
	row, gone, foreign := s.session(u), s.session(u), s.session(other)
	s.end(gone.ID)
	keeping := func(row session.Session, version uint64) *session.Renewal {
		r := s.renewal(row)
		r.Version = version
		return &r
	}
	refusedChange := func(want error, edit func(p *signin.NewPassword)) {
		s.t.Helper()
		p := s.newPassword(u)
		edit(&p)
		s.refused(want, func() error {
			_, _, err := s.SignIn().SetPassword(s.ctx, p)
			return err
		})
		s.hasPassword(u.ID, phc("anna"), 1)
		s.alive(row.ID)
		s.alive(foreign.ID)
		s.equal(s.find(row.ID).Session, row)
	}
	refusedChange(account.ErrNotFound, func(p *signin.NewPassword) { p.User = account.NewID(s.now) })
	refusedChange(session.ErrRaced, func(p *signin.NewPassword) { p.From = phc("other") })
	refusedChange(session.ErrRaced, func(p *signin.NewPassword) { p.From = credential.PHC{} })
	refusedChange(session.ErrRaced, func(p *signin.NewPassword) { p.Keep = keeping(row, row.Version+1) })
	// A session that is dead, unknown or another's cannot be kept, and nothing else happens either.
	for _, keep := range []*session.Renewal{
		keeping(gone, gone.Version), keeping(foreign, foreign.Version),
		keeping(session.Session{ID: session.NewID(s.now)}, 0),
	} {
		p := s.newPassword(u)
		p.Keep = keep
		s.refusedAnyhow(func() error {
			_, _, err := s.SignIn().SetPassword(s.ctx, p)
			return err
		})
		s.hasPassword(u.ID, phc("anna"), 1)
		s.alive(row.ID)
		s.alive(foreign.ID)
	}
}

func passwordReset(s *scene) {
	u := s.user("anna")
	row, change := s.session(u), s.newPassword(u)
	change.From, change.Reset = credential.PHC{}, true
	_, _, err := s.SignIn().SetPassword(s.ctx, change)
	s.ok(err)
	s.hasPassword(u.ID, phc("next"), 2)
	s.ended(row.ID, session.PasswordChanged)
}

func rehash(s *scene) {
	u := s.user("anna")
	row, head, trail := s.session(u), s.head(), s.trail()
	s.ok(s.SignIn().Rehash(s.ctx, u.ID, phc("other"), phc("forged")))
	s.hasPassword(u.ID, phc("anna"), 1)
	s.ok(s.SignIn().Rehash(s.ctx, u.ID, phc("anna"), phc("stronger")))
	s.hasPassword(u.ID, phc("stronger"), 1)
	s.alive(row.ID)
	s.equal(s.head(), head)
	s.equal(s.trail(), trail)
}

func knownAddress(s *scene) {
	u, other := s.user("anna"), s.user("bert")
	known := func(user account.ID, ip string, want bool) {
		s.t.Helper()
		got, err := s.SignIn().KnownAddress(s.ctx, user, ip)
		s.ok(err)
		s.equal(got, want)
	}
	known(u.ID, "192.0.2.1", false)
	row := s.session(u)
	known(u.ID, "192.0.2.1", true)
	known(u.ID, "192.0.2.2", false)
	known(other.ID, "192.0.2.1", false)
	known(account.NewID(s.now), "192.0.2.1", false)
	s.end(row.ID)
	known(u.ID, "192.0.2.1", true)
	// A session from nowhere makes nowhere no known address.
	draft := s.draft(other)
	draft.IP = ""
	_, err := s.Sessions().Start(s.ctx, s.starting(draft))
	s.ok(err)
	known(other.ID, "", false)
}
