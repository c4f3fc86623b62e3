package storetest

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"tandem.example/tandem/internal/account"
	"tandem.example/tandem/internal/application"
	"tandem.example/tandem/internal/audit"
	"tandem.example/tandem/internal/credential"
	"tandem.example/tandem/internal/feed"
	"tandem.example/tandem/internal/secret"
	"tandem.example/tandem/internal/session"
	"tandem.example/tandem/internal/signin"
	"tandem.example/tandem/verify/revocation"
)

// lifetime of access tokens in every scene, and the deadlines of its sessions.
const (
	lifetime = 5 * time.Minute
	idle     = 15 * time.Minute
	absolute = 12 * time.Hour
)

// scene is a fresh store with one application, a clock that moves only when told, and short ways to set things up.
// Its methods fail the test; those that may be called from other goroutines say so.
type scene struct {
	t *testing.T
	Store
	ctx context.Context
	now time.Time
	app application.Application
}

func newScene(t *testing.T, open func(t *testing.T) Store) *scene {
	t.Helper()
	store := open(t)
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	s := &scene{t: t, Store: store, ctx: t.Context(), now: time.Date(2031, 5, 6, 7, 8, 9, 0, time.UTC)}
	_, err := s.Log().KeepFor(s.ctx, lifetime, s.now)
	s.ok(err)
	s.app = s.application("first")
	return s
}

// tick moves the clock by a millisecond, which is the grain of ids, and answers the new time.
func (s *scene) tick() time.Time {
	s.now = s.now.Add(time.Millisecond)
	return s.now
}

func (s *scene) ok(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatalf("unexpected error: %v", err)
	}
}

func (s *scene) is(err, want error) {
	s.t.Helper()
	if !errors.Is(err, want) {
		s.t.Fatalf("error %v, want %v", err, want)
	}
}

// equal compares by content; empty and nil are the same, times are compared as instants.
func (s *scene) equal(got, want any) {
	s.t.Helper()
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		s.t.Fatalf("got (+), want (-):\n%s", diff)
	}
}

// refused runs a verb that must answer want and leave neither an event nor an entry behind.
func (s *scene) refused(want error, verb func() error) {
	s.t.Helper()
	head, trail := s.head(), s.trail()
	s.is(verb(), want)
	s.equal(s.head(), head)
	s.equal(s.trail(), trail)
}

func (s *scene) head() feed.Head {
	s.t.Helper()
	head, err := s.Log().Head(s.ctx)
	s.ok(err)
	return head
}

// since answers the events after the head, as an up-to-date verifier would read them.
func (s *scene) since(h feed.Head) []revocation.Event {
	s.t.Helper()
	page, err := s.Log().Read(s.ctx, asking(h))
	s.ok(err)
	if page.Snapshot {
		s.t.Fatalf("a verifier at position %d was given a snapshot", h.Position)
	}
	return drafts(page.Events)
}

func asking(h feed.Head) feed.Ask {
	return feed.Ask{Epoch: h.Epoch, Position: h.Position, Chain: h.Chain.String()}
}

// drafts takes positions off, to compare with what was announced.
func drafts(stored []feed.Stored) (events []revocation.Event) {
	for _, e := range stored {
		events = append(events, revocation.Event{Kind: e.Event.Kind, ID: e.Event.ID})
	}
	return events
}

func (s *scene) trail() []audit.Entry {
	s.t.Helper()
	entries, err := s.Audit().List(s.ctx, audit.Query{Limit: 10_000})
	s.ok(err)
	return entries
}

// audited says whether the entry is in the trail.
func (s *scene) audited(e audit.Entry) bool {
	s.t.Helper()
	for _, found := range s.trail() {
		if found.ID == e.ID {
			return true
		}
	}
	return false
}

func (s *scene) entry(t audit.Type) audit.Entry { return audit.New(t, s.now) }

