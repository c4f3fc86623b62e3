package sqlite

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"tandem.example/tandem/internal/account"
	"tandem.example/tandem/internal/audit"
	"tandem.example/tandem/internal/feed"
	"tandem.example/tandem/internal/session"
	"tandem.example/tandem/verify/revocation"
)

// hold keeps the writer busy with a write that waits, until the function it answers is called.
func (s *Store) hold(t testing.TB) (release func()) {
	t.Helper()
	begun, end := make(chan struct{}), make(chan struct{})
	var once sync.Once
	go s.write.do(context.Background(), func(*tx) error {
		once.Do(func() { close(begun) })
		<-end
		return nil
	})
	<-begun
	return func() { close(end) }
}

// queue begins a write and answers once it waits behind those before it.
func (s *Store) queue(t testing.TB, write func() error) chan error {
	t.Helper()
	waiting, done := len(s.write.queue), make(chan error, 1)
	go func() { done <- write() }()
	for len(s.write.queue) == waiting {
		select {
		case err := <-done:
			t.Fatalf("the write did not wait: %v", err)
		default:
		}
	}
	return done
}

var errBoom = errors.New("boom")

// A write that fails after it has changed something is undone, and those around it in the batch do not notice.
func TestOneFailingWriteSparesTheOthers(t *testing.T) {
	s := open(t, Config{})
	app, u := s.addApplication(t, "app"), s.addUser(t, "anna")
	row := s.start(t, draft(u, app, epochDay)).Session
	before, _ := s.Log().Head(t.Context())
	commits := s.Stats().Batches

	release := s.hold(t)
	var good []chan error
	add := func() {
		good = append(good, s.queue(t, func() error {
			_, err := s.Log().Append(t.Context(), feed.Append{Events: []revocation.Event{revocation.AllEvent()}, At: epochDay})
			return err
		}))
	}
	add()
	bad := s.queue(t, func() error {
		return s.write.do(t.Context(), func(t *tx) error {
			if err := t.end(row.ID, session.SignedOut, epochDay); err != nil {
				return err
			}
			entry := audit.New(audit.SignedOut, epochDay)
			entry.Reason = "undone"
			if _, err := t.finish(epochDay, []revocation.Event{revocation.SessionEvent(string(row.ID))}, entry); err != nil {
				return err
			}
			return errBoom
		})
	})
	add()
	release()
	for _, c := range good {
		if err := <-c; err != nil {
			t.Error(err)
		}
	}
	if err := <-bad; !errors.Is(err, errBoom) {
		t.Errorf("the failing write answered %v", err)
	}
	if n := s.Stats().Batches - commits; n != 2 {
		t.Errorf("%d commits, want that of the held write and one for the rest", n)
	}
	page, err := s.Log().Read(t.Context(), feed.Ask{Epoch: before.Epoch, Position: before.Position, Chain: before.Chain.String()})
	if err != nil || page.Snapshot || len(page.Events) != 2 || page.Head.Position != before.Position+2 {
		t.Errorf("%d events, head %d after %d, snapshot %v, %v", len(page.Events), page.Head.Position, before.Position, page.Snapshot, err)
	}
	chain := before.Chain
	for i, e := range page.Events {
		if chain = chain.Next(e.Event); e.Event.Seq != before.Position+1+uint64(i) || e.Chain != chain {
			t.Errorf("event %d has position %d or breaks the chain", i, e.Event.Seq)
		}
	}
	for name, find := range map[string]func() (session.View, error){
		"mirror":   func() (session.View, error) { return s.Sessions().Find(t.Context(), row.ID) },
		"database": func() (session.View, error) { return s.findRow(t.Context(), row.ID) },
	} {
		if v, err := find(); err != nil || !v.Session.EndedAt.IsZero() {
			t.Errorf("%s: the undone end is there: %v, %v", name, v.Session.EndedAt, err)
		}
	}
	entries, err := s.Audit().List(t.Context(), audit.Query{Type: audit.SignedOut})
	if err != nil || len(entries) != 0 {
		t.Errorf("the undone entry is in the trail: %v, %v", entries, err)
	}
}

