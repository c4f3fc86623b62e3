package model

import (
	"fmt"
	"time"

	"tandem.example/tandem/verify/revocation"
)

// verifier is one process with its machine: the real Follower, Set and Lease, under modelled clocks.
type verifier struct {
	*world
	name  string
	above source        // where it asks
	wait  time.Duration // for how long it lets its requests be held

	// Of a relay: what it does besides when it starts, and when a reply was applied.
	booted func()
	taken  func(revocation.Reply)

	stopped   time.Duration // the process runs nothing before this time
	suspended time.Duration // for how long the machine has slept in all: its monotonic clock stood still
	wall      time.Duration // by how much the wall clock is off
	stepped   time.Duration // when it was last set

	life     int // grows with each restart
	set      *revocation.Set
	follower *revocation.Follower
	passage  revocation.Passage
	lease    revocation.Lease
	coarse   revocation.Reading
	request  revocation.Request
	sent     revocation.Reading
	requests int
	applied  []revocation.Event
	knew     map[string]bool // what it has applied, as ids: survives nothing but is never forgotten by a rollback
}

func newVerifier(w *world, i int, above source) *verifier {
	return &verifier{world: w, name: fmt.Sprintf("verifier %d", i), above: above, wait: wait}
}

// boot starts the process afresh: it knows nothing.
func (v *verifier) boot() {
	v.life++
	v.passage = revocation.NewPassage(v.clocks())
	v.set = revocation.NewSet(v.SetLimit)
	v.follower = revocation.NewFollower(v.name, fmt.Sprint(v.life), v.set)
	v.lease, v.applied, v.knew = revocation.Lease{}, nil, make(map[string]bool)
	if v.Traps.EmptyStart {
		v.lease = revocation.Lease{Sent: v.reading(), Length: lease}
	}
	v.coarse = v.reading()
	if v.booted != nil {
		v.booted()
	}
	v.tick(v.life)
	v.ask()
	if v.Traps.Heartbeat {
		v.heartbeat(v.life)
	}
}

// clocks are what the machine's two clocks show.
func (v *verifier) clocks() revocation.Reading {
	r := revocation.Reading{Mono: time.Hour + v.now - v.suspended, Wall: time.Hour + v.now + v.wall}
	if v.Traps.MonotonicOnly {
		r.Wall = r.Mono
	}
	return r
}

func (v *verifier) reading() revocation.Reading {
	if v.Traps.SleepForgotten {
		return v.clocks()
	}
	return v.passage.Reading(v.clocks())
}

// run does something in the process, as soon as it runs.
func (v *verifier) run(do func()) {
	if v.now < v.stopped {
		v.after(v.stopped-v.now+v.between(0, 5*time.Millisecond), func() { v.run(do) })
		return
	}
	do()
}

// tick is the process' own look at its clocks.
func (v *verifier) tick(life int) {
	if life != v.life {
		return
	}
	v.passage = v.passage.Observe(v.clocks())
	v.coarse = v.reading()
	v.after(500*time.Millisecond, func() { v.run(func() { v.tick(life) }) })
}

// ask sends the next sync request, and another one if no answer comes.
func (v *verifier) ask() {
	v.requests++
	n, life := v.requests, v.life
	v.request = v.follower.Request(fmt.Sprintf("%s/%d/%d", v.name, v.life, n), v.wait)
	v.sent = v.reading()
	req, sent := v.request, v.sent
	if d, lost := v.delay(); !lost {
		v.after(d, func() { v.above.receive(req, func(r revocation.Reply) { v.send(r, req, sent, life) }) })
	}
	v.after(v.wait+5*time.Second, func() {
		v.run(func() {
			if v.requests == n && v.life == life {
				v.ask()
			}
		})
	})
}

// send carries a reply through the network, at times twice.
func (v *verifier) send(r revocation.Reply, req revocation.Request, sent revocation.Reading, life int) {
	for range 1 + v.rng.IntN(2)*v.rng.IntN(2) {
		if d, lost := v.delay(); !lost {
			v.after(d, func() { v.run(func() { v.receive(r, req, sent, life) }) })
		}
	}
}

func (v *verifier) receive(r revocation.Reply, req revocation.Request, sent revocation.Reading, life int) {
	if life != v.life || req.Nonce != v.request.Nonce {
		return // an answer to a question that is no longer asked
	}
	if _, err := v.follower.Apply(req, r, v.clocks().Mono); err == nil {
		for _, e := range r.Events {
			v.knew[string(e.Kind)+e.ID] = true
		}
		v.applied = append(v.applied, r.Events...)
		if v.Traps.ArrivalLease || v.Traps.AgeFromArrival && v.taken != nil {
			sent = v.reading()
		}
		v.lease = r.Lease(sent)
		if v.taken != nil {
			v.taken(r)
		}
	}
	v.ask()
}

// heartbeat is the trap of push feeds: a message each second, delayed by a proxy that keeps the cadence.
func (v *verifier) heartbeat(life int) {
	if life != v.life {
		return
	}
	v.after(15*time.Second, func() {
		v.run(func() {
			if life == v.life && v.lease.Length > 0 {
				v.lease.Sent = v.reading()
			}
		})
	})
	v.after(time.Second, func() { v.heartbeat(life) })
}

// disturb does something to the machine. The one thing it spares the process is a sleep and a step of the wall clock
// that hides it, both between two of the process' looks at its clocks: no program could notice.
func (v *verifier) disturb() {
	v.after(v.between(5*time.Second, 40*time.Second), v.disturb)
	d := v.between(time.Second, 25*time.Second)
	switch v.rng.IntN(6) {
	case 0: // SIGSTOP, a long collection, an overloaded host: its clocks go on
		v.stopped = max(v.stopped, v.now+d)
	case 1: // suspended: the monotonic clock stands still; the wall clock is right when it wakes
		v.sleep(d)
	case 2: // the wall clock is set, forward or back
		v.step(v.between(-20*time.Second, 20*time.Second))
	case 3: // suspended, and soon after it wakes the wall clock is set back
		v.sleep(d)
		v.after(d+v.between(time.Second, 3*time.Second), func() { v.step(-v.between(0, d)) })
	case 4: // restart
		v.run(v.boot)
	case 5: // nothing
	}
}

func (v *verifier) sleep(d time.Duration) {
	if v.now >= v.stopped && v.now >= v.stepped+time.Second {
		v.stopped = v.now + d
		v.after(d, func() { v.suspended += d })
	}
}

func (v *verifier) step(by time.Duration) {
	if v.now >= v.stopped+time.Second {
		v.wall, v.stepped = v.wall+by, v.now
	}
}
