package revocation

import (
	"testing"
	"time"
)

func TestPassageRemembersASleepThatAClockStepHides(t *testing.T) {
	const s = time.Second
	p := NewPassage(Reading{})
	lease := Lease{Sent: p.Reading(Reading{}), Length: 10 * s}
	awake := Reading{Mono: 1 * s, Wall: 13 * s} // slept for 12 s
	if lease.Holds(p.Reading(awake)) {
		t.Fatal("the lease outlived a sleep of 12 s")
	}
	p = p.Observe(awake)
	setBack := Reading{Mono: 2 * s, Wall: 6 * s}
	if lease.Holds(p.Reading(setBack)) {
		t.Error("the lease holds again after the wall clock was set back by 8 s")
	}
	if got := p.At(setBack); got != 14*s {
		t.Errorf("%s have passed, want 14 s", got)
	}
	p = p.Observe(setBack)
	if got := p.At(Reading{Mono: 2 * s, Wall: 16 * s}); got != 24*s {
		t.Errorf("%s have passed after another sleep of 10 s, want 24 s", got)
	}
}