func TestManyCallersShareOneCommit(t *testing.T) {
	s := open(t, Config{})
	release := s.hold(t)
	var waiting []chan error
	for range 50 {
		waiting = append(waiting, s.queue(t, func() error {
			return s.Audit().Record(t.Context(), audit.New(audit.SignedIn, epochDay))
		}))
	}
	before := s.Stats()
	release()
	for _, c := range waiting {
		if err := <-c; err != nil {
			t.Error(err)
		}
	}
	after := s.Stats()
	if n := after.Batches - before.Batches; n != 2 {
		t.Errorf("%d commits for the held write and 50 more, want 2", n)
	}
	if n := after.Writes - before.Writes; n != 51 {
		t.Errorf("%d writes counted, want 51", n)
	}
}

func TestCallerWhoGivesUpInTimeWritesNothing(t *testing.T) {
	s := open(t, Config{})
	release := s.hold(t)
	ctx, cancel := context.WithCancel(t.Context())
	given := s.queue(t, func() error { return s.Audit().Record(ctx, audit.New(audit.SignedOut, epochDay)) })
	cancel()
	if err := <-given; !errors.Is(err, context.Canceled) {
		t.Errorf("answered %v", err)
	}
	stays := s.queue(t, func() error { return s.Audit().Record(t.Context(), audit.New(audit.SignedIn, epochDay)) })
	release()
	if err := <-stays; err != nil {
		t.Error(err)
	}
	entries, err := s.Audit().List(t.Context(), audit.Query{})
	if err != nil || len(entries) != 1 || entries[0].Type != audit.SignedIn {
		t.Errorf("trail %v, %v", entries, err)
	}
	if err := s.Audit().Record(ctx, audit.New(audit.SignedOut, epochDay)); !errors.Is(err, context.Canceled) {
		t.Errorf("a caller who had given up before was answered %v", err)
	}
}

// A write that has been taken up is answered with what became of it, not with the end of its caller's patience.
func TestCallerWhoGivesUpTooLateLearnsTheOutcome(t *testing.T) {
	s := open(t, Config{})
	ctx, cancel := context.WithCancel(t.Context())
	err := s.write.do(ctx, func(t *tx) error {
		cancel()
		return t.record([]audit.Entry{audit.New(audit.SignedOut, epochDay)})
	})
	entries, _ := s.Audit().List(t.Context(), audit.Query{})
	if err != nil || len(entries) != 1 {
		t.Errorf("answered %v, %d entries", err, len(entries))
	}
}

func TestCloseWritesWhatWaits(t *testing.T) {
	for range 8 { // the writer may hear of the end before or after it takes up what waits
		dir := t.TempDir()
		s := open(t, Config{Dir: dir})
		release := s.hold(t)
		var waiting []chan error
		for range 10 {
			waiting = append(waiting, s.queue(t, func() error {
				return s.Audit().Record(t.Context(), audit.New(audit.SignedOut, epochDay))
			}))
		}
		closed := make(chan error, 1)
		go func() { closed <- s.Close() }()
		<-s.write.stopping
		release()
		if err := <-closed; err != nil {
			t.Error(err)
		}
		for _, c := range waiting {
			if err := <-c; err != nil {
				t.Error(err)
			}
		}
		entries, err := open(t, Config{Dir: dir}).Audit().List(t.Context(), audit.Query{})
		if err != nil || len(entries) != len(waiting) {
			t.Errorf("%d entries on disk, %d were acknowledged, %v", len(entries), len(waiting), err)
		}
	}
}

func TestClosedStoreRefuses(t *testing.T) {
	s := open(t, Config{})
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for verb, run := range map[string]func() error{
		"write": func() error { return s.Audit().Record(t.Context(), audit.New(audit.SignedOut, epochDay)) },
		"find": func() error {
			_, err := s.Sessions().Find(t.Context(), session.NewID(epochDay))
			return err
		},
		"head": func() error {
			_, err := s.Log().Head(t.Context())
			return err
		},
		"read": func() error {
			_, err := s.Log().Read(t.Context(), feed.Ask{})
			return err
		},
		"list": func() error {
			_, err := s.Accounts().List(t.Context(), account.Query{})
			return err
		},
		"ping":  func() error { return s.Ping(t.Context()) },
		"check": func() error { return s.Check(t.Context()) },
	} {
		if err := run(); !errors.Is(err, ErrClosed) {
			t.Errorf("%s after Close: %v", verb, err)
		}
	}
}

