package main

import (
	"math/rand/v2"
	"time"
)

// StalenessBound is how stale a verifier is at the most while all goes well and nothing happens. A poll that is held
// for the wait counts from when it was sent, and the next one brings its reply only a round later: two rounds. A relay
// adds the age of what it holds when the request from below arrives: one round more, and a round trip.
func (d Deployment) StalenessBound() time.Duration {
	return 2*(d.Wait+d.RTT) + time.Duration(d.Depth)*(d.Wait+2*d.RTT)
}

// Spare is how many rounds in vain a verifier survives, on top of that, with its lease.
func (d Deployment) Spare() int {
	left := d.Lease - d.StalenessBound()
	if left < 0 {
		return -1
	}
	return int(left / (d.Wait + d.RTT))
}

// SimulateStaleness plays a quiet chain of relays, whose rounds begin at random, and answers how stale the verifier
// at its end ever was.
func (d Deployment) SimulateStaleness(seed uint64, rounds int) (worst time.Duration) {
	random := rand.New(rand.NewPCG(seed, 3))
	round := d.Wait + d.RTT
	// base answers as of when, at most, what a node holds at a time is fresh.
	base := func(at time.Duration) time.Duration { return at } // the origin
	for range d.Depth + 1 {
		above, phase := base, time.Duration(random.Int64N(int64(round)))
		base = func(at time.Duration) time.Duration {
			sent := (at-phase)/round*round + phase - round // of the last poll that has been answered
			arrived := sent + d.RTT/2
			age := max(0, arrived-above(arrived+d.Wait)) // at the answer, counted to the arrival
			return sent - age
		}
	}
	start := time.Duration(d.Depth+3) * round
	for i := range rounds {
		// Just before the reply that ends a round: the worst is at one of the ends, which a fine grid meets.
		at := start + time.Duration(i)*round/97
		worst = max(worst, at-base(at))
	}
	return worst
}

// Propagation is how long an event takes until the last verifier has it: at each level the wait for the coalescing
// and the pacing, half a round trip, and the answering of all followers of one node, each of which costs cpu.
func (d Deployment) Propagation(cpu time.Duration) time.Duration {
	levels := d.Levels()
	total := time.Duration(0)
	above := d.Nodes
	for _, n := range levels {
		each := (n + above - 1) / above
		answering := time.Duration(float64(each) * float64(cpu) / d.Cores)
		total += max(d.Coalesce, d.Next) + d.RTT/2 + answering
		above = n
	}
	return total
}
