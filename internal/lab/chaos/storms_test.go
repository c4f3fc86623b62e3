package chaos

import (
	"testing"
	"time"

	"tandem.example/tandem/internal/lab/rig"
)

// TestStormOnPostgres plays everything that may happen to three nodes on one PostgreSQL.
func TestStormOnPostgres(t *testing.T) {
	skipShort(t)
	s := setUp(t, setting{nodes: 3, postgres: &rig.PostgresConfig{}, groups: 4, perGroup: 5})
	stormAndCalm(s, length(t, 14*time.Second), 2)
}
