package storetest

import (
	"tandem.example/tandem/internal/application"
	"tandem.example/tandem/internal/audit"
	"tandem.example/tandem/internal/feed"
	"tandem.example/tandem/internal/mail"
	"tandem.example/tandem/internal/session"
	"tandem.example/tandem/internal/signin"
	"tandem.example/tandem/verify/revocation"
)

var epochTests = []test{
	{"a new epoch empties the log but for stolen keys", epochEmptiesLog},
	{"a verifier of the old epoch gets a snapshot", epochSnapshot},
	{"key events that had been set aside are carried over", epochKeepsPrunedKeys},
	{"sessions end if told so", epochEndsSessions},
	{"sessions that are kept start from position 0", epochKeepsSessions},
	{"sessions that only a position had ended stay dead", epochRevivesNone},
	{"attempts are forgotten, credentials are not", epochForgetsAttempts},
	{"leases are forgotten, users and keys are not", epochForgetsLeases},
}

func (s *scene) newEpoch(end bool) feed.NewEpoch {
	return feed.NewEpoch{Epoch: feed.RandomEpoch(), EndSessions: end, Audit: s.entry(audit.StoreRestored), At: s.now}
}

func (s *scene) beginEpoch(end bool) feed.Commit {
	s.t.Helper()
	n := s.newEpoch(end)
	commit, err := s.BeginEpoch(s.ctx, n)
	s.ok(err)
	s.equal(commit.At, n.At)
	s.equal(s.head().Epoch, n.Epoch)
	return commit
}

func epochEmptiesLog(s *scene) {
	events := someEvents()
	s.append(append(events, revocation.KeyEvent("second"))...)
	n := s.newEpoch(false)
	commit, err := s.BeginEpoch(s.ctx, n)
	s.ok(err)
	s.equal(commit, feed.Commit{Position: 2, At: n.At})
	s.equal(s.audited(n.Audit), true)

	head := s.head()
	s.equal(head.Epoch, n.Epoch)
	s.equal(head.MaxToken, lifetime)
	start := feed.Head{Epoch: n.Epoch, Chain: revocation.Genesis(n.Epoch)}
	page, err := s.Log().Read(s.ctx, asking(start))
	s.ok(err)
	s.equal(page.Snapshot, false)
	s.linked(start, page)
	s.equal(drafts(page.Events), []revocation.Event{events[4], revocation.KeyEvent("second")})
	s.equal(s.append(revocation.AllEvent()).Position, uint64(3))
}

func epochSnapshot(s *scene) {
	hints := make(chan struct{}, 8)
	s.append(revocation.KeyEvent("stolen"))
	old := s.head()
	s.Log().OnCommit(func() { hints <- struct{}{} })
	s.equal(s.beginEpoch(false).Position, old.Position)
	s.hinted(hints) // or a verifier that waits would learn late of it: the same position, another history
	s.append(revocation.SessionEvent("ses_1"))
	page, err := s.Log().Read(s.ctx, asking(old))
	s.ok(err)
	s.equal(page.Snapshot, true)
	s.equal(page.Head, s.head())
	s.equal(drafts(page.Events), []revocation.Event{revocation.KeyEvent("stolen"), revocation.SessionEvent("ses_1")})
}

func epochKeepsPrunedKeys(s *scene) {
	s.append(revocation.SubjectEvent("usr_1"), revocation.KeyEvent("stolen"))
	s.now = s.now.Add(lifetime + 2*feed.Skew)
	s.append(revocation.KeyEvent("stolen later"))
	s.prune(100, 1)
	s.equal(s.beginEpoch(true).Position, uint64(2))
	s.equal(drafts(s.snapshot()), []revocation.Event{revocation.KeyEvent("stolen"), revocation.KeyEvent("stolen later")})
	s.prune(100, 0)
	s.equal(s.head().Position, uint64(2))
}

func epochEndsSessions(s *scene) {
	u := s.user("anna")
	living, gone := s.session(u), s.session(u)
	s.end(gone.ID)
	s.beginEpoch(true)
	s.ended(living.ID, session.Restored)
	s.ended(gone.ID, session.SignedOut)
	s.alive(s.session(u).ID)
}

func epochKeepsSessions(s *scene) {
	u := s.user("anna")
	s.append(someEvents()...)
	row := s.session(u)
	view, _, err := s.Sessions().Renew(s.ctx, s.renewal(row))
	s.ok(err)
	amended, _, err := s.Applications().Amend(s.ctx, application.Amendment{Application: s.app, EndSessions: true, At: s.tick()})
	s.ok(err)
	s.equal(amended.SessionsFrom > 0, true)
	later := s.session(u)
	s.beginEpoch(false)

	got := s.find(later.ID)
	want := later
	want.Position, want.TokensFrom = 0, 0
	s.equal(got.Session, want)
	s.equal(got.SessionsFrom, uint64(0))
	s.equal(got.Revision, s.head().Revision())
	s.alive(later.ID)
	s.equal(view.Session.TokensFrom > 0, true)
	s.equal(s.find(row.ID).Session.TokensFrom, uint64(0))
	app, err := s.Applications().Find(s.ctx, string(s.app.ID))
	s.ok(err)
	s.equal(app.SessionsFrom, uint64(0))
}

// What the application's SessionsFrom had ended has no other mark of its end: were the positions forgotten alone,
// everybody whom the operator had signed out would be signed in again.
func epochRevivesNone(s *scene) {
	u := s.user("anna")
	row := s.session(u)
	_, _, err := s.Applications().Amend(s.ctx, application.Amendment{Application: s.app, EndSessions: true, At: s.tick()})
	s.ok(err)
	s.app = s.application("deleted")
	orphan := s.session(u)
	_, err = s.Applications().Delete(s.ctx, application.Removal{ID: s.app.ID, At: s.tick()})
	s.ok(err)
	s.beginEpoch(false)
	s.gone(row.ID)
	s.gone(orphan.ID)
	_, n, err := s.Sessions().End(s.ctx, session.Ending{User: u.ID, Reason: session.SignedOut, At: s.tick()})
	s.ok(err)
	s.equal(n, 0)
}

func epochForgetsLeases(s *scene) {
	u, key := s.user("anna"), s.key("k")
	s.ok(s.Leases().Hold(s.ctx, feed.Holder{Application: "app", Instance: "i", Name: "n", SeenAt: s.now}))
	_, version := s.ring()
	_, err := s.Keys().Change(s.ctx, changeOf(version, key, s.now))
	s.ok(err)
	apiKey := s.apiKey("deploy", nil)
	s.beginEpoch(true)
	s.equal(len(s.holders(s.now.AddDate(-1, 0, 0))), 0)

	found, err := s.Accounts().ByID(s.ctx, u.ID)
	s.ok(err)
	s.equal(found, u)
	keys, now := s.ring()
	s.equal(len(keys), 1)
	s.equal(now > version, true) // it may go on from a higher one
	_, err = s.APIKeys().Find(s.ctx, apiKey.ID)
	s.ok(err)
	s.hasPassword(u.ID, phc("anna"), 1)
}

func epochForgetsAttempts(s *scene) {
	a, who := s.attempt(), s.equipped("anna")
	q := s.queued(0)
	s.beginEpoch(true)
	_, err := s.Attempts().Find(s.ctx, a.ID, s.now)
	s.is(err, signin.ErrNoAttempt)
	s.is(s.Attempts().Finish(s.ctx, a.ID), signin.ErrNoAttempt)
	s.has(who)
	s.equal(s.due(10), []mail.Queued{q})
}
