package postgres

import (
	"context"
	"runtime"
	"sync"
	"time"
)

// gather lets one statement serve many callers. Whoever asks while as many statements are under way as may be waits,
// with all others who do, for the next one, which begins when one of those ends: nobody is served by a statement that
// began before they asked, and nobody who asks alone waits for anybody.
type gather[Q, A any] struct {
	most int // statements at a time
	// many serves a batch, and answers in its order.
	many func(ctx context.Context, batch []Q) ([]A, error)

	mu      sync.Mutex
	running int
	began   time.Time // the last of them
	waiting []*asked[Q, A]
}

type asked[Q, A any] struct {
	question Q
	done     chan struct{}
	answer   A
	err      error
}

const (
	// maxBatch bounds a batch, so that its answer is bounded.
	maxBatch = 256
	// A statement that takes longer than this, because a connection hangs, does not hold the others: some more may be
	// begun then.
	slowStatement = 100 * time.Millisecond
	moreIfSlow    = 3
)

// do serves one caller, by alone if nothing is under way.
func (g *gather[Q, A]) do(ctx context.Context, question Q, alone func(context.Context, Q) (A, error)) (answer A, err error) {
	g.mu.Lock()
	if g.free() {
		g.running++
		g.began = time.Now()
		g.mu.Unlock()
		defer g.next()
		return alone(ctx, question)
	}
	mine := &asked[Q, A]{question: question, done: make(chan struct{})}
	g.waiting = append(g.waiting, mine)
	g.mu.Unlock()
	select {
	case <-mine.done:
		if undone(mine.err) { // because of another of the batch, it may be
			return alone(ctx, question)
		}
		return mine.answer, mine.err
	case <-ctx.Done():
		return answer, context.Cause(ctx)
	}
}

func (g *gather[Q, A]) free() bool {
	if g.running < g.most {
		return len(g.waiting) == 0
	}
	return g.running < g.most+moreIfSlow && time.Since(g.began) > slowStatement
}

// next ends a statement. If others wait, another takes its place.
func (g *gather[Q, A]) next() {
	if batch := g.take(); batch != nil {
		go g.work(batch)
	}
}

// take answers who is to be served next; if it is nil nobody waits, and the statement is over.
func (g *gather[Q, A]) take() (batch []*asked[Q, A]) {
	g.mu.Lock()
	defer g.mu.Unlock()
	n := min(len(g.waiting), maxBatch)
	if n == 0 {
		g.running--
		return nil
	}
	g.began = time.Now()
	batch = g.waiting[:n:n]
	if g.waiting = g.waiting[n:]; len(g.waiting) == 0 {
		g.waiting = nil
	}
	return batch
}

// work serves one batch after another until nobody waits. No caller's context is used, since none may cancel what is
// done for the others; many is bounded by the store's own time.
func (g *gather[Q, A]) work(batch []*asked[Q, A]) {
	for ; batch != nil; batch = g.take() {
		questions := make([]Q, len(batch))
		for i, one := range batch {
			questions[i] = one.question
		}
		answers, err := g.many(context.Background(), questions)
		for i, one := range batch {
			if one.err = err; err == nil {
				one.answer = answers[i]
			}
			close(one.done)
		}
		// Those who were served are likely to ask again. Without a chance to do so now, the first of them would find
		// nothing under way, and be served alone.
		runtime.Gosched()
	}
}
