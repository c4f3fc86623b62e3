package sqlite

import (
	"testing"

	"tandem.example/tandem/internal/storetest"
)

// The suite runs with the mirror, without it, and with one so small that sessions are evicted all the time.
func TestConformance(t *testing.T) {
	for name, sessions := range map[string]int{"mirror": 0, "no mirror": -1, "tiny mirror": 1} {
		t.Run(name, func(t *testing.T) {
			storetest.Run(t, func(t *testing.T) storetest.Store { return open(t, Config{MirrorSessions: sessions}) })
		})
	}
}
