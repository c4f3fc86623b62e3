package postgres

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"tandem.example/tandem/internal/account"
	"tandem.example/tandem/internal/audit"
)

// What is common to the ways in which users prove who they are.

const recordEntries = `SELECT tandem_record($1)`

// raise commits what has changed what the user can prove themselves with: their Revision is raised.
func (t *tx) raise(user int64, entry audit.Entry) error {
	t.queue(raiseRevision, user)
	t.queue(recordEntries, records(entry))
	return t.commit()
}

// still locks the user if they are as they were.
func (t *tx) still(id account.ID, was *account.User) (n int64, err error) {
	n, u, err := t.user(id)
	if err == nil {
		err = u.Still(was)
	}
	return n, err
}

const (
	deletePasskeysOf      = `DELETE FROM passkeys WHERE user_n = $1`
	deleteTOTPOf          = `DELETE FROM totps WHERE user_n = $1`
	deleteRecoveryCodesOf = `DELETE FROM recovery_codes WHERE user_n = $1`
	deleteConnectionsOf   = `DELETE FROM connections WHERE user_n = $1`
)

// dropCredentials removes all that the user could prove themselves with.
func (t *tx) dropCredentials(user int64) {
	for _, query := range []string{deletePassword, deletePasskeysOf, deleteTOTPOf, deleteRecoveryCodesOf, deleteConnectionsOf} {
		t.queue(query, user)
	}
}

// swapped runs a statement that changes one row on a condition. It answers how many rows it changed, and how many there
// were: `unless` is the error for a row that did not meet the condition, `missing` for one that is not there.
func (s *Store) swapped(ctx context.Context, what string, missing, unless error, query string, args ...any) error {
	var changed, there int
	err := s.call(ctx, writing, func(ctx context.Context, c *pgxpool.Conn) error {
		return c.QueryRow(ctx, query, args...).Scan(&changed, &there)
	})
	switch {
	case err != nil:
		return fmt.Errorf("%s: %w", what, err)
	case changed > 0:
		return nil
	case there > 0:
		return unless
	}
	return missing
}

// collect reads rows by scan.
func collect[T any](ctx context.Context, s *Store, scan pgx.RowToFunc[T], query string, args ...any) (all []T, err error) {
	err = s.call(ctx, reading, func(ctx context.Context, c *pgxpool.Conn) error {
		rows, err := c.Query(ctx, query, args...)
		if err != nil {
			return err
		}
		all, err = pgx.CollectRows(rows, scan)
		return err
	})
	return all, err
}

// one reads the row that a key finds; missing if there is none.
func one[T any](ctx context.Context, s *Store, missing error, scan pgx.RowToFunc[T], query string, args ...any) (found T, err error) {
	all, err := collect(ctx, s, scan, query, args...)
	if err == nil && len(all) == 0 {
		err = missing
	}
	if err != nil {
		return found, err
	}
	return all[0], nil
}

// otherwise answers `missing` in the place of an error that says the user is not there.
func otherwise(err, is, missing error) error {
	if errors.Is(err, is) {
		return missing
	}
	return err
}
