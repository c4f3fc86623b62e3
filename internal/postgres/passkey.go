package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"tandem.example/tandem/internal/account"
	"tandem.example/tandem/internal/audit"
	"tandem.example/tandem/internal/credential"
)

// Passkeys answers the port to passkeys.
func (s *Store) Passkeys() credential.Passkeys { return passkeys{s} }

type passkeys struct{ s *Store }

const (
	selectPasskeys = `SELECT p.id, u.id, p.name, p.credential_id, p.record, p.sign_count, p.created_at, p.used_at
		FROM passkeys p JOIN users u ON u.n = p.user_n WHERE `
	selectPasskeyByCredential = selectPasskeys + `p.credential_id = $1`
	selectPasskeysOf          = selectPasskeys + `p.user_n = (SELECT n FROM users WHERE id = $1) ORDER BY p.id`
)

func scanPasskey(row pgx.CollectableRow) (k credential.Passkey, err error) {
	var count, created, used int64
	err = row.Scan(&k.ID, &k.User, &k.Name, &k.CredentialID, &k.Record, &count, &created, &used)
	k.SignCount, k.CreatedAt, k.UsedAt = uint32(count), instant(created), instant(used)
	return k, err
}

const (
	selectPasskeyRoom = `SELECT EXISTS (SELECT 1 FROM passkeys WHERE credential_id = $1),
		(SELECT count(*) FROM passkeys WHERE user_n = $2)`
	insertPasskey = `INSERT INTO passkeys (id, user_n, name, credential_id, record, sign_count, created_at, used_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`
)

// Add counts under the lock of the user, so that no two additions see the same room.
func (p passkeys) Add(ctx context.Context, k credential.Passkey, was *account.User, entry audit.Entry) error {
	err := p.s.transact(ctx, func(t *tx) error {
		n, err := t.still(k.User, was)
		if err != nil {
			return err
		}
		var known bool
		var held int
		err = t.first(func(row pgx.Row) error { return row.Scan(&known, &held) }, selectPasskeyRoom, filled(k.CredentialID), n)
		switch {
		case err != nil:
			return err
		case known:
			return credential.ErrPasskeyTaken
		case held >= credential.MaxPasskeys:
			return credential.ErrTooManyPasskeys
		}
		t.queue(insertPasskey, k.ID, n, text(k.Name), filled(k.CredentialID), filled(k.Record), int64(k.SignCount),
			millis(k.CreatedAt), millis(k.UsedAt))
		return t.raise(n, entry)
	})
	if key, taken := unique(err); taken && key == "passkeys_credential_id_key" {
		err = credential.ErrPasskeyTaken
	}
	if err != nil {
		return fmt.Errorf("add passkey: %w", err)
	}
	p.s.committed(entry.At, 0)
	return nil
}

func (p passkeys) Find(ctx context.Context, credentialID []byte) (credential.Passkey, error) {
	k, err := one(ctx, p.s, credential.ErrPasskeyNotFound, scanPasskey, selectPasskeyByCredential, filled(credentialID))
	if err != nil {
		return credential.Passkey{}, fmt.Errorf("find passkey: %w", err)
	}
	return k, nil
}

func (p passkeys) Of(ctx context.Context, user account.ID) ([]credential.Passkey, error) {
	keys, err := collect(ctx, p.s, scanPasskey, selectPasskeysOf, text(string(user)))
	if err != nil {
		return nil, fmt.Errorf("list passkeys: %w", err)
	}
	return keys, nil
}

const usePasskey = `WITH k AS (
		UPDATE passkeys SET record = $2, sign_count = $3, used_at = $4 WHERE id = $1 AND sign_count = $5 RETURNING id
	) SELECT (SELECT count(*) FROM k), (SELECT count(*) FROM passkeys WHERE id = $1)`

func (p passkeys) Use(ctx context.Context, k credential.Passkey, from uint32) error {
	err := p.s.swapped(ctx, "note the use of a passkey", credential.ErrPasskeyNotFound, credential.ErrPasskeyRaced,
		usePasskey, text(k.ID), filled(k.Record), int64(k.SignCount), millis(k.UsedAt), int64(from))
	if err == nil {
		p.s.committed(k.UsedAt, 0)
	}
	return err
}

const renamePasskey = `WITH k AS (
		UPDATE passkeys p SET name = $3 FROM users u WHERE u.id = $1 AND p.id = $2 AND p.user_n = u.n RETURNING p.id
	), r AS (SELECT tandem_record($4) FROM k)
	SELECT (SELECT count(*) FROM k), (SELECT count(*) FROM r)`

func (p passkeys) Rename(ctx context.Context, user account.ID, passkey, name string, entry audit.Entry) error {
	err := p.s.swapped(ctx, "rename passkey", credential.ErrPasskeyNotFound, nil, renamePasskey, text(string(user)),
		text(passkey), text(name), records(entry))
	if err == nil {
		p.s.committed(entry.At, 0)
	}
	return err
}

const deletePasskey = `DELETE FROM passkeys WHERE id = $1 AND user_n = $2 RETURNING id`

func (p passkeys) Remove(ctx context.Context, user account.ID, passkey string, was *account.User, entry audit.Entry) error {
	err := p.s.transact(ctx, func(t *tx) error {
		n, u, err := t.user(user)
		if err != nil {
			return otherwise(err, account.ErrNotFound, credential.ErrPasskeyNotFound)
		}
		if err := t.first(discard, deletePasskey, text(passkey), n); err != nil {
			return otherwise(err, pgx.ErrNoRows, credential.ErrPasskeyNotFound)
		}
		if err := u.Still(was); err != nil {
			return err
		}
		return t.raise(n, entry)
	})
	if err != nil {
		return fmt.Errorf("remove passkey: %w", err)
	}
	p.s.committed(entry.At, 0)
	return nil
}

// discard reads a row of which only matters that it is there.
func discard(row pgx.Row) error { return row.Scan(nil) }
