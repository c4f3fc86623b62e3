package feed_test

import (
	"context"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"tandem.example/tandem/internal/feed"
	"tandem.example/tandem/internal/memory"
)

// A node whose clock is hours ahead neither overlooks who holds a lease nor forgets it, and prunes nothing before its
// time.
func TestANodeWhoseClockIsAheadForgetsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, signals := memory.Open(memory.Options{}), &bus{}
		node := func(ahead time.Duration) *bench {
			b := &bench{T: t, store: store, log: store.Log(), leases: store.Leases()}
			s, err := feed.Open(t.Context(), feed.Config{Log: b.log, Leases: b.leases, Lease: lease,
				Now:  func() time.Time { return time.Now().Add(ahead) },
				Sign: func([]byte) (string, error) { return "signature", nil },
				Shared: &feed.Shared{Signals: signals, Logger: slog.New(slog.DiscardHandler),
					RolledBack: func(context.Context, string) error { return nil },
					Clock:      func(context.Context) (time.Time, error) { return time.Now(), nil }}})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(s.Close)
			b.service = s
			return b
		}
		right, wrong := node(0), node(5*time.Hour)
		if _, err := right.log.KeepFor(t.Context(), 5*time.Minute, time.Now()); err != nil {
			t.Fatal(err)
		}
		v := right.verifier("app", "i")
		for range 10 {
			v.sync(0)
			time.Sleep(3 * time.Second)
		}
		v.sync(0)
		if err := wrong.service.Housekeep(t.Context()); err != nil {
			t.Fatal(err)
		}
		if r := <-wrong.receipt(wrong.revoke("ses_1")); r.Verifiers != 1 || r.Lapsed != 1 {
			t.Errorf("receipt %+v, want to have waited for the lease that the other node granted", r)
		}
		late := wrong.verifier("app", "j")
		if e := late.sync(0).Events; len(e) != 1 || time.Duration(e[0].RetainMS)*time.Millisecond < 5*time.Minute {
			t.Errorf("a verifier is told %+v: it forgets what a token may live to see", e)
		}
		right.revoke("ses_2")
		if err := wrong.service.Housekeep(t.Context()); err != nil {
			t.Fatal(err)
		}
		page, err := right.log.Read(t.Context(), feed.Ask{})
		if err != nil || len(page.Events) != 2 {
			t.Errorf("%d events are left (%v), want 2: a token that one of them revoked may live", len(page.Events), err)
		}
	})
}

// A machine that slept has not counted the time by its monotonic clock, but the lease of a verifier that asks it again is
// a new one all the same: other nodes are told of it, at a time that is theirs.
func TestANodeThatSleptWritesItsHoldersAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := memory.Open(memory.Options{})
		var slept time.Duration
		now := func() time.Time { return time.Now().Add(slept) } // right, as the wall clock is after a sleep
		b := &bench{T: t, store: store, log: store.Log(), leases: store.Leases()}
		s, err := feed.Open(t.Context(), feed.Config{Log: b.log, Leases: b.leases, Lease: lease, Now: now,
			Sign: func([]byte) (string, error) { return "signature", nil },
			Shared: &feed.Shared{Signals: &bus{}, Logger: slog.New(slog.DiscardHandler),
				RolledBack: func(context.Context, string) error { return nil },
				Clock:      func(context.Context) (time.Time, error) { return now(), nil }}})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(s.Close)
		b.service = s
		v := b.verifier("app", "i")
		row := func() feed.Holder {
			t.Helper()
			v.sync(0)
			found, err := b.leases.Holders(t.Context(), time.Time{})
			if err != nil || len(found) != 1 {
				t.Fatalf("%d holders, %v", len(found), err)
			}
			return found[0]
		}
		before := row()
		slept = 3 * time.Hour
		after := row()
		if after.Renewals == before.Renewals {
			t.Error("the row was not written again: other nodes do not wait for this verifier")
		}
		if off := now().Sub(after.SeenAt); off > time.Minute {
			t.Errorf("the row was last seen %v ago: other nodes take it for one that is long gone", off)
		}
	})
}

// A clock that is set ahead by hours while the process is restarted hides no lease that the old process has granted.
func TestReceiptAfterARestartWithAnotherClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := open(t, nil)
		b.verifier("app", "i").sync(0)
		b.service.Close()
		s, err := feed.Open(t.Context(), feed.Config{Log: b.log, Leases: b.leases, Lease: lease,
			Now:  func() time.Time { return time.Now().Add(5 * time.Hour) },
			Sign: func([]byte) (string, error) { return "signature", nil }})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(s.Close)
		b.service = s
		if r := <-b.receipt(b.revoke("ses_1")); r.Verifiers != 1 || r.Lapsed != 1 {
			t.Errorf("receipt %+v, want to have waited for the lease of before", r)
		}
	})
}
