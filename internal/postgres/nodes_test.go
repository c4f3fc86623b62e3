package postgres

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"tandem.example/tandem/internal/feed"
	"tandem.example/tandem/internal/limit"
	"tandem.example/tandem/internal/session"
	"tandem.example/tandem/verify/revocation"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction(rigGuard)) }

// rigGuard starts the servers of package rig, and waits for them as long as the process lives.
const rigGuard = "tandem.example/tandem/internal/lab/rig.launch.func1"

// pair opens two stores on one schema, as two nodes do.
func pair(t *testing.T) (a, b *Store) {
	c := config(t)
	return open(t, c), open(t, c)
}

func all(n int) []revocation.Event {
	events := make([]revocation.Event, n)
	for i := range events {
		events[i] = revocation.SubjectEvent(fmt.Sprint("usr_", i))
	}
	return events
}

// Sixteen writers on two nodes: positions are in the order of the commits, without a gap, and the chain is whole.
func TestTwoNodesAppendToOneLog(t *testing.T) {
	a, b := pair(t)
	start, err := a.Log().Head(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	const writers, each = 16, 25
	var wg sync.WaitGroup
	for i := range writers {
		s := []*Store{a, b}[i%2]
		wg.Go(func() {
			for range each {
				before, err := s.Log().Head(t.Context())
				commit, appendErr := s.Log().Append(t.Context(), feed.Append{Events: all(2), At: epochDay})
				if err := errors.Join(err, appendErr); err != nil || commit.Position < before.Position+2 {
					t.Errorf("append after %d committed at %d: %v", before.Position, commit.Position, err)
					return
				}
			}
		})
	}
	wg.Wait()
	page, err := b.Log().Read(t.Context(), feed.Ask{Epoch: start.Epoch, Chain: start.Chain.String()})
	if err != nil || page.Snapshot || len(page.Events) != writers*each*2 {
		t.Fatalf("%d events, snapshot %v: %v", len(page.Events), page.Snapshot, err)
	}
	chain := start.Chain
	for i, e := range page.Events {
		if chain = chain.Next(e.Event); e.Event.Seq != uint64(i)+1 || e.Chain != chain {
			t.Fatalf("event %d has position %d, or another chain", i, e.Event.Seq)
		}
	}
	if page.Head.Chain != chain {
		t.Fatal("the head has another chain")
	}
}

// heard waits for a call.
func heard(t *testing.T, what string, c <-chan struct{}) {
	t.Helper()
	select {
	case <-c:
	case <-time.After(20 * time.Second):
		t.Fatalf("%s: nothing was heard", what)
	}
}

func nudge(c chan struct{}) func() {
	return func() {
		select {
		case c <- struct{}{}:
		default:
		}
	}
}

func TestCommitWakesTheOtherNode(t *testing.T) {
	a, b := pair(t)
	woken, told := make(chan struct{}, 1), make(chan struct{}, 1)
	b.Log().OnCommit(nudge(woken))
	b.Signals().Hear(func(s feed.Signal) {
		if s == feed.ApplicationsChanged {
			nudge(told)()
		}
	})
	b.awaitListening(t)
	row := a.begin(t, draft(a.addUser(t, "anna"), a.addApplication(t, "app"), epochDay))
	_, _, err := a.Sessions().End(t.Context(), session.Ending{Session: row.Session.ID, At: epochDay, Reason: session.SignedOut})
	if err != nil {
		t.Fatal(err)
	}
	heard(t, "a commit on another node", woken)
	a.Signals().Raise(feed.ApplicationsChanged)
	heard(t, "a signal of another node", told)
}

// awaitListening waits until the store has its connection for hints.
func (s *Store) awaitListening(t *testing.T) int32 {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		var pid int32
		err := s.pool.QueryRow(t.Context(), `SELECT coalesce(max(pid), 0) FROM pg_stat_activity
			WHERE query = 'LISTEN "' || $1 || '"' AND state = 'idle'`, s.channel()).Scan(&pid)
		if err != nil {
			t.Fatal(err)
		}
		if pid != 0 {
			return pid
		}
	}
	t.Fatal("the store does not listen")
	return 0
}

