package redis

import (
	"context"
	"sync"
	"time"

	"tandem.example/tandem/internal/session"
)

// standings lets one read of the ledger answer all who ask at the same time. Who asks while a read is under way waits
// for the next: answering from the running one would break the promise that the read began after the question.
type standings struct {
	ledger session.Ledger

	mu      sync.Mutex
	running bool
	next    *flight // gathers those who wait
}

// flight is one read for several who ask.
type flight struct {
	of     []session.Subject
	done   chan struct{}
	ground session.Ground
	err    error
}

const (
	// flightTime bounds a read that no single caller may cancel for the others.
	flightTime = 5 * time.Second
	// flightSize is how many sessions one read asks for at most.
	flightSize = 512
)

// of answers how the sessions stand, from a read that begins after the call.
func (s *standings) of(ctx context.Context, subjects []session.Subject) (session.Ground, error) {
	s.mu.Lock()
	if f := s.next; len(subjects) > flightSize || f != nil && len(f.of)+len(subjects) > flightSize {
		s.mu.Unlock()
		return s.ledger.Standing(ctx, subjects)
	}
	if !s.running {
		s.running = true
		s.mu.Unlock()
		defer s.pass()
		return s.ledger.Standing(ctx, subjects)
	}
	if s.next == nil {
		s.next = &flight{done: make(chan struct{})}
	}
	f := s.next
	from := len(f.of)
	f.of = append(f.of, subjects...)
	to := len(f.of)
	s.mu.Unlock()
	select {
	case <-f.done:
	case <-ctx.Done():
		return session.Ground{}, context.Cause(ctx)
	}
	ground := f.ground
	if f.err == nil {
		ground.Of = ground.Of[from:to:to]
	}
	return ground, f.err
}

// pass begins the next read, if anybody waits for it.
func (s *standings) pass() {
	s.mu.Lock()
	f := s.next
	s.next = nil
	s.running = f != nil
	s.mu.Unlock()
	if f != nil {
		go func() {
			f.run(s.ledger)
			s.pass()
		}()
	}
}

func (f *flight) run(ledger session.Ledger) {
	ctx, cancel := context.WithTimeout(context.Background(), flightTime)
	defer cancel()
	f.ground, f.err = ledger.Standing(ctx, f.of)
	close(f.done)
}
