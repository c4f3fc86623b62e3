package storetest

import (
	"fmt"
	"time"

	"tandem.example/tandem/internal/secret"
	"tandem.example/tandem/internal/session"
	"tandem.example/tandem/internal/signin"
)

var attemptTests = []test{
	{"an attempt is kept whole until it expires", attemptIsKept},
	{"what is not there is not found", attemptIsNotFound},
	{"an id is used once", attemptTwice},
	{"an advance stores what it may, unless it was overtaken", attemptAdvance},
	{"of parallel advances one succeeds", attemptAdvancedInParallel},
	{"guesses are counted up to the limit, and anew after a reset", attemptTries},
	{"of parallel guesses exactly the limit is let through", attemptTriesInParallel},
	{"an attempt is finished once", attemptFinishedInParallel},
	{"sweeping deletes what has expired, the longest first, and no more than asked", attemptSweep},
}

func (s *scene) attempt() signin.Attempt {
	s.t.Helper()
	id := signin.NewAttemptID(s.tick())
	a := signin.Attempt{
		ID: id, Digest: secret.Sum([]byte("secret of " + id)), State: []byte("\x00sealed state of " + id), Version: 1,
		ExpiresAt: s.now.Add(10 * time.Minute),
	}
	s.ok(s.Attempts().Begin(s.ctx, a))
	return a
}

func (s *scene) attemptNow(a signin.Attempt) signin.Attempt {
	s.t.Helper()
	found, err := s.Attempts().Find(s.ctx, a.ID, s.now)
	s.ok(err)
	return found
}

func attemptIsKept(s *scene) {
	one, two := s.attempt(), s.attempt()
	for _, a := range []signin.Attempt{one, two} {
		found := s.attemptNow(a)
		s.equal(found, a)
		found.State[0] = 'x'
		s.equal(s.attemptNow(a), a)
	}
	_, err := s.Attempts().Find(s.ctx, one.ID, one.ExpiresAt.Add(-time.Millisecond))
	s.ok(err)
	_, err = s.Attempts().Find(s.ctx, one.ID, one.ExpiresAt)
	s.is(err, signin.ErrNoAttempt)
}

func attemptIsNotFound(s *scene) {
	s.attempt()
	for _, id := range []string{signin.NewAttemptID(s.tick()), "", "att_\x00", "\xff"} {
		_, err := s.Attempts().Find(s.ctx, id, s.now)
		s.is(err, signin.ErrNoAttempt)
		s.is(s.Attempts().Advance(s.ctx, signin.Attempt{ID: id, Version: 1, ExpiresAt: s.now}), signin.ErrNoAttempt)
		s.is(s.Attempts().Try(s.ctx, id, 5), signin.ErrNoAttempt)
		s.is(s.Attempts().Finish(s.ctx, id), signin.ErrNoAttempt)
	}
}

func attemptTwice(s *scene) {
	a := s.attempt()
	forged := a
	forged.Digest, forged.State = secret.Sum([]byte("another")), []byte("another")
	s.refusedAnyhow(func() error { return s.Attempts().Begin(s.ctx, forged) })
	s.equal(s.attemptNow(a), a)
}

func attemptAdvance(s *scene) {
	a, other := s.attempt(), s.attempt()
	next := a
	next.State, next.ExpiresAt = []byte("next"), a.ExpiresAt.Add(time.Minute)
	next.Digest = secret.Sum([]byte("not stored"))
	s.ok(s.Attempts().Advance(s.ctx, next))
	next.Digest, next.Version = a.Digest, 2
	s.equal(s.attemptNow(a), next)
	s.equal(s.attemptNow(other), other)

	for _, version := range []uint64{1, 3} {
		stale := a
		stale.Version = version
		s.is(s.Attempts().Advance(s.ctx, stale), session.ErrRaced)
	}
	s.equal(s.attemptNow(a), next)
	s.ok(s.Attempts().Finish(s.ctx, a.ID))
	s.is(s.Attempts().Advance(s.ctx, next), signin.ErrNoAttempt)
	_, err := s.Attempts().Find(s.ctx, a.ID, s.now)
	s.is(err, signin.ErrNoAttempt)
}

func attemptAdvancedInParallel(s *scene) {
	a := s.attempt()
	for round := range 10 {
		a.Version = uint64(1 + round)
		s.equal(s.parallel(8, session.ErrRaced, func(i int) error {
			next := a
			next.State = fmt.Append(nil, "of ", i)
			return s.Attempts().Advance(s.ctx, next)
		}), 1)
	}
}

func attemptTries(s *scene) {
	a := s.attempt()
	guess := func(limit, allowed int) {
		s.t.Helper()
		for range allowed {
			s.ok(s.Attempts().Try(s.ctx, a.ID, limit))
		}
		s.is(s.Attempts().Try(s.ctx, a.ID, limit), signin.ErrTooManyTries)
	}
	guess(3, 3)
	guess(5, 2)
	a.Tries = 5
	s.equal(s.attemptNow(a), a)

	// With its tries, the attempt goes on counting where it was; without, it begins anew.
	a.Tries = 1
	s.ok(s.Attempts().Advance(s.ctx, a))
	a.Tries, a.Version = 5, 2
	s.equal(s.attemptNow(a), a)
	guess(5, 0)
	a.Tries = 0
	s.ok(s.Attempts().Advance(s.ctx, a))
	guess(5, 5)
	guess(0, 0)
}

func attemptTriesInParallel(s *scene) {
	const limit = 5
	a := s.attempt()
	for range 6 {
		s.equal(s.parallel(24, signin.ErrTooManyTries, func(int) error { return s.Attempts().Try(s.ctx, a.ID, limit) }), limit)
		a = s.attemptNow(a)
		s.equal(a.Tries, limit)
		a.Tries = 0
		s.ok(s.Attempts().Advance(s.ctx, a))
	}
}

func attemptFinishedInParallel(s *scene) {
	for range 10 {
		a := s.attempt()
		s.equal(s.parallel(8, signin.ErrNoAttempt, func(int) error { return s.Attempts().Finish(s.ctx, a.ID) }), 1)
	}
}

func attemptSweep(s *scene) {
	var all []signin.Attempt
	for i := range 5 {
		a := s.attempt()
		a.ExpiresAt = a.ExpiresAt.Add(-time.Duration(i) * time.Minute) // those that began last expire first
		s.ok(s.Attempts().Advance(s.ctx, a))
		all = append(all, a)
	}
	left := func() (ids []string) {
		for _, a := range all {
			if _, err := s.Attempts().Find(s.ctx, a.ID, s.now); err == nil {
				ids = append(ids, a.ID)
			}
		}
		return ids
	}
	for _, c := range []struct{ limit, swept, left int }{{0, 0, 5}, {2, 2, 3}, {2, 1, 2}, {2, 0, 2}} {
		n, err := s.Attempts().Sweep(s.ctx, all[1].ExpiresAt, c.limit)
		s.ok(err)
		s.equal(n, c.swept)
		s.equal(len(left()), c.left)
	}
	s.equal(left(), []string{all[0].ID, all[1].ID})
}
