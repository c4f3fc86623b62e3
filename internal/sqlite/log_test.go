package sqlite

import (
	"testing"

	"tandem.example/tandem/internal/feed"
	"tandem.example/tandem/verify/revocation"
)

func (s *Store) announce(t testing.TB, events ...revocation.Event) feed.Commit {
	t.Helper()
	commit, err := s.Log().Append(t.Context(), feed.Append{Events: events, At: epochDay})
	if err != nil {
		t.Fatal(err)
	}
	return commit
}

// The lease stands on this: an answer comes from a read of the database that began after the question, and from
// nothing in memory. A commit past the store, which no memory of it can know, is in the next answer.
func TestReadAsksTheDatabase(t *testing.T) {
	s := open(t, Config{})
	s.announce(t, revocation.SubjectEvent("usr_1"))
	known, err := s.Log().Head(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ask := feed.Ask{Epoch: known.Epoch, Position: known.Position, Chain: known.Chain.String()}
	if page, err := s.Log().Read(t.Context(), ask); err != nil || len(page.Events) != 0 {
		t.Fatalf("%d events before the commit, %v", len(page.Events), err)
	}

	other, err := connect(s.path, writing)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	event := revocation.AllEvent()
	event.Seq = known.Position + 1
	chain := known.Chain.Next(event)
	past, err := other.Begin()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := past.Exec(insertEvent, int64(event.Seq), string(event.Kind), event.ID, chain[:], millis(epochDay)); err != nil {
		t.Fatal(err)
	}
	if _, err := past.Exec(`UPDATE head SET position = ?, chain = ?`, int64(event.Seq), chain[:]); err != nil {
		t.Fatal(err)
	}
	if page, err := s.Log().Read(t.Context(), ask); err != nil || len(page.Events) != 0 {
		t.Fatalf("%d events of a commit under way, %v", len(page.Events), err)
	}
	if err := past.Commit(); err != nil {
		t.Fatal(err)
	}

	if head, _ := s.Log().Head(t.Context()); head != known {
		t.Fatalf("the published head is %+v: the test no longer goes past it", head)
	}
	page, err := s.Log().Read(t.Context(), ask)
	if err != nil || page.Snapshot || len(page.Events) != 1 || page.Head.Position != event.Seq || page.Events[0].Chain != chain {
		t.Fatalf("page %+v, %v", page, err)
	}
}

// All of a page is of one moment: what commits while it is put together is in none of it.
func TestPageIsOfOneMoment(t *testing.T) {
	s := open(t, Config{})
	s.announce(t, revocation.SubjectEvent("usr_1"))
	r, err := s.snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer r.tx.Rollback()
	first, err := r.page(feed.Ask{})
	if err != nil || first.Head.Position != 1 {
		t.Fatalf("head %d, %v", first.Head.Position, err)
	}
	s.announce(t, revocation.SubjectEvent("usr_2"), revocation.AllEvent())
	if _, err := s.Log().Prune(t.Context(), epochDay.AddDate(1, 0, 0), 1); err != nil {
		t.Fatal(err)
	}
	for _, ask := range []feed.Ask{{}, {Epoch: first.Head.Epoch, Chain: revocation.Genesis(first.Head.Epoch).String()}} {
		page, err := r.page(ask)
		if err != nil || page.Head != first.Head || len(page.Events) != 1 || page.Events[0].Chain != first.Head.Chain {
			t.Errorf("page %+v, %v", page, err)
		}
	}
}

// More readers at once than connections, each of which needs more than one statement: nobody waits for ever.
func TestReadersOfTheLogDoNotStarveEachOther(t *testing.T) {
	s := open(t, Config{Readers: 1})
	s.announce(t, revocation.SubjectEvent("usr_1"))
	answers := make(chan error)
	for range 20 {
		go func() {
			_, err := s.Log().Read(t.Context(), feed.Ask{Position: 1})
			answers <- err
		}()
	}
	for range 20 {
		if err := <-answers; err != nil {
			t.Error(err)
		}
	}
}
