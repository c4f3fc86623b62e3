package postgres

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"tandem.example/tandem/internal/feed"
)

// Store is an open store. See the package comment.
type Store struct {
	config    Config
	pool      *pgxpool.Pool
	closed    atomic.Bool
	suspected atomic.Int64 // when a connection was last found broken, in nanoseconds since 1970
	limited   atomic.Int64 // the time of the last take from a limit, in nanoseconds since 1970
	down      atomic.Int64 // since when it cannot be reached, in nanoseconds since 1970; 0 while it can
	timeline  atomic.Pointer[string]
	// replicated is whether commits waited for a standby on that timeline.
	replicated atomic.Bool

	finds     gather[[16]byte, found]
	rotations gather[swap, found]
	appends   gather[feed.Append, place]
	clock     clock
	signals   signals
	sweep     sweepCursor

	stop    context.CancelFunc // of what runs in the background
	running sync.WaitGroup
}

// background runs a task until the store closes.
func (s *Store) background(ctx context.Context, task func(context.Context)) {
	s.running.Go(func() { task(ctx) })
}

// Ping answers nil while the database answers and takes writes.
func (s *Store) Ping(ctx context.Context) error {
	err := s.call(ctx, reading, func(ctx context.Context, c *pgxpool.Conn) error {
		var one int
		return c.QueryRow(ctx, `SELECT 1 FROM head WHERE one`).Scan(&one)
	})
	if err != nil {
		return fmt.Errorf("ping: %w", err)
	}
	return nil
}

// closeTime bounds what is still written when the store closes.
const closeTime = 2 * time.Second

// Close ends the background work and the connections, after writing down the time of the last commit. Verbs under way
// may fail.
func (s *Store) Close() error {
	if s.closed.Swap(true) {
		return nil
	}
	s.stop()
	s.running.Wait()
	ctx, cancel := context.WithTimeout(context.Background(), closeTime)
	defer cancel()
	err := s.writeClock(ctx)
	s.pool.Close()
	return err
}
