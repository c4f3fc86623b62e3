package storetest

import (
	"time"

	"tandem.example/tandem/internal/application"
	"tandem.example/tandem/internal/audit"
	"tandem.example/tandem/internal/secret"
	"tandem.example/tandem/internal/session"
	"tandem.example/tandem/verify/jws"
	"tandem.example/tandem/verify/revocation"
)

var applicationTests = []test{
	{"an application is found by id and by name", appIsFound},
	{"what is not there is not found", appIsNotFound},
	{"names are unique and case-sensitive", appNameTaken},
	{"list answers all in the order of ids", appList},
	{"an amendment replaces the policies and keeps the rest", appAmend},
	{"an amendment that fails writes nothing", appAmendFails},
	{"an amendment decided on another state is refused whole", appAmendRaced},
	{"ending its sessions is one write and spares later ones", appEndSessions},
	{"ending its sessions does not depend on who announces it", appEndSessionsSilently},
	{"ending its sessions can leave the policies alone", appEndSessionsOnly},
	{"sessions of a deleted application are dead", appDelete},
}

func fullApplication(s *scene) application.Application {
	return application.Application{
		ID: application.NewID(s.tick()), Name: "Bank – mobile", Kind: application.Resource, Mode: application.ModeJWT,
		Audiences: []string{"https://b.example", "https://a.example"}, AllowedOrigins: []string{"https://app.example"},
		Algorithm: jws.EdDSA, AccessTokenTTL: 90 * time.Second,
		Refresh: application.Refresh{Grace: 10 * time.Second, Idle: time.Hour, Absolute: 24 * time.Hour},
		Session: application.Session{Preset: "strict", Idle: time.Minute, Absolute: time.Hour, Limit: 3},
		SignIn: application.SignIn{
			Methods:      []application.Method{application.Passkey, application.Password, application.Provider("google")},
			SecondFactor: application.Required, Remember: -time.Millisecond, ACR: "2",
		},
		Brand:     application.Brand{Title: "Bank <&> Söhne", Logo: "data:image/png;base64,AAAA", Color: "#00ff7f"},
		Secret:    secret.Sum([]byte("client secret")),
		CreatedAt: s.now,
	}
}

func appIsFound(s *scene) {
	app, entry := fullApplication(s), s.entry(audit.ApplicationMade)
	s.ok(s.Applications().Create(s.ctx, app, entry))
	s.equal(s.audited(entry), true)
	for _, key := range []string{string(app.ID), app.Name} {
		found, err := s.Applications().Find(s.ctx, key)
		s.ok(err)
		s.equal(found, app)
	}
	bare, err := s.Applications().Find(s.ctx, "first")
	s.ok(err)
	s.equal(bare, s.app)
}

func appAmendRaced(s *scene) {
	was := fullApplication(s)
	s.ok(s.Applications().Create(s.ctx, was))
	amend := func(change func(*application.Application)) error {
		next := was
		change(&next)
		_, _, err := s.Applications().Amend(s.ctx, application.Amendment{Application: next, Was: &was, At: s.tick()})
		return err
	}
	for _, change := range []func(*application.Application){
		func(a *application.Application) { a.Name = "Bank" },
		func(a *application.Application) { a.Audiences = []string{"https://c.example"} },
		func(a *application.Application) { a.AllowedOrigins = nil },
		func(a *application.Application) { a.AccessTokenTTL = time.Minute },
		func(a *application.Application) { a.Refresh.Grace++ },
		func(a *application.Application) { a.Session.Limit++ },
		func(a *application.Application) { a.SignIn.Methods = []application.Method{application.EmailCode} },
		func(a *application.Application) { a.SignIn.SecondFactor = application.Never },
		func(a *application.Application) { a.SignIn.Remember = 30 * 24 * time.Hour },
		func(a *application.Application) { a.SignIn.ACR = "1" },
		func(a *application.Application) { a.Brand = application.Brand{Title: "Another"} },
		func(a *application.Application) { a.Secret = secret.Sum([]byte("another")) },
	} {
		change := func(a *application.Application) {
			change(a)
			a.Refresh.Grace = a.Refresh.Grace.Round(time.Millisecond) + time.Millisecond
		}
		s.ok(amend(change))
		s.refused(application.ErrRaced, func() error { return amend(func(*application.Application) {}) })
		var err error
		was, err = s.Applications().Find(s.ctx, string(was.ID))
		s.ok(err)
	}
	// That its sessions were ended is no change of its policies.
	_, _, err := s.Applications().Amend(s.ctx, application.Amendment{Application: was, KeepPolicies: true, EndSessions: true, At: s.tick()})
	s.ok(err)
	s.ok(amend(func(a *application.Application) { a.Name = "last" }))
}

