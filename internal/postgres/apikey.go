package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"tandem.example/tandem/internal/audit"
	"tandem.example/tandem/internal/credential"
)

// APIKeys answers the port to API keys.
func (s *Store) APIKeys() credential.APIKeys { return apiKeys{s} }

type apiKeys struct{ s *Store }

const insertAPIKey = `WITH k AS (
		INSERT INTO api_keys (id, name, digest, created_at, created_by, expires_at, revoked_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7) RETURNING id
	) SELECT tandem_record($8) FROM k`

func (p apiKeys) Create(ctx context.Context, k credential.APIKey, entry audit.Entry) error {
	err := p.s.call(ctx, writing, func(ctx context.Context, c *pgxpool.Conn) error {
		_, err := c.Exec(ctx, insertAPIKey, text(k.ID), text(k.Name), digest(k.Digest), millis(k.CreatedAt),
			text(k.CreatedBy), optionalMillis(k.ExpiresAt), optionalMillis(k.RevokedAt), records(entry))
		return err
	})
	if err != nil {
		return fmt.Errorf("create API key: %w", err)
	}
	p.s.committed(k.CreatedAt, 0)
	return nil
}

const selectAPIKeys = `SELECT id, name, digest, created_at, created_by, expires_at, revoked_at FROM api_keys`

func scanAPIKey(row pgx.CollectableRow) (k credential.APIKey, err error) {
	var digest []byte
	var created, expires, revoked int64
	err = row.Scan(&k.ID, &k.Name, &digest, &created, &k.CreatedBy, &expires, &revoked)
	if err != nil {
		return credential.APIKey{}, err
	}
	k.CreatedAt, k.ExpiresAt, k.RevokedAt = instant(created), optional(expires), optional(revoked)
	k.Digest, err = fromDigest(digest)
	return k, err
}

func (p apiKeys) read(ctx context.Context, query string, args ...any) (keys []credential.APIKey, err error) {
	err = p.s.call(ctx, reading, func(ctx context.Context, c *pgxpool.Conn) error {
		rows, err := c.Query(ctx, query, args...)
		if err != nil {
			return err
		}
		keys, err = pgx.CollectRows(rows, scanAPIKey)
		return err
	})
	return keys, err
}

func (p apiKeys) Find(ctx context.Context, id string) (credential.APIKey, error) {
	keys, err := p.read(ctx, selectAPIKeys+` WHERE id = $1`, text(id))
	if err != nil {
		return credential.APIKey{}, fmt.Errorf("find API key: %w", err)
	}
	if len(keys) == 0 {
		return credential.APIKey{}, credential.ErrAPIKeyNotFound
	}
	return keys[0], nil
}

func (p apiKeys) List(ctx context.Context) ([]credential.APIKey, error) {
	keys, err := p.read(ctx, selectAPIKeys+` ORDER BY id`)
	if err != nil {
		return nil, fmt.Errorf("list API keys: %w", err)
	}
	return keys, nil
}

// Answered is one row if the key is there; its entry is recorded only if it was not revoked before.
const revokeAPIKey = `WITH k AS (
		UPDATE api_keys SET revoked_at = $2 WHERE id = $1 AND revoked_at = 0 RETURNING id
	), r AS (SELECT tandem_record($3) FROM k)
	SELECT (SELECT count(*) FROM r) FROM api_keys WHERE id = $1`

func (p apiKeys) Revoke(ctx context.Context, id string, at time.Time, entry audit.Entry) error {
	var recorded int
	err := p.s.call(ctx, writing, func(ctx context.Context, c *pgxpool.Conn) error {
		return c.QueryRow(ctx, revokeAPIKey, text(id), millis(at), records(entry)).Scan(&recorded)
	})
	if errors.Is(err, pgx.ErrNoRows) {
		return credential.ErrAPIKeyNotFound
	}
	if err != nil {
		return fmt.Errorf("revoke API key: %w", err)
	}
	p.s.committed(at, 0)
	return nil
}
