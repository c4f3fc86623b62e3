package feed

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Receipt proves that a revocation is enforced: every verifier that held a lease when it committed has either
// acknowledged the position or can no longer decide offline. It does not tell of answers of the live check that were read
// before the commit and are still on their way to a verifier that holds no lease: these count for L at most too.
type Receipt struct {
	Position      uint64
	CommittedAt   time.Time
	Verifiers     int // that held a lease when the revocation committed
	Acknowledged  int
	Lapsed        int
	EnforcedAfter time.Duration
}

// Enforced waits until the commit is enforced everywhere: at most L. It must be called right after the commit.
//
// Errors: that of a ctx that ended first, ErrRolledBack if the log may have lost the commit, and what the store answers.
func (s *Service) Enforced(ctx context.Context, c Commit) (Receipt, error) {
	return s.enforce(ctx, c, nil)
}

// enforce is Enforced, and tells `filling` what becomes of each verifier, if that is not nil.
func (s *Service) enforce(ctx context.Context, c Commit, filling *Filling) (Receipt, error) {
	if s.nodes != nil {
		if err := s.stillHolds(ctx, c); err != nil {
			return Receipt{}, fmt.Errorf("receipt: %w", err)
		}
		if err := s.gatherAcknowledgements(ctx); err != nil {
			return Receipt{}, fmt.Errorf("receipt: %w", err)
		}
		s.nodes.waiting.Add(1)
		defer s.nodes.waiting.Add(-1)
	}
	head, err := s.Log.Head(ctx)
	if err != nil {
		return Receipt{}, fmt.Errorf("receipt: %w", err)
	}
	// Only leases that were granted by now can lack the event: whoever asks from here on is answered from a read that
	// includes it. Their deadlines are therefore fixed now, and renewals do not prolong the wait.
	waiting := s.tracker.leasesAt(time.Now(), s.Lease)
	r := Receipt{Position: c.Position, CommittedAt: c.At, Verifiers: len(waiting)}
	filling.begin(&s.tracker, waiting)
	for {
		moved := s.tracker.settle(&r, waiting, head.Epoch, func(answers map[holderKey]Answer) {
			filling.note(answers, s.Now().Sub(c.At))
		})
		if len(waiting) == 0 {
			if err := s.stillHolds(ctx, c); err != nil {
				return Receipt{}, fmt.Errorf("receipt: %w", err)
			}
			r.EnforcedAfter = max(0, s.Now().Sub(c.At))
			return r, nil
		}
		next := time.Duration(1<<63 - 1)
		for _, until := range waiting {
			next = min(next, time.Until(until))
		}
		timer := time.NewTimer(next)
		select {
		case <-moved:
			timer.Stop()
			if len(waiting) > many { // going through all of them for each that acknowledges would take the square of it
				pause(ctx, time.Millisecond)
			}
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return Receipt{}, context.Cause(ctx)
		}
	}
}

// stillHolds makes sure that the log has not lost the commit: before the wait, and after it, which may have taken as long
// as a failover does.
func (s *Service) stillHolds(ctx context.Context, c Commit) error {
	if s.nodes == nil {
		return nil
	}
	if err := s.intact(ctx); err != nil {
		return err
	}
	if s.nodes.mayBeLost(c) {
		return ErrRolledBack
	}
	return nil
}

// gatherAcknowledgements reads, after the commit, whom other nodes have granted leases, and asks them to write down what
// is acknowledged to them. A verifier whose row is not there yet reads the log after its row is written, and so after
// the commit.
func (s *Service) gatherAcknowledgements(ctx context.Context) error {
	if _, err := s.nodes.looks.Ask(ctx, struct{}{}); err != nil {
		return err
	}
	s.nodes.Signals.Raise(AcknowledgementsWanted)
	return nil
}

// leasesAt answers the deadline of each lease that may hold at the given moment. Whatever may have been granted by
// another node, no lease that was granted by now outlives the present by more than its length.
func (t *tracker) leasesAt(now time.Time, lease time.Duration) map[holderKey]time.Time {
	t.mu.Lock()
	defer t.mu.Unlock()
	waiting := make(map[holderKey]time.Time)
	for key, h := range t.holders {
		if h.until.After(now) {
			waiting[key] = h.until
			if latest := now.Add(lease); h.until.After(latest) {
				waiting[key] = latest
			}
		}
	}
	return waiting
}

// settle takes those out of waiting who have acknowledged the receipt's position or whose lease has lapsed, and answers what
// is closed at the next acknowledgement. `tell` is told of each what it answered.
func (t *tracker) settle(r *Receipt, waiting map[holderKey]time.Time, epoch string, tell func(map[holderKey]Answer)) <-chan struct{} {
	t.mu.Lock()
	now, moved, answers := time.Now(), t.moved, make(map[holderKey]Answer)
	for key, until := range waiting {
		h := t.holders[key]
		switch {
		case h != nil && h.epoch == epoch && h.acked >= r.Position:
			r.Acknowledged++
			answers[key] = Acknowledged
		case !until.After(now):
			r.Lapsed++
			answers[key] = Lapsed
		default:
			continue
		}
		delete(waiting, key)
	}
	t.mu.Unlock()
	tell(answers)
	return moved
}

// many is how many verifiers a receipt looks through without gathering their acknowledgements first.
const many = 64

// Verifier is what an operator sees of a verifier instance.
type Verifier struct {
	Application string
	Instance    string
	Name        string
	Epoch       string
	Position    uint64        // acknowledged
	Staleness   time.Duration // since its last request arrived; negative if this process has seen none
	Lease       time.Duration // until its lease has lapsed at the latest; zero if it has
}

// Verifiers lists those heard of in the last hour, by name.
func (s *Service) Verifiers() []Verifier {
	t := &s.tracker
	t.mu.Lock()
	defer t.mu.Unlock()
	now := time.Now()
	out := make([]Verifier, 0, len(t.holders))
	for key, h := range t.holders {
		v := Verifier{Application: key.application, Instance: key.instance, Name: h.name, Epoch: h.epoch, Position: h.acked,
			Staleness: -1, Lease: min(s.Lease, max(0, h.until.Sub(now)))}
		if heard := later(h.arrived, h.renewed); !heard.IsZero() {
			v.Staleness = now.Sub(heard)
		}
		out = append(out, v)
	}
	slices.SortFunc(out, func(a, b Verifier) int {
		return strings.Compare(a.Name+"\x00"+a.Instance, b.Name+"\x00"+b.Instance)
	})
	return out
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// Forget drops what this process remembers of verifiers that went silent.
func (s *Service) Forget() { s.tracker.forget(time.Now().Add(-forgetAfter)) }

// Housekeep prunes what nobody needs any more from the store, in small batches.
func (s *Service) Housekeep(ctx context.Context) error {
	if err := s.Leases.Forget(ctx, s.now().Add(-2*forgetAfter)); err != nil {
		return fmt.Errorf("forget lease holders: %w", err)
	}
	for {
		n, err := s.Log.Prune(ctx, earlier(s.Now(), s.now()), pruneBatch)
		if err != nil {
			return fmt.Errorf("prune revocation log: %w", err)
		}
		if n < pruneBatch {
			return nil
		}
	}
}

const pruneBatch = 1000