func appIsNotFound(s *scene) {
	for _, key := range []string{"", "First", string(application.NewID(s.now))} {
		_, err := s.Applications().Find(s.ctx, key)
		s.is(err, application.ErrNotFound)
	}
	unknown := fullApplication(s)
	s.refused(application.ErrNotFound, func() error {
		_, _, err := s.Applications().Amend(s.ctx, application.Amendment{
			Application: unknown, EndSessions: true, At: s.now,
			Announce: []revocation.Event{revocation.ApplicationEvent(string(unknown.ID))},
			Audit:    []audit.Entry{s.entry(audit.ApplicationEdited)},
		})
		return err
	})
	s.refused(application.ErrNotFound, func() error {
		_, err := s.Applications().Delete(s.ctx, application.Removal{
			ID: unknown.ID, At: s.now,
			Announce: []revocation.Event{revocation.ApplicationEvent(string(unknown.ID))},
			Audit:    []audit.Entry{s.entry(audit.ApplicationGone)},
		})
		return err
	})
}

func appNameTaken(s *scene) {
	second := fullApplication(s)
	second.Name = "first"
	s.refused(application.ErrNameTaken, func() error {
		return s.Applications().Create(s.ctx, second, s.entry(audit.ApplicationMade))
	})
	_, err := s.Applications().Find(s.ctx, string(second.ID))
	s.is(err, application.ErrNotFound)
	second.Name = "First"
	s.ok(s.Applications().Create(s.ctx, second))
}

func appList(s *scene) {
	second := s.application("a")
	list, err := s.Applications().List(s.ctx)
	s.ok(err)
	s.equal(list, []application.Application{s.app, second})
	list[0].Audiences[0] = "changed"
	again, err := s.Applications().List(s.ctx)
	s.ok(err)
	s.equal(again[0], s.app)
}

func appAmend(s *scene) {
	before, entry := s.head(), s.entry(audit.ApplicationEdited)
	app := fullApplication(s)
	app.ID, app.SessionsFrom = s.app.ID, 99
	events := []revocation.Event{revocation.ApplicationEvent(string(app.ID))}
	amended, commit, err := s.Applications().Amend(s.ctx, application.Amendment{
		Application: app, Announce: events, Audit: []audit.Entry{entry}, At: s.now,
	})
	s.ok(err)
	app.Kind, app.CreatedAt, app.SessionsFrom = s.app.Kind, s.app.CreatedAt, 0
	s.equal(amended, app)
	s.equal(commit.Position, before.Position+1)
	s.equal(s.since(before), events)
	s.equal(s.audited(entry), true)

	stored, err := s.Applications().Find(s.ctx, app.Name)
	s.ok(err)
	s.equal(stored, app)
	_, err = s.Applications().Find(s.ctx, "first")
	s.is(err, application.ErrNotFound)
}

func appAmendFails(s *scene) {
	second := s.application("second")
	u := s.user("anna")
	row := s.session(u)
	app := s.app
	app.Name, app.AccessTokenTTL = second.Name, time.Hour
	s.refused(application.ErrNameTaken, func() error {
		_, _, err := s.Applications().Amend(s.ctx, application.Amendment{
			Application: app, EndSessions: true, At: s.tick(),
			Announce: []revocation.Event{revocation.ApplicationEvent(string(app.ID))},
			Audit:    []audit.Entry{s.entry(audit.ApplicationEdited)},
		})
		return err
	})
	stored, err := s.Applications().Find(s.ctx, "first")
	s.ok(err)
	s.equal(stored, s.app)
	s.alive(row.ID)
}

