package clock

import (
	"testing"
	"time"
)

func TestStepBackDoesNotTurnTimeBack(t *testing.T) {
	c := New(time.Time{})
	start := c.start.Round(0)
	steps := []struct {
		name    string
		elapsed time.Duration
		wall    time.Duration // after start, as the system clock shows it
		want    time.Duration
	}{
		{"in step", time.Second, time.Second, time.Second},
		{"set back an hour: time passes on", 2 * time.Second, -time.Hour, 2 * time.Second},
		{"woken after a sleep of an hour", 3 * time.Second, time.Hour, time.Hour},
		{"set back after that", 4 * time.Second, 4 * time.Second, time.Hour + time.Second},
	}
	for _, s := range steps {
		if got := c.read(s.elapsed, start.Add(s.wall)).Sub(start); got != s.want {
			t.Errorf("%s: %s after start, want %s", s.name, got, s.want)
		}
	}
}

func TestNeverBeforeTheLastCommit(t *testing.T) {
	last := time.Now().Add(time.Hour)
	c := New(last)
	if now := c.Now(); now.Before(last.Add(-time.Second)) {
		t.Fatalf("clock starts at %s, before the last commit at %s", now, last)
	}
	if c.Ahead() < 59*time.Minute {
		t.Fatalf("ahead %s is not reported", c.Ahead())
	}
}
