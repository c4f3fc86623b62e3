package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"tandem.example/tandem/internal/session"
	"tandem.example/tandem/internal/signin"
)

// Attempts answers the port to attempts.
func (s *Store) Attempts() signin.Attempts { return attempts{s} }

type attempts struct{ s *Store }

// change runs a statement and answers how many rows it changed.
func (s *Store) change(ctx context.Context, what, query string, args ...any) (n int, err error) {
	err = s.call(ctx, writing, func(ctx context.Context, c *pgxpool.Conn) error {
		tag, err := c.Exec(ctx, query, args...)
		n = int(tag.RowsAffected())
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("%s: %w", what, err)
	}
	return n, nil
}

const insertAttempt = `INSERT INTO attempts (id, digest, state, version, tries, expires_at) VALUES ($1, $2, $3, $4, $5, $6)`

func (p attempts) Begin(ctx context.Context, a signin.Attempt) error {
	_, err := p.s.change(ctx, "begin attempt", insertAttempt, text(a.ID), a.Digest[:], filled(a.State), int64(a.Version),
		int64(a.Tries), millis(a.ExpiresAt))
	return err
}

const selectAttempt = `SELECT id, digest, state, version, tries, expires_at FROM attempts WHERE id = $1`

func scanAttempt(row pgx.CollectableRow) (a signin.Attempt, err error) {
	var digest []byte
	var version, expires int64
	if err = row.Scan(&a.ID, &digest, &a.State, &version, &a.Tries, &expires); err != nil {
		return signin.Attempt{}, err
	}
	a.Version, a.ExpiresAt = uint64(version), instant(expires)
	a.Digest, err = fromDigest(digest)
	return a, err
}

func (p attempts) Find(ctx context.Context, attempt string, now time.Time) (signin.Attempt, error) {
	a, err := one(ctx, p.s, signin.ErrNoAttempt, scanAttempt, selectAttempt, text(attempt))
	if err == nil && !now.Before(a.ExpiresAt) {
		err = signin.ErrNoAttempt
	}
	if err != nil {
		return signin.Attempt{}, fmt.Errorf("find attempt: %w", err)
	}
	return a, nil
}

const advanceAttempt = `WITH a AS (
		UPDATE attempts SET state = $3, version = version + 1, expires_at = $4, tries = CASE WHEN $5 THEN 0 ELSE tries END
		WHERE id = $1 AND version = $2 RETURNING id
	) SELECT (SELECT count(*) FROM a), (SELECT count(*) FROM attempts WHERE id = $1)`

func (p attempts) Advance(ctx context.Context, a signin.Attempt) error {
	return p.s.swapped(ctx, "advance attempt", signin.ErrNoAttempt, session.ErrRaced, advanceAttempt, text(a.ID),
		int64(a.Version), filled(a.State), millis(a.ExpiresAt), a.Tries == 0)
}

// Whoever waits for the row that another has counted up looks at it again, and goes by the new number.
const countTry = `WITH a AS (UPDATE attempts SET tries = tries + 1 WHERE id = $1 AND tries < $2 RETURNING id)
	SELECT (SELECT count(*) FROM a), (SELECT count(*) FROM attempts WHERE id = $1)`

func (p attempts) Try(ctx context.Context, attempt string, limit int) error {
	return p.s.swapped(ctx, "count a try", signin.ErrNoAttempt, signin.ErrTooManyTries, countTry, text(attempt), int64(limit))
}

const deleteAttempt = `DELETE FROM attempts WHERE id = $1`

func (p attempts) Finish(ctx context.Context, attempt string) error {
	n, err := p.s.change(ctx, "finish attempt", deleteAttempt, text(attempt))
	if err == nil && n == 0 {
		err = signin.ErrNoAttempt
	}
	return err
}

const deleteExpired = `DELETE FROM attempts WHERE id IN (
	SELECT id FROM attempts WHERE expires_at < $1 ORDER BY expires_at LIMIT $2 FOR UPDATE SKIP LOCKED)`

func (p attempts) Sweep(ctx context.Context, before time.Time, limit int) (int, error) {
	if limit <= 0 {
		return 0, ctx.Err()
	}
	return p.s.change(ctx, "sweep attempts", deleteExpired, millis(before), limit)
}
