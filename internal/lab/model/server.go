package model

import (
	"fmt"
	"time"

	"tandem.example/tandem/verify/revocation"
)

// fact is what truly happened: who was revoked, and when.
type fact struct {
	at    time.Duration
	names func(*credential) bool
	order int // of facts: a credential whose state is as of an earlier one is concerned
	lost  bool
}

// logged is an event in the log.
type logged struct {
	event       revocation.Event
	chain       revocation.Chain
	at          time.Duration
	retainUntil time.Duration
}

// history is what the server's database holds, and held.
type history struct {
	epoch  string
	events []logged // all of the epoch; those below floor are pruned
	floor  uint64
}

type server struct {
	*world
	history
	facts    []*fact
	lifetime time.Duration
	waiting  []*held
	epochs   int
}

// held is a sync request that waits for the log to move.
type held struct {
	answer func()
}

func newServer(w *world) *server {
	s := &server{world: w, lifetime: longToken}
	s.begin()
	return s
}

func (s *server) begin() {
	s.epochs++
	s.history = history{epoch: fmt.Sprintf("%08d000000000000000000", s.epochs)}
}

func (h *history) head() uint64 { return uint64(len(h.events)) }

func (h *history) chainAt(position uint64) revocation.Chain {
	if position == 0 {
		return revocation.Genesis(h.epoch)
	}
	return h.events[position-1].chain
}

// commit makes a revocation true and appends its event, in one commit unless the trap says otherwise.
func (s *server) commit(e revocation.Event, names func(*credential) bool) {
	s.result.Revocations++
	s.facts = append(s.facts, &fact{at: s.now, names: names, order: len(s.facts) + 1})
	if s.Traps.SplitCommit && s.chance(0.3) {
		s.after(s.between(0, 20*time.Second), func() { s.append(e) })
		return
	}
	s.append(e)
}

func (s *server) append(e revocation.Event) {
	e.Seq = s.head() + 1
	// The longest lifetime of a living token: after it was shortened, the old one counts until the last has expired.
	keep := longToken
	if s.Traps.ShortRetention {
		keep = s.lifetime
	}
	l := logged{event: e, at: s.now, retainUntil: s.now + keep + time.Second, chain: s.chainAt(s.head()).Next(e)}
	s.events = append(s.events, l)
	for _, h := range s.waiting {
		s.after(s.between(0, 10*time.Millisecond), h.answer)
	}
	s.waiting = nil
}

// shorten configures a shorter token lifetime: tokens of the longer one are still about.
func (s *server) shorten() { s.lifetime = shortToken }

// restore brings back a state of some time ago under a new epoch. What was revoked since is lost to the server; a
// verifier that knew it must go on refusing.
func (s *server) restore() {
	back := s.now - s.between(0, 30*time.Second)
	for _, f := range s.facts {
		f.lost = f.lost || f.at > back
	}
	s.begin()
	for _, h := range s.waiting {
		h.answer()
	}
	s.waiting = nil
}

// receive takes a sync request and answers when the log has moved on or the wait is over, from a read that begins
// then.
func (s *server) receive(req revocation.Request, answer func(revocation.Reply)) {
	h := &held{}
	done := false
	h.answer = func() {
		if done {
			return
		}
		done = true
		answer(s.read(req))
	}
	if req.Epoch != s.epoch || req.Position != s.head() {
		h.answer()
		return
	}
	s.waiting = append(s.waiting, h)
	s.after(time.Duration(req.WaitMS)*time.Millisecond, h.answer)
}

func (s *server) read(req revocation.Request) revocation.Reply {
	s.prune()
	head := s.head()
	if s.Traps.CachedRead { // what was known 15 s ago, though not older than what the verifier knows
		for head > req.Position && s.events[head-1].at > s.now-15*time.Second {
			head--
		}
	}
	r := revocation.Reply{Epoch: s.epoch, From: req.Position, To: head, Chain: s.chainAt(head).String(), Nonce: req.Nonce,
		LeaseMS: lease.Milliseconds(), ServerTimeMS: s.now.Milliseconds(), MaxTokenMS: longToken.Milliseconds()}
	known := req.Epoch == s.epoch && req.Position >= s.floor && req.Position <= head && s.chainAt(req.Position).String() == req.Chain
	if !known {
		r.Snapshot, r.From = true, 0
	}
	for _, l := range s.events[:head] {
		if seq := l.event.Seq; seq <= s.floor || known && seq <= req.Position {
			continue
		}
		e := l.event
		e.RetainMS = max(0, (l.retainUntil - s.now).Milliseconds())
		r.Events = append(r.Events, e)
	}
	return r
}

func (s *server) prune() {
	for s.floor < s.head() && s.events[s.floor].retainUntil <= s.now {
		s.floor++
	}
}
