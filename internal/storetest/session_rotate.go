package storetest

import (
	"errors"
	"sync"
	"time"

	"tandem.example/tandem/internal/account"
	"tandem.example/tandem/internal/application"
	"tandem.example/tandem/internal/secret"
	"tandem.example/tandem/internal/session"
)

var rotateTests = []test{
	{"rotation moves one generation on and slides the session", rotateMoves},
	{"rotation follows rotation", rotateChain},
	{"only the newest generation and its digest rotate", rotateConditions},
	{"a session without a refresh token rotates nothing", rotateWithout},
	{"a dead session rotates nothing and says why", rotateDead},
	{"a hundred parallel rotations have one winner", rotateOneWinner},
	{"the idle deadline stays within the absolute one", rotateWithinAbsolute},
	{"a clock that steps back takes nothing away and adds nothing", rotateClockBack},
}

// rotation presents the token of the generation and moves to the next.
func (s *scene) rotation(id session.ID, generation uint32) session.Rotation {
	return session.Rotation{
		ID: id, Generation: generation, Digest: digest(generation), Next: digest(generation + 1),
		Sealed: []byte{byte(generation), 0xff}, At: s.tick(), IdleExpiresAt: s.now.Add(idle),
	}
}

func rotateMoves(s *scene) {
	u := s.user("anna")
	draft := s.draft(u)
	draft.Refresh.Floor = 1
	_, err := s.Sessions().Start(s.ctx, s.starting(draft))
	s.ok(err)
	row := s.find(draft.ID).Session
	before := s.head()
	s.now = s.now.Add(time.Minute)
	r := s.rotation(row.ID, 1)
	view, err := s.Sessions().Rotate(s.ctx, r)
	s.ok(err)
	row.Refresh = session.Refresh{
		Generation: 2, Digest: r.Next, Previous: r.Digest, Sealed: r.Sealed, RotatedAt: r.At, Floor: 1,
	}
	row.LastSeenAt, row.IdleExpiresAt = r.At, r.IdleExpiresAt
	s.equal(view.Session, row)
	s.equal(view.User, u)
	s.equal(view.Revision, before.Revision())
	s.equal(s.find(row.ID), view)
	s.equal(s.head(), before)
}

func rotateChain(s *scene) {
	row := s.session(s.user("anna"))
	for generation := uint32(1); generation <= 20; generation++ {
		view, err := s.Sessions().Rotate(s.ctx, s.rotation(row.ID, generation))
		s.ok(err)
		s.equal(view.Session.Refresh.Generation, generation+1)
		s.equal(view.Session.Refresh.Previous, digest(generation))
	}
}

func rotateConditions(s *scene) {
	row := s.session(s.user("anna"))
	_, err := s.Sessions().Rotate(s.ctx, s.rotation(row.ID, 1))
	s.ok(err)
	want := s.find(row.ID)
	wrongDigest, previous, wrongGeneration := s.rotation(row.ID, 2), s.rotation(row.ID, 2), s.rotation(row.ID, 3)
	wrongDigest.Digest, previous.Digest, wrongGeneration.Digest = digest(9), digest(1), digest(2)
	for _, r := range []session.Rotation{
		s.rotation(row.ID, 1), s.rotation(row.ID, 3), wrongDigest, previous, wrongGeneration,
	} {
		s.refused(session.ErrRaced, func() error {
			_, err := s.Sessions().Rotate(s.ctx, r)
			return err
		})
		s.equal(s.find(row.ID), want)
	}
	_, err = s.Sessions().Rotate(s.ctx, s.rotation(session.NewID(s.now), 2))
	s.is(err, session.ErrNotFound)
}

func rotateWithout(s *scene) {
	draft := s.draft(s.user("anna"))
	draft.Refresh = session.Refresh{}
	_, err := s.Sessions().Start(s.ctx, s.starting(draft))
	s.ok(err)
	r := s.rotation(draft.ID, 0)
	r.Digest = secret.Digest{} // as the row has it
	_, err = s.Sessions().Rotate(s.ctx, r)
	s.is(err, session.ErrRaced)
	s.equal(s.find(draft.ID).Session.Refresh, session.Refresh{})
}

func rotateDead(s *scene) {
	for name, c := range map[string]struct {
		kill func(u account.User, row session.Session)
		want error
	}{
		"ended":    {func(_ account.User, row session.Session) { s.end(row.ID) }, session.ErrEnded},
		"idle":     {func(account.User, session.Session) { s.now = s.now.Add(idle) }, session.ErrExpired},
		"absolute": {func(account.User, session.Session) { s.now = s.now.Add(absolute) }, session.ErrExpired},
		"locked": {func(u account.User, _ session.Session) {
			_, _, err := s.Accounts().Amend(s.ctx, account.Amendment{ID: u.ID, Status: to(account.Locked), At: s.tick()})
			s.ok(err)
		}, session.ErrEnded},
		"application": {func(account.User, session.Session) {
			_, _, err := s.Applications().Amend(s.ctx, application.Amendment{Application: s.app, EndSessions: true, At: s.tick()})
			s.ok(err)
		}, session.ErrEnded},
	} {
		u := s.user(name)
		row := s.session(u)
		c.kill(u, row)
		want := s.find(row.ID)
		for _, generation := range []uint32{1, 2} { // dead comes before raced
			_, err := s.Sessions().Rotate(s.ctx, s.rotation(row.ID, generation))
			s.is(err, c.want)
		}
		s.equal(s.find(row.ID), want)
	}
}

func rotateOneWinner(s *scene) {
	row := s.session(s.user("anna"))
	r := s.rotation(row.ID, 1)
	var mu sync.Mutex
	var won []secret.Digest
	var wg sync.WaitGroup
	for i := range uint32(100) {
		wg.Go(func() {
			mine := r
			mine.Next = digest(1000 + i)
			view, err := s.Sessions().Rotate(s.ctx, mine)
			switch {
			case err == nil:
				mu.Lock()
				defer mu.Unlock()
				won = append(won, mine.Next)
				if view.Session.Refresh.Digest != mine.Next {
					s.t.Error("the winner was shown another's token")
				}
			case !errors.Is(err, session.ErrRaced):
				s.t.Error(err)
			}
		})
	}
	wg.Wait()
	s.equal(len(won), 1)
	refresh := s.find(row.ID).Session.Refresh
	s.equal(refresh.Generation, uint32(2))
	s.equal(refresh.Digest == won[0], true)
	s.alive(row.ID)
}

func rotateWithinAbsolute(s *scene) {
	row := s.session(s.user("anna"))
	r := s.rotation(row.ID, 1)
	r.IdleExpiresAt = row.ExpiresAt.Add(time.Hour)
	view, err := s.Sessions().Rotate(s.ctx, r)
	s.ok(err)
	s.equal(view.Session.IdleExpiresAt, row.ExpiresAt)
	s.equal(view.Session.ExpiresAt, row.ExpiresAt)
}

func rotateClockBack(s *scene) {
	row := s.session(s.user("anna"))
	s.now = s.now.Add(-time.Hour)
	view, err := s.Sessions().Rotate(s.ctx, s.rotation(row.ID, 1))
	s.ok(err)
	s.equal(view.Session.LastSeenAt, row.LastSeenAt)
	s.equal(view.Session.IdleExpiresAt, row.IdleExpiresAt)
	s.equal(view.Session.ExpiresAt, row.ExpiresAt)
}
