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

// chore is what time makes due.
type chore struct {
	name string
	do   func(context.Context) error
	// each says that every node does it, since it depends on how the node is configured; others are done by one.
	each bool
}

func (c chore) run(ctx context.Context, st store) error {
	if c.each {
		return c.do(ctx)
	}
	return st.Alone(ctx, c.name, c.do)
}

func (s *Server) chores() []chore {
	return []chore{
		{name: "advance signing keys", do: s.parts.ring.Advance},
		{name: "prune revocation log", do: s.parts.feed.Housekeep},
		// Nodes may be told of different lifetimes while a configuration is rolled out: whoever gives tokens the longest
		// has to say so, or the others take them for too long after a while.
		{name: "settle token lifetimes", do: s.parts.operator.Housekeep, each: true},
		{name: "sweep sessions", do: batches(s.store.Sessions().Sweep, s.parts.clock.Now, keepDead)},
		// An attempt that has expired is of no use to anybody, so none is kept.
		{name: "sweep attempts", do: batches(s.store.Attempts().Sweep, s.parts.clock.Now, 0)},
		{name: "prune audit trail", do: batches(s.store.Audit().Prune, s.parts.clock.Now, keepTrail)},
	}
}

// housekeep does what time makes due until ctx ends. A task that fails is logged and tried again.
func (s *Server) housekeep(ctx context.Context) {
	tick := time.NewTicker(keepEvery)
	defer tick.Stop()
	tasks := s.chores()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		s.parts.feed.Forget()
		for _, t := range tasks {
			if err := t.run(ctx, s.store); err != nil && ctx.Err() == nil {
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
