package postgres

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
)

// clock keeps the latest time that a commit of this node carried. It is written down apart from the commits, once a
// second at most: a row that every refresh had to update would make refreshes wait for each other. A node that is
// killed takes at most that second with it.
type clock struct {
	seen    atomic.Int64 // milliseconds since 1970
	written atomic.Int64
	due     chan struct{}
}

// clockEvery is how often the time of the last commit is written at most.
const clockEvery = time.Second

// saw notes the time of a commit.
func (s *Store) saw(at time.Time) {
	ms := millis(at)
	for {
		before := s.clock.seen.Load()
		if ms <= before {
			return
		}
		if s.clock.seen.CompareAndSwap(before, ms) {
			break
		}
	}
	select {
	case s.clock.due <- struct{}{}:
	default:
	}
}

// keepClock writes the time down when there is a new one.
func (s *Store) keepClock(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.clock.due:
		}
		if err := s.writeClock(ctx); err != nil && ctx.Err() == nil {
			s.config.Logger.Warn("the time of the last commit was not written", "error", err)
		}
		if !wait(ctx, clockEvery) {
			return
		}
	}
}

const updateClock = `UPDATE clock SET committed_at = $1 WHERE one AND committed_at < $1`

func (s *Store) writeClock(ctx context.Context) error {
	seen := s.clock.seen.Load()
	if seen <= s.clock.written.Load() {
		return nil
	}
	err := s.repeat(ctx, writing, func() error {
		_, err := s.pool.Exec(ctx, updateClock, seen)
		return err
	})
	if err != nil {
		return fmt.Errorf("write the time of the last commit: %w", err)
	}
	s.clock.written.Store(seen)
	return nil
}

// Time is the server's time, by which nodes can agree.
func (s *Store) Time(ctx context.Context) (now time.Time, err error) {
	var us int64
	err = s.call(ctx, reading, func(ctx context.Context, c *pgxpool.Conn) error {
		return c.QueryRow(ctx, `SELECT `+microseconds).Scan(&us)
	})
	if err != nil {
		return time.Time{}, fmt.Errorf("read the server's time: %w", err)
	}
	return time.UnixMicro(us).UTC(), nil
}

// LastCommit is the latest time that a commit carried, for a server clock that never steps back; zero if there was
// none. What another node has committed within the last second and a half may be missing, and stays so if it was killed.
func (s *Store) LastCommit(ctx context.Context) (time.Time, error) {
	var ms int64
	err := s.call(ctx, reading, func(ctx context.Context, c *pgxpool.Conn) error {
		return c.QueryRow(ctx, `SELECT committed_at FROM clock WHERE one`).Scan(&ms)
	})
	if err != nil {
		return time.Time{}, fmt.Errorf("read the time of the last commit: %w", err)
	}
	return instant(max(ms, s.clock.seen.Load())), nil
}
