package main

import (
	"testing"
	"testing/synctest"
	"time"
)

// play runs a fleet at the real service in a bubble: counts are those of the code, whatever the machine's speed.
func play(t *testing.T, f Fleet) (seen Seen, heads float64) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		r, err := newRig(t.Context(), Target())
		if err != nil {
			t.Fatal(err)
		}
		defer r.close() //nolint:errcheck // a store in memory
		if _, err := r.revoke(t.Context(), 10); err != nil {
			t.Fatal(err)
		}
		r.log.heads.Store(0)
		if seen, err = f.run(t.Context(), r, 7); err != nil {
			t.Fatal(err)
		}
		heads = float64(r.log.heads.Load()) / float64(seen.Requests)
	})
	return seen, heads
}

func TestModelPollsAsTheServiceAnswers(t *testing.T) {
	for _, test := range []struct {
		rate float64
		n    int
		span time.Duration
	}{
		{0, 1000, 6 * time.Second},
		{1, 50, 20 * time.Second},
		{30, 30, 5 * time.Second},
		{300, 15, 2 * time.Second},
		{1000, 10, time.Second},
	} {
		p := Target().Poller()
		p.Rate = test.rate
		f := Fleet{Followers: test.n, Poller: p, Span: test.span}
		seen, heads := play(t, f)
		p.Rate = float64(seen.Appended) / (test.span + p.Wait).Seconds() // as it came out
		model := p.Simulate(1, 100*time.Second)
		t.Logf("%g events/s: %.2f polls/s of a follower, the model says %.2f; %.2f reads of the head a poll", test.rate, seen.Rate(f), model.Requests, heads)
		// The model's seed is another one, and rounds that begin within the span are whole.
		within(t, "polls of a follower", seen.Rate(f), model.Requests, 0.15)
		if seen.Events != seen.Appended*test.n {
			t.Errorf("%d events reached %d followers, of %d appended", seen.Events, test.n, seen.Appended)
		}
	}
}

func TestBytesAreLinear(t *testing.T) {
	r, err := newRig(t.Context(), Target())
	if err != nil {
		t.Fatal(err)
	}
	defer r.close() //nolint:errcheck // a store in memory
	s, err := r.sizes(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	small, err := r.snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.revoke(t.Context(), 3*r.drafts); err != nil {
		t.Fatal(err)
	}
	large, err := r.snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	within(t, "a snapshot of four times the events", float64(large), s.ReplyBytes+4*(float64(small)-s.ReplyBytes), 0.03)
	p := Target().Poller()
	p.Rate = 1000
	f := Fleet{Followers: 20, Poller: p, Span: time.Second}
	seen, _ := play(t, f)
	replies := float64(seen.Requests + f.Followers) // with the last poll of each
	within(t, "bytes down", float64(seen.Down), replies*s.ReplyBytes+float64(seen.Events)*s.EventBytes, 0.05)
	within(t, "bytes up", float64(seen.Up), replies*s.RequestBytes, 0.05)
}
