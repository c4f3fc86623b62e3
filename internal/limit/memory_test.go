package limit_test

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"tandem.example/tandem/internal/limit"
)

func mustTake(t *testing.T, m *limit.Memory, key string, p limit.Policy, now time.Time) limit.Decision {
	t.Helper()
	d, err := m.Take(t.Context(), key, p, now)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestParallelTakesAreCountedExactly(t *testing.T) {
	m := limit.NewMemory(0)
	p := limit.Policy{Burst: 37, Period: time.Hour}
	var allowed atomic.Int64
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			for range 50 {
				if d, err := m.Take(t.Context(), "k", p, noon); err == nil && d.Allowed {
					allowed.Add(1)
				}
			}
		})
	}
	wg.Wait()
	if n := allowed.Load(); n != 37 {
		t.Errorf("%d of 800 parallel takes were allowed, want 37", n)
	}
}

func TestKeysAreSeparate(t *testing.T) {
	m := limit.NewMemory(0)
	one := limit.Policy{Burst: 1, Period: time.Hour}
	if !mustTake(t, m, "a", one, noon).Allowed || mustTake(t, m, "a", one, noon).Allowed {
		t.Fatal("a burst of one does not allow exactly one")
	}
	if !mustTake(t, m, "b", one, noon).Allowed {
		t.Error("one key pays for another")
	}
	if err := m.Refund(t.Context(), "a", one, noon); err != nil {
		t.Fatal(err)
	}
	if err := m.Refund(t.Context(), "unknown", one, noon); err != nil {
		t.Errorf("refund of a key never seen: %v", err)
	}
	if !mustTake(t, m, "a", one, noon).Allowed || mustTake(t, m, "b", one, noon).Allowed {
		t.Error("a refund went to the wrong key")
	}
}

func TestMemoryForgetsWhatIsWholeAgain(t *testing.T) {
	m := limit.NewMemory(0)
	for i := range 1000 {
		mustTake(t, m, fmt.Sprint("flood", i), ten, noon)
	}
	// Each later call may drop two, so half as many are enough.
	later := noon.Add(ten.Period)
	for range 600 {
		mustTake(t, m, "other", ten, later)
	}
	if n := m.Len(); n != 1 {
		t.Errorf("%d keys are kept, want 1", n)
	}
	unlimited := limit.NewMemory(0)
	mustTake(t, unlimited, "k", limit.Policy{}, noon)
	if unlimited.Len() != 0 {
		t.Error("a key without a limit is kept")
	}
}

func TestFloodNeitherLocksOutNorForgetsSoon(t *testing.T) {
	const size = 100
	m := limit.NewMemory(size)
	two := limit.Policy{Burst: 2, Period: time.Hour}
	for i := range size {
		// Each owes as much as it can: the victim would be the one who owes least.
		mustTake(t, m, fmt.Sprint("old", i), two, noon)
		mustTake(t, m, fmt.Sprint("old", i), two, noon)
	}
	allowed := 0
	for i := range 3 * size {
		if mustTake(t, m, "victim", two, noon).Allowed {
			allowed++
		}
		if !mustTake(t, m, fmt.Sprint("fresh", i), two, noon).Allowed {
			t.Fatal("a fresh key was refused because the store is full")
		}
		if m.Len() > size {
			t.Fatalf("%d keys are kept, want at most %d", m.Len(), size)
		}
	}
	if allowed != 2 {
		t.Errorf("%d guesses were allowed between fresh keys, want the burst of 2", allowed)
	}
	for i := range size {
		mustTake(t, m, fmt.Sprint("more", i), two, noon)
	}
	if !mustTake(t, m, "victim", two, noon).Allowed {
		t.Error("the key asked for least recently was not the one to go")
	}
}

func TestKeyHidesAndBoundsItsSubject(t *testing.T) {
	a := limit.Key("sign-in/account", "anna@example.com")
	if strings.Contains(a, "anna") || !strings.HasPrefix(a, "sign-in/account:") {
		t.Errorf("Key = %q", a)
	}
	if a != limit.Key("sign-in/account", "anna@example.com") || a == limit.Key("sign-in/account", "bert@example.com") || a == limit.Key("sign-in/address", "anna@example.com") {
		t.Error("Key does not tell subjects and rules apart")
	}
	if n := len(limit.Key("r", strings.Repeat("x", 1<<16))); n > 30 {
		t.Errorf("a long subject makes a key of %d bytes", n)
	}
}

func BenchmarkMemoryTake(b *testing.B) {
	m := limit.NewMemory(0)
	keys := make([]string, 1<<16)
	for i := range keys {
		keys[i] = limit.Key("bench", fmt.Sprint(i))
	}
	b.ReportAllocs()
	now := noon
	for i := 0; b.Loop(); i++ {
		now = now.Add(time.Microsecond)
		if _, err := m.Take(b.Context(), keys[i%len(keys)], ten, now); err != nil {
			b.Fatal(err)
		}
	}
}
