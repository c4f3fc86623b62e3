package feed_test

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"tandem.example/tandem/internal/feed"
	"tandem.example/tandem/internal/memory"
)

// bus carries signals among the nodes of a test; deaf, it loses all of them.
type bus struct {
	mu    sync.Mutex
	heard []func(feed.Signal)
	deaf  atomic.Bool
}

func (b *bus) Hear(heard func(feed.Signal)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.heard = append(b.heard, heard)
}

func (b *bus) Raise(s feed.Signal) {
	if b.deaf.Load() {
		return
	}
	b.mu.Lock()
	heard := b.heard
	b.mu.Unlock()
	for _, h := range heard {
		h(s)
	}
}

// nodes are benches that share one store.
func nodes(t *testing.T, signals *bus, n int, wrap func(*bench)) []*bench {
	t.Helper()
	store := memory.Open(memory.Options{})
	var all []*bench
	for range n {
		b := &bench{T: t, store: store, log: store.Log(), leases: store.Leases()}
		b.shared = &feed.Shared{Signals: signals, Logger: slog.New(slog.DiscardHandler),
			RolledBack: func(context.Context, string) error { return nil }}
		if wrap != nil {
			wrap(b)
		}
		b.start()
		all = append(all, b)
	}
	return all
}

// at lets the verifier ask another node.
func (v *verifier) at(b *bench) *verifier {
	v.bench = b
	return v
}

func TestReceiptCountsWhatAnotherNodeWasTold(t *testing.T) {
	for _, deaf := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			signals := &bus{}
			all := nodes(t, signals, 2, nil)
			here, there := all[0], all[1]
			signals.deaf.Store(deaf)
			v := there.verifier("app", "i")
			v.sync(0)
			done := here.receipt(here.revoke("ses_1"))
			v.sync(0)
			v.sync(0) // acknowledges, there
			r := <-done
			if r.Verifiers != 1 || r.Acknowledged != 1 || r.Lapsed != 0 {
				t.Errorf("deaf %v: receipt %+v, want one acknowledged", deaf, r)
			}
			if most := 50 * time.Millisecond; !deaf && r.EnforcedAfter > most {
				t.Errorf("enforced after %s, want at most %s with hints", r.EnforcedAfter, most)
			}
			if r.EnforcedAfter > lease/2 { // rows are written and read four times a lease, whatever hints are lost
				t.Errorf("deaf %v: enforced after %s", deaf, r.EnforcedAfter)
			}
		})
	}
}

func TestReceiptOutlivesTheNodeThatGrantedTheLease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		all := nodes(t, &bus{}, 2, nil)
		here, there := all[0], all[1]
		there.verifier("app", "stays").sync(0)
		moves := there.verifier("app", "moves")
		moves.sync(0)
		there.service.Close()
		done := here.receipt(here.revoke("ses_1"))
		time.Sleep(time.Second)
		moves.at(here).sync(0)
		moves.sync(0)
		r := <-done
		if r.Verifiers != 2 || r.Acknowledged != 1 || r.Lapsed != 1 || r.EnforcedAfter != lease {
			t.Errorf("receipt %+v, want one acknowledged and, after L, one lapsed", r)
		}
	})
}

func TestAVerifierThatGoesFromNodeToNodeIsOneVerifier(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		all := nodes(t, &bus{}, 3, nil)
		v := all[0].verifier("app", "i")
		for i := range 20 {
			v.at(all[i%3]).sync(0)
			time.Sleep(time.Second)
		}
		done := all[2].receipt(all[1].revoke("ses_1"))
		v.at(all[0]).sync(0)
		v.at(all[1]).sync(0)
		if r := <-done; r.Verifiers != 1 || r.Acknowledged != 1 || r.EnforcedAfter > time.Second {
			t.Errorf("receipt %+v", r)
		}
		for i, b := range all {
			if list := b.service.Verifiers(); len(list) != 1 {
				t.Errorf("node %d lists %+v", i, list)
			}
		}
	})
}

