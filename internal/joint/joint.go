// Package joint lets callers who ask the same at the same time share the asking, without any of them being told what
// was read before they asked.
//
// It is called wherever many requests need one row at once: the head of the log, the holders of leases, the keys.
package joint

import (
	"context"
	"sync"
	"time"
)

// timeout bounds a run that serves many callers, none of whom may cancel it for the others.
const timeout = 5 * time.Second

// Asking lets one run answer all callers who ask the same and arrived before it began. A caller who arrives once a run
// has begun waits for the next one: answering it from the running one would break the promise that what it is told was
// read after it asked. Safe for concurrent use.
type Asking[K comparable, V any] struct {
	do   func(ctx context.Context, key K) (V, error)
	mu   sync.Mutex
	open map[K]*run[V] // not begun yet: may be joined
	// turn holds one token: one run at a time, so that those who ask meanwhile gather for the next.
	turn chan struct{}
}

// New makes an asking whose runs call do, one at a time. The context that do is given ends after five seconds, and not
// with that of any caller.
func New[K comparable, V any](do func(ctx context.Context, key K) (V, error)) *Asking[K, V] {
	return &Asking[K, V]{do: do, open: make(map[K]*run[V]), turn: make(chan struct{}, 1)}
}

type run[V any] struct {
	done  chan struct{}
	value V
	err   error
}

// Ask answers from a run that begins after the call. The error is that of the run, or of a ctx that ended first.
func (j *Asking[K, V]) Ask(ctx context.Context, key K) (V, error) {
	j.mu.Lock()
	joined := j.open[key]
	if joined == nil {
		joined = &run[V]{done: make(chan struct{})}
		j.open[key] = joined
		go j.run(key, joined)
	}
	j.mu.Unlock()
	select {
	case <-joined.done:
		return joined.value, joined.err
	case <-ctx.Done():
		var none V
		return none, context.Cause(ctx)
	}
}

func (j *Asking[K, V]) run(key K, one *run[V]) {
	defer close(one.done)
	j.turn <- struct{}{}
	defer func() { <-j.turn }()
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	j.mu.Lock()
	delete(j.open, key) // nobody joins from here on: the run begins
	j.mu.Unlock()
	one.value, one.err = j.do(ctx, key)
}
