package storetest

import (
	"fmt"
	"sync"

	"tandem.example/tandem/internal/account"
	"tandem.example/tandem/internal/audit"
	"tandem.example/tandem/internal/credential"
	"tandem.example/tandem/internal/secret"
	"tandem.example/tandem/internal/session"
	"tandem.example/tandem/internal/signin"
	"tandem.example/tandem/verify/revocation"
)

// What concerns all ways in which users prove who they are.
var proofTests = []test{
	{"dropping credentials removes all of one user's, in one commit with their sessions", dropCredentials},
	{"an amendment that fails drops nothing", dropFails},
	{"a sign-in that meets the drop leaves no living session", startMeetsDrop},
	{"a deleted user takes their credentials along", deletionDropsCredentials},
	{"what the user was told of a theft is forgotten", theftSeen},
	{"nothing is added or removed that was decided on the user as they were", decidedBefore},
}

// equipped is a user with one of everything, at Revision 5, and what they have.
type equipped struct {
	user       account.User
	passkey    credential.Passkey
	totp       credential.TOTP
	connection credential.Connection
}

func (s *scene) equipped(name string) equipped {
	s.t.Helper()
	u := s.user(name)
	e := equipped{user: u, passkey: s.passkey(u, name), totp: s.totp(u, name), connection: s.connection(u, "google", name)}
	s.ok(s.Codes().SetRecoveryCodes(s.ctx, u.ID, recoveryCodes(name, 3), nil, s.entry(audit.RecoveryCodesMade)))
	var err error
	e.user, err = s.Accounts().ByID(s.ctx, u.ID)
	s.ok(err)
	s.equal(e.user.Revision, uint64(5))
	return e
}

func recoveryCodes(name string, n int) (codes []secret.Digest) {
	for i := range n {
		codes = append(codes, secret.Sum(fmt.Append(nil, "recovery code ", i, " of ", name)))
	}
	return codes
}

// has asserts that the user has all of it, hasNone that they have nothing.
func (s *scene) has(e equipped) {
	s.t.Helper()
	hash, _, err := s.SignIn().Password(s.ctx, e.user.ID)
	s.ok(err)
	s.equal(hash == phc(e.user.Name), true)
	s.equal(s.passkeysOf(e.user), []credential.Passkey{e.passkey})
	s.equal(s.totpOf(e.user), e.totp)
	s.equal(s.connectionsOf(e.user), []credential.Connection{e.connection})
	s.equal(s.recoveryCodesLeft(e.user), 3)
}

func (s *scene) hasNone(e equipped) {
	s.t.Helper()
	_, _, err := s.SignIn().Password(s.ctx, e.user.ID)
	s.is(err, account.ErrNotFound)
	s.equal(s.passkeysOf(e.user), []credential.Passkey(nil))
	_, err = s.Passkeys().Find(s.ctx, e.passkey.CredentialID)
	s.is(err, credential.ErrPasskeyNotFound)
	_, err = s.Codes().TOTP(s.ctx, e.user.ID)
	s.is(err, credential.ErrNoTOTP)
	s.equal(s.recoveryCodesLeft(e.user), 0)
	s.equal(s.connectionsOf(e.user), []credential.Connection(nil))
	_, err = s.Connections().Find(s.ctx, e.connection.Provider, e.connection.Subject)
	s.is(err, credential.ErrConnectionNotFound)
}

// raises runs a verb that must raise the user's Revision: a sign-in under way starts no session then, and whoever looks
// at a living one sees the new Revision.
func (s *scene) raises(u account.User, verb func()) {
	s.t.Helper()
	before, err := s.Accounts().ByID(s.ctx, u.ID)
	s.ok(err)
	start := func() session.Start {
		return session.Start{Session: s.draft(u), AccountRevision: before.Revision, Audit: s.entry(audit.SignedIn)}
	}
	living, err := s.Sessions().Start(s.ctx, start())
	s.ok(err)
	s.equal(s.find(living.Session.ID).User.Revision, before.Revision)
	verb()
	after, err := s.Accounts().ByID(s.ctx, u.ID)
	s.ok(err)
	s.equal(after.Revision, before.Revision+1)
	s.equal(s.find(living.Session.ID).User.Revision, after.Revision)
	stale := start()
	s.refused(session.ErrAccountChanged, func() error {
		_, err := s.Sessions().Start(s.ctx, stale)
		return err
	})
}

