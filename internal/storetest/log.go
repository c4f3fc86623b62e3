package storetest

import (
	"slices"
	"sync"
	"time"

	"tandem.example/tandem/internal/account"
	"tandem.example/tandem/internal/audit"
	"tandem.example/tandem/internal/feed"
	"tandem.example/tandem/internal/id"
	"tandem.example/tandem/internal/session"
	"tandem.example/tandem/internal/signing"
	"tandem.example/tandem/verify/revocation"
)

var logTests = []test{
	{"a new log is empty and has an epoch", logIsEmpty},
	{"appends take positions one after the other", appendTakesPositions},
	{"an entry without an event stays at the head", appendEntriesOnly},
	{"positions are gap-free and ordered as commits under eight writers", appendInOrder},
	{"every port appends to the one log", portsShareTheLog},
	{"a hint follows a commit", hintFollows},
	{"a verifier in step gets what is new", readIncrement},
	{"a verifier out of step gets a snapshot", readSnapshot},
	{"a snapshot and what follows is the whole", snapshotAndIncrement},
	{"a read that begins after a commit shows it", readSeesCommit},
	{"values are copies", pageIsCopied},
}

func logIsEmpty(s *scene) {
	head := s.head()
	s.equal(head.Position, uint64(0))
	s.equal(len(head.Epoch) == 26, true)
	s.equal(head.Chain, revocation.Genesis(head.Epoch))
	s.equal(head.MaxToken, lifetime)
	again := s.head()
	s.equal(again, head)

	page, err := s.Log().Read(s.ctx, feed.Ask{})
	s.ok(err)
	s.equal(page, feed.Page{Head: head, Snapshot: true})
}

func someEvents() []revocation.Event {
	return []revocation.Event{
		revocation.SessionEvent("ses_1"), revocation.SubjectEvent("usr_1"), revocation.AuthzEvent("usr_1"),
		revocation.ApplicationEvent("app_1"), revocation.KeyEvent("kid/1 'x'"), revocation.AllEvent(),
	}
}

func appendTakesPositions(s *scene) {
	start, events, entry := s.head(), someEvents(), s.entry(audit.Revoked)
	commit, err := s.Log().Append(s.ctx, feed.Append{Events: events[:1], Audit: []audit.Entry{entry}, At: s.tick()})
	s.ok(err)
	s.equal(commit, feed.Commit{Position: 1, At: s.now})
	s.equal(s.audited(entry), true)
	commit, err = s.Log().Append(s.ctx, feed.Append{Events: events[1:], At: s.tick()})
	s.ok(err)
	s.equal(commit, feed.Commit{Position: 6, At: s.now})

	page, err := s.Log().Read(s.ctx, asking(start))
	s.ok(err)
	s.linked(start, page)
	s.equal(drafts(page.Events), events)
	s.equal(page.Head.Position, uint64(6))
	s.equal(s.head(), page.Head)
}

// linked asserts that the page goes on from the head: each event at the next position, with the chain that follows
// from the one before, up to the page's own head.
func (s *scene) linked(from feed.Head, page feed.Page) {
	s.t.Helper()
	at, chain := from.Position, from.Chain
	for _, e := range page.Events {
		at++
		s.equal(e.Event.Seq, at)
		s.equal(e.Event.RetainMS, int64(0))
		chain = chain.Next(e.Event)
		s.equal(e.Chain, chain)
	}
	s.equal(page.Head.Position, at)
	s.equal(page.Head.Chain, chain)
}

func appendEntriesOnly(s *scene) {
	s.append(revocation.AllEvent())
	head, entry := s.head(), s.entry(audit.Revoked)
	commit, err := s.Log().Append(s.ctx, feed.Append{Audit: []audit.Entry{entry}, At: s.tick()})
	s.ok(err)
	s.equal(commit, feed.Commit{Position: 1, At: s.now})
	s.equal(s.head(), head)
	s.equal(s.audited(entry), true)
}

