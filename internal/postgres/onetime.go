package postgres

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"tandem.example/tandem/internal/account"
	"tandem.example/tandem/internal/audit"
	"tandem.example/tandem/internal/credential"
	"tandem.example/tandem/internal/secret"
)

// Codes answers the port to what yields each code once.
func (s *Store) Codes() credential.OneTimeCodes { return oneTimeCodes{s} }

type oneTimeCodes struct{ s *Store }

const selectTOTP = `SELECT u.id, t.sealed, t.created_at, t.step FROM users u JOIN totps t ON t.user_n = u.n WHERE u.id = $1`

func scanTOTP(row pgx.CollectableRow) (t credential.TOTP, err error) {
	var created int64
	err = row.Scan(&t.User, &t.Sealed, &created, &t.Step)
	t.CreatedAt = instant(created)
	return t, err
}

func (p oneTimeCodes) TOTP(ctx context.Context, user account.ID) (credential.TOTP, error) {
	t, err := one(ctx, p.s, credential.ErrNoTOTP, scanTOTP, selectTOTP, text(string(user)))
	if err != nil {
		return credential.TOTP{}, fmt.Errorf("find TOTP: %w", err)
	}
	return t, nil
}

const upsertTOTP = `INSERT INTO totps (user_n, sealed, created_at, step) VALUES ($1, $2, $3, $4)
	ON CONFLICT (user_n) DO UPDATE SET sealed = $2, created_at = $3, step = $4`

func (p oneTimeCodes) SetTOTP(ctx context.Context, totp credential.TOTP, was *account.User, entry audit.Entry) error {
	return p.set(ctx, "set TOTP", totp.User, was, entry, func(t *tx, user int64) {
		t.queue(upsertTOTP, user, filled(totp.Sealed), millis(totp.CreatedAt), totp.Step)
	})
}

// set changes what the user has, under their lock.
func (p oneTimeCodes) set(ctx context.Context, what string, user account.ID, was *account.User, entry audit.Entry, change func(t *tx, user int64)) error {
	err := p.s.transact(ctx, func(t *tx) error {
		n, err := t.still(user, was)
		if err != nil {
			return err
		}
		change(t, n)
		return t.raise(n, entry)
	})
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	p.s.committed(entry.At, 0)
	return nil
}

const spendStep = `WITH t AS (
		UPDATE totps t SET step = $2 FROM users u WHERE u.id = $1 AND t.user_n = u.n AND t.step < $2 RETURNING t.user_n
	) SELECT (SELECT count(*) FROM t), (SELECT count(*) FROM totps t JOIN users u ON u.n = t.user_n WHERE u.id = $1)`

func (p oneTimeCodes) SpendStep(ctx context.Context, user account.ID, step int64) error {
	return p.s.swapped(ctx, "spend time step", credential.ErrNoTOTP, credential.ErrStepSpent, spendStep, text(string(user)), step)
}

const deleteTOTP = deleteTOTPOf + ` RETURNING user_n`

func (p oneTimeCodes) RemoveTOTP(ctx context.Context, user account.ID, was *account.User, entry audit.Entry) error {
	err := p.s.transact(ctx, func(t *tx) error {
		n, u, err := t.user(user)
		if err != nil {
			return otherwise(err, account.ErrNotFound, credential.ErrNoTOTP)
		}
		if err := t.first(discard, deleteTOTP, n); err != nil {
			return otherwise(err, pgx.ErrNoRows, credential.ErrNoTOTP)
		}
		t.queue(deleteRecoveryCodesOf, n)
		if err := u.Still(was); err != nil {
			return err
		}
		return t.raise(n, entry)
	})
	if err != nil {
		return fmt.Errorf("remove TOTP: %w", err)
	}
	p.s.committed(entry.At, 0)
	return nil
}

const countRecoveryCodes = `SELECT count(*) FROM recovery_codes WHERE user_n = (SELECT n FROM users WHERE id = $1)`

func (p oneTimeCodes) RecoveryCodes(ctx context.Context, user account.ID) (left int, err error) {
	err = p.s.call(ctx, reading, func(ctx context.Context, c *pgxpool.Conn) error {
		return c.QueryRow(ctx, countRecoveryCodes, text(string(user))).Scan(&left)
	})
	if err != nil {
		return 0, fmt.Errorf("count recovery codes: %w", err)
	}
	return left, nil
}

const insertRecoveryCodes = `INSERT INTO recovery_codes (user_n, digest) SELECT $1, d FROM unnest($2::bytea[]) AS d
	ON CONFLICT DO NOTHING`

func (p oneTimeCodes) SetRecoveryCodes(ctx context.Context, user account.ID, codes []secret.Digest, was *account.User, entry audit.Entry) error {
	digests := make([][]byte, len(codes))
	for i := range codes {
		digests[i] = codes[i][:]
	}
	return p.set(ctx, "set recovery codes", user, was, entry, func(t *tx, user int64) {
		t.queue(deleteRecoveryCodesOf, user)
		t.queue(insertRecoveryCodes, user, digests)
	})
}

// The lock of the user makes what is left a number that nobody else is told.
const deleteRecoveryCode = `DELETE FROM recovery_codes WHERE user_n = $1 AND digest = $2 RETURNING user_n`

func (p oneTimeCodes) SpendRecoveryCode(ctx context.Context, user account.ID, code secret.Digest, entry audit.Entry) (left int, err error) {
	err = p.s.transact(ctx, func(t *tx) error {
		n, _, err := t.user(user)
		if err != nil {
			return otherwise(err, account.ErrNotFound, credential.ErrNoRecoveryCode)
		}
		if err := t.first(discard, deleteRecoveryCode, n, code[:]); err != nil {
			return otherwise(err, pgx.ErrNoRows, credential.ErrNoRecoveryCode)
		}
		t.queue(countRecoveryCodes, text(string(user))).QueryRow(func(row pgx.Row) error { return row.Scan(&left) })
		t.queue(recordEntries, records(entry))
		return t.commit()
	})
	if errors.Is(err, credential.ErrNoRecoveryCode) {
		return 0, err
	}
	if err != nil {
		return 0, fmt.Errorf("spend recovery code: %w", err)
	}
	p.s.committed(entry.At, 0)
	return left, nil
}
