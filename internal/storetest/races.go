package storetest

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"tandem.example/tandem/internal/account"
	"tandem.example/tandem/internal/audit"
	"tandem.example/tandem/internal/feed"
	"tandem.example/tandem/internal/session"
	"tandem.example/tandem/internal/signin"
	"tandem.example/tandem/verify/revocation"
)

var raceTests = []test{
	{"a sign-in that meets a lock leaves no living session", startMeetsLock},
	{"a sign-in that meets a new password leaves no living session", startMeetsPassword},
	{"a sign-in that meets a deletion leaves no session", startMeetsDeletion},
	{"parallel sign-ins keep the limit", startMeetsLimit},
	{"a logout is not undone by what is under way", logoutSticks},
	{"a view is never older than the revision it names", viewNotOlder},
	{"followers meet no gap while the log is pruned", followWhilePruned},
}

// meet runs rounds of one sign-in against one change of the user, started together, and hands the outcome to check.
func (s *scene) meet(rounds int, change func(u account.User) error, check func(row session.Session, err error)) {
	s.t.Helper()
	for round := range rounds {
		u := s.user(fmt.Sprintf("user%d", round))
		start := s.starting(s.draft(u))
		var startErr, changeErr error
		var wg sync.WaitGroup
		wg.Go(func() { _, startErr = s.Sessions().Start(s.ctx, start) })
		wg.Go(func() { changeErr = change(u) })
		wg.Wait()
		s.ok(changeErr)
		if startErr != nil {
			s.is(startErr, session.ErrAccountChanged)
		}
		check(start.Session, startErr)
	}
}

func startMeetsLock(s *scene) {
	s.meet(60, func(u account.User) error {
		_, _, err := s.Accounts().Amend(s.ctx, account.Amendment{
			ID: u.ID, Status: to(account.Locked), EndSessions: string(session.UserLocked), At: s.now,
			Announce: []revocation.Event{revocation.SubjectEvent(string(u.ID))},
		})
		return err
	}, func(row session.Session, err error) {
		if err == nil {
			s.ended(row.ID, session.UserLocked)
		} else {
			s.gone(row.ID)
		}
	})
}

func startMeetsPassword(s *scene) {
	s.meet(60, func(u account.User) error {
		_, _, err := s.SignIn().SetPassword(s.ctx, signin.NewPassword{User: u.ID, To: phc("new"), Reset: true, At: s.now})
		return err
	}, func(row session.Session, err error) {
		if err == nil {
			s.ended(row.ID, session.PasswordChanged)
		} else {
			s.gone(row.ID)
		}
	})
}

func startMeetsDeletion(s *scene) {
	s.meet(60, func(u account.User) error {
		_, err := s.Accounts().Delete(s.ctx, account.Removal{ID: u.ID, At: s.now})
		return err
	}, func(row session.Session, _ error) {
		_, err := s.Sessions().Find(s.ctx, row.ID)
		s.is(err, session.ErrNotFound)
	})
}

func startMeetsLimit(s *scene) {
	const limit, parallel = 3, 24
	u, before := s.user("anna"), s.head()
	var starts []session.Start
	for range parallel {
		start := s.starting(s.draft(u))
		start.Limit = limit
		starts = append(starts, start)
	}
	var wg sync.WaitGroup
	for _, start := range starts {
		wg.Go(func() {
			if _, err := s.Sessions().Start(s.ctx, start); err != nil {
				s.t.Error(err)
			}
		})
	}
	wg.Wait()
	s.equal(len(s.list(session.Query{AliveAt: s.now})), limit)
	s.equal(len(s.since(before)), parallel-limit)
}

// Each round ends one session while its refresh token is rotated, its credentials are renewed and a sighting of it
// is written. Whatever the order, it is dead afterwards and stays as its end left it.
func logoutSticks(s *scene) {
	const rounds, workers = 1000, 16
	var drafts []session.Session
	for i := range workers {
		u := s.user(fmt.Sprintf("user%d", i))
		for range rounds/workers + 1 {
			drafts = append(drafts, s.draft(u))
		}
	}
	work := make(chan session.Session)
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for row := range work {
				s.logoutRound(row)
			}
		})
	}
	for _, row := range drafts[:rounds] {
		work <- row
	}
	close(work)
	wg.Wait()
	s.equal(len(s.list(session.Query{AliveAt: s.now})), 0)
}

