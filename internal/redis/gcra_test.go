package redis_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"tandem.example/tandem/internal/lab/rig"
	"tandem.example/tandem/internal/limit"
)

// The script counts as limit.Decide and limit.Return do, to the nanosecond: ten thousand sequences of takes and
// returns, with clocks that step back and bursts that do not divide their period, against both.
func TestLimitsCountAsTheRuleDoes(t *testing.T) {
	const sequences, steps = 10_000, 12
	w := newWorld(t, rig.Redis(t, rig.RedisConfig{}).URL())
	limits := w.node().Limits()
	random := rand.New(rand.NewPCG(1, 2))
	for n := range sequences {
		key := limit.Key("sequence", string(rune(n)))
		p := policy(random)
		now := time.Unix(1_000_000_000+random.Int64N(3_000_000_000), random.Int64N(1_000_000_000))
		var state limit.State
		for range random.IntN(steps) + 1 {
			now = now.Add(time.Duration(random.Int64N(int64(p.Period)+2)) - p.Period/4*time.Duration(random.IntN(3)))
			if random.IntN(4) == 0 {
				w.ok(limits.Refund(t.Context(), key, p, now))
				state = whole(limit.Return(state, p, now), now)
				continue
			}
			var want limit.Decision
			state, want = limit.Decide(state, p, now)
			state = whole(state, now)
			got, err := limits.Take(t.Context(), key, p, now)
			w.ok(err)
			if got != want {
				t.Fatalf("sequence %d: %+v at %s: redis says %+v, the rule %+v", n, p, now, got, want)
			}
		}
	}
}

// whole forgets a state that is whole again, as a store may and Redis does: it shows when the clock steps back.
func whole(s limit.State, now time.Time) limit.State {
	if int64(s) <= now.UnixNano() {
		return 0
	}
	return s
}

func policy(random *rand.Rand) limit.Policy {
	burst := random.IntN(20) + 1
	longest := []time.Duration{time.Microsecond, time.Second, time.Hour, 365 * 24 * time.Hour}[random.IntN(4)]
	return limit.Policy{Burst: burst, Period: time.Duration(burst) + time.Duration(random.Int64N(int64(longest)))}
}

func TestLimitsAreSharedAndExact(t *testing.T) {
	w := newWorld(t, rig.Redis(t, rig.RedisConfig{}).URL())
	nodes := []limit.Store{w.node().Limits(), w.node().Limits()}
	p, now := limit.Policy{Burst: 37, Period: time.Hour}, time.Now()
	allowed := make(chan bool, 400)
	for i := range cap(allowed) {
		go func() {
			d, err := nodes[i%2].Take(t.Context(), "k", p, now)
			allowed <- err == nil && d.Allowed
		}()
	}
	n := 0
	for range cap(allowed) {
		if <-allowed {
			n++
		}
	}
	if n != 37 {
		t.Errorf("%d of %d parallel takes on two nodes were allowed, want 37", n, cap(allowed))
	}
	for _, odd := range []limit.Policy{{}, {Burst: 5}, {Period: time.Second}, {Burst: 100, Period: 50}} {
		_, want := limit.Decide(0, odd, now)
		got, err := nodes[0].Take(t.Context(), "odd", odd, now)
		w.ok(err)
		if got != want {
			t.Errorf("%+v: %+v, want %+v", odd, got, want)
		}
		w.ok(nodes[0].Refund(t.Context(), "odd", odd, now))
	}
}
