package redis

import (
	"context"
	"sync"
	"time"

	"tandem.example/tandem/internal/session"
)

// finder lets one look answer many who ask for sessions at the same time: one read of the ledger and one of Redis for
// all of them. Who asks while as many looks are under way as may be waits for the next one, which begins when one of
// those ends. So nobody is answered from a look that began before they asked, and who asks alone waits for nobody.
type finder struct {
	look func(ctx context.Context, ids []session.ID) ([]*seen, error)

	mu      sync.Mutex
	looking int
	waiting []*lookup
}

const (
	// Two at a time keep both stores busy while the answers of one are handed out.
	maxLooks = 2
	maxBatch = 128
	// lookTime bounds a look that no single caller may cancel for the others.
	lookTime = 5 * time.Second
)

type lookup struct {
	id   session.ID
	done chan struct{}
	seen *seen
	err  error
}

// find answers the session, nil if there is none.
func (f *finder) find(ctx context.Context, id session.ID) (*seen, error) {
	f.mu.Lock()
	if f.looking < maxLooks && len(f.waiting) == 0 {
		f.looking++
		f.mu.Unlock()
		defer f.next()
		all, err := f.look(ctx, []session.ID{id})
		if err != nil {
			return nil, err
		}
		return all[0], nil
	}
	l := &lookup{id: id, done: make(chan struct{})}
	f.waiting = append(f.waiting, l)
	f.mu.Unlock()
	select {
	case <-l.done:
		return l.seen, l.err
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// next ends a look. If others wait, another takes its place.
func (f *finder) next() {
	if batch := f.take(); batch != nil {
		go f.work(batch)
	}
}

// take answers who is to be looked for next; nobody waits if it is nil, and the look is over.
func (f *finder) take() (batch []*lookup) {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := min(len(f.waiting), maxBatch)
	if n == 0 {
		f.looking--
		return nil
	}
	batch = f.waiting[:n:n]
	if f.waiting = f.waiting[n:]; len(f.waiting) == 0 {
		f.waiting = nil
	}
	return batch
}

// work looks for one batch after another until nobody waits.
func (f *finder) work(batch []*lookup) {
	for ; batch != nil; batch = f.take() {
		ids := make([]session.ID, len(batch))
		for i, l := range batch {
			ids[i] = l.id
		}
		ctx, cancel := context.WithTimeout(context.Background(), lookTime)
		all, err := f.look(ctx, ids)
		cancel()
		for i, l := range batch {
			if l.err = err; err == nil {
				l.seen = all[i]
			}
			close(l.done)
		}
	}
}
