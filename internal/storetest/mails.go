package storetest

import (
	"time"

	"tandem.example/tandem/internal/mail"
)

var mailTests = []test{
	{"a message is kept whole, and due when its time has come", mailIsDue},
	{"the longest due come first, and no more than asked", mailOrder},
	{"a message that is put off waits, and one that is gone stays gone", mailAgain},
	{"what waits is counted, and how long the oldest has", mailWaiting},
	{"an id is used once", mailTwice},
}

// queued puts a message into the queue that is due after the wait.
func (s *scene) queued(wait time.Duration) mail.Queued {
	s.t.Helper()
	id := mail.NewQueuedID(s.tick())
	q := mail.Queued{ID: id, Sealed: []byte("\x00sealed " + id), NextAt: s.now.Add(wait), Until: s.now.Add(time.Hour)}
	s.ok(s.MailQueue().Put(s.ctx, q))
	return q
}

func (s *scene) due(limit int) []mail.Queued {
	s.t.Helper()
	due, err := s.MailQueue().Due(s.ctx, s.now, limit)
	s.ok(err)
	return due
}

func mailIsDue(s *scene) {
	q, later := s.queued(0), s.queued(time.Minute)
	due := s.due(10)
	s.equal(due, []mail.Queued{q})
	due[0].Sealed[0] = 'x'
	s.equal(s.due(10), []mail.Queued{q})
	s.now = later.NextAt.Add(-time.Millisecond)
	s.equal(s.due(10), []mail.Queued{q})
	s.tick()
	s.equal(s.due(10), []mail.Queued{q, later})
	s.now = q.Until.Add(time.Hour) // it is for the sender to give up
	s.equal(s.due(10), []mail.Queued{q, later})
}

func mailOrder(s *scene) {
	last, first, second := s.queued(3*time.Second), s.queued(time.Second), s.queued(2*time.Second)
	s.now = s.now.Add(time.Minute)
	s.equal(s.due(10), []mail.Queued{first, second, last})
	s.equal(s.due(2), []mail.Queued{first, second})
}

func mailAgain(s *scene) {
	q, gone := s.queued(0), s.queued(0)
	s.ok(s.MailQueue().Remove(s.ctx, gone.ID))
	s.ok(s.MailQueue().Remove(s.ctx, gone.ID))
	s.ok(s.MailQueue().Again(s.ctx, gone))
	off := q
	off.Tries, off.NextAt = 1, s.now.Add(time.Minute)
	off.Sealed, off.Until = []byte("not stored"), s.now
	s.ok(s.MailQueue().Again(s.ctx, off))
	s.equal(s.due(10), []mail.Queued(nil))
	s.now = off.NextAt
	off.Sealed, off.Until = q.Sealed, q.Until
	s.equal(s.due(10), []mail.Queued{off})
}

func mailWaiting(s *scene) {
	waiting := func(want int, oldest time.Time) {
		s.t.Helper()
		n, at, err := s.MailQueue().Waiting(s.ctx)
		s.ok(err)
		s.equal(n, want)
		s.equal(at, oldest)
	}
	waiting(0, time.Time{})
	first := s.queued(time.Hour)
	begun := s.now
	second := s.queued(0)
	waiting(2, begun)
	s.ok(s.MailQueue().Remove(s.ctx, first.ID))
	waiting(1, s.now)
	s.ok(s.MailQueue().Remove(s.ctx, second.ID))
	waiting(0, time.Time{})
}

func mailTwice(s *scene) {
	q := s.queued(0)
	forged := q
	forged.Sealed = []byte("forged")
	s.refusedAnyhow(func() error { return s.MailQueue().Put(s.ctx, forged) })
	s.equal(s.due(10), []mail.Queued{q})
}
