package main

import (
	"math"
	"math/rand/v2"
	"time"
)

// HeadRow is the row that gives out positions. An appending transaction holds its lock from the update to the end of
// the commit, so transactions pass one after another, whatever the node. A node that groups has one transaction open
// at a time, and takes what is waiting, up to Group events, into it.
type HeadRow struct {
	Rate   float64       // events a second, over all nodes
	Commit time.Duration // for which a transaction holds the lock
	Each   time.Duration // longer for each event in it
	Group  int
	Nodes  int
}

// Waits is what appending an event takes, from its arrival to the end of its commit.
type Waits struct {
	Utilisation    float64 // of the lock at this rate if transactions carried Group events each; over 1 it cannot keep up
	Busy           float64 // the share of the time that the lock was held
	Mean, P50, P99 time.Duration
	Transactions   float64 // a second
	Saturated      bool
}

// Capacity is how many events a second the row can take.
func (h HeadRow) Capacity() float64 {
	return float64(h.Group) / (h.Commit + time.Duration(h.Group)*h.Each).Seconds()
}

// Simulate plays n events. With a Group of 1 and a single node it is the queue M/D/1.
func (h HeadRow) Simulate(seed uint64, n int) Waits {
	random := rand.New(rand.NewPCG(seed, 2))
	queues := make([][]time.Duration, h.Nodes)
	arrivals, of := make([]time.Duration, n), make([]int, n)
	at := time.Duration(0)
	for i := range arrivals {
		at += time.Duration(random.ExpFloat64() / h.Rate * 1e9)
		arrivals[i], of[i] = at, random.IntN(h.Nodes)
	}
	var line []int // nodes that want the lock, first come first
	var free, held time.Duration
	latencies, transactions := make([]time.Duration, 0, n), 0
	next := 0
	admit := func(until time.Duration) {
		for ; next < n && arrivals[next] <= until; next++ {
			q := &queues[of[next]]
			if len(*q) == 0 {
				line = append(line, of[next])
			}
			*q = append(*q, arrivals[next])
		}
	}
	for len(latencies) < n {
		if admit(free); len(line) == 0 {
			free = arrivals[next]
			continue
		}
		node := line[0]
		line = line[1:]
		k := min(h.Group, len(queues[node]))
		took := h.Commit + time.Duration(k)*h.Each
		done := free + took
		for _, arrived := range queues[node][:k] {
			latencies = append(latencies, done-arrived)
		}
		queues[node] = queues[node][k:]
		left := len(queues[node]) > 0
		admit(done)
		if left {
			line = append(line, node)
		}
		free, held, transactions = done, held+took, transactions+1
	}
	w := Waits{Utilisation: h.Rate / h.Capacity(), Busy: held.Seconds() / free.Seconds(), Transactions: float64(transactions) / free.Seconds()}
	w.Saturated = w.Utilisation >= 1
	w.Mean, w.P50, w.P99 = spread(latencies)
	return w
}

// MeanWaitMD1 is the mean wait before service in the queue M/D/1, by Pollaczek and Khinchine.
func MeanWaitMD1(rate float64, service time.Duration) time.Duration {
	rho := rate * service.Seconds()
	if rho >= 1 {
		return math.MaxInt64
	}
	return time.Duration(rho / (2 * (1 - rho)) * float64(service))
}

// WithinMD1 is the share of the customers of an M/D/1 queue whose wait before service is at most t, by Erlang's series. Its
// terms alternate and grow with t: good for some ten services.
func WithinMD1(rate float64, service, t time.Duration) float64 {
	lambda, d, x := rate, service.Seconds(), t.Seconds()
	sum := 0.0
	for k := 0; k <= int(x/d); k++ {
		y := lambda * (float64(k)*d - x) // never positive
		term := math.Exp(-y)
		for i := 1; i <= k; i++ {
			term *= y / float64(i)
		}
		sum += term
	}
	return (1 - lambda*d) * sum
}
