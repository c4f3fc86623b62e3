package postgres

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"tandem.example/tandem/internal/feed"
	"tandem.example/tandem/verify/revocation"
)

// The base of the new epoch lies above every ordinal that was used, so sessions, users and applications keep theirs: what
// an ordinal has ended stays ended, and what it has not reads as from position 0. The time keeps a store that was
// restored above what was used after its backup was made. So it does with the version of the signing keys, of which a node
// may hold one that was lost: it must not take another for it.
const (
	lockEpoch  = `SELECT epoch FROM head WHERE one FOR NO KEY UPDATE`
	beginEpoch = `UPDATE head SET base = greatest(base + position + 1, ` + microseconds + `), position = 0, floor = 0,
		epoch = $1, chain = $2, anchor = $2, ring = greatest(ring + 1, ` + microseconds + `) WHERE one`
	// Whether or not their deadlines have passed: were the clock to step back, they would live again.
	endEverySession = `UPDATE head SET sessions_from = base, sessions_ended_at = $1 WHERE one`
	selectKeyEvents = `SELECT id FROM events WHERE kind = 'key' ORDER BY seq`
)

// BeginEpoch replaces the log by a new one after a restore, see feed.NewEpoch. It answers the position of the last
// key event that was carried over, 0 if there is none. However many sessions there are, none is written.
func (s *Store) BeginEpoch(ctx context.Context, n feed.NewEpoch) (commit feed.Commit, err error) {
	genesis := revocation.Genesis(n.Epoch)
	err = s.transact(ctx, func(t *tx) error {
		var old string
		var keys []revocation.Event
		t.queue(lockEpoch).QueryRow(func(row pgx.Row) error { return row.Scan(&old) })
		t.queue(selectKeyEvents).Query(func(rows pgx.Rows) error {
			kids, err := pgx.CollectRows(rows, pgx.RowTo[string])
			for _, kid := range kids {
				keys = append(keys, revocation.KeyEvent(kid))
			}
			return err
		})
		if err := t.send(); err != nil {
			return err
		}
		if n.From != "" && n.From != old {
			return feed.ErrEpochMoved
		}
		t.queue(`DELETE FROM events`)
		t.queue(`DELETE FROM attempts`)
		t.queue(beginEpoch, n.Epoch, genesis[:])
		if n.EndSessions {
			t.queue(endEverySession, millis(n.At))
		}
		if !n.KeepHolders {
			t.queue(`DELETE FROM holders`)
		}
		reached := &place{}
		t.queue(selectAppend, appending(n.At, keys, n.Audit)...).QueryRow(reached.scan)
		if err := t.commit(); err != nil {
			return err
		}
		commit = reached.commit(n.At)
		return nil
	})
	if errors.Is(err, feed.ErrEpochMoved) {
		return feed.Commit{}, err
	}
	if err != nil {
		return feed.Commit{}, fmt.Errorf("begin epoch: %w", err)
	}
	s.committed(n.At, 1) // whoever waits learns of the epoch, even if it begins without an event
	return commit, nil
}
