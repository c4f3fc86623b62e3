package postgres

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"tandem.example/tandem/internal/limit"
)

// Limits answers the store of rate limits, which all nodes share. States do not survive a crash of the server.
func (s *Store) Limits() limit.Store { return limits{s} }

type limits struct{ s *Store }

// The row is locked, and its state moved as limit.Decide moves it: what is owed is what is left of it at the time $2,
// at most a whole burst ($4); a take of one interval ($3) is charged if there is room. Answered is the state before,
// from which Decide makes the decision, and the state after, which must be what Decide has made of it.
const (
	owed      = `least(greatest(l.state - $2, 0), $4)`
	takeLimit = `INSERT INTO limits AS l (key, state, was) VALUES ($1, $2::bigint + $3::bigint, 0)
		ON CONFLICT (key) DO UPDATE SET was = l.state,
			state = $2 + ` + owed + ` + CASE WHEN ` + owed + ` + $3 <= $4::bigint THEN $3 ELSE 0 END
		RETURNING was, state`
	refundLimit = `UPDATE limits l SET state = $2::bigint + ` + owed + ` - $3::bigint WHERE key = $1 AND $4::bigint > 0`
)

// errDrifted says that the statement and limit.Decide disagree.
var errDrifted = errors.New("the state of a limit is not what was decided")

// Take takes one round trip, and waits for no disk.
func (p limits) Take(ctx context.Context, key string, policy limit.Policy, now time.Time) (limit.Decision, error) {
	if policy.Unlimited() || policy.Validate() != nil {
		_, decision := limit.Decide(0, policy, now)
		return decision, nil
	}
	interval, whole := amounts(policy)
	var was, state int64
	err := p.s.call(ctx, writing, func(ctx context.Context, c *pgxpool.Conn) error {
		return c.QueryRow(ctx, takeLimit, text(key), now.UnixNano(), interval, whole).Scan(&was, &state)
	})
	if err != nil {
		return limit.Decision{}, fmt.Errorf("take from limit: %w", err)
	}
	p.s.limitsUsed(now)
	next, decision := limit.Decide(limit.State(was), policy, now)
	if int64(next) != state {
		return limit.Decision{}, fmt.Errorf("take from limit: %w", errDrifted)
	}
	return decision, nil
}

// amounts are what one take costs and what a whole burst does, in nanoseconds, see limit.Decide.
func amounts(p limit.Policy) (interval, whole int64) {
	interval = int64(p.Period) / int64(p.Burst)
	return interval, interval * int64(p.Burst)
}

func (p limits) Refund(ctx context.Context, key string, policy limit.Policy, now time.Time) error {
	if policy.Unlimited() || policy.Validate() != nil {
		return ctx.Err()
	}
	interval, whole := amounts(policy)
	err := p.s.call(ctx, writing, func(ctx context.Context, c *pgxpool.Conn) error {
		_, err := c.Exec(ctx, refundLimit, text(key), now.UnixNano(), interval, whole)
		return err
	})
	if err != nil {
		return fmt.Errorf("give back to limit: %w", err)
	}
	return nil
}

const (
	// limitsEvery is how often a node that takes from limits looks for those that are whole again.
	limitsEvery = time.Minute
	// limitsLate is how long they are kept after that: no clock of a node is that far behind another's.
	limitsLate = 2 * time.Minute
	// limitsBatch bounds one look.
	limitsBatch = 1000
)

// limitsUsed notes that there may be something to forget, and the time as callers tell it.
func (s *Store) limitsUsed(now time.Time) { s.limited.Store(now.UnixNano()) }

// keepLimits forgets limits that are whole again.
func (s *Store) keepLimits(ctx context.Context) {
	tick := time.NewTicker(limitsEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if now := s.limited.Swap(math.MinInt64); now != math.MinInt64 {
			if err := s.forgetLimits(ctx, now-int64(limitsLate)); err != nil && ctx.Err() == nil {
				s.config.Logger.Warn("limits were not tidied", "error", err)
			}
		}
	}
}

const selectWhole = `WITH looked AS (SELECT key, state FROM limits WHERE key > $1 ORDER BY key LIMIT $2),
	gone AS (
		DELETE FROM limits WHERE key IN (
			SELECT l.key FROM limits l JOIN looked k ON k.key = l.key WHERE k.state < $3 AND l.state < $3
			FOR UPDATE OF l SKIP LOCKED)
	) SELECT count(*), coalesce(max(key), '') FROM looked`

// forgetLimits goes through all limits once, in small steps.
func (s *Store) forgetLimits(ctx context.Context, before int64) error {
	for last := ""; ; {
		var looked int
		err := s.call(ctx, writing, func(ctx context.Context, c *pgxpool.Conn) error {
			return c.QueryRow(ctx, selectWhole, last, limitsBatch, before).Scan(&looked, &last)
		})
		if err != nil && !errors.Is(err, pgx.ErrNoRows) {
			return fmt.Errorf("forget limits: %w", err)
		}
		if looked < limitsBatch {
			return nil
		}
	}
}