func appEndSessions(s *scene) {
	u, other := s.user("anna"), s.application("other")
	own := s.session(u)
	draft := s.draft(u)
	draft.Application = other.ID
	elsewhere, err := s.Sessions().Start(s.ctx, s.starting(draft))
	s.ok(err)

	amended, commit, err := s.Applications().Amend(s.ctx, application.Amendment{
		Application: s.app, EndSessions: true, At: s.tick(),
		Announce: []revocation.Event{revocation.ApplicationEvent(string(s.app.ID))},
	})
	s.ok(err)
	s.equal(amended.SessionsFrom, commit.Position)
	view := s.find(own.ID)
	s.equal(view.SessionsFrom, commit.Position)
	s.is(view.Alive(s.now), session.ErrEnded)
	s.alive(elsewhere.Session.ID)
	later := s.session(u)
	s.alive(later.ID)

	// An amendment that ends nothing keeps the mark.
	amended, _, err = s.Applications().Amend(s.ctx, application.Amendment{Application: s.app, At: s.tick()})
	s.ok(err)
	s.equal(amended.SessionsFrom, commit.Position)
	s.is(s.find(own.ID).Alive(s.now), session.ErrEnded)
}

// Without an event the head stays where it is, and a session that started at the head would not be below it: the
// store announces the end itself then.
func appEndSessionsOnly(s *scene) {
	app := fullApplication(s)
	s.ok(s.Applications().Create(s.ctx, app, s.entry(audit.ApplicationMade)))
	amended, commit, err := s.Applications().Amend(s.ctx, application.Amendment{
		Application: application.Application{ID: app.ID}, KeepPolicies: true, EndSessions: true, At: s.tick(),
	})
	s.ok(err)
	app.SessionsFrom = commit.Position
	s.equal(amended, app)
	found, err := s.Applications().Find(s.ctx, app.Name)
	s.ok(err)
	s.equal(found, app)
}

func appEndSessionsSilently(s *scene) {
	own, before := s.session(s.user("anna")), s.head()
	_, commit, err := s.Applications().Amend(s.ctx, application.Amendment{
		Application: s.app, EndSessions: true, At: s.tick(),
	})
	s.ok(err)
	s.is(s.find(own.ID).Alive(s.now), session.ErrEnded)
	s.equal(commit.Position, before.Position+1)
	s.equal(s.since(before), []revocation.Event{revocation.ApplicationEvent(string(s.app.ID))})
}

func appDelete(s *scene) {
	u := s.user("anna")
	own, before, entry := s.session(u), s.head(), s.entry(audit.ApplicationGone)
	events := []revocation.Event{revocation.ApplicationEvent(string(s.app.ID))}
	commit, err := s.Applications().Delete(s.ctx, application.Removal{
		ID: s.app.ID, Announce: events, Audit: []audit.Entry{entry}, At: s.tick(),
	})
	s.ok(err)
	s.equal(commit.Position, before.Position+1)
	s.equal(s.since(before), events)
	s.equal(s.audited(entry), true)
	_, err = s.Applications().Find(s.ctx, string(s.app.ID))
	s.is(err, application.ErrNotFound)

	s.gone(own.ID)
	living, err := s.Sessions().List(s.ctx, session.Query{User: u.ID, AliveAt: s.now, Limit: 10})
	s.ok(err)
	s.equal(len(living), 0)
	s.refusedAnyhow(func() error {
		_, err := s.Sessions().Start(s.ctx, s.starting(s.draft(u)))
		return err
	})
	// Another application under the same name gets none of the sessions.
	s.app = s.application("first")
	s.gone(own.ID)
}

// gone asserts that the session is dead, whether or not its row is left.
func (s *scene) gone(id session.ID) {
	s.t.Helper()
	view, err := s.Sessions().Find(s.ctx, id)
	if err == nil {
		err = view.Alive(s.now)
		s.is(err, session.ErrEnded)
		return
	}
	s.is(err, session.ErrNotFound)
}

// refusedAnyhow is refused for verbs whose contract does not name the error.
func (s *scene) refusedAnyhow(verb func() error) {
	s.t.Helper()
	head, trail := s.head(), s.trail()
	if verb() == nil {
		s.t.Fatal("no error")
	}
	s.equal(s.head(), head)
	s.equal(s.trail(), trail)
}
