package demo

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"
)

// load is the customers who have nothing to do with the scenes: they must notice nothing.
type load struct {
	stage   *stage
	cancel  context.CancelFunc
	running sync.WaitGroup

	mu       sync.Mutex
	paused   bool // during the outage refusals are expected
	requests int
	wrong    int
	refused  []string // since last asked
}

// totals of a load.
type totals struct{ requests, wrong int }

func (s *stage) startLoad() (*load, error) {
	ctx, cancel := context.WithCancel(s.ctx)
	l := &load{stage: s, cancel: cancel}
	all := make([]*customer, customers)
	var failed error
	var signing sync.WaitGroup
	for i := range all {
		signing.Go(func() {
			c, err := s.enroll(fmt.Sprintf("customer-%d@example.com", i))
			l.mu.Lock()
			defer l.mu.Unlock()
			all[i] = c
			if err != nil {
				failed = err
			}
		})
	}
	signing.Wait()
	if failed != nil {
		cancel()
		return nil, failed
	}
	for _, c := range all {
		l.running.Go(func() { l.use(ctx, c) })
	}
	return l, nil
}

// use is one customer: they read the feed by access token or by cookie, and when told that the token is stale they
// renew it silently and go on, as a client does.
func (l *load) use(ctx context.Context, c *customer) {
	for ctx.Err() == nil {
		by := c.access
		if rand.IntN(3) == 0 {
			by = c.cookie
		}
		bank := l.stage.banks[rand.IntN(banks)]
		a := l.stage.call(l.stage.api, "GET", bank.url+"/feed", by, nil)
		if a.code == http.StatusUnauthorized && by == c.access {
			if fresh, got := l.stage.mint(c); got.code == http.StatusOK {
				c.access = fresh
				a = l.stage.call(l.stage.api, "GET", bank.url+"/feed", fresh, nil)
			}
		}
		l.count(ctx, c, a)
		select {
		case <-ctx.Done():
		case <-time.After(time.Duration(20+rand.IntN(60)) * time.Millisecond):
		}
	}
}

func (l *load) count(ctx context.Context, c *customer, a answer) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.requests++
	if a.code != http.StatusOK && !l.paused && ctx.Err() == nil {
		l.wrong++
		l.refused = append(l.refused, fmt.Sprintf("%s %d %s", c.email, a.code, a.text("code")))
	}
}

// expectRefusals is called before and after an outage.
func (l *load) expectRefusals(yes bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.paused = yes
}

// bystanders answers who was refused since the last call.
func (l *load) bystanders() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := l.refused
	l.refused = nil
	return out
}

func (l *load) stop() totals {
	l.cancel()
	l.running.Wait()
	return totals{l.requests, l.wrong}
}
