package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// Key events in force are spared when the floor moves past them. They live on below it, until deleteSpared.
const (
	lockFloor    = `SELECT floor FROM head WHERE one FOR NO KEY UPDATE`
	deleteSpared = `DELETE FROM events WHERE seq IN (
		SELECT seq FROM events WHERE kind = 'key' AND seq <= $1 AND retain_until <= $2 ORDER BY seq LIMIT $3)`
	selectPrunable = `SELECT seq, kind = 'key', chain, retain_until FROM events WHERE seq > $1 ORDER BY seq LIMIT $2`
	deletePruned   = `DELETE FROM events WHERE seq > $1 AND seq <= $2 AND (kind <> 'key' OR retain_until <= $3)`
	moveFloor      = `UPDATE head SET floor = $1, anchor = $2 WHERE one`
)

// passedOver is how many key events in force one pruning passes over at most.
const passedOver = 200

// Prune moves the floor up. A key event that is still in force is passed over rather than in the way: it is kept for
// years, and the events of years must not wait for it.
func (p revocationLog) Prune(ctx context.Context, now time.Time, limit int) (pruned int, err error) {
	if limit <= 0 {
		return 0, ctx.Err()
	}
	err = p.s.transact(ctx, func(t *tx) error {
		var floor int64
		err := t.first(func(row pgx.Row) error { return row.Scan(&floor) }, lockFloor)
		if err != nil {
			return err
		}
		pruned = 0
		count := func(tag pgconn.CommandTag) error {
			pruned += int(tag.RowsAffected())
			return nil
		}
		t.queue(deleteSpared, floor, millis(now), limit).Exec(count)
		if err := t.send(); err != nil {
			return err
		}
		to, chain, err := t.prunable(floor, grain(now), limit-pruned)
		if err != nil {
			return err
		}
		if to == floor && pruned == 0 {
			return errNothingToDo
		}
		if to > floor {
			t.queue(deletePruned, floor, to, millis(now)).Exec(count)
			t.queue(moveFloor, to, chain)
		}
		return t.commit()
	})
	if err != nil && !errors.Is(err, errNothingToDo) {
		return 0, fmt.Errorf("prune the log: %w", err)
	}
	return pruned, nil
}

// prunable is how far the floor may move so that at most limit events go, and the chain there.
func (t *tx) prunable(floor int64, now time.Time, limit int) (to int64, chain []byte, err error) {
	to = floor
	if limit <= 0 {
		return to, nil, nil
	}
	t.queue(selectPrunable, floor, limit+passedOver).Query(func(rows pgx.Rows) error {
		for dead := 0; rows.Next(); {
			var seq, until int64
			var isKey bool
			var at []byte
			if err := rows.Scan(&seq, &isKey, &at, &until); err != nil {
				return err
			}
			live := now.Before(instant(until))
			if dead >= limit || live && !isKey {
				rows.Close()
				return nil
			}
			if !live {
				dead++
			}
			to, chain = seq, at
		}
		return rows.Err()
	})
	err = t.send()
	return to, chain, err
}
