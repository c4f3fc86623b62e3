package feed

import (
	"context"
	"sync"
	"time"
)

// readTimeout bounds a read that serves many requests, none of which may cancel it for the others.
const readTimeout = 5 * time.Second

// reads lets one read of the primary answer all requests that ask the same and arrived before it began. A request
// that arrives once the read has begun waits for the next one: answering it from the running one would break the
// promise that the read began after the request arrived.
type reads struct {
	log  Log
	mu   sync.Mutex
	open map[Ask]*read // not begun yet: may be joined
	// turn holds one token: one read runs at a time, so that those who ask meanwhile gather for the next.
	turn chan struct{}
}

func newReads(log Log) reads {
	return reads{log: log, open: make(map[Ask]*read), turn: make(chan struct{}, 1)}
}

type read struct {
	done chan struct{}
	page Page
	err  error
}

func (r *reads) read(ctx context.Context, ask Ask) (Page, error) {
	r.mu.Lock()
	joined := r.open[ask]
	if joined == nil {
		joined = &read{done: make(chan struct{})}
		r.open[ask] = joined
		go r.run(ask, joined)
	}
	r.mu.Unlock()
	select {
	case <-joined.done:
		return joined.page, joined.err
	case <-ctx.Done():
		return Page{}, context.Cause(ctx)
	}
}

func (r *reads) run(ask Ask, one *read) {
	defer close(one.done)
	r.turn <- struct{}{}
	defer func() { <-r.turn }()
	ctx, cancel := context.WithTimeout(context.Background(), readTimeout)
	defer cancel()
	r.mu.Lock()
	delete(r.open, ask) // nobody joins from here on: the read begins
	r.mu.Unlock()
	one.page, one.err = r.log.Read(ctx, ask)
}