// What was told while nobody listened is made up for.
func TestListeningResumes(t *testing.T) {
	s := open(t, config(t))
	pid := s.awaitListening(t)
	woken, told := make(chan struct{}, 1), make(chan struct{}, 1)
	s.Log().OnCommit(nudge(woken))
	s.Signals().Hear(func(signal feed.Signal) {
		if signal == feed.AcknowledgementsWritten {
			nudge(told)()
		}
	})
	if _, err := s.pool.Exec(t.Context(), `SELECT pg_terminate_backend($1)`, pid); err != nil {
		t.Fatal(err)
	}
	heard(t, "the log after a connection was lost", woken)
	heard(t, "signals after a connection was lost", told)
	if again := s.awaitListening(t); again == pid {
		t.Fatal("the connection was not lost")
	}
}

func TestAloneIsAlone(t *testing.T) {
	a, b := pair(t)
	inside, leave := make(chan struct{}), make(chan struct{})
	var first error
	var wg sync.WaitGroup
	wg.Go(func() {
		first = a.Alone(t.Context(), "prune", func(context.Context) error {
			close(inside)
			<-leave
			return errors.New("from inside")
		})
	})
	<-inside
	ran := false
	run := func(context.Context) error { ran = true; return nil }
	if err := b.Alone(t.Context(), "prune", run); err != nil || ran {
		t.Errorf("a second node ran the task: %v, %v", ran, err)
	}
	if err := b.Alone(t.Context(), "another", run); err != nil || !ran {
		t.Errorf("another task did not run: %v", err)
	}
	close(leave)
	wg.Wait()
	if first == nil || first.Error() != "from inside" {
		t.Errorf("the task's error is answered as %v", first)
	}
	ran = false
	if err := b.Alone(t.Context(), "prune", run); err != nil || !ran {
		t.Errorf("the task did not run after the first node was done: %v", err)
	}
}

func TestAloneEndsWithItsLock(t *testing.T) {
	a := open(t, config(t))
	err := a.Alone(t.Context(), "prune", func(ctx context.Context) error {
		// Not under ctx, which may end before this is answered.
		_, err := a.pool.Exec(t.Context(), `SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'
			AND (classid::bigint << 32 | objid::bigint) = $1`, a.lockKey("task prune"))
		if err != nil {
			return err
		}
		<-ctx.Done()
		return context.Cause(ctx)
	})
	if !errors.Is(err, ErrLockLost) {
		t.Fatalf("error %v, want the loss of the lock", err)
	}
}

func TestLimitsAreExactOverNodes(t *testing.T) {
	a, b := pair(t)
	policy := limit.Policy{Burst: 37, Period: time.Hour}
	var allowed atomic.Int64
	var wg sync.WaitGroup
	for i := range 64 {
		s := []*Store{a, b}[i%2]
		wg.Go(func() {
			for range 4 {
				d, err := s.Limits().Take(t.Context(), "k", policy, epochDay)
				if err != nil {
					t.Error(err)
				}
				if d.Allowed {
					allowed.Add(1)
				}
			}
		})
	}
	wg.Wait()
	if n := allowed.Load(); n != 37 {
		t.Fatalf("%d of 256 parallel takes were allowed, want 37", n)
	}
}

// Five connections and 64 callers who do everything at once: whoever held one connection while it waited for another
// would hang.
func TestSmallPoolServesMany(t *testing.T) {
	c := config(t)
	c.Connections = 5
	s := open(t, c)
	app := s.addApplication(t, "app")
	var wg sync.WaitGroup
	for i := range 64 {
		wg.Go(func() {
			u := s.addUser(t, fmt.Sprint("user", i))
			start := starting(withRefresh(draft(u, app, epochDay)))
			start.Limit = i % 2 * 3
			if _, err := s.Sessions().Start(t.Context(), start); err != nil {
				t.Error(err)
				return
			}
			id := start.Session.ID
			_, rotateErr := s.Sessions().Rotate(t.Context(), rotation(id, 1, epochDay))
			_, againErr := s.Sessions().Rotate(t.Context(), rotation(id, 1, epochDay))
			_, findErr := s.Sessions().Find(t.Context(), id)
			_, _, endErr := s.Sessions().End(t.Context(), session.Ending{User: u.ID, At: epochDay, Reason: session.SignedOut})
			if err := errors.Join(rotateErr, findErr, endErr); err != nil || !errors.Is(againErr, session.ErrRaced) {
				t.Errorf("%v, %v", err, againErr)
			}
		})
	}
	wg.Wait()
	if n := s.pool.Stat().MaxConns(); n != 5 {
		t.Fatalf("the pool has %d connections", n)
	}
}
