package storetest

import (
	"fmt"

	"tandem.example/tandem/internal/account"
	"tandem.example/tandem/internal/audit"
	"tandem.example/tandem/internal/session"
	"tandem.example/tandem/internal/signin"
	"tandem.example/tandem/verify/revocation"
)

var accountTests = []test{
	{"a user is found by id and by e-mail in any case", userIsFound},
	{"what is not there is not found", userIsNotFound},
	{"an amendment changes what it names and nothing else", amendChangesNamed},
	{"an amendment commits with its event and its entry", amendAnnounces},
	{"a taken address is refused whole", amendEmailTaken},
	{"an address that was given up can be taken", amendFreesEmail},
	{"an amendment decided on another state is refused whole", amendRaced},
	{"only a change of status raises the revision", statusRaisesRevision},
	{"a lock ends sessions in its commit", lockEndsSessions},
	{"deleting removes the user, their password and sessions", deleteRemoves},
	{"list pages in the order of ids", listPages},
	{"search is literal and ignores case", searchIsLiteral},
	{"values are copies", userIsCopied},
}

func to[T any](v T) *T { return &v }

func userIsFound(s *scene) {
	u := account.User{
		ID: account.NewID(s.tick()), Email: "  Anna.B@Example.com ", EmailVerified: true, Name: "Anna Bø ✓",
		Roles: []string{"admin", "bank:teller"}, Status: account.Locked, CreatedAt: s.now, Revision: 7,
	}
	s.ok(s.SignIn().Register(s.ctx, signin.Registration{User: u}))

	found, err := s.Accounts().ByID(s.ctx, u.ID)
	s.ok(err)
	s.equal(found, u)
	found, err = s.Accounts().ByEmail(s.ctx, "\tanna.b@example.COM")
	s.ok(err)
	s.equal(found, u)
}

func amendRaced(s *scene) {
	was := s.user("anna")
	fits := func(change func(*account.Amendment)) error {
		m := account.Amendment{ID: was.ID, Was: &was, At: s.tick(), Announce: []revocation.Event{revocation.AuthzEvent(string(was.ID))}}
		change(&m)
		_, _, err := s.Accounts().Amend(s.ctx, m)
		return err
	}
	for _, change := range []func(*account.Amendment){
		func(m *account.Amendment) { m.Name = to("Anna") },
		func(m *account.Amendment) { m.Email = to("anna.b@example.com") },
		func(m *account.Amendment) { m.EmailVerified = to(!was.EmailVerified) },
		func(m *account.Amendment) { m.Roles = to([]string{"one", "two"}) },
		func(m *account.Amendment) { m.Status = to(account.Locked) },
	} {
		s.ok(fits(change))
		s.refused(account.ErrRaced, func() error { return fits(func(m *account.Amendment) { m.Name = to("late") }) })
		var err error
		was, err = s.Accounts().ByID(s.ctx, was.ID)
		s.ok(err)
	}
	s.ok(fits(func(m *account.Amendment) { m.Name = to("last") }))
}

func userIsNotFound(s *scene) {
	s.user("anna")
	_, err := s.Accounts().ByID(s.ctx, account.NewID(s.now))
	s.is(err, account.ErrNotFound)
	_, err = s.Accounts().ByEmail(s.ctx, "ann@example.com")
	s.is(err, account.ErrNotFound)
	s.refused(account.ErrNotFound, func() error {
		_, _, err := s.Accounts().Amend(s.ctx, account.Amendment{
			ID: account.NewID(s.now), Name: to("x"), At: s.now,
			Announce: []revocation.Event{revocation.AllEvent()}, Audit: []audit.Entry{s.entry(audit.UserChanged)},
		})
		return err
	})
	s.refused(account.ErrNotFound, func() error {
		_, err := s.Accounts().Delete(s.ctx, account.Removal{
			ID: account.NewID(s.now), At: s.now,
			Announce: []revocation.Event{revocation.AllEvent()}, Audit: []audit.Entry{s.entry(audit.UserDeleted)},
		})
		return err
	})
}

