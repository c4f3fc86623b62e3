package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"tandem.example/tandem/internal/account"
	"tandem.example/tandem/internal/audit"
	"tandem.example/tandem/internal/credential"
)

// Passkeys answers the port to passkeys.
func (s *Store) Passkeys() credential.Passkeys { return passkeys{s} }

type passkeys struct{ s *Store }

const (
	selectPasskeys = `SELECT p.id, u.id, p.name, p.credential_id, p.record, p.sign_count, p.created_at, p.used_at
		FROM passkeys p JOIN users u ON u.n = p.user WHERE `
	selectPasskeyByCredential = selectPasskeys + `p.credential_id = ?`
	selectPasskeysOf          = selectPasskeys + `p.user = (SELECT n FROM users WHERE id = ?) ORDER BY p.id`
)

func scanPasskey(row scanner) (k credential.Passkey, err error) {
	var created, used int64
	err = row.Scan(&k.ID, &k.User, &k.Name, &k.CredentialID, &k.Record, &k.SignCount, &created, &used)
	if errors.Is(err, sql.ErrNoRows) {
		return credential.Passkey{}, credential.ErrPasskeyNotFound
	}
	k.CreatedAt, k.UsedAt = instant(created), instant(used)
	return k, err
}

const insertPasskey = `INSERT INTO passkeys (id, user, name, credential_id, record, sign_count, created_at, used_at)
	VALUES (?, ?, ?, ?, ?, ?, ?, ?)`

func (p passkeys) Add(ctx context.Context, k credential.Passkey, was *account.User, entry audit.Entry) error {
	return p.s.write.do(ctx, func(t *tx) error {
		n, u, err := t.still(k.User, was)
		if err == nil {
			err = t.roomForPasskey(n, k)
		}
		if err == nil {
			_, err = t.exec(insertPasskey, k.ID, n, k.Name, blob(k.CredentialID), blob(k.Record), int64(k.SignCount),
				millis(k.CreatedAt), millis(k.UsedAt))
		}
		if err == nil {
			err = t.raise(u, entry)
		}
		if err != nil {
			return fmt.Errorf("add passkey: %w", err)
		}
		return nil
	})
}

const selectPasskeyRoom = `SELECT EXISTS (SELECT 1 FROM passkeys WHERE credential_id = ?1),
	(SELECT count(*) FROM passkeys WHERE user = ?2)`

func (t *tx) roomForPasskey(user int64, k credential.Passkey) error {
	var known bool
	var held int
	err := t.row(selectPasskeyRoom, blob(k.CredentialID), user).Scan(&known, &held)
	switch {
	case err != nil:
		return err
	case known:
		return credential.ErrPasskeyTaken
	case held >= credential.MaxPasskeys:
		return credential.ErrTooManyPasskeys
	}
	return nil
}

func (p passkeys) Find(ctx context.Context, credentialID []byte) (credential.Passkey, error) {
	if p.s.closed.Load() {
		return credential.Passkey{}, ErrClosed
	}
	k, err := scanPasskey(p.s.read.row(ctx, selectPasskeyByCredential, blob(credentialID)))
	if err != nil && !errors.Is(err, credential.ErrPasskeyNotFound) {
		err = fmt.Errorf("find passkey: %w", err)
	}
	return k, err
}

func (p passkeys) Of(ctx context.Context, user account.ID) ([]credential.Passkey, error) {
	if p.s.closed.Load() {
		return nil, ErrClosed
	}
	rows, err := p.s.read.rows(ctx, selectPasskeysOf, string(user))
	keys, err := collect(rows, err, scanPasskey)
	if err != nil {
		return nil, fmt.Errorf("list passkeys: %w", err)
	}
	return keys, nil
}

const (
	selectSignCount = `SELECT sign_count FROM passkeys WHERE id = ?`
	updatePasskey   = `UPDATE passkeys SET record = ?, sign_count = ?, used_at = ? WHERE id = ?`
)

func (p passkeys) Use(ctx context.Context, k credential.Passkey, from uint32) error {
	return p.s.write.do(ctx, func(t *tx) error {
		var now uint32
		err := t.row(selectSignCount, k.ID).Scan(&now)
		switch {
		case errors.Is(err, sql.ErrNoRows):
			return credential.ErrPasskeyNotFound
		case err == nil && now != from:
			return credential.ErrPasskeyRaced
		case err == nil:
			_, err = t.exec(updatePasskey, blob(k.Record), int64(k.SignCount), millis(k.UsedAt), k.ID)
		}
		if err != nil {
			return fmt.Errorf("note the use of a passkey: %w", err)
		}
		t.seen(k.UsedAt)
		return nil
	})
}

const (
	selectPasskeyOf = `SELECT 1 FROM passkeys WHERE id = ? AND user = ?`
	renamePasskey   = `UPDATE passkeys SET name = ? WHERE id = ?`
	deletePasskey   = `DELETE FROM passkeys WHERE id = ?`
)

func (p passkeys) Rename(ctx context.Context, user account.ID, passkey, name string, entry audit.Entry) error {
	return p.s.write.do(ctx, func(t *tx) error {
		_, err := t.passkeyOf(user, passkey)
		if err == nil {
			_, err = t.exec(renamePasskey, name, passkey)
		}
		if err == nil {
			_, err = t.finish(entry.At, nil, entry)
		}
		if err != nil {
			return fmt.Errorf("rename passkey: %w", err)
		}
		return nil
	})
}

func (p passkeys) Remove(ctx context.Context, user account.ID, passkey string, was *account.User, entry audit.Entry) error {
	return p.s.write.do(ctx, func(t *tx) error {
		u, err := t.passkeyOf(user, passkey)
		if err == nil {
			err = u.Still(was)
		}
		if err == nil {
			_, err = t.exec(deletePasskey, passkey)
		}
		if err == nil {
			err = t.raise(u, entry)
		}
		if err != nil {
			return fmt.Errorf("remove passkey: %w", err)
		}
		return nil
	})
}

// passkeyOf answers the user if the passkey is theirs, and ErrPasskeyNotFound if not.
func (t *tx) passkeyOf(user account.ID, passkey string) (account.User, error) {
	n, u, err := t.user(user)
	if err == nil {
		err = t.row(selectPasskeyOf, passkey, n).Scan(new(int))
	}
	if errors.Is(err, account.ErrNotFound) || errors.Is(err, sql.ErrNoRows) {
		err = credential.ErrPasskeyNotFound
	}
	return u, err
}
