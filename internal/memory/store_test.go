package memory_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"tandem.example/tandem/internal/feed"
	"tandem.example/tandem/internal/memory"
	"tandem.example/tandem/verify/revocation"
)

var noon = time.Date(2031, 5, 6, 12, 0, 0, 0, time.UTC)

func one() feed.Append {
	return feed.Append{Events: []revocation.Event{revocation.AllEvent()}, At: noon}
}

func position(t *testing.T, s *memory.Store) uint64 {
	t.Helper()
	head, err := s.Log().Head(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return head.Position
}

func TestFaultBeforeAppliesNothing(t *testing.T) {
	s, broken := memory.Open(memory.Options{}), errors.New("disk full")
	hinted := false
	s.Log().OnCommit(func() { hinted = true })
	s.Fault(func(verb string) (before, after error) {
		if verb == "log.Append" {
			return broken, nil
		}
		return nil, nil
	})
	if _, err := s.Log().Append(t.Context(), one()); !errors.Is(err, broken) {
		t.Fatalf("error %v, want the fault's", err)
	}
	if position(t, s) != 0 || hinted {
		t.Fatal("a verb that failed before its commit was applied")
	}
	s.Fault(nil)
	if _, err := s.Log().Append(t.Context(), one()); err != nil || position(t, s) != 1 {
		t.Fatalf("without the fault: %v", err)
	}
}

func TestFaultAfterLosesTheAnswerOnly(t *testing.T) {
	s, lost := memory.Open(memory.Options{}), errors.New("connection reset")
	hinted := false
	s.Log().OnCommit(func() { hinted = true })
	s.Fault(func(verb string) (before, after error) {
		if verb == "log.Append" {
			return nil, lost
		}
		return nil, nil
	})
	if _, err := s.Log().Append(t.Context(), one()); !errors.Is(err, lost) {
		t.Fatalf("error %v, want the fault's", err)
	}
	if position(t, s) != 1 || !hinted {
		t.Fatal("a commit whose answer is lost must have happened")
	}
}

func TestHintIsGivenOutsideTheLock(t *testing.T) {
	s := memory.Open(memory.Options{})
	var seen []uint64
	s.Log().OnCommit(func() { seen = append(seen, position(t, s)) }) // would deadlock under the lock
	if _, err := s.Log().Append(t.Context(), one()); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Log().Append(t.Context(), feed.Append{At: noon}); err != nil {
		t.Fatal(err)
	}
	if len(seen) != 1 || seen[0] != 1 {
		t.Fatalf("hints saw the positions %v, want one at 1: a commit without events gives none", seen)
	}
}

func TestClosedAndCancelledStoresRefuse(t *testing.T) {
	s := memory.Open(memory.Options{Now: noon})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Log().Append(ctx, one()); !errors.Is(err, context.Canceled) {
		t.Fatalf("error %v under a cancelled context", err)
	}
	if position(t, s) != 0 {
		t.Fatal("a cancelled append was applied")
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := s.Ping(t.Context()); !errors.Is(err, memory.ErrClosed) {
		t.Fatalf("ping of a closed store: %v", err)
	}
}

func TestEveryStoreHasAnEpochOfItsOwn(t *testing.T) {
	a, _ := memory.Open(memory.Options{Now: noon}).Log().Head(t.Context())
	b, _ := memory.Open(memory.Options{Now: noon}).Log().Head(t.Context())
	if a.Epoch == b.Epoch {
		t.Fatal("two stores share an epoch: a verifier could not tell one's history from the other's")
	}
}
