package redis_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"tandem.example/tandem/internal/lab/rig"
	"tandem.example/tandem/internal/redis"
	"tandem.example/tandem/internal/session"
)

// A master dies under load and its replica takes its place, without whatever it had not received yet. Of all the
// sessions whose end was answered, none comes back, not for a moment; and the others go on.
func TestFailoverBringsNothingBack(t *testing.T) {
	cluster := rig.RedisCluster(t)
	w := newWorld(t, cluster.URL())
	s, other := w.node(), w.node()
	load := &load{world: w, dead: map[session.ID]bool{}}
	ctx, stop := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() { load.churn(ctx, s) })
	}
	for range 2 {
		wg.Go(func() { load.watch(ctx, other) })
	}
	time.Sleep(time.Second)
	cluster.Nodes()[0].Kill(t)
	cluster.Healthy(t)
	time.Sleep(2 * time.Second)
	stop()
	wg.Wait()
	load.settled(s)
	w.forget(s)
	load.settled(other)
	if load.ends.Load() < 50 || load.looks.Load() < 50 {
		t.Errorf("%d ends and %d looks are no load", load.ends.Load(), load.looks.Load())
	}
	t.Logf("%d ends, %d looks, %d calls failed in the outage; %d sessions live, %d were lost with the master",
		load.ends.Load(), load.looks.Load(), load.failed.Load(), len(load.living)-load.lost, load.lost)
}

// load starts and ends sessions, and remembers which ends were answered.
type load struct {
	*world
	ends, looks, failed atomic.Int64

	mu     sync.Mutex
	dead   map[session.ID]bool
	living []session.ID
	lost   int
}

func (l *load) churn(ctx context.Context, s *redis.Store) {
	for n := 0; ctx.Err() == nil; n++ {
		v, err := s.Sessions().Start(l.Context(), session.Start{Session: draft(l.user, l.app), AccountRevision: 1})
		if err != nil {
			l.fault(err)
			continue
		}
		if n%4 == 0 {
			l.mu.Lock()
			l.living = append(l.living, v.Session.ID)
			l.mu.Unlock()
			continue
		}
		if err := l.end(s, v.Session.ID); err != nil {
			l.fault(err)
			continue
		}
		l.ends.Add(1)
		l.mu.Lock()
		l.dead[v.Session.ID] = true
		l.mu.Unlock()
	}
}

// fault counts what fails in the outage. A session whose master died before its replica heard of it is not there.
func (l *load) fault(err error) {
	if !isOutage(err) && !errors.Is(err, session.ErrNotFound) {
		l.Error(err)
	}
	l.failed.Add(1)
	time.Sleep(10 * time.Millisecond)
}

// watch looks at sessions whose end was answered.
func (l *load) watch(ctx context.Context, s *redis.Store) {
	for ctx.Err() == nil {
		l.mu.Lock()
		var id session.ID
		for id = range l.dead { // any
			break
		}
		l.mu.Unlock()
		if id == "" {
			time.Sleep(time.Millisecond)
			continue
		}
		v, err := s.Sessions().Find(l.Context(), id)
		switch {
		case err == nil && v.Alive(time.Now()) == nil:
			l.Errorf("session %s lives after its end was answered", id)
			return
		case err != nil && !errors.Is(err, session.ErrNotFound):
			l.fault(err)
		default:
			l.looks.Add(1)
		}
	}
}

// settled looks at every session once more.
func (l *load) settled(s *redis.Store) {
	l.Helper()
	for id := range l.dead {
		if err := l.lives(s, id); !errors.Is(err, session.ErrEnded) && !errors.Is(err, session.ErrNotFound) {
			l.Fatalf("session %s: %v after its end was answered", id, err)
		}
	}
	l.lost = 0
	for _, id := range l.living {
		switch err := l.lives(s, id); {
		case errors.Is(err, session.ErrNotFound):
			l.lost++
		case err != nil:
			l.Fatalf("session %s: %v though nobody ended it", id, err)
		}
	}
}