func amendChangesNamed(s *scene) {
	u, other := s.user("anna"), s.user("bert")
	for _, c := range []struct {
		change account.Amendment
		apply  func(*account.User)
	}{
		{account.Amendment{Email: to("Anna@new.example")}, func(u *account.User) { u.Email = "Anna@new.example" }},
		{account.Amendment{EmailVerified: to(true)}, func(u *account.User) { u.EmailVerified = true }},
		{account.Amendment{Name: to("")}, func(u *account.User) { u.Name = "" }},
		{account.Amendment{Roles: &[]string{"admin"}}, func(u *account.User) { u.Roles = []string{"admin"} }},
		{account.Amendment{Roles: &[]string{}}, func(u *account.User) { u.Roles = nil }},
		{account.Amendment{}, func(*account.User) {}},
	} {
		c.apply(&u)
		c.change.ID, c.change.At = u.ID, s.tick()
		amended, _, err := s.Accounts().Amend(s.ctx, c.change)
		s.ok(err)
		s.equal(amended, u)
		stored, err := s.Accounts().ByID(s.ctx, u.ID)
		s.ok(err)
		s.equal(stored, u)
	}
	stored, err := s.Accounts().ByID(s.ctx, other.ID)
	s.ok(err)
	s.equal(stored, other)
}

func amendAnnounces(s *scene) {
	u, before := s.user("anna"), s.head()
	entry := s.entry(audit.RolesChanged)
	events := []revocation.Event{revocation.AuthzEvent(string(u.ID)), revocation.SubjectEvent(string(u.ID))}
	_, commit, err := s.Accounts().Amend(s.ctx, account.Amendment{
		ID: u.ID, Roles: &[]string{"reader"}, Announce: events, Audit: []audit.Entry{entry}, At: s.now,
	})
	s.ok(err)
	s.equal(s.since(before), events)
	s.equal(commit.Position, before.Position+2)
	s.equal(commit.At, s.now)
	s.equal(s.audited(entry), true)

	// Without an event the commit is at the head.
	_, commit, err = s.Accounts().Amend(s.ctx, account.Amendment{ID: u.ID, Name: to("A"), At: s.tick()})
	s.ok(err)
	s.equal(commit.Position, before.Position+2)
}

func amendEmailTaken(s *scene) {
	u, other := s.user("anna"), s.user("bert")
	s.refused(account.ErrEmailTaken, func() error {
		_, _, err := s.Accounts().Amend(s.ctx, account.Amendment{
			ID: u.ID, Email: to(" BERT@example.com"), Name: to("changed"), Status: to(account.Locked), At: s.tick(),
			Announce: []revocation.Event{revocation.SubjectEvent(string(u.ID))}, EndSessions: "user_locked",
			Audit: []audit.Entry{s.entry(audit.UserChanged)},
		})
		return err
	})
	stored, err := s.Accounts().ByID(s.ctx, u.ID)
	s.ok(err)
	s.equal(stored, u)

	// One's own address in another case is not taken.
	_, _, err = s.Accounts().Amend(s.ctx, account.Amendment{ID: other.ID, Email: to("Bert@Example.com"), At: s.tick()})
	s.ok(err)
}

func amendFreesEmail(s *scene) {
	u := s.user("anna")
	_, _, err := s.Accounts().Amend(s.ctx, account.Amendment{ID: u.ID, Email: to("new@example.com"), At: s.tick()})
	s.ok(err)
	_, err = s.Accounts().ByEmail(s.ctx, "anna@example.com")
	s.is(err, account.ErrNotFound)
	second := s.user("anna")
	found, err := s.Accounts().ByEmail(s.ctx, "anna@example.com")
	s.ok(err)
	s.equal(found.ID, second.ID)
}

func statusRaisesRevision(s *scene) {
	u := s.user("anna")
	for _, c := range []struct {
		status account.Status
		raises uint64
	}{{account.Locked, 1}, {account.Active, 1}} {
		amended, _, err := s.Accounts().Amend(s.ctx, account.Amendment{ID: u.ID, Status: to(c.status), At: s.tick()})
		s.ok(err)
		s.equal(amended.Status, c.status)
		s.equal(amended.Revision, u.Revision+c.raises)
		u = amended
	}
}

