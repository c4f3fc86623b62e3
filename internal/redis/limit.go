package redis

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"tandem.example/tandem/internal/limit"
)

// Limits answers the port to rate limits, which all nodes share.
func (s *Store) Limits() limit.Store { return limits{s} }

type limits struct{ s *Store }

// Take implements limit.Store.
func (l limits) Take(ctx context.Context, key string, p limit.Policy, now time.Time) (limit.Decision, error) {
	if p.Unlimited() || p.Validate() != nil {
		_, decision := limit.Decide(0, p, now) // it does not depend on what is kept
		return decision, nil
	}
	interval, whole := span(p)
	allowed, owed, err := l.run(ctx, "take", key, p, now)
	switch {
	case err != nil:
		return limit.Decision{}, fmt.Errorf("take from a limit: %w", err)
	case allowed:
		return limit.Decision{Allowed: true, Remaining: int((whole - owed) / interval)}, nil
	}
	return limit.Decision{RetryAfter: owed + interval - whole}, nil
}

// Refund implements limit.Store.
func (l limits) Refund(ctx context.Context, key string, p limit.Policy, now time.Time) error {
	if p.Unlimited() || p.Validate() != nil {
		return nil
	}
	if _, _, err := l.run(ctx, "return", key, p, now); err != nil {
		return fmt.Errorf("give back to a limit: %w", err)
	}
	return nil
}

// span is the time in which one of the burst is won back, and the whole burst in such intervals.
func span(p limit.Policy) (interval, whole time.Duration) {
	interval = p.Period / time.Duration(p.Burst)
	return interval, interval * time.Duration(p.Burst)
}

func (l limits) run(ctx context.Context, verb, key string, p limit.Policy, now time.Time) (allowed bool, owed time.Duration, err error) {
	interval, whole := span(p)
	args := []string{verb, strconv.FormatInt(now.Unix(), 10), strconv.Itoa(now.Nanosecond())}
	for _, d := range []time.Duration{interval, whole} {
		args = append(args, strconv.FormatInt(int64(d/time.Second), 10), strconv.FormatInt(int64(d%time.Second), 10))
	}
	got, err := l.s.link.once(ctx, takeScript, call{keys: []string{l.s.keys.limit(key)}, args: args}).AsIntSlice()
	if err := failed(ctx, err); err != nil {
		return false, 0, err
	}
	if len(got) != 3 {
		return false, 0, fmt.Errorf("redis: answer of %d numbers", len(got))
	}
	return got[0] == 1, time.Duration(got[1])*time.Second + time.Duration(got[2]), nil
}
