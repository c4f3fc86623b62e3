package postgres

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// How often a verb is run again, and how long it pauses before: a tenth of a second at most, at random, so that those
// who met once do not meet again.
const (
	maxAttempts = 40
	leastPause  = time.Millisecond
	mostPause   = 100 * time.Millisecond
)

// kind says what may be concluded from a connection that broke.
type kind bool

const (
	reading kind = false // nothing was changed: it may be asked again
	writing kind = true  // the change may have been made: whoever repeats it may make it twice
)

// call runs one verb on one connection of the pool, and again if it certainly has changed nothing: after a
// serialization failure or a deadlock, which undo the transaction; after a connection that broke before anything was
// sent; and, for reading, after any that broke. The verb must begin from the beginning each time. A ctx that ends keeps
// it from beginning, and its deadline bounds it.
func (s *Store) call(ctx context.Context, k kind, verb func(ctx context.Context, c *pgxpool.Conn) error) error {
	deadline := time.Now().Add(s.config.Timeout)
	if earlier, ok := ctx.Deadline(); ok && earlier.Before(deadline) {
		deadline = earlier
	}
	// What is under way is not interrupted because a caller went away: that would cost the connection.
	working, cancel := context.WithDeadline(context.WithoutCancel(ctx), deadline)
	defer cancel()
	asking := working
	if ctx.Done() != nil {
		var stop context.CancelFunc
		asking, stop = context.WithDeadline(ctx, deadline)
		defer stop()
	}
	return s.repeat(asking, k, func() error { return s.once(asking, working, verb) })
}

func (s *Store) repeat(ctx context.Context, k kind, attempt func() error) error {
	pause := leastPause
	for n := 1; ; n++ {
		err := attempt()
		if err == nil {
			s.reached()
			return nil
		}
		if broken(err) {
			s.suspect()
		}
		if n == maxAttempts || !again(err, k) || !conflict(err) && s.stayedDown() || !wait(ctx, pause) {
			return named(ctx, err)
		}
		pause = min(2*pause, mostPause)
	}
}

// once waits for a connection as long as asking lets it, and works as long as working does.
func (s *Store) once(asking, working context.Context, verb func(context.Context, *pgxpool.Conn) error) error {
	if s.closed.Load() {
		return ErrClosed
	}
	c, err := s.pool.Acquire(asking)
	if err != nil {
		if s.closed.Load() {
			return ErrClosed
		}
		return &unsent{err}
	}
	defer c.Release()
	return verb(working, c)
}

// unsent wraps an error from before anything was sent.
type unsent struct{ err error }

func (e *unsent) Error() string { return e.err.Error() }
func (e *unsent) Unwrap() error { return e.err }

// undone reports whether the server has answered that it did not do what it was asked, and so has changed nothing.
func undone(err error) bool {
	c := code(err)
	return c != "" && c[:2] != classConnection && c[:2] != classIntervention
}

// conflict reports whether the transaction was undone because of another.
func conflict(err error) bool {
	c := code(err)
	return c == codeSerialization || c == codeDeadlock
}

// again decides whether the verb may be run again.
func again(err error, k kind) bool {
	var early *unsent
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded), errors.Is(err, ErrClosed):
		return false
	case conflict(err):
		return true
	case errors.As(err, &early), pgconn.SafeToRetry(err):
		return unreachable(err)
	}
	return k == reading && unreachable(err)
}

// broken reports whether the connection is of no use any more.
func broken(err error) bool {
	var network net.Error
	if c := code(err); c != "" {
		return c[:2] == classConnection || c[:2] == classIntervention && c != codeQueryCanceled || c == codeIdleInTx
	}
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) ||
		errors.As(err, &network) || pgconn.SafeToRetry(err)
}

// suspect has every connection that rests now be looked at before it is used again: where one has broken, others may
// have, and a write that finds out the hard way cannot be repeated.
func (s *Store) suspect() { s.suspected.Store(time.Now().UnixNano()) }

// suspicious decides whether a connection that has rested for so long has to be looked at.
func (s *Store) suspicious(rested time.Duration) bool {
	return rested > time.Second || time.Since(time.Unix(0, s.suspected.Load())) <= rested
}

// wait pauses for half to one and a half times the span; false if ctx ends before.
func wait(ctx context.Context, span time.Duration) bool {
	timer := time.NewTimer(span/2 + rand.N(span))
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// bounded gives ctx the store's deadline unless it has an earlier one.
func (s *Store) bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) <= s.config.Timeout {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, s.config.Timeout)
}
