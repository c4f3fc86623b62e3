package storetest

import (
	"fmt"

	"tandem.example/tandem/internal/account"
	"tandem.example/tandem/internal/audit"
	"tandem.example/tandem/internal/credential"
)

var connectionTests = []test{
	{"a connection is kept whole, found by its subject and listed by id", connectionIsKept},
	{"what is not there is not found", connectionIsNotFound},
	{"an account is connected once, whoever it belongs to", connectionTaken},
	{"connecting and disconnecting raise the revision", connectionRaises},
	{"a use stores the address and the time", connectionUse},
	{"a connection is removed by its user alone", connectionRemove},
	{"of parallel connections of one account one succeeds", connectedInParallel},
}

func (s *scene) newConnection(u account.User, provider, subject string) credential.Connection {
	return credential.Connection{
		ID: credential.NewConnectionID(s.tick()), User: u.ID, Provider: provider, Subject: subject,
		Email: subject + "@example.com", CreatedAt: s.now,
	}
}

func (s *scene) connection(u account.User, provider, subject string) credential.Connection {
	s.t.Helper()
	c, entry := s.newConnection(u, provider, subject), s.entry(audit.Connected)
	s.ok(s.Connections().Connect(s.ctx, c, nil, entry))
	s.equal(s.audited(entry), true)
	return c
}

func (s *scene) connectionsOf(u account.User) []credential.Connection {
	s.t.Helper()
	all, err := s.Connections().Of(s.ctx, u.ID)
	s.ok(err)
	return all
}

func connectionIsKept(s *scene) {
	anna, bert := s.user("anna"), s.user("bert")
	one, theirs := s.connection(anna, "google", "Sub|1"), s.connection(bert, "google", "sub|1")
	two := s.connection(anna, "github", "Sub|1")
	for _, c := range []credential.Connection{one, two, theirs} {
		found, err := s.Connections().Find(s.ctx, c.Provider, c.Subject)
		s.ok(err)
		s.equal(found, c)
	}
	s.equal(s.connectionsOf(anna), []credential.Connection{one, two})
	s.equal(s.connectionsOf(bert), []credential.Connection{theirs})
}

func connectionIsNotFound(s *scene) {
	s.connection(s.user("anna"), "google", "1")
	nobody := account.User{ID: account.NewID(s.tick())}
	for _, subject := range []string{"2", "", "\x00", "\xff"} {
		_, err := s.Connections().Find(s.ctx, "google", subject)
		s.is(err, credential.ErrConnectionNotFound)
	}
	s.equal(s.connectionsOf(nobody), []credential.Connection(nil))
	c := s.newConnection(nobody, "google", "2")
	s.refused(account.ErrNotFound, func() error { return s.Connections().Connect(s.ctx, c, nil, s.entry(audit.Connected)) })
	s.refused(credential.ErrConnectionNotFound, func() error { return s.Connections().Use(s.ctx, c) })
	s.refused(credential.ErrConnectionNotFound, func() error {
		return s.Connections().Disconnect(s.ctx, nobody.ID, c.ID, nil, s.entry(audit.Disconnected))
	})
}

func connectionTaken(s *scene) {
	anna, bert := s.user("anna"), s.user("bert")
	c := s.connection(anna, "google", "1")
	for _, u := range []account.User{anna, bert} {
		again := s.newConnection(u, "google", "1")
		s.unchanged(u, credential.ErrConnectionTaken, func() error {
			return s.Connections().Connect(s.ctx, again, nil, s.entry(audit.Connected))
		})
	}
	s.equal(s.connectionsOf(anna), []credential.Connection{c})
}

func connectionRaises(s *scene) {
	u := s.user("anna")
	var c credential.Connection
	s.raises(u, func() { c = s.connection(u, "google", "1") })
	s.raises(u, func() { s.ok(s.Connections().Disconnect(s.ctx, u.ID, c.ID, nil, s.entry(audit.Disconnected))) })
	s.equal(s.connectionsOf(u), []credential.Connection(nil))
}

func connectionUse(s *scene) {
	u := s.user("anna")
	c := s.connection(u, "google", "1")
	used := c
	used.Email, used.UsedAt, used.Subject, used.CreatedAt = "new@example.com", s.tick(), "not stored", s.now
	s.ok(s.Connections().Use(s.ctx, used))
	used.Subject, used.CreatedAt = c.Subject, c.CreatedAt
	s.equal(s.connectionsOf(u), []credential.Connection{used})
}

func connectionRemove(s *scene) {
	anna, bert := s.user("anna"), s.user("bert")
	one, two := s.connection(anna, "google", "1"), s.connection(anna, "google", "2")
	s.unchanged(bert, credential.ErrConnectionNotFound, func() error {
		return s.Connections().Disconnect(s.ctx, bert.ID, one.ID, nil, s.entry(audit.Disconnected))
	})
	entry := s.entry(audit.Disconnected)
	s.ok(s.Connections().Disconnect(s.ctx, anna.ID, one.ID, nil, entry))
	s.equal(s.audited(entry), true)
	s.equal(s.connectionsOf(anna), []credential.Connection{two})
	s.unchanged(anna, credential.ErrConnectionNotFound, func() error {
		return s.Connections().Disconnect(s.ctx, anna.ID, one.ID, nil, s.entry(audit.Disconnected))
	})
}

func connectedInParallel(s *scene) {
	var drafts []credential.Connection
	for i := range 8 {
		drafts = append(drafts, s.newConnection(s.user(fmt.Sprint("user", i)), "google", "same"))
	}
	s.equal(s.parallel(len(drafts), credential.ErrConnectionTaken, func(i int) error {
		return s.Connections().Connect(s.ctx, drafts[i], nil, audit.New(audit.Connected, s.now))
	}), 1)
}
