package redis

import (
	"context"
	"fmt"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/redis/rueidis"
)

// clock keeps the latest time that a rotation on this node carried: nothing else is written to Redis alone. It is
// written down apart from the rotations, once a second at most. A node that is killed takes at most that second with
// it.
type clock struct{ seen, written atomic.Int64 } // milliseconds since 1970

func (c *clock) saw(at time.Time) {
	for ms := millis(at); ; {
		before := c.seen.Load()
		if ms <= before || c.seen.CompareAndSwap(before, ms) {
			return
		}
	}
}

// writeClock writes the time down if it has moved.
func (s *Store) writeClock(ctx context.Context) error {
	seen := s.clock.seen.Load()
	if seen <= s.clock.written.Load() {
		return nil
	}
	_, err := doneOf(ctx, s.link.exec(ctx, laterScript, call{keys: []string{s.keys.latest()}, args: []string{strconv.FormatInt(seen, 10)}}))
	if err != nil {
		return fmt.Errorf("write the time of the last rotation: %w", err)
	}
	s.clock.written.Store(seen)
	return nil
}

// LastCommit is the latest time that a commit carried, in either store.
func (s *Store) LastCommit(ctx context.Context) (time.Time, error) {
	last, err := s.base.Whole.LastCommit(ctx)
	if err != nil {
		return last, err
	}
	ms, err := s.link.read(ctx, func(b rueidis.Builder) rueidis.Completed { return b.Get().Key(s.keys.latest()).Build() }).AsInt64()
	if err := failed(ctx, err); err != nil {
		return last, fmt.Errorf("last commit: %w", err)
	}
	if ms = max(ms, s.clock.seen.Load()); ms > millis(last) {
		last = time.UnixMilli(ms).UTC()
	}
	return last, nil
}
