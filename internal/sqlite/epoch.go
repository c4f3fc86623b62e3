package sqlite

import (
	"context"
	"fmt"

	"tandem.example/tandem/internal/feed"
	"tandem.example/tandem/internal/session"
	"tandem.example/tandem/verify/revocation"
)

// BeginEpoch replaces the log by a new one after a restore, see feed.NewEpoch. It answers the position of the last
// key event that was carried over, 0 if there is none. It rewrites every session, so it takes seconds for a million,
// during which no other write commits.
func (s *Store) BeginEpoch(ctx context.Context, n feed.NewEpoch) (commit feed.Commit, err error) {
	err = s.write.do(ctx, func(t *tx) error {
		if n.From != "" && n.From != t.head.epoch {
			return feed.ErrEpochMoved
		}
		keys, err := t.keyEvents()
		if err != nil {
			return fmt.Errorf("begin epoch: %w", err)
		}
		if err := t.forgetPositions(n); err != nil {
			return fmt.Errorf("begin epoch: %w", err)
		}
		t.changes.all = true
		old := t.head
		t.head = newHead(n.Epoch)
		t.head.lifetime, t.head.committed, t.head.ring = old.lifetime, old.committed, old.ring
		commit, err = t.finish(n.At, keys, n.Audit)
		return err
	})
	return commit, err
}

// forgetPositions empties what holds positions of the old epoch. Sessions that only a position had ended are ended for
// good first.
func (t *tx) forgetPositions(n feed.NewEpoch) error {
	_, err := t.exec(`UPDATE sessions SET ended_at = ?, end_reason = ? WHERE ended_at = 0
		AND position < (SELECT sessions_from FROM applications a WHERE a.n = sessions.application)`,
		millis(n.At), string(session.AppRevoked))
	if err == nil && n.EndSessions {
		// Those whose deadlines have passed too: were the clock to step back, they would live again.
		_, err = t.exec(`UPDATE sessions SET ended_at = ?, end_reason = ? WHERE ended_at = 0`,
			millis(n.At), string(session.Restored))
	}
	for _, query := range []string{
		`UPDATE sessions SET position = 0, tokens_from = 0 WHERE position <> 0 OR tokens_from <> 0`,
		`UPDATE applications SET sessions_from = 0 WHERE name IS NOT NULL`,
		`DELETE FROM events`,
		`DELETE FROM attempts`,
	} {
		if err == nil {
			_, err = t.exec(query)
		}
	}
	if err == nil && !n.KeepHolders {
		_, err = t.exec(`DELETE FROM holders`)
	}
	return err
}

func (t *tx) keyEvents() (drafts []revocation.Event, err error) {
	rows, err := t.rows(`SELECT seq, kind, id, chain, retain_until FROM events WHERE kind = ? ORDER BY seq`,
		string(revocation.KindKey))
	stored, err := collect(rows, err, scanEvent)
	for _, e := range stored {
		drafts = append(drafts, e.Event)
	}
	return drafts, err
}
