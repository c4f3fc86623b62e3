package main

import (
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"tandem.example/tandem/verify/revocation"
)

const (
	setEpoch  = "bench000000000000000000000"
	setSize   = 1_000_000
	setEvents = 10_000 // applied at once
)

// followed is a Set that a Follower fills.
type followed struct {
	set      *revocation.Set
	follower *revocation.Follower
	position uint64
	chain    revocation.Chain
}

// newFollowed is a Set of n sessions of others.
func newFollowed(n int) (*followed, error) {
	f := &followed{set: revocation.NewSet(0), chain: revocation.Genesis(setEpoch)}
	f.follower = revocation.NewFollower("bench", "1", f.set)
	rep := f.next(n)
	rep.From, rep.Snapshot = 0, true
	_, err := f.follower.Apply(f.follower.Request(rep.Nonce, 0), rep, 0)
	return f, err
}

// next is the reply with the next n events.
func (f *followed) next(n int) revocation.Reply {
	rep := revocation.Reply{Epoch: setEpoch, From: f.position, Nonce: "nonce", LeaseMS: 10_000, MaxTokenMS: 300_000, Events: make([]revocation.Event, n)}
	for i := range rep.Events {
		f.position++
		e := revocation.SessionEvent("revoked " + strconv.FormatUint(f.position, 10))
		e.Seq, e.RetainMS = f.position, 3_600_000
		f.chain = f.chain.Next(e)
		rep.Events[i] = e
	}
	rep.To, rep.Chain = f.position, f.chain.String()
	return rep
}

// Row 3: what a million entries add to a check, weigh, and whether 10,000 more are applied without readers noticing.
func largeSet(b *bench) error {
	none, err := newFollowed(0)
	if err != nil {
		return err
	}
	before := heap()
	full, err := newFollowed(setSize)
	if err != nil {
		return err
	}
	bytes := (heap() - before) / setSize
	tokens := unnamed()
	check := func(s *revocation.Set) func() (sample, error) {
		return func() (sample, error) {
			return each(1_000_000, func(i int) error {
				if v := s.Check(&tokens[i&(len(tokens)-1)]); v != revocation.Clear {
					return fmt.Errorf("a token that nothing names is %s", v)
				}
				return nil
			})
		}
	}
	d, err := b.fight(check(none.set), check(full.set))
	if err != nil {
		return err
	}
	b.add(result{Row: "3", Work: "set check, 1,000,000 entries: added", Floor: nanos(of(d.floor, sample.wallNS)),
		Ours: nanos(of(d.ours, sample.wallNS)), Value: d.extra(sample.wallNS), CPU: d.extra(sample.cpuNS), Budget: new(within(60, "ns more"))})
	b.add(result{Row: "3", Work: "set: bytes an entry", Floor: "-", Ours: digits(bytes) + " B", Value: bytes, Budget: new(atMost(60, "B"))})
	return b.applyEvents(full, tokens)
}

// unnamed are tokens that no event names, too many for the processor's nearest caches.
func unnamed() []revocation.Token {
	list := make([]revocation.Token, 1<<16)
	for i := range list {
		name := strconv.Itoa(i)
		list[i] = revocation.Token{SessionID: revocation.Hash("session " + name), Subject: revocation.Hash("subject " + name),
			ClientID: revocation.Hash("app"), KeyID: revocation.Hash("key"), Epoch: revocation.Short(setEpoch)}
	}
	return list
}

// applyEvents applies replies, and then one more while another goroutine checks. The floor is the SHA-256 of the hash
// chain, which every verifier must compute.
func (b *bench) applyEvents(f *followed, tokens []revocation.Token) error {
	apply := func() (s sample, err error) {
		rep := f.next(setEvents)
		req := f.follower.Request(rep.Nonce, 0)
		return timed(1, func() error {
			_, err := f.follower.Apply(req, rep, 0)
			return err
		})
	}
	d, err := b.fight(
		func() (sample, error) {
			e, chain := revocation.SessionEvent("x"), revocation.Genesis(setEpoch)
			s, err := each(setEvents, func(int) error { chain = chain.Next(e); return nil })
			s.n = 1
			return s, err
		}, apply)
	if err != nil {
		return err
	}
	r := result{Row: "3", Work: "set: 10,000 events applied to 1,000,000", Floor: nanos(of(d.floor, sample.wallNS)),
		Ours: nanos(of(d.ours, sample.wallNS)), Value: of(d.ours, sample.wallNS) / 1e6, CPU: of(d.ours, sample.cpuNS) / 1e6, Budget: new(within(5, "ms"))}
	idle := checkTimes(f.set, tokens, func() { time.Sleep(20 * time.Millisecond) })
	during := checkTimes(f.set, tokens, func() {
		for range 3 {
			if _, aerr := apply(); aerr != nil {
				err = aerr
			}
		}
	})
	r.note("the floor is the hash chain alone; a hundred checks meanwhile: median %s, p99 %s (otherwise %s, %s)",
		nanos(quantile(during, 0.5)), nanos(quantile(during, 0.99)), nanos(quantile(idle, 0.5)), nanos(quantile(idle, 0.99)))
	b.add(r)
	return err
}

// checkTimes runs work, and beside it checks in batches of a hundred; it answers how long the batches took, in ns.
func checkTimes(s *revocation.Set, tokens []revocation.Token, work func()) (times []float64) {
	var done atomic.Bool
	var wg sync.WaitGroup
	wg.Go(func() {
		for i := 0; !done.Load() || len(times) < 100; {
			start := time.Now()
			for range 100 {
				s.Check(&tokens[i&(len(tokens)-1)])
				i++
			}
			times = append(times, float64(time.Since(start)))
		}
	})
	work()
	done.Store(true)
	wg.Wait()
	return times
}
