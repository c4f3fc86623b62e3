package postgres

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"tandem.example/tandem/internal/lab/rig"
)

var schemas atomic.Int64

// shared is one database for all tests that do not fault their server: each store has a schema of its own.
var shared = struct {
	sync.Mutex
	url string
}{}

// config names a schema that nobody has used.
func config(t testing.TB) Config {
	t.Helper()
	return Config{
		URL: rig.SharedPostgres(t).URL(), Schema: fmt.Sprintf("s%d", schemas.Add(1)), Connections: 8,
		Timeout: 20 * time.Second, InsecureAllowAsyncCommit: true,
	}
}

// open opens a store and closes it after the test.
func open(t testing.TB, c Config) *Store {
	t.Helper()
	s, err := Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return s
}