// unchanged runs a verb that must answer want, and leave no entry and no new Revision behind.
func (s *scene) unchanged(u account.User, want error, verb func() error) {
	s.t.Helper()
	before, err := s.Accounts().ByID(s.ctx, u.ID)
	s.ok(err)
	s.refused(want, verb)
	after, err := s.Accounts().ByID(s.ctx, u.ID)
	s.ok(err)
	s.equal(after, before)
}

// parallel runs n calls at once and counts those that succeed; all others must answer `want`.
func (s *scene) parallel(n int, want error, call func(i int) error) (succeeded int) {
	s.t.Helper()
	errs := make([]error, n)
	var ready, done sync.WaitGroup
	ready.Add(1)
	for i := range n {
		done.Go(func() {
			ready.Wait()
			errs[i] = call(i)
		})
	}
	ready.Done()
	done.Wait()
	for _, err := range errs {
		if err == nil {
			succeeded++
		} else {
			s.is(err, want)
		}
	}
	return succeeded
}

func (s *scene) dropping(u account.User) account.Amendment {
	return account.Amendment{
		ID: u.ID, DropCredentials: true, EmailVerified: to(true), EndSessions: string(session.PasswordChanged),
		Announce: []revocation.Event{revocation.SubjectEvent(string(u.ID))}, Audit: []audit.Entry{s.entry(audit.AccountClaimed)},
		At: s.tick(),
	}
}

func dropCredentials(s *scene) {
	one, other := s.equipped("anna"), s.equipped("bert")
	var row session.Session
	s.raises(one.user, func() {
		start := session.Start{Session: s.draft(one.user), AccountRevision: 5, Audit: s.entry(audit.SignedIn)}
		view, err := s.Sessions().Start(s.ctx, start)
		s.ok(err)
		row = view.Session
		m, before := s.dropping(one.user), s.head()
		amended, commit, err := s.Accounts().Amend(s.ctx, m)
		s.ok(err)
		s.equal(amended.Revision, uint64(6))
		s.equal(amended.EmailVerified, true)
		s.equal(commit.Position, before.Position+1)
		s.equal(s.since(before), m.Announce)
		s.equal(s.audited(m.Audit[0]), true)
	})
	s.ended(row.ID, session.PasswordChanged)
	s.hasNone(one)
	s.has(other)

	// They can begin anew, with what they had.
	one.passkey.ID = credential.NewPasskeyID(s.tick())
	s.ok(s.Passkeys().Add(s.ctx, one.passkey, nil, s.entry(audit.PasskeyAdded)))
	s.ok(s.Connections().Connect(s.ctx, one.connection, nil, s.entry(audit.Connected)))
	s.ok(s.Codes().SetTOTP(s.ctx, one.totp, nil, s.entry(audit.TOTPAdded)))
}

func dropFails(s *scene) {
	one, other := s.equipped("anna"), s.equipped("bert")
	raced, taken := s.dropping(one.user), s.dropping(one.user)
	was := one.user
	was.Name = "somebody else"
	raced.Was = &was
	taken.Email = to(other.user.Email)
	for want, m := range map[error]account.Amendment{account.ErrRaced: raced, account.ErrEmailTaken: taken} {
		s.unchanged(one.user, want, func() error {
			_, _, err := s.Accounts().Amend(s.ctx, m)
			return err
		})
		s.has(one)
	}
}

func startMeetsDrop(s *scene) {
	s.meet(30, func(u account.User) error {
		_, _, err := s.Accounts().Amend(s.ctx, account.Amendment{
			ID: u.ID, DropCredentials: true, EndSessions: string(session.PasswordChanged), At: s.now,
			Announce: []revocation.Event{revocation.SubjectEvent(string(u.ID))},
		})
		return err
	}, func(row session.Session, err error) {
		if err == nil {
			s.ended(row.ID, session.PasswordChanged)
		} else {
			s.gone(row.ID)
		}
	})
}