// A verifier that was silent for long is not waited for: its row has not been written since.
func TestReceiptDoesNotWaitForTheLongGoneOfAnotherNode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		all := nodes(t, &bus{}, 2, nil)
		all[1].verifier("app", "gone").sync(0)
		time.Sleep(3 * lease)
		if r := <-all[0].receipt(all[0].revoke("ses_1")); r.Verifiers != 0 || r.EnforcedAfter > time.Millisecond {
			t.Errorf("receipt %+v, want nobody to wait for", r)
		}
	})
}

// A verifier that keeps asking holds leases, although its row is not written each time.
func TestReceiptWaitsForAVerifierThatRenewsElsewhere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		all := nodes(t, &bus{}, 2, nil)
		v := all[1].verifier("app", "i")
		for range 47 {
			v.sync(0)
			time.Sleep(lease / 13)
		}
		v.sync(0)
		if r := <-all[0].receipt(all[0].revoke("ses_1")); r.Verifiers != 1 || r.Lapsed != 1 || r.EnforcedAfter < lease-time.Millisecond {
			t.Errorf("receipt %+v, want to have waited for the lease", r)
		}
	})
}

// lossy is a log that can be made to answer from an older copy of itself.
type lossy struct {
	feed.Log
	mu  *sync.Mutex
	old *feed.Log
}

func (l lossy) now() feed.Log {
	l.mu.Lock()
	defer l.mu.Unlock()
	if *l.old != nil {
		return *l.old
	}
	return l.Log
}

func (l lossy) Head(ctx context.Context) (feed.Head, error) { return l.now().Head(ctx) }
func (l lossy) Read(ctx context.Context, a feed.Ask) (feed.Page, error) {
	return l.now().Read(ctx, a)
}

// frozen is a log that was copied at a moment.
type frozen struct {
	feed.Log
	head feed.Head
}

func (f frozen) Head(context.Context) (feed.Head, error) { return f.head, nil }
func (f frozen) Read(_ context.Context, a feed.Ask) (feed.Page, error) {
	return feed.Page{Head: f.head, Snapshot: a.Position != f.head.Position}, nil
}

func TestARollbackIsNoticedAndNoReceiptIsGivenMeanwhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var old feed.Log
		var mu sync.Mutex
		var from atomic.Pointer[string]
		b := nodes(t, &bus{}, 1, func(b *bench) {
			b.log = lossy{b.log, &mu, &old}
			b.shared.RolledBack = func(_ context.Context, epoch string) error {
				from.Store(&epoch)
				return nil
			}
		})[0]
		b.revoke("ses_1")
		head, err := b.log.Head(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		commit := b.revoke("ses_2")
		time.Sleep(3 * time.Second)
		if n := b.service.Rollbacks(); n != 0 {
			t.Fatalf("%d rollbacks of a log that only grew", n)
		}
		mu.Lock()
		old = frozen{b.store.Log(), head} // the standby did not have the last event
		mu.Unlock()
		if _, err := b.service.Enforced(t.Context(), commit); !errors.Is(err, feed.ErrRolledBack) {
			t.Errorf("receipt for a lost commit: %v", err)
		}
		time.Sleep(2 * time.Second)
		if e := from.Load(); e == nil || *e != head.Epoch || b.service.Rollbacks() == 0 {
			t.Errorf("the rollback was not reported: %v", e)
		}
	})
}

// A failover may come while a receipt waits: what was lost by the end of the wait is not enforced.
func TestNoReceiptForWhatIsLostDuringTheWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var old feed.Log
		var mu sync.Mutex
		b := nodes(t, &bus{}, 1, func(b *bench) { b.log = lossy{b.log, &mu, &old} })[0]
		b.revoke("ses_1")
		head, err := b.log.Head(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		b.verifier("app", "silent").sync(0)
		commit := b.revoke("ses_2")
		failed := make(chan error, 1)
		go func() {
			_, err := b.service.Enforced(t.Context(), commit)
			failed <- err
		}()
		time.Sleep(time.Second) // it waits for the verifier, whose lease has nine more
		mu.Lock()
		old = frozen{b.store.Log(), head}
		mu.Unlock()
		if err := <-failed; !errors.Is(err, feed.ErrRolledBack) {
			t.Errorf("a receipt for what was lost meanwhile: %v", err)
		}
	})
}
