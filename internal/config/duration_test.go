package config

import (
	"testing"
	"time"
)

func TestDurations(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"10s": 10 * time.Second, "15m": 15 * time.Minute, "12h": 12 * time.Hour, "14d": 14 * day, "1h30m": 90 * time.Minute,
		"500ms": time.Second / 2, "1m30s": 90 * time.Second, "65535d": 65535 * day,
	} {
		got, err := parseDuration(text)
		if err != nil || got != want {
			t.Errorf("%s: %s, %v", text, got, err)
		}
		if again := formatDuration(want); again != text {
			t.Errorf("%s is written %s", text, again)
		}
	}
	for _, text := range []string{"", "10", "d", "-1d", "1.5d", "1d12h", "65536d", "1 d", "ten minutes", "99999999h"} {
		if got, err := parseDuration(text); err == nil {
			t.Errorf("%q was read as %s", text, got)
		}
	}
}