// logoutRound reports by Error, as it runs in many goroutines.
func (s *scene) logoutRound(row session.Session) {
	if _, err := s.Sessions().Start(s.ctx, s.starting(row)); err != nil {
		s.t.Error(err)
		return
	}
	at := row.CreatedAt.Add(time.Minute)
	racing := []func() error{
		func() error {
			_, _, err := s.Sessions().End(s.ctx, session.Ending{Session: row.ID, Reason: session.SignedOut, At: at})
			return err
		},
		func() error {
			return s.Sessions().Touch(s.ctx, []session.Sighting{{ID: row.ID, At: at.Add(time.Second)}})
		},
		func() error {
			_, err := s.Sessions().Rotate(s.ctx, session.Rotation{
				ID: row.ID, Generation: 1, Digest: digest(1), Next: digest(2), At: at, IdleExpiresAt: at.Add(idle),
			})
			return err
		},
		func() error {
			_, _, err := s.Sessions().Renew(s.ctx, session.Renewal{
				ID: row.ID, Version: row.Version, Refresh: session.Refresh{Generation: 2, Digest: digest(3)},
				AuthenticatedAt: at, Audit: audit.New(audit.SteppedUp, at), At: at,
			})
			return err
		},
	}
	var wg sync.WaitGroup
	for _, run := range racing {
		wg.Go(func() {
			if err := run(); err != nil && !errors.Is(err, session.ErrEnded) && !errors.Is(err, session.ErrRaced) {
				s.t.Error(err)
			}
		})
	}
	wg.Wait()
	view, err := s.Sessions().Find(s.ctx, row.ID)
	if err != nil || !errors.Is(view.Alive(at), session.ErrEnded) || !view.Session.EndedAt.Equal(at) {
		s.t.Errorf("session after its logout: ended at %v, %v", view.Session.EndedAt, err)
	}
}

// A change of roles and its event are one commit. So a view that names a revision at or after the event has the new
// roles, and whoever has seen the new roles finds the event in the log.
func viewNotOlder(s *scene) {
	const changes = 60
	u := s.user("anna")
	row, start := s.session(u), s.head()
	done := make(chan struct{})
	var reading sync.WaitGroup
	defer reading.Wait()
	defer close(done)
	for range 2 {
		reading.Go(func() {
			for at := start; ; {
				select {
				case <-done:
					return
				default:
				}
				view, err := s.Sessions().Find(s.ctx, row.ID)
				page, pageErr := s.Log().Read(s.ctx, asking(at))
				if err := errors.Join(err, pageErr); err != nil {
					s.t.Error(err)
					return
				}
				at = page.Head
				change := uint64(0)
				if _, err := fmt.Sscanf(view.User.Roles[0], "change%d", &change); err != nil {
					change = 0 // the roles from before
				}
				if named := view.Revision.Seq - start.Position; named > change || at.Position-start.Position < change {
					s.t.Errorf("roles of change %d in a view of revision %d; the log then had %d", change, named, at.Position-start.Position)
					return
				}
			}
		})
	}
	for i := range changes {
		_, _, err := s.Accounts().Amend(s.ctx, account.Amendment{
			ID: u.ID, Roles: &[]string{fmt.Sprintf("change%d", i+1)}, At: s.now,
			Announce: []revocation.Event{revocation.AuthzEvent(string(u.ID))},
		})
		s.ok(err)
	}
}

// The pruner is a day ahead, so that it may take each event at once. A follower then gets either what comes next or
// a snapshot, and never a page with a hole in it.
func followWhilePruned(s *scene) {
	const appends = 100
	done, later := make(chan struct{}), s.now.Add(24*time.Hour)
	var background sync.WaitGroup
	defer background.Wait()
	defer close(done)
	background.Go(func() {
		for {
			select {
			case <-done:
				return
			default:
			}
			if _, err := s.Log().Prune(s.ctx, later, 3); err != nil {
				s.t.Error(err)
				return
			}
		}
	})
	background.Go(func() { s.followPruned(done) })
	for range appends {
		s.append(revocation.AllEvent(), revocation.AllEvent())
	}
	s.equal(s.head().Position, uint64(2*appends))
}

func (s *scene) followPruned(done <-chan struct{}) {
	var at feed.Ask
	last := uint64(0)
	for {
		select {
		case <-done:
			return
		default:
		}
		page, err := s.Log().Read(s.ctx, at)
		if err != nil {
			s.t.Error(err)
			return
		}
		next := at.Position + 1
		if page.Snapshot && len(page.Events) > 0 {
			next = page.Events[0].Event.Seq
		}
		for _, e := range page.Events {
			if e.Event.Seq != next {
				s.t.Errorf("event %d where %d was due", e.Event.Seq, next)
				return
			}
			next++
		}
		if len(page.Events) > 0 && next != page.Head.Position+1 || page.Head.Position < last {
			s.t.Errorf("page ends at %d with its head at %d, after %d", next-1, page.Head.Position, last)
			return
		}
		at, last = asking(page.Head), page.Head.Position
	}
}
