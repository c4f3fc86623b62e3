package postgres

import (
	"errors"
	"testing"
	"time"

	"tandem.example/tandem/internal/account"
	"tandem.example/tandem/internal/application"
	"tandem.example/tandem/internal/audit"
	"tandem.example/tandem/internal/credential"
	"tandem.example/tandem/internal/session"
	"tandem.example/tandem/internal/signin"
)

// PostgreSQL takes no zero byte and nothing that is not UTF-8. Strangers send both.
func TestTextsOfStrangers(t *testing.T) {
	s := open(t, config(t))
	app, u, proving := s.addApplication(t, "app"), s.addUser(t, "anna"), s.addUser(t, "bert")
	for _, bad := range []string{"a\x00b", "\xff\xfe", "\x00"} {
		row := draft(u, app, epochDay)
		row.Device, row.IP = bad, bad
		start := starting(row)
		start.Audit.Reason, start.Audit.IP, start.Audit.RequestID = bad, bad, bad
		if _, err := s.Sessions().Start(t.Context(), start); err != nil {
			t.Errorf("a device of %q: %v", bad, err)
		}
		for what, err := range map[string]error{
			"user by id":   err2(s.Accounts().ByID(t.Context(), account.ID(bad))),
			"user by mail": err2(s.Accounts().ByEmail(t.Context(), bad)),
			"application":  err2(s.Applications().Find(t.Context(), bad)),
			"session":      err2(s.Sessions().Find(t.Context(), session.ID(bad))),
			"api key":      err2(s.APIKeys().Find(t.Context(), bad)),
		} {
			switch {
			case errors.Is(err, account.ErrNotFound), errors.Is(err, application.ErrNotFound),
				errors.Is(err, session.ErrNotFound), errors.Is(err, credential.ErrAPIKeyNotFound):
			default:
				t.Errorf("%s %q is answered with %v", what, bad, err)
			}
		}
		registration := signin.Registration{User: account.User{ID: account.NewID(epochDay), Email: bad, Name: bad, Status: account.Active}}
		if err := s.SignIn().Register(t.Context(), registration); err != nil && !errors.Is(err, account.ErrEmailTaken) {
			t.Errorf("a name of %q: %v", bad, err)
		}
		k := credential.Passkey{ID: credential.NewPasskeyID(epochDay), User: proving.ID, Name: bad, CredentialID: []byte("id" + bad)}
		c := credential.Connection{ID: credential.NewConnectionID(epochDay), User: proving.ID, Provider: "p", Subject: "s" + k.ID, Email: bad}
		for _, one := range []struct {
			what string
			err  error
		}{
			{"a passkey called", s.Passkeys().Add(t.Context(), k, nil, audit.New(audit.PasskeyAdded, epochDay))},
			{"renaming a passkey to", s.Passkeys().Rename(t.Context(), proving.ID, k.ID, bad, audit.New(audit.PasskeyRenamed, epochDay))},
			{"a connected address of", s.Connections().Connect(t.Context(), c, nil, audit.New(audit.Connected, epochDay))},
			{"a connection's use from", s.Connections().Use(t.Context(), c)},
			{"forgetting mail", s.MailQueue().Remove(t.Context(), bad)},
		} {
			if one.err != nil {
				t.Errorf("%s %q: %v", one.what, bad, one.err)
			}
		}
		// Two subjects must not become one.
		c.ID, c.Subject = credential.NewConnectionID(epochDay), bad
		if err := s.Connections().Connect(t.Context(), c, nil, audit.New(audit.Connected, epochDay)); !errors.Is(err, errUnkeepable) {
			t.Errorf("connecting the account %q: %v", bad, err)
		}
		_, listErr := s.Accounts().List(t.Context(), account.Query{Search: bad, Limit: 1})
		_, trailErr := s.Audit().List(t.Context(), audit.Query{User: bad, Limit: 1})
		_, outcomeErr := s.Audit().List(t.Context(), audit.Query{Outcome: audit.Outcome(bad), Limit: 1})
		_, sessionsErr := s.Sessions().List(t.Context(), session.Query{User: account.ID(bad), Limit: 1})
		_, knownErr := s.SignIn().KnownAddress(t.Context(), u.ID, bad)
		if err := errors.Join(listErr, trailErr, outcomeErr, sessionsErr, knownErr); err != nil {
			t.Errorf("asking for %q: %v", bad, err)
		}
	}
}

func err2[T any](_ T, err error) error { return err }

func TestNamesAreSpelledBack(t *testing.T) {
	last := session.ID("")
	for i := range 1000 {
		id := session.NewID(epochDay.Add(time.Duration(i) * time.Hour))
		k, ok := key(id)
		if !ok || name(k) != id {
			t.Fatalf("%s comes back as %s", id, name(k))
		}
		if low := name(lowest(epochDay.Add(time.Duration(i) * time.Hour))); low > id || low <= last {
			t.Fatalf("the lowest name of the time of %s is %s", id, low)
		}
		last = id
	}
	for _, bad := range []session.ID{"", "ses_", "ses_8zzzzzzzzzzzzzzzzzzzzzzzzz", "usr_0zzzzzzzzzzzzzzzzzzzzzzzzz", "ses_0zzzzzzzzzzzzzzzzzzzzzzzzZ"} {
		if _, ok := key(bad); ok {
			t.Errorf("%q is taken for a name", bad)
		}
	}
}
