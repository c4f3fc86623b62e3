package redis_test

import (
	"context"
	"testing"
	"time"

	"tandem.example/tandem/internal/redis"
	"tandem.example/tandem/internal/session"
)

// between lets something happen right after it was read how sessions stand, and before their rows are.
type between struct {
	session.Ledger
	after func()
}

func (b *between) Standing(ctx context.Context, of []session.Subject) (session.Ground, error) {
	g, err := b.Ledger.Standing(ctx, of)
	if after := b.after; after != nil && len(of) > 0 {
		b.after = nil
		after()
	}
	return g, err
}

// Whoever ends a session that another node has ended a moment before is told a position that holds that end: a receipt
// waits for it.
func TestEndingWhatHasEndedAnswersAPositionBehindTheEnd(t *testing.T) {
	w := newWorld(t, server(t).URL())
	other, ledger := w.node(), &between{}
	s := w.node(func(c *redis.Config) { ledger.Ledger, c.Base.Ledger = c.Base.Ledger, ledger })
	one := w.start(other).Session
	var first uint64
	ledger.after = func() {
		commit, _, err := other.Sessions().End(t.Context(), session.Ending{Session: one.ID, Reason: session.EndedByUser, At: time.Now()})
		w.ok(err)
		first = commit.Position
	}
	commit, ended, err := s.Sessions().End(t.Context(), session.Ending{Session: one.ID, Reason: session.EndedByOperator, At: time.Now()})
	w.ok(err)
	if ended != 0 || first == 0 || commit.Position < first {
		t.Errorf("%d ended, position %d; the end is at %d", ended, commit.Position, first)
	}
}
