package verifytest

import (
	"crypto/rand"
	"time"

	"tandem.example/tandem/verify/revocation"
	"tandem.example/tandem/verify/token"
)

// skew is how far clocks may be apart anywhere in the protocol.
const skew = time.Minute

// log is the revocation log. Server.mu guards it.
type log struct {
	epoch  string
	events []logged // those that are not pruned, in order
	floor  uint64   // events up to here are pruned
	head   uint64
	chains map[uint64]revocation.Chain
	moved  chan struct{} // closed when the log moves on
}

type logged struct {
	event revocation.Event
	until time.Time // to be retained
}

// begin starts a new epoch with an empty log.
func (l *log) begin() {
	moved := l.moved
	epoch := rand.Text() // 26 characters
	*l = log{epoch: epoch, chains: map[uint64]revocation.Chain{0: revocation.Genesis(epoch)}, moved: make(chan struct{})}
	if moved != nil {
		close(moved)
	}
}

// add appends an event and returns its position.
func (l *log) add(e revocation.Event, until time.Time) uint64 {
	l.head++
	e.Seq = l.head
	l.events = append(l.events, logged{e, until})
	l.chains[l.head] = l.chains[l.head-1].Next(e)
	close(l.moved)
	l.moved = make(chan struct{})
	return l.head
}

// prune drops the events that no token can be forbidden by any more.
func (l *log) prune(now time.Time) {
	for len(l.events) > 0 && l.events[0].until.Before(now) {
		l.floor = l.events[0].event.Seq
		l.events = l.events[1:]
	}
}

// since returns the events after a place, or all and true if the log cannot be
// continued from there.
func (l *log) since(r revocation.Request, now time.Time) (events []revocation.Event, snapshot bool) {
	snapshot = r.Epoch != l.epoch || r.Position < l.floor || r.Position > l.head || r.Chain != l.chains[r.Position].String()
	events = []revocation.Event{}
	for _, e := range l.events {
		if snapshot || e.event.Seq > r.Position {
			e.event.RetainMS = max(0, e.until.Sub(now).Milliseconds())
			events = append(events, e.event)
		}
	}
	return events, snapshot
}

func (l *log) revision() token.Revision { return token.RevisionAt(l.epoch, l.head) }

// append writes an event. s.mu is held.
func (s *Server) append(e revocation.Event) uint64 {
	if err := e.Validate(); err != nil {
		s.fatal("verifytest: %v", err)
	}
	until := s.now().Add(s.settings.maxToken + skew)
	if e.Kind == revocation.KindKey {
		until = until.AddDate(10, 0, 0) // a stolen key signs any time
	}
	return s.log.add(e, until)
}

// Position is the head of the revocation log.
func (s *Server) Position() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.log.head
}

// Epoch is the revocation log's epoch.
func (s *Server) Epoch() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.log.epoch
}

// Restore puts the server back to an empty log in a new epoch, as restoring a
// backup does. Sessions live on.
func (s *Server) Restore() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.log.begin()
}

// Rollback forgets the last n events under the same epoch, which no honest
// server does: a store that was copied back in secret.
func (s *Server) Rollback(n uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.log.head -= n
	for len(s.log.events) > 0 && s.log.events[len(s.log.events)-1].event.Seq > s.log.head {
		s.log.events = s.log.events[:len(s.log.events)-1]
	}
}

// Prune drops every event there is, as time does.
func (s *Server) Prune() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.log.events, s.log.floor = nil, s.log.head
}
