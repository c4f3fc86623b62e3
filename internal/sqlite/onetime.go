package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"tandem.example/tandem/internal/account"
	"tandem.example/tandem/internal/audit"
	"tandem.example/tandem/internal/credential"
	"tandem.example/tandem/internal/secret"
)

// Codes answers the port to what yields each code once.
func (s *Store) Codes() credential.OneTimeCodes { return oneTimeCodes{s} }

type oneTimeCodes struct{ s *Store }

const selectTOTP = `SELECT u.id, t.sealed, t.created_at, t.step FROM users u JOIN totps t ON t.user = u.n WHERE u.id = ?`

func scanTOTP(row scanner) (t credential.TOTP, err error) {
	var created int64
	err = row.Scan(&t.User, &t.Sealed, &created, &t.Step)
	if errors.Is(err, sql.ErrNoRows) {
		return credential.TOTP{}, credential.ErrNoTOTP
	}
	t.CreatedAt = instant(created)
	return t, err
}

func (p oneTimeCodes) TOTP(ctx context.Context, user account.ID) (credential.TOTP, error) {
	if p.s.closed.Load() {
		return credential.TOTP{}, ErrClosed
	}
	found, err := scanTOTP(p.s.read.row(ctx, selectTOTP, string(user)))
	if err != nil && !errors.Is(err, credential.ErrNoTOTP) {
		err = fmt.Errorf("find TOTP of user %s: %w", user, err)
	}
	return found, err
}

const upsertTOTP = `INSERT OR REPLACE INTO totps (user, sealed, created_at, step) VALUES (?, ?, ?, ?)`

func (p oneTimeCodes) SetTOTP(ctx context.Context, totp credential.TOTP, was *account.User, entry audit.Entry) error {
	return p.s.write.do(ctx, func(t *tx) error {
		n, u, err := t.still(totp.User, was)
		if err == nil {
			_, err = t.exec(upsertTOTP, n, blob(totp.Sealed), millis(totp.CreatedAt), totp.Step)
		}
		if err == nil {
			err = t.raise(u, entry)
		}
		if err != nil {
			return fmt.Errorf("set TOTP: %w", err)
		}
		return nil
	})
}

const updateStep = `UPDATE totps SET step = ? WHERE user = (SELECT n FROM users WHERE id = ?)`

func (p oneTimeCodes) SpendStep(ctx context.Context, user account.ID, step int64) error {
	return p.s.write.do(ctx, func(t *tx) error {
		now, err := scanTOTP(t.row(selectTOTP, string(user)))
		if err == nil && step <= now.Step {
			err = credential.ErrStepSpent
		}
		if err == nil {
			_, err = t.exec(updateStep, step, string(user))
		}
		if err != nil {
			return fmt.Errorf("spend time step: %w", err)
		}
		return nil
	})
}

func (p oneTimeCodes) RemoveTOTP(ctx context.Context, user account.ID, was *account.User, entry audit.Entry) error {
	return p.s.write.do(ctx, func(t *tx) error {
		_, err := scanTOTP(t.row(selectTOTP, string(user)))
		var n int64
		var u account.User
		if err == nil {
			n, u, err = t.still(user, was)
		}
		if err == nil {
			_, err = t.exec(deleteTOTPOf, n)
		}
		if err == nil {
			_, err = t.exec(deleteRecoveryCodesOf, n)
		}
		if err == nil {
			err = t.raise(u, entry)
		}
		if err != nil {
			return fmt.Errorf("remove TOTP: %w", err)
		}
		return nil
	})
}

const countRecoveryCodes = `SELECT count(*) FROM recovery_codes WHERE user = (SELECT n FROM users WHERE id = ?)`

func (p oneTimeCodes) RecoveryCodes(ctx context.Context, user account.ID) (left int, err error) {
	if p.s.closed.Load() {
		return 0, ErrClosed
	}
	if err := p.s.read.row(ctx, countRecoveryCodes, string(user)).Scan(&left); err != nil {
		return 0, fmt.Errorf("count recovery codes: %w", err)
	}
	return left, nil
}

const insertRecoveryCode = `INSERT OR IGNORE INTO recovery_codes (user, digest) VALUES (?, ?)`

func (p oneTimeCodes) SetRecoveryCodes(ctx context.Context, user account.ID, codes []secret.Digest, was *account.User, entry audit.Entry) error {
	return p.s.write.do(ctx, func(t *tx) error {
		n, u, err := t.still(user, was)
		if err == nil {
			_, err = t.exec(deleteRecoveryCodesOf, n)
		}
		for i := 0; err == nil && i < len(codes); i++ {
			_, err = t.exec(insertRecoveryCode, n, codes[i][:])
		}
		if err == nil {
			err = t.raise(u, entry)
		}
		if err != nil {
			return fmt.Errorf("set recovery codes: %w", err)
		}
		return nil
	})
}

const (
	selectRecoveryCode = `SELECT user FROM recovery_codes WHERE user = (SELECT n FROM users WHERE id = ?) AND digest = ?`
	deleteRecoveryCode = `DELETE FROM recovery_codes WHERE user = ? AND digest = ?`
)

func (p oneTimeCodes) SpendRecoveryCode(ctx context.Context, user account.ID, code secret.Digest, entry audit.Entry) (left int, err error) {
	err = p.s.write.do(ctx, func(t *tx) error {
		var n int64
		err := t.row(selectRecoveryCode, string(user), code[:]).Scan(&n)
		if errors.Is(err, sql.ErrNoRows) {
			return credential.ErrNoRecoveryCode
		}
		if err == nil {
			_, err = t.exec(deleteRecoveryCode, n, code[:])
		}
		if err == nil {
			err = t.row(countRecoveryCodes, string(user)).Scan(&left)
		}
		if err == nil {
			_, err = t.finish(entry.At, nil, entry)
		}
		if err != nil {
			return fmt.Errorf("spend recovery code: %w", err)
		}
		return nil
	})
	if err != nil {
		return 0, err
	}
	return left, nil
}