// When the hint comes, the head is published and the database has the event.
func TestHintComesAfterTheCommitIsVisible(t *testing.T) {
	s := open(t, Config{})
	type sight struct {
		head, read uint64
	}
	sights := make(chan sight, 10)
	s.Log().OnCommit(func() {
		head, _ := s.Log().Head(context.Background())
		page, _ := s.Log().Read(context.Background(), feed.Ask{})
		sights <- sight{head.Position, page.Head.Position}
	})
	for n := uint64(1); n <= 3; n++ {
		if err := s.Audit().Record(t.Context(), audit.New(audit.SignedIn, epochDay)); err != nil { // gives no hint
			t.Fatal(err)
		}
		_, err := s.Log().Append(t.Context(), feed.Append{Events: []revocation.Event{revocation.AllEvent()}, At: epochDay})
		if err != nil {
			t.Fatal(err)
		}
		if got := <-sights; got != (sight{n, n}) {
			t.Errorf("the hint of position %d saw %+v", n, got)
		}
	}
}

// A disk that is full fails the writes that do not fit, and leaves the store as it was.
func TestFullDisk(t *testing.T) {
	s := open(t, Config{})
	app, u := s.addApplication(t, "app"), s.addUser(t, "anna")
	pages := func(query string) {
		t.Helper()
		if err := s.write.do(t.Context(), func(t *tx) error { return t.row(query).Scan(new(int)) }); err != nil {
			t.Fatal(err)
		}
	}
	pages("PRAGMA max_page_count = 60")
	var kept []session.ID
	var failed error
	for i := 0; failed == nil && i < 10_000; i++ {
		row := draft(u, app, epochDay)
		if _, failed = s.Sessions().Start(t.Context(), session.Start{
			Session: row, AccountRevision: 1, Audit: audit.New(audit.SignedIn, epochDay),
		}); failed == nil {
			kept = append(kept, row.ID)
		}
	}
	if failed == nil || len(kept) == 0 {
		t.Fatalf("%d sessions fit, error %v", len(kept), failed)
	}
	pages("PRAGMA max_page_count = 100000")
	s.start(t, draft(u, app, epochDay))
	list, err := s.Sessions().List(t.Context(), session.Query{User: u.ID})
	if err != nil || len(list) != len(kept)+1 {
		t.Errorf("%d sessions, want %d and the one after, %v", len(list), len(kept), err)
	}
	if err := s.Check(t.Context()); err != nil {
		t.Error(err)
	}
}

// A listing that takes its time, on every connection there is, keeps nobody from a check.
func TestChecksDoNotWaitForListings(t *testing.T) {
	s := open(t, Config{MirrorSessions: -1, Readers: 2})
	app, u := s.addApplication(t, "app"), s.addUser(t, "anna")
	row := s.start(t, draft(u, app, epochDay)).Session
	for range 2 {
		rows, err := s.read.rows(t.Context(), selectUsers, "", 10)
		if err != nil {
			t.Fatal(err)
		}
		defer rows.Close()
	}
	if _, err := s.Sessions().Find(t.Context(), row.ID); err != nil {
		t.Error(err)
	}
	if err := s.Ping(t.Context()); err != nil {
		t.Error(err)
	}
	// A listing that finds no connection waits no longer than its caller.
	ctx, cancel := context.WithCancel(t.Context())
	answer := make(chan error)
	go func() {
		_, err := s.Accounts().List(ctx, account.Query{})
		answer <- err
	}()
	cancel()
	if err := <-answer; !errors.Is(err, context.Canceled) {
		t.Errorf("answered %v", err)
	}
}

func TestStatementErrorsAreNotMistakenForTheDomains(t *testing.T) {
	s := open(t, Config{})
	app, u := s.addApplication(t, "app"), s.addUser(t, "anna")
	row := s.start(t, draft(u, app, epochDay)).Session
	twice := draft(u, app, epochDay)
	twice.ID = row.ID
	_, err := s.Sessions().Start(t.Context(), session.Start{Session: twice, AccountRevision: 1, Audit: audit.New(audit.SignedIn, epochDay)})
	if err == nil || errors.Is(err, session.ErrAccountChanged) {
		t.Errorf("a second session of one id: %v", err)
	}
	if want := fmt.Sprintf("start session %s", row.ID); err != nil && err.Error()[:len(want)] != want {
		t.Errorf("the error does not name the session: %v", err)
	}
}
