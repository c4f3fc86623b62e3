package tandem

import (
	"context"
	"time"
)

const (
	// keepEvery is how often housekeeping looks.
	keepEvery = time.Minute
	// keepDead is how long sessions are kept after they ended: the history a user sees.
	keepDead = 30 * 24 * time.Hour
	// keepTrail is how long the audit trail is kept.
	keepTrail = 400 * 24 * time.Hour
	// keepBatch bounds one commit of a clean-up, so that it delays nobody's sign-in.
	keepBatch = 500
)

// housekeep does what time makes due until ctx ends. Where several nodes share the store, each task is done by one of
// them. A task that fails is logged and tried again.
func (s *Server) housekeep(ctx context.Context) {
	tick := time.NewTicker(keepEvery)
	defer tick.Stop()
	tasks := []struct {
		name string
		do   func(context.Context) error
	}{
		{"advance signing keys", s.parts.ring.Advance},
		{"prune revocation log", s.parts.feed.Housekeep},
		{"settle token lifetimes", s.parts.operator.Housekeep},
		{"sweep sessions", batches(s.store.Sessions().Sweep, s.parts.clock.Now, keepDead)},
		{"prune audit trail", batches(s.store.Audit().Prune, s.parts.clock.Now, keepTrail)},
	}
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		s.parts.feed.Forget()
		for _, t := range tasks {
			if err := s.store.Alone(ctx, t.name, t.do); err != nil && ctx.Err() == nil {
				s.log.Error("housekeeping failed and will be tried again", "task", t.name, "error", err)
			}
		}
	}
}

// batches repeats a bounded deletion until nothing is left that is older than `keep`.
func batches(sweep func(context.Context, time.Time, int) (int, error), now func() time.Time, keep time.Duration) func(context.Context) error {
	return func(ctx context.Context) error {
		for {
			n, err := sweep(ctx, now().Add(-keep), keepBatch)
			if err != nil || n < keepBatch {
				return err
			}
		}
	}
}