func deletionDropsCredentials(s *scene) {
	one, other := s.equipped("anna"), s.equipped("bert")
	_, err := s.Accounts().Delete(s.ctx, account.Removal{ID: one.user.ID, At: s.tick()})
	s.ok(err)
	s.hasNone(one)
	s.has(other)

	// Somebody else can have what they had.
	carl := s.user("carl")
	one.passkey.User, one.connection.User = carl.ID, carl.ID
	s.ok(s.Passkeys().Add(s.ctx, one.passkey, nil, s.entry(audit.PasskeyAdded)))
	s.ok(s.Connections().Connect(s.ctx, one.connection, nil, s.entry(audit.Connected)))
}

func theftSeen(s *scene) {
	u := s.user("anna")
	row := s.session(u)
	e := s.ending(row.ID)
	e.Theft, e.Reason = true, session.RefreshReused
	_, _, err := s.Sessions().End(s.ctx, e)
	s.ok(err)
	named, _, err := s.Accounts().Amend(s.ctx, account.Amendment{ID: u.ID, Name: to("Anna"), At: s.tick()})
	s.ok(err)
	s.equal(named.TheftAt, e.At)
	found, err := s.Accounts().ByID(s.ctx, u.ID)
	s.ok(err)
	s.equal(found, named)
	told, _, err := s.Accounts().Amend(s.ctx, account.Amendment{ID: u.ID, TheftSeen: true, At: s.tick()})
	s.ok(err)
	named.TheftAt = u.TheftAt
	s.equal(told, named)
	found, err = s.Accounts().ByID(s.ctx, u.ID)
	s.ok(err)
	s.equal(found, named)
}

func decidedBefore(s *scene) {
	e := s.equipped("anna")
	now := e.user
	before := now
	before.Revision--
	k, totp := s.newPasskey(now, "late"), credential.TOTP{User: now.ID, Sealed: []byte("late"), CreatedAt: s.now}
	c := credential.Connection{ID: credential.NewConnectionID(s.tick()), User: now.ID, Provider: "google", Subject: "late", CreatedAt: s.now}
	codes := recoveryCodes("late", 1)
	verbs := map[string]func(was *account.User) error{
		"passkey": func(was *account.User) error { return s.Passkeys().Add(s.ctx, k, was, s.entry(audit.PasskeyAdded)) },
		"totp":    func(was *account.User) error { return s.Codes().SetTOTP(s.ctx, totp, was, s.entry(audit.TOTPAdded)) },
		"recovery codes": func(was *account.User) error {
			return s.Codes().SetRecoveryCodes(s.ctx, now.ID, codes, was, s.entry(audit.RecoveryCodesMade))
		},
		"connection": func(was *account.User) error { return s.Connections().Connect(s.ctx, c, was, s.entry(audit.Connected)) },
		"no passkey": func(was *account.User) error {
			return s.Passkeys().Remove(s.ctx, now.ID, e.passkey.ID, was, s.entry(audit.PasskeyRemoved))
		},
		"no totp": func(was *account.User) error {
			return s.Codes().RemoveTOTP(s.ctx, now.ID, was, s.entry(audit.TOTPRemoved))
		},
		"no connection": func(was *account.User) error {
			return s.Connections().Disconnect(s.ctx, now.ID, e.connection.ID, was, s.entry(audit.Disconnected))
		},
		"password": func(was *account.User) error {
			_, _, err := s.SignIn().SetPassword(s.ctx, signin.NewPassword{User: now.ID, To: phc("late"), Reset: true, Was: was, At: s.tick(),
				Announce: []revocation.Event{revocation.SubjectEvent(string(now.ID))}, Audit: []audit.Entry{s.entry(audit.PasswordChanged)}})
			return err
		},
	}
	for _, verb := range verbs {
		s.unchanged(now, account.ErrRaced, func() error { return verb(&before) })
	}
	s.has(e)
	for _, name := range []string{"passkey", "totp", "recovery codes", "connection", "password", "no passkey", "no totp", "no connection"} {
		s.ok(verbs[name](&now))
		now.Revision++
	}
}
