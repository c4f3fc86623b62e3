package feed

import (
	"context"
	"sync"
	"time"
)

// writeTimeout bounds a write that serves many callers, none of whom may cancel it for the others.
const writeTimeout = 5 * time.Second

// holding writes holders to the store. While one write is under way, those who come meanwhile gather for the next, so
// a thousand verifiers that arrive at once cost a few commits.
type holding struct {
	leases Leases
	mu     sync.Mutex
	open   *batch // not begun yet: may be joined
	// turn holds one token: one write runs at a time.
	turn chan struct{}
}

type batch struct {
	holders map[holderKey]Holder
	done    chan struct{}
	err     error
}

func newHolding(leases Leases) *holding {
	return &holding{leases: leases, turn: make(chan struct{}, 1)}
}

// write returns when the holders are durable. A caller who gives up leaves the write to the others.
func (w *holding) write(ctx context.Context, holders ...Holder) error {
	b := w.join(holders)
	select {
	case <-b.done:
		return b.err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (w *holding) join(holders []Holder) *batch {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.open == nil {
		w.open = &batch{holders: make(map[holderKey]Holder), done: make(chan struct{})}
		go w.run(w.open)
	}
	for _, h := range holders {
		key := holderKey{h.Application, h.Instance}
		if before, twice := w.open.holders[key]; twice {
			h = before.Merge(h)
		}
		w.open.holders[key] = h
	}
	return w.open
}

func (w *holding) run(b *batch) {
	defer close(b.done)
	w.turn <- struct{}{}
	defer func() { <-w.turn }()
	ctx, cancel := context.WithTimeout(context.Background(), writeTimeout)
	defer cancel()
	w.mu.Lock()
	w.open = nil // nobody joins from here on
	w.mu.Unlock()
	holders := make([]Holder, 0, len(b.holders))
	for _, h := range b.holders {
		holders = append(holders, h)
	}
	b.err = w.leases.Hold(ctx, holders...)
}
