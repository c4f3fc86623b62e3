package main

import (
	"math"
	"math/rand/v2"
	"slices"
	"time"
)

// Poller is a follower of the log as verify/sync.go and internal/feed make it: it asks, is answered at once if it is
// behind, else at the next wake-up or after the wait, and asks again no sooner than Spacing after it asked and Next
// after it was answered.
type Poller struct {
	Rate                               float64 // events a second
	Wait, Spacing, Next, Coalesce, RTT time.Duration
}

// Polls is what one follower does, on average.
type Polls struct {
	Requests float64       // a second
	Events   float64       // in a reply
	Mean     time.Duration // from the commit of an event until the follower has it
	P99      time.Duration
}

// Simulate plays one follower for so long. The events are a Poisson process; the same seed gives the same answer.
func (p Poller) Simulate(seed uint64, span time.Duration) Polls {
	log := newEventLog(p.Rate, p.Coalesce, span, seed)
	var requests, got int
	var delays []time.Duration
	sent, known := time.Duration(0), 0
	for sent < span {
		requests++
		answered := log.answer(sent+p.RTT/2, known, p.Wait)
		received := answered + p.RTT/2
		for head := log.head(answered); known < head; known++ {
			got++
			delays = append(delays, received-log.events[known])
		}
		sent = max(received+p.Next, sent+p.Spacing, sent+time.Microsecond)
	}
	out := Polls{Requests: float64(requests) / span.Seconds(), Events: float64(got) / float64(requests)}
	out.Mean, _, out.P99 = spread(delays)
	return out
}

// eventLog is when events commit and when the held polls are woken for them.
type eventLog struct {
	events, fires []time.Duration
}

func newEventLog(rate float64, coalesce, span time.Duration, seed uint64) eventLog {
	var l eventLog
	if rate <= 0 {
		return l
	}
	random := rand.New(rand.NewPCG(seed, 1))
	fired, pending := time.Duration(math.MinInt64/2), false
	for at := time.Duration(0); at < span; {
		at += time.Duration(random.ExpFloat64() / rate * 1e9)
		if pending && fired <= at {
			pending = false
		}
		if !pending {
			next := max(at, fired+coalesce) // as feed.broadcast does
			pending = next > at
			fired = next
			l.fires = append(l.fires, next)
		}
		l.events = append(l.events, at)
	}
	return l
}

// head is how many events had committed.
func (l eventLog) head(at time.Duration) int {
	n, _ := slices.BinarySearch(l.events, at+1)
	return n
}

// answer is when a request that arrived is answered.
func (l eventLog) answer(arrived time.Duration, known int, wait time.Duration) time.Duration {
	if l.head(arrived) > known {
		return arrived
	}
	i, _ := slices.BinarySearch(l.fires, arrived)
	for ; i < len(l.fires) && l.fires[i] <= arrived+wait; i++ {
		if l.head(l.fires[i]) > known {
			return l.fires[i]
		}
	}
	return arrived + wait
}

// spread is the mean, the median and the 99th percentile; it sorts.
func spread(all []time.Duration) (mean, p50, p99 time.Duration) {
	if len(all) == 0 {
		return 0, 0, 0
	}
	slices.Sort(all)
	sum := 0.0
	for _, d := range all {
		sum += float64(d)
	}
	return time.Duration(sum / float64(len(all))), all[len(all)/2], all[len(all)*99/100]
}
