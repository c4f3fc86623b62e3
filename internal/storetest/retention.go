package storetest

import (
	"time"

	"tandem.example/tandem/internal/feed"
	"tandem.example/tandem/verify/revocation"
)

var retentionTests = []test{
	{"events are kept for the longest lifetime in force", keptForLongest},
	{"a shorter lifetime counts when the last longer token is dead", keptAfterShortening},
	{"every port keeps its events alike", keptByEveryPort},
	{"prune deletes what has passed, oldest first", pruneOldest},
	{"prune moves the floor and keeps the chain", pruneKeepsChain},
	{"prune leaves no gap where a later event has passed before an earlier one", pruneNoGap},
	{"a key event stays in every snapshot and holds up no other", pruneKeysAside},
}

// snapshot answers all live events.
func (s *scene) snapshot() []feed.Stored {
	s.t.Helper()
	page, err := s.Log().Read(s.ctx, feed.Ask{})
	s.ok(err)
	s.equal(page.Snapshot, true)
	return page.Events
}

func (s *scene) keepFor(wanted, kept time.Duration) {
	s.t.Helper()
	got, err := s.Log().KeepFor(s.ctx, wanted, s.now)
	s.ok(err)
	s.equal(got, kept)
	s.equal(s.head().MaxToken, kept)
}

func (s *scene) prune(limit, want int) {
	s.t.Helper()
	n, err := s.Log().Prune(s.ctx, s.now, limit)
	s.ok(err)
	s.equal(n, want)
}

func keptForLongest(s *scene) {
	s.append(someEvents()...)
	for _, e := range s.snapshot() {
		s.equal(e.RetainUntil, feed.RetainUntil(e.Event.Kind, s.now, lifetime))
	}
	s.keepFor(time.Hour, time.Hour) // longer: at once
	s.append(revocation.AllEvent())
	events := s.snapshot()
	s.equal(events[6].RetainUntil, s.now.Add(time.Hour+feed.Skew))
}

// Pruning by the shortened lifetime would bring revoked tokens back: those of the longer kind still live.
func keptAfterShortening(s *scene) {
	s.keepFor(time.Minute, lifetime)
	shortened := s.now
	s.append(revocation.AllEvent())
	s.equal(s.snapshot()[0].RetainUntil, s.now.Add(lifetime+feed.Skew))

	s.now = shortened.Add(lifetime + feed.Skew)
	s.keepFor(time.Minute, lifetime)
	s.prune(100, 0)

	s.now = shortened.Add(lifetime + feed.Skew + time.Second)
	s.keepFor(time.Minute, time.Minute)
	s.append(revocation.AllEvent())
	s.equal(s.snapshot()[1].RetainUntil, s.now.Add(time.Minute+feed.Skew))

	// Another wish starts the wait anew.
	s.keepFor(30*time.Second, time.Minute)
	s.now = s.now.Add(2 * time.Minute)
	s.keepFor(20*time.Second, time.Minute)
	s.now = s.now.Add(90 * time.Second)
	s.keepFor(20*time.Second, time.Minute)
	s.now = s.now.Add(31 * time.Second)
	s.keepFor(20*time.Second, 20*time.Second)
}

func keptByEveryPort(s *scene) {
	s.keepFor(time.Hour, time.Hour)
	s.end(s.session(s.user("anna")).ID)
	s.equal(s.snapshot()[0].RetainUntil, s.now.Add(time.Hour+feed.Skew))
}

func pruneOldest(s *scene) {
	for range 5 {
		s.now = s.now.Add(time.Second)
		s.append(revocation.SessionEvent("ses_1"))
	}
	s.prune(100, 0)
	s.now = s.now.Add(lifetime + feed.Skew - time.Second - 2*time.Millisecond)
	s.prune(2, 2)
	s.equal(s.snapshot()[0].Event.Seq, uint64(3))
	s.prune(100, 1)
	s.prune(100, 0)
	s.equal(len(s.snapshot()), 2)
}

func pruneKeepsChain(s *scene) {
	heads := []feed.Head{s.head()}
	for range 4 {
		s.append(revocation.SubjectEvent("usr_1"))
		heads = append(heads, s.head())
	}
	s.now = s.now.Add(lifetime + 2*feed.Skew)
	s.append(revocation.AllEvent())
	s.prune(3, 3)
	s.equal(s.head().Position, uint64(5))

	for i, head := range heads {
		page, err := s.Log().Read(s.ctx, asking(head))
		s.ok(err)
		s.equal(page.Snapshot, i < 3) // at the floor one may go on, below it not
		if i >= 3 {
			s.linked(head, page)
		}
	}
	// A log without events goes on where it was.
	s.now = s.now.Add(lifetime + 2*feed.Skew)
	s.prune(100, 2)
	s.equal(len(s.snapshot()), 0)
	head := s.head()
	s.equal(head.Position, uint64(5))
	s.equal(len(s.since(head)), 0)
	s.append(revocation.AllEvent())
	page, err := s.Log().Read(s.ctx, asking(head))
	s.ok(err)
	s.equal(page.Snapshot, false)
	s.linked(head, page)
	s.equal(page.Head.Position, uint64(6))
}

func pruneNoGap(s *scene) {
	start := s.head()
	s.append(revocation.SubjectEvent("usr_1"))
	long := s.now
	s.keepFor(time.Second, lifetime)
	s.now = s.now.Add(lifetime - time.Second)
	s.append(revocation.SubjectEvent("usr_2")) // still kept by the longer lifetime
	s.now = long.Add(lifetime + feed.Skew + time.Millisecond)
	s.prune(100, 1)
	at := s.head()
	s.now = s.now.Add(time.Second)
	s.keepFor(time.Second, time.Second)
	s.append(revocation.SubjectEvent("usr_3")) // for a second and the skew: passes before the one ahead of it
	s.now = s.now.Add(time.Second + feed.Skew + time.Millisecond)
	s.prune(100, 0)
	s.equal(len(s.snapshot()), 2)
	s.equal(s.since(at), []revocation.Event{revocation.SubjectEvent("usr_3")})
	page, err := s.Log().Read(s.ctx, asking(start))
	s.ok(err)
	s.equal(page.Snapshot, true)
}

// A key event is kept for ten years. Were the prefix not to move past it, one stolen key would make the log, and
// with it every snapshot, grow for ten years.
func pruneKeysAside(s *scene) {
	s.append(revocation.SubjectEvent("usr_1"), revocation.KeyEvent("stolen"), revocation.SubjectEvent("usr_2"))
	s.now = s.now.Add(lifetime + 2*feed.Skew)
	at := s.head()
	s.append(revocation.SessionEvent("ses_1"))
	s.prune(1, 1)
	s.prune(100, 1)
	events := s.snapshot()
	s.equal(drafts(events), []revocation.Event{revocation.KeyEvent("stolen"), revocation.SessionEvent("ses_1")})
	s.equal(events[0].Event.Seq, uint64(2))
	s.equal(events[1].Event.Seq, uint64(4))

	page, err := s.Log().Read(s.ctx, asking(at))
	s.ok(err)
	s.equal(page.Snapshot, false)
	s.linked(at, page)

	s.now = s.now.AddDate(9, 0, 0)
	s.prune(100, 1)
	s.equal(drafts(s.snapshot()), []revocation.Event{revocation.KeyEvent("stolen")})
	s.now = s.now.AddDate(2, 0, 0)
	s.prune(100, 1)
	s.equal(len(s.snapshot()), 0)
	s.equal(s.head().Position, uint64(4))
}
