package verify

import (
	"testing"
	"time"

	"tandem.example/tandem/verify/revocation"
)

func TestClockRemembersASleepThatAStepHides(t *testing.T) {
	const s = time.Second
	var shown reading
	clock := revocation.Steady(func() reading { return shown })
	lease := revocation.Lease{Sent: clock(), Length: 10 * s}
	shown = reading{Mono: s, Wall: 13 * s} // slept for 12 s, and looked
	clock()
	shown = reading{Mono: 2 * s, Wall: 4 * s} // then the wall clock was set back
	if lease.Holds(clock()) {
		t.Error("a lease holds again after the clock was set back behind a sleep")
	}
	fresh := revocation.Lease{Sent: clock(), Length: 10 * s}
	shown = reading{Mono: 11 * s, Wall: 13 * s}
	if !fresh.Holds(clock()) {
		t.Error("a lease from after the step does not hold for its length")
	}
	shown = reading{Mono: 12*s + 1, Wall: 14*s + 1}
	if fresh.Holds(clock()) {
		t.Error("a lease from after the step holds beyond its length")
	}
}

// The real clock shows both ways of telling the time, anew on each call.
func TestLocalClockShowsTheWallClock(t *testing.T) {
	read := localClock()
	before := time.Duration(time.Now().UnixNano())
	first := read()
	after := time.Duration(time.Now().UnixNano())
	if first.Wall < before || first.Wall > after {
		t.Errorf("wall %v, want between %v and %v", first.Wall, before, after)
	}
	for second := read(); second.Mono <= first.Mono; second = read() {
		if time.Duration(time.Now().UnixNano())-after > time.Second {
			t.Fatal("the clock stands still")
		}
	}
}

// The clock is set back while one goroutine reads it, and another looks in between: what the first has read is no time
// that is still to come. A lease that counted from there would hold until then.
func TestClockThatIsSetBackWhileItIsRead(t *testing.T) {
	const s = time.Second
	for _, back := range []time.Duration{time.Hour, s / 5} {
		shown, between := reading{}, func() {}
		clock := revocation.Steady(func() reading {
			r := shown
			meanwhile := between
			between = func() {}
			meanwhile()
			return r
		})
		clock()
		shown = reading{Mono: s, Wall: s}
		between = func() {
			shown.Wall -= back
			clock()
		}
		lease := revocation.Lease{Sent: clock(), Length: 10 * s}
		shown = reading{Mono: 11*s + 1, Wall: 11*s + 1 - back}
		if lease.Holds(clock()) {
			t.Errorf("set back by %v: a lease of 10 s, counted from %v, holds after more", back, lease.Sent)
		}
	}
}
