package postgres

import (
	"context"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"

	"tandem.example/tandem/internal/storetest"
)

func TestConformance(t *testing.T) {
	again := recycled(t)
	storetest.Run(t, func(t *testing.T) storetest.Store { return open(t, again(t)) })
}

// The suite under the isolation that some engines have alone.
func TestConformanceSerializable(t *testing.T) {
	again := recycled(t)
	storetest.Run(t, func(t *testing.T) storetest.Store {
		c := again(t)
		c.Serializable = true
		return open(t, c)
	})
}

// recycled answers one schema again and again, emptied: making one takes longer than most tests.
func recycled(t *testing.T) func(t *testing.T) Config {
	c := config(t)
	first := sync.OnceFunc(func() { open(t, c) })
	return func(t *testing.T) Config {
		t.Helper()
		first()
		err := inspect(t.Context(), c, func(ctx context.Context, s *Store) error {
			_, err := s.pool.Exec(ctx, `TRUNCATE head, events, holders, users, passwords, addresses, applications, sessions, audit,
				signing_keys, api_keys, limits, passkeys, totps, recovery_codes, connections, attempts, mails RESTART IDENTITY; UPDATE clock SET committed_at = 0`, pgx.QueryExecModeSimpleProtocol)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
}