// Each writer notes the head before its append and the position after it: an append that begins after another has
// been answered must come after it. A follower reads along and must never meet a gap.
func appendInOrder(s *scene) {
	const writers, each = 8, 20
	start, done := s.head(), make(chan struct{})
	var writing, reading sync.WaitGroup
	reading.Go(func() { s.follow(start, done, writers*each*2) })
	for range writers {
		writing.Go(func() {
			for range each {
				before, err := s.Log().Head(s.ctx)
				if err != nil {
					s.t.Error(err)
					return
				}
				commit, err := s.Log().Append(s.ctx, feed.Append{
					Events: []revocation.Event{revocation.SessionEvent("ses_a"), revocation.SubjectEvent("usr_b")}, At: s.now,
				})
				if err != nil || commit.Position < before.Position+2 {
					s.t.Errorf("append after position %d committed at %d, %v", before.Position, commit.Position, err)
					return
				}
			}
		})
	}
	writing.Wait()
	close(done)
	reading.Wait()

	page, err := s.Log().Read(s.ctx, asking(start))
	s.ok(err)
	s.linked(start, page)
	s.equal(len(page.Events), writers*each*2)
	for i, e := range page.Events { // the two events of one append lie side by side
		want := []revocation.Kind{revocation.KindSession, revocation.KindSubject}[i%2]
		s.equal(e.Event.Kind, want)
	}
}

// follow reads from the head until done is closed and all have been seen, as a verifier would; it may run in any
// goroutine.
func (s *scene) follow(at feed.Head, done <-chan struct{}, all int) {
	seen := 0
	for seen < all {
		last := false
		select {
		case <-done:
			last = true
		default:
		}
		page, err := s.Log().Read(s.ctx, asking(at))
		if err != nil || page.Snapshot {
			s.t.Errorf("follow from %d: snapshot %v, %v", at.Position, page.Snapshot, err)
			return
		}
		chain := at.Chain
		for i, e := range page.Events {
			chain = chain.Next(e.Event)
			if e.Event.Seq != at.Position+uint64(i)+1 || e.Chain != chain {
				s.t.Errorf("event %d of a page from %d has position %d, or another chain", i, at.Position, e.Event.Seq)
				return
			}
		}
		if page.Head.Position != at.Position+uint64(len(page.Events)) || page.Head.Chain != chain {
			s.t.Errorf("page from %d with %d events has its head at %d, or another chain", at.Position, len(page.Events), page.Head.Position)
			return
		}
		at, seen = page.Head, seen+len(page.Events)
		if last && seen < all {
			s.t.Errorf("only %d of %d events after all were committed", seen, all)
			return
		}
	}
}

func portsShareTheLog(s *scene) {
	u, start := s.user("anna"), s.head()
	one, two := s.session(u), s.session(u)
	own := string(u.ID)
	_, _, err := s.Accounts().Amend(s.ctx, account.Amendment{
		ID: u.ID, Roles: &[]string{"a"}, Announce: []revocation.Event{revocation.AuthzEvent(own)}, At: s.tick(),
	})
	s.ok(err)
	s.end(one.ID)
	_, err = s.Keys().Change(s.ctx, signing.Change{Announce: []revocation.Event{revocation.KeyEvent("k")}, At: s.tick()})
	s.ok(err)
	s.append(revocation.AllEvent())
	_, _, err = s.Sessions().End(s.ctx, session.Ending{User: u.ID, At: s.tick(), Reason: session.UserRevoked})
	s.ok(err)
	_, _, err = s.Sessions().End(s.ctx, s.ending(two.ID)) // dead already: says nothing
	s.ok(err)

	page, err := s.Log().Read(s.ctx, asking(start))
	s.ok(err)
	s.linked(start, page)
	s.equal(drafts(page.Events), []revocation.Event{
		revocation.AuthzEvent(own), revocation.SessionEvent(string(one.ID)), revocation.KeyEvent("k"),
		revocation.AllEvent(), revocation.SubjectEvent(own),
	})
}

