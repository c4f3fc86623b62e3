package feed

import (
	"testing"
	"time"
)

func TestPaceAsksForAPauseOnlyUnderLoad(t *testing.T) {
	const lease = 10 * time.Second
	var p pace
	now := time.Unix(1e9, 0)
	second := func(requests, verifiers int) (pause time.Duration) {
		for range requests {
			now = now.Add(time.Second / time.Duration(requests))
			pause = p.count(now, lease, func() int { return verifiers })
		}
		return pause
	}
	for range 5 {
		if pause := second(1500, 1000); pause != 0 {
			t.Fatalf("1,500 a second are asked to pause for %s", pause)
		}
	}
	second(20_000, 1000)
	if pause := second(20_000, 1000); pause < 500*time.Millisecond || pause > lease/10 {
		t.Errorf("20,000 a second by 1,000 verifiers pause for %s, want half a second to a tenth of the lease", pause)
	}
	for range 10 {
		second(20_000, 1_000_000)
	}
	if pause := second(20_000, 1_000_000); pause != lease/10 {
		t.Errorf("the pause grew to %s, want %s", pause, lease/10)
	}
	for range 15 {
		second(100, 1000)
	}
	if pause := second(100, 1000); pause != 0 {
		t.Errorf("a calm log is still asked about every %s only", pause)
	}
}
