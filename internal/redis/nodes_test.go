package redis_test

import (
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"tandem.example/tandem/internal/feed"
	"tandem.example/tandem/internal/lab/rig"
	"tandem.example/tandem/internal/session"
)

// What one node has answered every other sees at once.
func TestNodesSeeWhatOthersHaveAnswered(t *testing.T) {
	w := newWorld(t, server(t).URL())
	a, b := w.node(), w.node()
	for range 50 {
		one := w.start(a)
		w.is(w.lives(b, one.Session.ID), nil)
		w.ok(w.rotate(b, one.Session.ID, 1))
		w.is(w.rotate(a, one.Session.ID, 1), session.ErrRaced)
		w.ok(w.rotate(a, one.Session.ID, 2))
		w.ok(w.end(b, one.Session.ID))
		w.is(w.lives(a, one.Session.ID), session.ErrEnded)
		w.is(w.rotate(a, one.Session.ID, 3), session.ErrEnded)
	}
}

func TestOfManyRotationsOnTwoNodesOneWins(t *testing.T) {
	w := newWorld(t, server(t).URL())
	nodes := []session.Store{w.node().Sessions(), w.node().Sessions()}
	one := w.start(w.node())
	var won, raced atomic.Int32
	var wg sync.WaitGroup
	for i := range 100 {
		wg.Go(func() {
			now := time.Now()
			_, err := nodes[i%2].Rotate(t.Context(), session.Rotation{ID: one.Session.ID, Generation: 1, Digest: token(1),
				Next: token(uint32(1000 + i)), At: now, IdleExpiresAt: now.Add(time.Hour)})
			switch {
			case err == nil:
				won.Add(1)
			case errors.Is(err, session.ErrRaced):
				raced.Add(1)
			default:
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if won.Load() != 1 || raced.Load() != 99 {
		t.Errorf("%d won and %d raced", won.Load(), raced.Load())
	}
}

// Of many ends of one session on several nodes one is announced.
func TestOfManyEndsOneIsAnnounced(t *testing.T) {
	w := newWorld(t, server(t).URL())
	nodes := []session.Store{w.node().Sessions(), w.node().Sessions()}
	one := w.start(w.node())
	var ended atomic.Int32
	var wg sync.WaitGroup
	for i := range 40 {
		wg.Go(func() {
			_, n, err := nodes[i%2].End(t.Context(), session.Ending{Session: one.Session.ID, Reason: session.SignedOut, At: time.Now()})
			w.ok(err)
			ended.Add(int32(n))
		})
	}
	wg.Wait()
	head, err := w.sql.Log().Head(t.Context())
	w.ok(err)
	if ended.Load() != 1 || head.Position != 1 {
		t.Errorf("%d ends, %d events", ended.Load(), head.Position)
	}
}

// Hints travel between nodes, and go on after Redis was away.
func TestHintsTravel(t *testing.T) {
	redis := rig.Redis(t, rig.RedisConfig{AppendFsync: "always"})
	w := newWorld(t, redis.URL())
	a, b := w.node(), w.node()
	heard, moved := make(chan feed.Signal, 100), make(chan struct{}, 100)
	b.Signals().Hear(func(s feed.Signal) { heard <- s })
	b.Log().OnCommit(func() {
		select {
		case moved <- struct{}{}:
		default:
		}
	})
	travels := func() {
		t.Helper()
		w.eventually("a signal is heard", func() bool {
			a.Signals().Raise(feed.ApplicationsChanged)
			select {
			case s := <-heard:
				return s == feed.ApplicationsChanged
			case <-time.After(100 * time.Millisecond):
				return false
			}
		})
	}
	travels()
	redis.Kill(t)
	redis.Start(t)
	travels()
	w.ok(w.end(a, w.start(a).Session.ID))
	select {
	case <-moved:
	case <-time.After(5 * time.Second):
		t.Error("nobody was told of a commit")
	}
}
