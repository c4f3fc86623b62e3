package feed

import (
	"sync"
	"time"
)

// coalesce is the least time between two wake-ups: a burst of revocations costs each verifier one response.
const coalesce = 10 * time.Millisecond

// broadcast wakes every waiting request at once, at most every coalesce.
type broadcast struct {
	mu      sync.Mutex
	ch      chan struct{} // closed at the next wake-up
	fired   time.Time
	pending *time.Timer
	closed  bool
	passing bool // nobody is held any more
}

func (b *broadcast) init() { b.ch = make(chan struct{}) }

// next is closed at the next wake-up.
func (b *broadcast) next() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.ch
}

// hint says that the log has moved.
func (b *broadcast) hint() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.pending != nil || b.closed {
		return
	}
	if since := time.Since(b.fired); since < coalesce {
		b.pending = time.AfterFunc(coalesce-since, func() {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.pending = nil
			b.fire()
		})
		return
	}
	b.fire()
}

func (b *broadcast) fire() {
	if b.closed {
		return
	}
	b.fired = time.Now()
	close(b.ch)
	b.ch = make(chan struct{})
}

// release wakes everybody, and nobody is to wait any more.
func (b *broadcast) release() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.passing = true
	b.fire()
}

func (b *broadcast) released() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.passing
}

func (b *broadcast) close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return
	}
	if b.pending != nil {
		b.pending.Stop()
	}
	b.closed = true
	close(b.ch)
}

func (b *broadcast) err() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return ErrClosed
	}
	return nil
}
