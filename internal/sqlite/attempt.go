package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"tandem.example/tandem/internal/session"
	"tandem.example/tandem/internal/signin"
)

// Attempts answers the port to attempts.
func (s *Store) Attempts() signin.Attempts { return attempts{s} }

type attempts struct{ s *Store }

const insertAttempt = `INSERT INTO attempts (id, digest, state, version, tries, expires_at) VALUES (?, ?, ?, ?, ?, ?)`

func (p attempts) Begin(ctx context.Context, a signin.Attempt) error {
	return p.s.write.do(ctx, func(t *tx) error {
		_, err := t.exec(insertAttempt, a.ID, a.Digest[:], blob(a.State), int64(a.Version), a.Tries, millis(a.ExpiresAt))
		if err != nil {
			return fmt.Errorf("begin attempt: %w", err)
		}
		return nil
	})
}

const selectAttempt = `SELECT id, digest, state, version, tries, expires_at FROM attempts WHERE id = ?`

func scanAttempt(row scanner) (a signin.Attempt, err error) {
	var digest []byte
	var expires int64
	err = row.Scan(&a.ID, &digest, &a.State, &a.Version, &a.Tries, &expires)
	if errors.Is(err, sql.ErrNoRows) {
		return signin.Attempt{}, signin.ErrNoAttempt
	}
	if err != nil {
		return signin.Attempt{}, err
	}
	a.ExpiresAt = instant(expires)
	a.Digest, err = fromDigest(digest)
	return a, err
}

func (p attempts) Find(ctx context.Context, attempt string, now time.Time) (signin.Attempt, error) {
	if p.s.closed.Load() {
		return signin.Attempt{}, ErrClosed
	}
	a, err := scanAttempt(p.s.read.row(ctx, selectAttempt, attempt))
	if err == nil && !now.Before(a.ExpiresAt) {
		err = signin.ErrNoAttempt
	}
	if err != nil {
		return signin.Attempt{}, fmt.Errorf("find attempt: %w", err)
	}
	return a, nil
}

const updateAttempt = `UPDATE attempts SET state = ?, version = version + 1, tries = ?, expires_at = ? WHERE id = ?`

func (p attempts) Advance(ctx context.Context, a signin.Attempt) error {
	return p.s.write.do(ctx, func(t *tx) error {
		now, err := scanAttempt(t.row(selectAttempt, a.ID))
		if err == nil && now.Version != a.Version {
			err = session.ErrRaced
		}
		if a.Tries == 0 {
			now.Tries = 0
		}
		if err == nil {
			_, err = t.exec(updateAttempt, blob(a.State), now.Tries, millis(a.ExpiresAt), a.ID)
		}
		if err != nil {
			return fmt.Errorf("advance attempt: %w", err)
		}
		return nil
	})
}

const (
	selectTries = `SELECT tries FROM attempts WHERE id = ?`
	countTry    = `UPDATE attempts SET tries = tries + 1 WHERE id = ?`
)

func (p attempts) Try(ctx context.Context, attempt string, limit int) error {
	return p.s.write.do(ctx, func(t *tx) error {
		var tries int
		err := t.row(selectTries, attempt).Scan(&tries)
		switch {
		case errors.Is(err, sql.ErrNoRows):
			return signin.ErrNoAttempt
		case err == nil && tries >= limit:
			return signin.ErrTooManyTries
		case err == nil:
			_, err = t.exec(countTry, attempt)
		}
		if err != nil {
			return fmt.Errorf("count a try: %w", err)
		}
		return nil
	})
}

const deleteAttempt = `DELETE FROM attempts WHERE id = ?`

func (p attempts) Finish(ctx context.Context, attempt string) error {
	return p.s.write.do(ctx, func(t *tx) error {
		_, err := scanAttempt(t.row(selectAttempt, attempt)) // a write that fails should not have changed anything
		if err == nil {
			_, err = t.exec(deleteAttempt, attempt)
		}
		if err != nil {
			return fmt.Errorf("finish attempt: %w", err)
		}
		return nil
	})
}

const deleteExpired = `DELETE FROM attempts WHERE id IN
	(SELECT id FROM attempts WHERE expires_at < ? ORDER BY expires_at LIMIT ?)`

func (p attempts) Sweep(ctx context.Context, before time.Time, limit int) (swept int, err error) {
	if limit <= 0 {
		return 0, ctx.Err()
	}
	err = p.s.write.do(ctx, func(t *tx) error {
		swept, err = t.exec(deleteExpired, millis(before), limit)
		if err != nil {
			return fmt.Errorf("sweep attempts: %w", err)
		}
		return nil
	})
	return swept, err
}
