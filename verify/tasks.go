package verify

import (
	"context"
	"sync"
)

// tasks are the goroutines that work for a verifier beside those of its
// callers. None outlives Close.
type tasks struct {
	ctx  context.Context //nolint:containedctx // it is the tasks' own, and ends at close
	stop context.CancelCauseFunc

	mu     sync.Mutex
	closed bool
	wg     sync.WaitGroup
}

func newTasks() *tasks {
	ctx, stop := context.WithCancelCause(context.Background())
	return &tasks{ctx: ctx, stop: stop}
}

// start runs f on a goroutine of its own, with a context that ends at close.
// After close it does nothing and returns false.
func (t *tasks) start(f func(context.Context)) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return false
	}
	t.wg.Go(func() { f(t.ctx) })
	return true
}

// close ends the context and waits until every task has returned.
func (t *tasks) close() {
	t.mu.Lock()
	t.closed = true
	t.mu.Unlock()
	t.stop(ErrClosed)
	t.wg.Wait()
}
