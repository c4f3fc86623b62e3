package feed_test

import (
	"testing"
	"time"

	"tandem.example/tandem/internal/feed"
	"tandem.example/tandem/verify/revocation"
)

var noon = time.Date(2031, 5, 6, 12, 0, 0, 0, time.UTC)

// A token that was minted just before an event must expire everywhere before the event is forgotten.
func TestRetainUntil(t *testing.T) {
	const lifetime = 5 * time.Minute
	lastExpiry := noon.Add(lifetime)
	for _, kind := range []revocation.Kind{revocation.KindSession, revocation.KindSubject, revocation.KindAuthz,
		revocation.KindApplication, revocation.KindAll} {
		if until := feed.RetainUntil(kind, noon, lifetime); until.Before(lastExpiry.Add(feed.Skew)) {
			t.Errorf("%s is kept until %s, but tokens from before it live until %s, give or take %s", kind, until, lastExpiry, feed.Skew)
		}
	}
	// A stolen key goes on signing.
	if until := feed.RetainUntil(revocation.KindKey, noon, lifetime); until.Before(noon.AddDate(5, 0, 0)) {
		t.Errorf("a key event is kept until %s only", until)
	}
}

// Whatever lifetimes are configured one after the other, what is reckoned with is never shorter than what a token that
// is still alive was given.
func TestLongest(t *testing.T) {
	type step struct {
		after    time.Duration
		lifetime time.Duration
	}
	for name, steps := range map[string][]step{
		"shortened":                  {{0, time.Hour}, {time.Minute, time.Minute}},
		"shortened, and asked again": {{0, time.Hour}, {time.Minute, time.Minute}, {30 * time.Minute, time.Minute}, {29 * time.Minute, time.Minute}, {time.Minute, time.Minute}},
		"shortened twice":            {{0, time.Hour}, {time.Minute, 10 * time.Minute}, {59 * time.Minute, time.Minute}, {2 * time.Minute, time.Minute}, {5 * time.Minute, time.Minute}},
		"shortened, and back":        {{0, time.Hour}, {time.Minute, time.Minute}, {30 * time.Minute, time.Hour}, {40 * time.Minute, time.Minute}},
		"lengthened":                 {{0, time.Minute}, {time.Second, time.Hour}},
	} {
		t.Run(name, func(t *testing.T) {
			var known feed.Lifetimes
			now, expiries := noon, []time.Time{}
			given := make(map[time.Time]time.Duration)
			for _, s := range steps {
				now = now.Add(s.after)
				known = feed.Longest(known, s.lifetime, now)
				expiry := now.Add(s.lifetime)
				expiries, given[expiry] = append(expiries, expiry), s.lifetime
				for _, e := range expiries {
					if e.After(now) && known.Longest < given[e] {
						t.Errorf("after %s it reckons with %s, though a token of %s lives", now.Sub(noon), known.Longest, given[e])
					}
				}
			}
		})
	}
	// In the end the shorter one counts.
	known := feed.Longest(feed.Longest(feed.Lifetimes{}, time.Hour, noon), time.Minute, noon)
	if known = feed.Longest(known, time.Minute, noon.Add(time.Hour+feed.Skew+time.Second)); known.Longest != time.Minute {
		t.Errorf("long after everything of before has expired it reckons with %s", known.Longest)
	}
}

func TestPlan(t *testing.T) {
	chain := revocation.Genesis("x")
	marks := feed.Marks{Epoch: "now", Floor: 5, Head: 9, ChainAtAsk: chain, HasChainAsk: true}
	good := feed.Ask{Epoch: "now", Position: 7, Chain: chain.String()}
	for name, c := range map[string]struct {
		change   func(*feed.Ask, *feed.Marks)
		snapshot bool
	}{
		"in step":           {func(*feed.Ask, *feed.Marks) {}, false},
		"at the floor":      {func(a *feed.Ask, _ *feed.Marks) { a.Position = 5 }, false},
		"at the head":       {func(a *feed.Ask, _ *feed.Marks) { a.Position = 9 }, false},
		"newcomer":          {func(a *feed.Ask, m *feed.Marks) { *a, m.HasChainAsk = feed.Ask{}, false }, true},
		"another epoch":     {func(a *feed.Ask, _ *feed.Marks) { a.Epoch = "then" }, true},
		"pruned":            {func(a *feed.Ask, m *feed.Marks) { a.Position, m.HasChainAsk = 4, false }, true},
		"beyond the head":   {func(a *feed.Ask, m *feed.Marks) { a.Position, m.HasChainAsk = 10, false }, true},
		"another history":   {func(a *feed.Ask, _ *feed.Marks) { a.Chain = revocation.Genesis("y").String() }, true},
		"no chain":          {func(a *feed.Ask, _ *feed.Marks) { a.Chain = "" }, true},
		"no chain is known": {func(_ *feed.Ask, m *feed.Marks) { m.HasChainAsk = false }, true},
	} {
		ask, m := good, marks
		c.change(&ask, &m)
		if got := feed.Plan(ask, m); got != c.snapshot {
			t.Errorf("%s: snapshot %v, want %v", name, got, c.snapshot)
		}
	}
}
