package limit_test

import (
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"

	"tandem.example/tandem/internal/limit"
)

var (
	noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	ten  = limit.Policy{Burst: 10, Period: 10 * time.Minute}
)

// take applies Decide n times at one moment and returns how many were allowed.
func take(s limit.State, p limit.Policy, now time.Time, n int) (limit.State, int, limit.Decision) {
	allowed := 0
	var d limit.Decision
	for range n {
		if s, d = limit.Decide(s, p, now); d.Allowed {
			allowed++
		}
	}
	return s, allowed, d
}

func TestBurstThenOneAnInterval(t *testing.T) {
	s, allowed, last := take(0, ten, noon, 25)
	if allowed != 10 {
		t.Fatalf("%d of 25 at once were allowed, want 10", allowed)
	}
	if last.Allowed || last.RetryAfter != time.Minute || last.Remaining != 0 {
		t.Errorf("the refusal says %+v, want to retry after a minute", last)
	}
	if _, n, _ := take(s, ten, noon.Add(time.Minute-1), 5); n != 0 {
		t.Errorf("%d allowed a nanosecond before the interval is over", n)
	}
	if _, n, _ := take(s, ten, noon.Add(time.Minute), 5); n != 1 {
		t.Errorf("%d allowed after one interval, want 1", n)
	}
	if _, n, _ := take(s, ten, noon.Add(3*time.Minute), 5); n != 3 {
		t.Errorf("%d allowed after three intervals, want 3", n)
	}
	if _, n, _ := take(s, ten, noon.Add(24*time.Hour), 25); n != 10 {
		t.Errorf("%d allowed after a day, want the burst and no more", n)
	}
}

func TestRemainingIsTrue(t *testing.T) {
	var s limit.State
	for want := 9; want >= 0; want-- {
		var d limit.Decision
		if s, d = limit.Decide(s, ten, noon); !d.Allowed || d.Remaining != want || d.RetryAfter != 0 {
			t.Fatalf("decision %+v, want %d remaining", d, want)
		}
	}
}

func TestKnockingDoesNotLengthenTheWait(t *testing.T) {
	s, _, _ := take(0, ten, noon, 10)
	s, _, _ = take(s, ten, noon.Add(30*time.Second), 1000)
	if _, d := limit.Decide(s, ten, noon.Add(time.Minute)); !d.Allowed {
		t.Error("refused takes were charged")
	}
}

func TestReturn(t *testing.T) {
	s, _, _ := take(0, ten, noon, 10)
	s = limit.Return(s, ten, noon)
	if _, n, _ := take(s, ten, noon, 5); n != 1 {
		t.Errorf("%d allowed after one return, want 1", n)
	}
	for range 50 {
		s = limit.Return(s, ten, noon)
	}
	if _, n, _ := take(s, ten, noon, 25); n != 10 {
		t.Errorf("%d allowed after too many returns, want the burst and no more", n)
	}
}

func TestClockSetBackLocksNobodyOutForTheStep(t *testing.T) {
	s, _, _ := take(0, ten, noon, 10)
	back := noon.AddDate(-1, 0, 0)
	s, d := limit.Decide(s, ten, back)
	if d.Allowed || d.RetryAfter != time.Minute {
		t.Errorf("decision %+v after the clock went back a year, want to retry after a minute", d)
	}
	if _, d = limit.Decide(s, ten, back.Add(time.Minute)); !d.Allowed {
		t.Error("still refused a minute later")
	}
}

func TestPolicies(t *testing.T) {
	tests := []struct {
		name    string
		policy  limit.Policy
		valid   bool
		allowed int // of 100 at once
	}{
		{"zero is no limit", limit.Policy{}, true, 100},
		{"one", limit.Policy{Burst: 1, Period: time.Second}, true, 1},
		{"period that does not divide", limit.Policy{Burst: 7, Period: time.Second}, true, 7},
		{"no period", limit.Policy{Burst: 5}, false, 0},
		{"no burst", limit.Policy{Period: time.Second}, false, 0},
		{"negative", limit.Policy{Burst: -1, Period: -time.Second}, false, 0},
		{"no room", limit.Policy{Burst: 100, Period: 50}, false, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if err := tt.policy.Validate(); (err == nil) != tt.valid {
				t.Errorf("Validate() = %v, want valid %v", err, tt.valid)
			}
			_, n, d := take(0, tt.policy, noon, 100)
			if n != tt.allowed {
				t.Errorf("%d of 100 allowed, want %d", n, tt.allowed)
			}
			if !d.Allowed && d.RetryAfter <= 0 {
				t.Errorf("refused without a time to retry: %+v", d)
			}
		})
	}
	if _, d := limit.Decide(0, limit.Policy{}, noon); d.Remaining != math.MaxInt {
		t.Errorf("no limit has %d remaining", d.Remaining)
	}
}

// Whatever happens in whatever order, no stretch of time allows more than the
// burst and what was won back in it, and RetryAfter is exact.
func TestDecideHoldsItsRate(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := limit.Policy{
			Burst:  rapid.IntRange(1, 20).Draw(t, "burst"),
			Period: time.Duration(rapid.Int64Range(20, int64(time.Hour)).Draw(t, "period")),
		}
		interval := p.Period / time.Duration(p.Burst)
		var s limit.State
		now := noon
		var allowed []time.Time
		for range rapid.IntRange(1, 80).Draw(t, "takes") {
			now = now.Add(time.Duration(rapid.Int64Range(0, 2*int64(interval)).Draw(t, "pause")))
			next, d := limit.Decide(s, p, now)
			if d.Allowed {
				allowed = append(allowed, now)
			} else {
				if _, early := limit.Decide(next, p, now.Add(d.RetryAfter-1)); early.Allowed {
					t.Fatalf("allowed before RetryAfter %s", d.RetryAfter)
				}
				if _, then := limit.Decide(next, p, now.Add(d.RetryAfter)); !then.Allowed {
					t.Fatalf("refused after RetryAfter %s", d.RetryAfter)
				}
			}
			s = next
		}
		for i := range allowed {
			for j := i; j < len(allowed); j++ {
				most := p.Burst + int(allowed[j].Sub(allowed[i])/interval)
				if n := j - i + 1; n > most {
					t.Fatalf("%d allowed within %s, want at most %d", n, allowed[j].Sub(allowed[i]), most)
				}
			}
		}
	})
}
