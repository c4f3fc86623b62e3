package credential

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// job is a computation that ends when it is told to.
type job struct {
	begun, over atomic.Bool
	release     chan struct{}
	err         error // once it is over
}

func (j *job) started() bool { return j.begun.Load() }
func (j *job) ended() bool   { return j.over.Load() }

// start runs a job through q and returns once it is started, waiting or ended.
func start(ctx context.Context, q *queue) *job {
	j := &job{release: make(chan struct{})}
	go func() {
		j.err = q.do(ctx, func() error {
			j.begun.Store(true)
			<-j.release
			return nil
		})
		j.over.Store(true)
	}()
	synctest.Wait()
	return j
}

func (j *job) finish() {
	close(j.release)
	synctest.Wait()
}

func TestQueueRunsInOrderAndNeverTooMany(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueue(2, 10, time.Minute)
		var jobs []*job
		for range 6 {
			jobs = append(jobs, start(t.Context(), q))
		}
		for i := range jobs {
			for k, j := range jobs {
				if want := k < i+2; j.started() != want {
					t.Fatalf("with %d finished: job %d started %v, want %v", i, k, j.started(), want)
				}
			}
			if s := q.stats(); s.Running != min(2, 6-i) || s.Waiting != max(0, 4-i) || s.Done != uint64(i) {
				t.Fatalf("with %d finished: %+v", i, s)
			}
			jobs[i].finish()
			if jobs[i].err != nil {
				t.Fatalf("job %d: %v", i, jobs[i].err)
			}
		}
	})
}

func TestQueueTurnsAwayWhoFindsItFull(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueue(1, 2, time.Minute)
		first := start(t.Context(), q)
		time.Sleep(4 * time.Second)
		first.finish() // a computation takes 4 seconds, as far as the queue knows
		var jobs []*job
		for range 3 {
			jobs = append(jobs, start(t.Context(), q))
		}
		turned := start(t.Context(), q)
		var overloaded *OverloadedError
		if !turned.ended() || turned.started() || !errors.As(turned.err, &overloaded) {
			t.Fatalf("the fourth: ended %v with %v, want an *OverloadedError at once", turned.ended(), turned.err)
		}
		if overloaded.RetryAfter != 12*time.Second {
			t.Errorf("RetryAfter %s, want 12s: two wait, and one more, of 4s each", overloaded.RetryAfter)
		}
		jobs[0].finish()
		if late := start(t.Context(), q); late.ended() {
			t.Errorf("turned away although there is room again: %v", late.err)
		} else {
			jobs = append(jobs, late)
		}
		for _, j := range jobs[1:] {
			j.finish()
		}
		if s := q.stats(); s.Refused != 1 || s.Done != 5 || s.Running != 0 || s.Waiting != 0 {
			t.Errorf("stats %+v", s)
		}
	})
}

func TestQueueWaitsForSoLongAndNoLonger(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueue(1, 10, 5*time.Second)
		running := start(t.Context(), q)
		waiting := start(t.Context(), q)
		time.Sleep(5*time.Second - 1)
		synctest.Wait()
		if waiting.ended() {
			t.Fatalf("gave up early: %v", waiting.err)
		}
		time.Sleep(time.Nanosecond)
		synctest.Wait()
		var overloaded *OverloadedError
		if !waiting.ended() || waiting.started() || !errors.As(waiting.err, &overloaded) {
			t.Fatalf("after MaxWait: ended %v with %v, want an *OverloadedError", waiting.ended(), waiting.err)
		}
		if overloaded.RetryAfter < time.Second || overloaded.RetryAfter > 30*time.Second {
			t.Errorf("RetryAfter %s, want 1s to 30s", overloaded.RetryAfter)
		}
		running.finish()
		if s := q.stats(); s.Refused != 1 || s.Waiting != 0 || s.Running != 0 || s.WorkTime != 5*time.Second {
			t.Errorf("stats %+v", s)
		}
	})
}

func TestQueueLetsGoOfWhoLeaves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueue(1, 1, time.Minute)
		running := start(t.Context(), q)
		ctx, cancel := context.WithCancel(t.Context())
		leaving := start(ctx, q)
		cancel()
		synctest.Wait()
		if !leaving.ended() || leaving.started() || !errors.Is(leaving.err, context.Canceled) {
			t.Fatalf("who left: ended %v with %v, want context.Canceled", leaving.ended(), leaving.err)
		}
		next := start(t.Context(), q) // its place is free
		running.finish()
		if !next.started() {
			t.Fatal("the turn was given to who had left")
		}
		next.finish()
		gone := start(ctx, q)
		if gone.started() || !errors.Is(gone.err, context.Canceled) {
			t.Errorf("work was done for a caller that had left: %v", gone.err)
		}
		if s := q.stats(); s.GivenUp != 2 || s.Refused != 0 || s.Done != 2 {
			t.Errorf("stats %+v", s)
		}
	})
}

func TestQueueSurvivesAPanic(t *testing.T) {
	q := newQueue(1, 1, time.Minute)
	func() {
		defer func() { _ = recover() }()
		_ = q.do(t.Context(), func() error { panic("in the middle of a hash") })
	}()
	if s := q.stats(); s.Running != 0 {
		t.Fatal("a panic keeps its slot for good")
	}
	failure := errors.New("of the work")
	if err := q.do(t.Context(), func() error { return failure }); !errors.Is(err, failure) {
		t.Errorf("do = %v, want the error of the work", err)
	}
}

func TestQueueUnderManyCallers(t *testing.T) {
	q := newQueue(3, 1000, time.Minute)
	var mu sync.Mutex
	var running, done int
	var most []int
	var wg sync.WaitGroup
	for range 300 {
		wg.Go(func() {
			err := q.do(t.Context(), func() error {
				mu.Lock()
				running++
				most = append(most, running)
				mu.Unlock()
				defer func() {
					mu.Lock()
					running--
					done++
					mu.Unlock()
				}()
				return nil
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if done != 300 || slices.Max(most) > 3 {
		t.Errorf("%d of 300 done, up to %d at once; want all, at most 3", done, slices.Max(most))
	}
}
