package postgres

import (
	"testing"
	"time"

	"tandem.example/tandem/internal/feed"
	"tandem.example/tandem/internal/signing"
)

// A node may hold keys of a version that a failover has lost. What is changed after that is not taken for it.
func TestAVersionOfTheKeysIsNotUsedAgainAfterALoss(t *testing.T) {
	s := open(t, config(t))
	_, kept, err := s.Keys().Keys(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	const lost = 3
	if _, err := s.BeginEpoch(t.Context(), feed.NewEpoch{Epoch: feed.RandomEpoch(), At: time.Now()}); err != nil {
		t.Fatal(err)
	}
	_, version, err := s.Keys().Keys(t.Context())
	if err != nil || version <= kept+lost {
		t.Errorf("version %d after %d (%v), want one that no node has seen", version, kept, err)
	}
	if _, err := s.Keys().Change(t.Context(), signing.Change{Version: version, At: time.Now()}); err != nil {
		t.Error(err)
	}
}
