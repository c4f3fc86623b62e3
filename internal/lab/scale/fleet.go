package main

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"
)

// Fleet is so many followers at the real feed.Service, for so long.
type Fleet struct {
	Followers int
	Poller    Poller
	Span      time.Duration
}

// Seen is what they did.
type Seen struct {
	Requests, Events int
	Up, Down         int // bytes of the bodies, signatures included
	Appended         int
}

// Rate is the polls of one follower, a second.
func (s Seen) Rate(f Fleet) float64 {
	return float64(s.Requests) / float64(f.Followers) / f.Span.Seconds()
}

// run has every follower apply what was there, lets each poll for the span, one beginning after the other over a wait,
// and at the end has each poll once more, so that all have all. It asks the clock only by package time, and so can be played in a testing/synctest
// bubble, where the machine's speed does not show.
func (f Fleet) run(ctx context.Context, r *rig, seed uint64) (seen Seen, err error) {
	all := make([]*follower, f.Followers)
	for i := range all {
		all[i] = newFollower()
		if err := all[i].poll(ctx, r.service, 0); err != nil {
			return seen, err
		}
		*all[i] = follower{req: all[i].req}
	}
	var wg sync.WaitGroup
	var mu sync.Mutex
	for i, one := range all {
		wg.Go(func() {
			time.Sleep(time.Duration(i) * f.Poller.Wait / time.Duration(f.Followers)) // not all in step
			if ferr := f.follow(ctx, r, one, time.Now().Add(f.Span)); ferr != nil {
				mu.Lock()
				defer mu.Unlock()
				err = errors.Join(err, ferr)
			}
		})
	}
	appended, aerr := f.append(ctx, r, seed, time.Now().Add(f.Poller.Wait+f.Span))
	wg.Wait()
	if err = errors.Join(err, aerr); err != nil {
		return seen, err
	}
	seen.Appended = appended
	for _, one := range all {
		seen.Requests += one.requests
		if err := one.poll(ctx, r.service, 0); err != nil {
			return seen, err
		}
		seen.Events += one.events
		seen.Up += one.up
		seen.Down += one.down
	}
	return seen, nil
}

func (f Fleet) follow(ctx context.Context, r *rig, one *follower, end time.Time) error {
	for {
		sent := time.Now()
		if !sent.Before(end) {
			return nil
		}
		time.Sleep(f.Poller.RTT / 2)
		if err := one.poll(ctx, r.service, f.Poller.Wait); err != nil {
			return err
		}
		time.Sleep(f.Poller.RTT / 2)
		time.Sleep(max(f.Poller.Next, time.Until(sent.Add(f.Poller.Spacing))))
	}
}

// append revokes at the poller's rate until the end.
func (f Fleet) append(ctx context.Context, r *rig, seed uint64, end time.Time) (n int, err error) {
	if f.Poller.Rate <= 0 {
		return 0, nil
	}
	random := rand.New(rand.NewPCG(seed, 4))
	for at := time.Now(); ; n++ {
		at = at.Add(time.Duration(random.ExpFloat64() / f.Poller.Rate * 1e9))
		if at.After(end) {
			return n, nil
		}
		time.Sleep(time.Until(at))
		if _, err := r.revoke(ctx, 1); err != nil {
			return n, err
		}
	}
}
