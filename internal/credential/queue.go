package credential

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"
)

// OverloadedError says that too many hashes are wanted at once. Transports
// answer it with 503 and Retry-After.
type OverloadedError struct {
	// RetryAfter is when the queue should have room, in whole seconds from 1
	// to 30: an estimate from its length and the time recent hashes took.
	RetryAfter time.Duration
}

// Error implements error.
func (e *OverloadedError) Error() string {
	return fmt.Sprintf("password hashing is overloaded: retry after %s", e.RetryAfter)
}

// HasherStats are figures of a Hasher's queue.
type HasherStats struct {
	Parallel int // how many are computed at once at most
	Running  int // how many are being computed now
	Waiting  int // how many wait now

	// Counts and sums since the start.
	Done     uint64        // hashes computed
	Refused  uint64        // callers turned away with an *OverloadedError
	GivenUp  uint64        // callers whose context ended while they waited
	WaitTime time.Duration // waited in sum by those whose turn came
	WorkTime time.Duration // spent computing in sum
}

// queue admits a bounded number of computations at once, and bounds how many
// wait and for how long.
type queue struct {
	slots      chan struct{} // holds a token for each that is running
	maxWaiting int64
	maxWait    time.Duration

	waiting, done, refused, givenUp atomic.Int64
	waitTime, workTime              atomic.Int64 // nanoseconds
	recent                          atomic.Int64 // smoothed nanoseconds of one computation
}

func newQueue(parallel, maxWaiting int, maxWait time.Duration) *queue {
	return &queue{slots: make(chan struct{}, parallel), maxWaiting: int64(maxWaiting), maxWait: maxWait}
}

// do runs work in its turn, in the caller's goroutine. If the turn does not
// come, work is not run, and the error is an *OverloadedError or that of ctx.
func (q *queue) do(ctx context.Context, work func() error) error {
	if err := q.enter(ctx); err != nil {
		return err
	}
	start := time.Now()
	defer func() {
		q.worked(time.Since(start))
		<-q.slots
	}()
	return work()
}

// enter waits for a slot. Goroutines blocked on sending are served in the order
// in which they came.
func (q *queue) enter(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		q.givenUp.Add(1)
		return err
	}
	select {
	case q.slots <- struct{}{}:
		return nil
	default:
	}
	if q.waiting.Add(1) > q.maxWaiting {
		q.waiting.Add(-1)
		return q.refuse()
	}
	defer q.waiting.Add(-1)
	start := time.Now()
	timer := time.NewTimer(q.maxWait)
	defer timer.Stop()
	select {
	case q.slots <- struct{}{}:
		q.waitTime.Add(int64(time.Since(start)))
		return nil
	case <-timer.C:
		return q.refuse()
	case <-ctx.Done():
		q.givenUp.Add(1)
		return ctx.Err()
	}
}

func (q *queue) refuse() error {
	q.refused.Add(1)
	each := time.Duration(q.recent.Load())
	ahead := each * time.Duration(q.waiting.Load()+1) / time.Duration(cap(q.slots))
	seconds := (ahead + time.Second - 1).Truncate(time.Second)
	return &OverloadedError{RetryAfter: min(max(seconds, time.Second), 30*time.Second)}
}

// worked records one computation.
func (q *queue) worked(took time.Duration) {
	q.done.Add(1)
	q.workTime.Add(int64(took))
	// Two racing updates may lose one: it is an estimate.
	if old := q.recent.Load(); old == 0 {
		q.recent.Store(int64(took))
	} else {
		q.recent.Store(old + (int64(took)-old)/8)
	}
}

func (q *queue) stats() HasherStats {
	return HasherStats{
		Parallel: cap(q.slots),
		Running:  len(q.slots),
		Waiting:  int(q.waiting.Load()),
		Done:     uint64(q.done.Load()),
		Refused:  uint64(q.refused.Load()),
		GivenUp:  uint64(q.givenUp.Load()),
		WaitTime: time.Duration(q.waitTime.Load()),
		WorkTime: time.Duration(q.workTime.Load()),
	}
}
