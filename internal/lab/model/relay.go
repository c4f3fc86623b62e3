package model

import (
	"fmt"
	"time"

	"tandem.example/tandem/verify/revocation"
)

// source is where a sync request goes: the server, or a relay.
type source interface {
	receive(req revocation.Request, answer func(revocation.Reply))
}

// relay is a process that follows the source above it as a verifier does, on a machine of its own, and answers those
// below from what it has read: with its age, counted to the arrival of their request.
type relay struct {
	*verifier
	events  []kept // all live ones
	floor   uint64 // those below it came as a snapshot: who asks from there gets one
	floorAt revocation.Chain
	epoch   string
	head    uint64
	chain   revocation.Chain
	waiting []*asked
}

// kept is an event with how long it must be kept, by the relay's monotonic clock.
type kept struct {
	event revocation.Event
	chain revocation.Chain
	until time.Duration
}

// asked is a request that is held.
type asked struct {
	req     revocation.Request
	arrived time.Duration // by the monotonic clock
	reading revocation.Reading
	answer  func(revocation.Reply)
	over    bool
}

// relayWait is for how long a relay lets its own requests be held.
const relayWait = lease / 20

func newRelay(w *world, i int, above source) *relay {
	r := &relay{verifier: newVerifier(w, i, above)}
	r.name, r.wait = fmt.Sprintf("relay %d", i), relayWait
	r.booted = func() { r.events, r.waiting, r.epoch, r.head, r.floor = nil, nil, "", 0, 0 }
	r.taken = r.take
	return r
}

// take lets those who wait have what was applied.
func (r *relay) take(rep revocation.Reply) {
	chain, err := revocation.ParseChain(rep.Chain)
	if err != nil {
		panic(err) // it was applied
	}
	now, at := r.clocks().Mono, r.chain
	if rep.Snapshot {
		r.events, r.epoch, r.floor, r.floorAt = nil, rep.Epoch, rep.To, chain
	}
	for _, e := range rep.Events {
		at = at.Next(e)
		r.events = append(r.events, kept{e, at, now + time.Duration(e.RetainMS)*time.Millisecond})
	}
	r.head, r.chain = rep.To, chain
	waiting := r.waiting
	r.waiting = nil
	for _, a := range waiting {
		r.try(a, false)
	}
}

func (r *relay) receive(req revocation.Request, answer func(revocation.Reply)) {
	r.run(func() {
		a := &asked{req: req, arrived: r.clocks().Mono, reading: r.reading(), answer: answer}
		r.try(a, false)
		life := r.life
		r.after(time.Duration(req.WaitMS)*time.Millisecond, func() {
			r.run(func() {
				if life == r.life {
					r.try(a, true)
				}
			})
		})
	})
}

// try answers a request if there is something to say, or if it has waited for long enough. One who is ahead is not
// answered from further back, unless that was read above after the question arrived.
func (r *relay) try(a *asked, late bool) {
	if a.over {
		return
	}
	known := a.req.Epoch == "" || a.req.Epoch == r.epoch && a.req.Position <= r.head
	fresh := r.lease.Length > 0 && r.lease.Sent.Mono-r.lease.Age >= a.reading.Mono
	moved := a.req.Epoch != r.epoch || a.req.Position != r.head
	if r.epoch != "" && (known || fresh) && (moved || late) {
		a.over = true
		if rep, ok := r.answer(a); ok {
			a.answer(rep)
		}
		return
	}
	if !late {
		r.waiting = append(r.waiting, a)
	}
}

func (r *relay) answer(a *asked) (rep revocation.Reply, ok bool) {
	age, ok := r.lease.Staleness(r.reading())
	age = max(0, age-(r.clocks().Mono-a.arrived))
	if r.Traps.AgeIgnored {
		age = 0
	}
	if !ok || age >= lease {
		return rep, false
	}
	rep = revocation.Reply{Epoch: r.epoch, From: a.req.Position, To: r.head, Chain: r.chain.String(), Nonce: a.req.Nonce,
		LeaseMS: lease.Milliseconds(), AgeMS: int64((age + time.Millisecond - 1) / time.Millisecond), MaxTokenMS: longToken.Milliseconds()}
	rep.Snapshot = !r.holds(a.req)
	if rep.Snapshot {
		rep.From = 0
	}
	now := r.clocks().Mono
	for _, k := range r.events {
		if e := k.event; rep.Snapshot && now < k.until || !rep.Snapshot && e.Seq > a.req.Position {
			e.RetainMS = max(0, (k.until - now).Milliseconds())
			rep.Events = append(rep.Events, e)
		}
	}
	return rep, true
}

// holds reports whether the place asked from is in the history here, so that events can follow it.
func (r *relay) holds(req revocation.Request) bool {
	if req.Epoch != r.epoch || req.Position < r.floor || req.Position > r.head {
		return false
	}
	at := r.floorAt
	if req.Position > r.floor {
		at = r.events[len(r.events)-int(r.head-req.Position)-1].chain
	}
	return req.Chain == at.String()
}
