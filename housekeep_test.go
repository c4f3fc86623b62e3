package tandem

import (
	"context"
	"errors"
	"testing"
	"time"

	"tandem.example/tandem/internal/signin"
)

// busy is a store whose tasks are all being done by another node.
type busy struct{ store }

func (busy) Alone(context.Context, string, func(context.Context) error) error { return nil }

// Another node, which may have been told of shorter lifetimes, does not settle them for this one.
func TestEachNodeSaysHowLongItsTokensLive(t *testing.T) {
	s := furnish(t, nil).server
	for _, c := range s.chores() {
		done := false
		c.do = func(context.Context) error {
			done = true
			return nil
		}
		if err := c.run(t.Context(), busy{s.store}); err != nil {
			t.Fatal(err)
		}
		if want := c.name == "settle token lifetimes"; done != want {
			t.Errorf("%s: done %v, want %v", c.name, done, want)
		}
	}
}

func TestExpiredAttemptsAreSwept(t *testing.T) {
	s := furnish(t, nil).server
	now := s.parts.clock.Now()
	attempts := map[string]signin.Attempt{}
	for name, expires := range map[string]time.Time{"dead": now.Add(-time.Second), "living": now.Add(time.Minute)} {
		a := signin.Attempt{ID: signin.NewAttemptID(now), State: []byte("sealed"), Version: 1, ExpiresAt: expires}
		if err := s.store.Attempts().Begin(t.Context(), a); err != nil {
			t.Fatal(err)
		}
		attempts[name] = a
	}
	for _, c := range s.chores() {
		if err := c.run(t.Context(), s.store); err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
	}
	for name, want := range map[string]error{"dead": signin.ErrNoAttempt, "living": nil} {
		if err := s.store.Attempts().Finish(t.Context(), attempts[name].ID); !errors.Is(err, want) {
			t.Errorf("the %s attempt, after a sweep: %v, want %v", name, err, want)
		}
	}
}
