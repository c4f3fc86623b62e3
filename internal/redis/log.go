package redis

import (
	"context"
	"fmt"
	"time"

	"tandem.example/tandem/internal/feed"
)

// Log answers the port to the revocation log of the SQL store. It differs in what Redis has to do with it.
func (s *Store) Log() feed.Log { return revocationLog{s.base.Log, s} }

type revocationLog struct {
	feed.Log
	s *Store
}

// Prune first makes sure that every end has been done in Redis, so that nothing is forgotten that Redis has yet to
// learn. While Redis cannot be reached the log is kept.
func (l revocationLog) Prune(ctx context.Context, now time.Time, limit int) (int, error) {
	if err := l.s.settleAll(ctx); err != nil {
		return 0, fmt.Errorf("prune: %w", err)
	}
	return l.Log.Prune(ctx, now, limit)
}

// OnCommit is hinted by the SQL store and by Redis, whichever comes first.
func (l revocationLog) OnCommit(hint func()) {
	l.Log.OnCommit(hint)
	l.s.hints.onCommit(hint)
}

// BeginEpoch is that of the SQL store. If it is to end sessions, nothing has to be done here: a bucket whose mark is of
// another epoch loses its sessions. If it is not, the buckets are told before that it comes.
func (s *Store) BeginEpoch(ctx context.Context, n feed.NewEpoch) (feed.Commit, error) {
	if !n.EndSessions {
		// Not to lose ends of which the old log alone still tells.
		if err := s.settleAll(ctx); err != nil {
			return feed.Commit{}, fmt.Errorf("begin epoch: %w", err)
		}
		if err := s.expect(ctx, n.Epoch); err != nil {
			return feed.Commit{}, fmt.Errorf("begin epoch: %w", err)
		}
	}
	commit, err := s.base.Whole.BeginEpoch(ctx, n)
	if err != nil {
		return commit, err
	}
	if err := s.settleAll(ctx); err != nil {
		s.log.Warn("redis has not followed into the new epoch yet", "error", err)
	}
	return commit, nil
}

// expect writes into every mark that the epoch may begin without ending sessions.
func (s *Store) expect(ctx context.Context, epoch string) error {
	of := allBuckets()
	for range attempts {
		marks, err := s.marks(ctx, of)
		if err != nil {
			return err
		}
		told := true
		for i := range marks {
			told = told && marks[i].next == epoch
			marks[i].next = epoch
		}
		if told {
			return nil
		}
		if err := s.replace(ctx, of, marks); err != nil {
			return err
		}
	}
	return errUnsettled
}
