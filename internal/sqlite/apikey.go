package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"tandem.example/tandem/internal/audit"
	"tandem.example/tandem/internal/credential"
)

// APIKeys answers the port to API keys.
func (s *Store) APIKeys() credential.APIKeys { return apiKeys{s} }

type apiKeys struct{ s *Store }

const insertAPIKey = `INSERT INTO api_keys (id, name, digest, created_at, created_by, expires_at, revoked_at)
	VALUES (?, ?, ?, ?, ?, ?, ?)`

func (p apiKeys) Create(ctx context.Context, k credential.APIKey, entry audit.Entry) error {
	return p.s.write.do(ctx, func(t *tx) error {
		_, err := t.exec(insertAPIKey, k.ID, k.Name, k.Digest[:], millis(k.CreatedAt), k.CreatedBy,
			optionalMillis(k.ExpiresAt), optionalMillis(k.RevokedAt))
		if err == nil {
			_, err = t.finish(k.CreatedAt, nil, entry)
		}
		if err != nil {
			return fmt.Errorf("create API key: %w", err)
		}
		return nil
	})
}

const selectAPIKeys = `SELECT id, name, digest, created_at, created_by, expires_at, revoked_at FROM api_keys`

func scanAPIKey(row scanner) (k credential.APIKey, err error) {
	var digest []byte
	var created, expires, revoked int64
	err = row.Scan(&k.ID, &k.Name, &digest, &created, &k.CreatedBy, &expires, &revoked)
	if errors.Is(err, sql.ErrNoRows) {
		return credential.APIKey{}, credential.ErrAPIKeyNotFound
	}
	if err != nil {
		return credential.APIKey{}, err
	}
	k.CreatedAt, k.ExpiresAt, k.RevokedAt = instant(created), optional(expires), optional(revoked)
	k.Digest, err = fromDigest(digest)
	return k, err
}

func (p apiKeys) Find(ctx context.Context, id string) (credential.APIKey, error) {
	if p.s.closed.Load() {
		return credential.APIKey{}, ErrClosed
	}
	k, err := scanAPIKey(p.s.read.row(ctx, selectAPIKeys+` WHERE id = ?`, id))
	if err != nil && !errors.Is(err, credential.ErrAPIKeyNotFound) {
		err = fmt.Errorf("find API key: %w", err)
	}
	return k, err
}

func (p apiKeys) List(ctx context.Context) ([]credential.APIKey, error) {
	if p.s.closed.Load() {
		return nil, ErrClosed
	}
	rows, err := p.s.read.rows(ctx, selectAPIKeys+` ORDER BY id`)
	keys, err := collect(rows, err, scanAPIKey)
	if err != nil {
		return nil, fmt.Errorf("list API keys: %w", err)
	}
	return keys, nil
}

func (p apiKeys) Revoke(ctx context.Context, id string, at time.Time, entry audit.Entry) error {
	return p.s.write.do(ctx, func(t *tx) error {
		k, err := scanAPIKey(t.row(selectAPIKeys+` WHERE id = ?`, id))
		if err != nil {
			return fmt.Errorf("revoke API key: %w", err)
		}
		if k.RevokedAt != nil {
			return nil
		}
		if _, err := t.exec(`UPDATE api_keys SET revoked_at = ? WHERE id = ?`, millis(at), id); err != nil {
			return fmt.Errorf("revoke API key: %w", err)
		}
		_, err = t.finish(at, nil, entry)
		return err
	})
}