func (s *scene) application(name string) application.Application {
	s.t.Helper()
	app := application.Application{
		ID: application.NewID(s.tick()), Name: name, Kind: application.User, Mode: application.ModeHybrid,
		Audiences: []string{"https://api.example.com"}, CreatedAt: s.now,
	}
	s.ok(s.Applications().Create(s.ctx, app, s.entry(audit.ApplicationMade)))
	return app
}

// user registers name@example.com with the password hash phc(name).
func (s *scene) user(name string) account.User {
	s.t.Helper()
	u := account.User{
		ID: account.NewID(s.tick()), Email: name + "@example.com", Name: name,
		Roles: []string{"reader", "writer"}, Status: account.Active, CreatedAt: s.now, Revision: 1,
	}
	s.ok(s.SignIn().Register(s.ctx, signin.Registration{
		User: u, Password: phc(name), Audit: []audit.Entry{s.entry(audit.SignedUp)},
	}))
	return u
}

// phc is the text of an Argon2id hash whose salt is made from seed: well formed, and never verified here.
func phc(seed string) credential.PHC {
	digest := secret.Sum([]byte(seed))
	b64 := base64.RawStdEncoding.EncodeToString
	hash, err := credential.ParsePHC("$argon2id$v=19$m=19456,t=2,p=1$" + b64(digest[:16]) + "$" + b64(digest[:]))
	if err != nil {
		panic(fmt.Sprintf("storetest: the hash in the tests is refused: %v", err))
	}
	return hash
}

// draft is a session of the user, ready to start at the scene's time.
func (s *scene) draft(u account.User) session.Session {
	now := s.tick()
	row := session.Session{
		ID: session.NewID(now), User: u.ID, Application: s.app.ID,
		ACR: "1", AMR: []string{"pwd"}, Device: "Firefox on Linux", IP: "192.0.2.1", Version: 1,
		Token: secret.Sum([]byte("token of " + u.Name)),
	}
	session.Policy{Idle: idle, Absolute: absolute}.Deadlines(&row, now)
	row.Refresh = session.Refresh{Generation: 1, Digest: digest(1)}
	return row
}

// digest stands for the secret of a refresh token of that generation.
func digest(generation uint32) secret.Digest {
	return secret.Sum(fmt.Append(nil, "secret ", generation))
}

func (s *scene) starting(row session.Session) session.Start {
	return session.Start{Session: row, AccountRevision: 1, Audit: s.entry(audit.SignedIn)}
}

// session starts a session of the user, whose Revision must still be 1.
func (s *scene) session(u account.User) session.Session {
	s.t.Helper()
	view, err := s.Sessions().Start(s.ctx, s.starting(s.draft(u)))
	s.ok(err)
	return view.Session
}

func (s *scene) find(id session.ID) session.View {
	s.t.Helper()
	view, err := s.Sessions().Find(s.ctx, id)
	s.ok(err)
	return view
}

// alive asserts that the session may act at the scene's time, ended that it may not and why.
func (s *scene) alive(id session.ID) {
	s.t.Helper()
	if err := s.find(id).Alive(s.now); err != nil {
		s.t.Fatalf("session is dead: %v", err)
	}
}

func (s *scene) ended(id session.ID, reason session.Reason) {
	s.t.Helper()
	view := s.find(id)
	s.is(view.Alive(s.now), session.ErrEnded)
	s.equal(view.Session.EndReason, reason)
	if view.Session.EndedAt.IsZero() {
		s.t.Fatalf("session has no time of its end")
	}
}

// end ends one session for good.
func (s *scene) end(id session.ID) {
	s.t.Helper()
	_, n, err := s.Sessions().End(s.ctx, s.ending(id))
	s.ok(err)
	s.equal(n, 1)
}

func (s *scene) ending(id session.ID) session.Ending {
	return session.Ending{
		Session: id, Reason: session.SignedOut, At: s.tick(), Audit: []audit.Entry{s.entry(audit.SignedOut)},
	}
}

// append commits the events and answers the position of the last.
func (s *scene) append(events ...revocation.Event) feed.Commit {
	s.t.Helper()
	commit, err := s.Log().Append(s.ctx, feed.Append{Events: events, At: s.tick()})
	s.ok(err)
	return commit
}