func lockEndsSessions(s *scene) {
	u, other := s.user("anna"), s.user("bert")
	first, second, foreign := s.session(u), s.session(u), s.session(other)
	gone := s.session(u)
	s.end(gone.ID)
	before := s.head()
	locked := []revocation.Event{revocation.SubjectEvent(string(u.ID))}
	_, _, err := s.Accounts().Amend(s.ctx, account.Amendment{
		ID: u.ID, Status: to(account.Locked), Announce: locked, EndSessions: string(session.UserLocked), At: s.tick(),
	})
	s.ok(err)
	s.ended(first.ID, session.UserLocked)
	s.ended(second.ID, session.UserLocked)
	s.ended(gone.ID, session.SignedOut)
	s.alive(foreign.ID)
	s.equal(s.since(before), locked)

	// Unlocking brings none back.
	_, _, err = s.Accounts().Amend(s.ctx, account.Amendment{ID: u.ID, Status: to(account.Active), At: s.tick()})
	s.ok(err)
	s.ended(first.ID, session.UserLocked)
}

func deleteRemoves(s *scene) {
	u, other := s.user("anna"), s.user("bert")
	own, foreign := s.session(u), s.session(other)
	before, entry := s.head(), s.entry(audit.UserDeleted)
	events := []revocation.Event{revocation.SubjectEvent(string(u.ID))}
	commit, err := s.Accounts().Delete(s.ctx, account.Removal{
		ID: u.ID, Announce: events, Audit: []audit.Entry{entry}, At: s.tick(),
	})
	s.ok(err)
	s.equal(commit.Position, before.Position+1)
	s.equal(s.since(before), events)
	s.equal(s.audited(entry), true)

	_, err = s.Accounts().ByID(s.ctx, u.ID)
	s.is(err, account.ErrNotFound)
	_, err = s.Accounts().ByEmail(s.ctx, u.Email)
	s.is(err, account.ErrNotFound)
	_, _, err = s.SignIn().Password(s.ctx, u.ID)
	s.is(err, account.ErrNotFound)
	_, err = s.Sessions().Find(s.ctx, own.ID)
	s.is(err, session.ErrNotFound)
	s.alive(foreign.ID)
	s.user("anna") // the address is free again
}

func listPages(s *scene) {
	var want []account.User
	for i := range 7 {
		want = append(want, s.user(fmt.Sprintf("user%d", i)))
	}
	var got []account.User
	q := account.Query{Limit: 3}
	for _, size := range []int{3, 3, 1, 0} {
		page, err := s.Accounts().List(s.ctx, q)
		s.ok(err)
		s.equal(len(page), size)
		got = append(got, page...)
		if size > 0 {
			q.After = page[size-1].ID
		}
	}
	s.equal(got, want)
}

func searchIsLiteral(s *scene) {
	percent, under := s.user("100%sure"), s.user("a_b")
	s.user("axb")
	quote := s.user("o'neil")
	for search, want := range map[string][]account.User{
		"%": {percent}, "A_B": {under}, "O'N": {quote}, "x' OR '1'='1": nil, `\`: nil,
	} {
		found, err := s.Accounts().List(s.ctx, account.Query{Search: search, Limit: 10})
		s.ok(err)
		s.equal(found, want)
	}
	found, err := s.Accounts().List(s.ctx, account.Query{Search: "EXAMPLE.com", Limit: 10})
	s.ok(err)
	s.equal(len(found), 4)
}

func userIsCopied(s *scene) {
	u := s.user("anna")
	forge := func(roles []string) {
		roles[0] = "admin"
		again, err := s.Accounts().ByID(s.ctx, u.ID)
		s.ok(err)
		s.equal(again.Roles, []string{"reader", "writer"})
	}
	forge(u.Roles)
	found, err := s.Accounts().ByID(s.ctx, u.ID)
	s.ok(err)
	forge(found.Roles)
	roles := []string{"reader", "writer"}
	amended, _, err := s.Accounts().Amend(s.ctx, account.Amendment{ID: u.ID, Roles: &roles, At: s.tick()})
	s.ok(err)
	forge(roles)
	forge(amended.Roles)
}
