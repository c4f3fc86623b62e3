// Package model is the promise of revocation as an executable model: the real pure rules of verify/revocation
// (Follower, Set, Lease) among modelled servers, clocks and networks, against an adversary that delays, drops and
// doubles messages, pauses and suspends machines, and sets their clocks. It runs in simulated time, from a seed.
//
// It checks two things: no credential is accepted more than L after its revocation committed, and no unrevoked one is
// refused while a lease holds. Each trap that is known to break the promise can be put back by name; the tests
// show that the model then finds the breach, so its silence means something.
package model

import (
	"container/heap"
	"math/rand/v2"
	"time"
)

// Traps are mistakes that break the promise. All false is the system as it is built.
type Traps struct {
	ArrivalLease       bool // the lease is counted from the reply's arrival
	Heartbeat          bool // any message that arrives renews the lease: a delay that keeps the cadence goes unnoticed
	SplitCommit        bool // the event is appended some time after the change it announces
	CachedRead         bool // the server answers from a cache
	RevisionAfterState bool // a token's rv is read after the state
	ShortRetention     bool // events are kept for the lifetime in force now, not for the longest of a living token
	MonotonicOnly      bool // the verifier does not look at the wall clock: a suspended machine's lease goes on
	CoarseClock        bool // decisions use a clock that a ticker updates: the first one after a pause uses an old one
	LeaseAfterCheck    bool // the lease is loaded after the set was checked, and may be newer than what was checked
	EmptyStart         bool // before the first reply, nothing counts as revoked
	Eviction           bool // a full set drops its oldest entries
	SleepForgotten     bool // a sleep that was noticed counts no more once the wall clock is set back
	AgeIgnored         bool // a relay does not say how old its answer is
	AgeFromArrival     bool // a relay counts the age of its answer from when it had read it, not from when it asked
}

// Config is one run.
type Config struct {
	Seed  uint64
	Traps Traps
	// SetLimit is the size of the verifiers' sets; 0 for large. A small one makes them collapse.
	SetLimit int
	// Relays is the length of a chain of relays: the first verifier asks the server, each next one a relay further.
	Relays int
	// Restore lets the server lose its tail and begin a new epoch.
	Restore bool
	For     time.Duration
}

// The figures of the modelled installation. Tokens live for a minute, so that runs see them expire.
const (
	lease      = 10 * time.Second
	wait       = 2 * time.Second
	longToken  = time.Minute
	shortToken = 10 * time.Second
	verifiers  = 3
	users      = 6
)

// Result is what a run saw.
type Result struct {
	Decisions, Accepted, Revocations int
	Worst                            time.Duration // between a commit and the last acceptance of what it revoked
	Breach                           string        // what broke the promise, empty if nothing did
	FalseRefusal                     string        // an unrevoked credential refused under a lease, empty if none was
	Unrevoked                        string        // after a restore: something accepted by a verifier that knew it to be revoked
}

type world struct {
	Config
	rng    *rand.Rand
	now    time.Duration
	queue  queue
	order  int
	server *server
	all    []*verifier
	tokens []*credential
	result Result
}

// Run plays one schedule.
func Run(c Config) Result {
	w := &world{Config: c, rng: rand.New(rand.NewPCG(c.Seed, 1))}
	w.server = newServer(w)
	above := []source{w.server}
	for i := range c.Relays {
		r := newRelay(w, i, above[i])
		above = append(above, r)
		r.boot()
		w.after(w.between(0, 20*time.Second), r.disturb)
	}
	for i := range verifiers {
		w.all = append(w.all, newVerifier(w, i, above[min(i, c.Relays)]))
	}
	w.after(0, w.mint)
	w.after(w.between(0, 3*time.Second), w.revoke)
	for _, v := range w.all {
		v.boot()
		w.after(w.between(0, time.Second), v.decide)
		w.after(w.between(0, 20*time.Second), v.disturb)
	}
	w.after(w.For/2, w.server.shorten)
	if c.Restore {
		w.after(w.For*2/3, w.server.restore)
	}
	for w.queue.Len() > 0 && w.queue[0].at <= c.For {
		next := heap.Pop(&w.queue).(event)
		w.now = next.at
		next.do()
	}
	return w.result
}

// between draws a duration, evenly.
func (w *world) between(low, high time.Duration) time.Duration {
	return low + time.Duration(w.rng.Int64N(int64(high-low)+1))
}

func (w *world) chance(p float64) bool { return w.rng.Float64() < p }

// delay draws what the network does to a message: mostly nothing much, at times the worst.
func (w *world) delay() (d time.Duration, lost bool) {
	switch {
	case w.chance(0.05):
		return 0, true
	case w.chance(0.1):
		return w.between(0, 25*time.Second), false
	}
	return w.between(time.Millisecond, 30*time.Millisecond), false
}

func (w *world) after(d time.Duration, do func()) {
	w.order++
	heap.Push(&w.queue, event{w.now + d, w.order, do})
}

type event struct {
	at    time.Duration
	order int
	do    func()
}

type queue []event

func (q queue) Len() int { return len(q) }
func (q queue) Less(i, j int) bool {
	return q[i].at < q[j].at || q[i].at == q[j].at && q[i].order < q[j].order
}
func (q queue) Swap(i, j int) { q[i], q[j] = q[j], q[i] }
func (q *queue) Push(x any)   { *q = append(*q, x.(event)) }
func (q *queue) Pop() any {
	old := *q
	last := old[len(old)-1]
	*q = old[:len(old)-1]
	return last
}