func hintFollows(s *scene) {
	hints := make(chan struct{}, 1)
	s.Log().OnCommit(func() {
		select {
		case hints <- struct{}{}:
		default:
		}
	})
	s.append(revocation.AllEvent())
	s.hinted(hints)
	s.equal(s.head().Position, uint64(1))

	row := s.session(s.user("anna"))
	s.end(row.ID)
	s.hinted(hints)
	s.equal(s.head().Position, uint64(2))
}

// hinted waits for a hint. The bound only keeps an adapter without hints from hanging the run.
func (s *scene) hinted(hints <-chan struct{}) {
	s.t.Helper()
	select {
	case <-hints:
	case <-time.After(20 * time.Second):
		s.t.Fatal("no hint followed the commit")
	}
}

func readIncrement(s *scene) {
	heads := []feed.Head{s.head()}
	for _, e := range someEvents() {
		s.append(e)
		heads = append(heads, s.head())
	}
	for i, head := range heads {
		page, err := s.Log().Read(s.ctx, asking(head))
		s.ok(err)
		s.equal(page.Snapshot, false)
		s.linked(head, page)
		s.equal(drafts(page.Events), someEvents()[i:])
		s.equal(page.Head, heads[len(heads)-1])
	}
}

func readSnapshot(s *scene) {
	s.append(someEvents()...)
	head := s.head()
	good := asking(head)
	for name, ask := range map[string]feed.Ask{
		"newcomer":          {},
		"unknown epoch":     {Epoch: id.New(s.now), Position: good.Position, Chain: good.Chain},
		"ahead of the head": {Epoch: good.Epoch, Position: good.Position + 1, Chain: good.Chain},
		"far ahead":         {Epoch: good.Epoch, Position: 1<<64 - 1, Chain: good.Chain},
		"another history":   {Epoch: good.Epoch, Position: good.Position, Chain: revocation.Genesis("x").String()},
		"no chain":          {Epoch: good.Epoch, Position: good.Position},
		"garbled chain":     {Epoch: good.Epoch, Position: good.Position, Chain: good.Chain + "="},
		"chain of another":  {Epoch: good.Epoch, Position: good.Position - 1, Chain: good.Chain},
		"start, no chain":   {Epoch: good.Epoch},
	} {
		page, err := s.Log().Read(s.ctx, ask)
		s.ok(err)
		if !page.Snapshot {
			s.t.Fatalf("%s: no snapshot", name)
		}
		s.equal(drafts(page.Events), someEvents())
		s.equal(page.Head, head)
		for i, e := range page.Events {
			s.equal(e.Event.Seq, uint64(i)+1)
		}
	}
}

func snapshotAndIncrement(s *scene) {
	s.append(someEvents()[:4]...)
	first, err := s.Log().Read(s.ctx, feed.Ask{})
	s.ok(err)
	s.append(someEvents()[4:]...)
	s.append(revocation.SessionEvent("ses_2"))
	rest, err := s.Log().Read(s.ctx, asking(first.Head))
	s.ok(err)
	s.linked(first.Head, rest)
	whole, err := s.Log().Read(s.ctx, feed.Ask{})
	s.ok(err)
	s.equal(slices.Concat(first.Events, rest.Events), whole.Events)
	s.equal(rest.Head, whole.Head)
}

func pageIsCopied(s *scene) {
	start := s.head()
	s.append(revocation.SubjectEvent("usr_1"))
	for _, ask := range []feed.Ask{{}, asking(start)} {
		page, err := s.Log().Read(s.ctx, ask)
		s.ok(err)
		page.Events[0].Event = revocation.AllEvent()
		s.equal(s.since(start), []revocation.Event{revocation.SubjectEvent("usr_1")})
	}
}

func readSeesCommit(s *scene) {
	at := s.head()
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 50 {
				commit, err := s.Log().Append(s.ctx, feed.Append{Events: []revocation.Event{revocation.AllEvent()}, At: s.now})
				if err != nil {
					s.t.Error(err)
					return
				}
				page, err := s.Log().Read(s.ctx, asking(at))
				if err != nil || page.Head.Position < commit.Position {
					s.t.Errorf("read after the commit at %d shows %d, %v", commit.Position, page.Head.Position, err)
					return
				}
			}
		})
	}
	wg.Wait()
}
