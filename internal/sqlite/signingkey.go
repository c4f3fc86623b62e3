package sqlite

import (
	"context"
	"database/sql"
	"fmt"

	"tandem.example/tandem/internal/feed"
	"tandem.example/tandem/internal/signing"
	"tandem.example/tandem/verify/jws"
)

// Keys answers the port to the signing keys.
func (s *Store) Keys() signing.Store { return signingKeys{s} }

type signingKeys struct{ s *Store }

// One query, so that the keys and their version are of one moment; a ring without keys is one row without a key.
const selectKeys = `SELECT h.ring, k.kid, k.use, k.algorithm, k.state, k.sealed, k.created_at, k.current_at, k.retired_at,
	k.revoked_at FROM head h LEFT JOIN signing_keys k ON true ORDER BY k.created_at, k.kid`

func (p signingKeys) Keys(ctx context.Context) (keys []signing.Stored, version uint64, err error) {
	if p.s.closed.Load() {
		return nil, 0, ErrClosed
	}
	rows, err := p.s.read.rows(ctx, selectKeys)
	if err != nil {
		return nil, 0, fmt.Errorf("list signing keys: %w", err)
	}
	defer rows.Close() //nolint:errcheck // rows.Err tells
	for rows.Next() {
		var kid, use, algorithm, state sql.NullString
		var created, current, retired, revoked sql.NullInt64
		var sealed []byte
		err := rows.Scan(&version, &kid, &use, &algorithm, &state, &sealed, &created, &current, &retired, &revoked)
		if err != nil {
			return nil, 0, fmt.Errorf("list signing keys: %w", err)
		}
		if !kid.Valid {
			break
		}
		k := signing.Stored{KID: kid.String, Use: signing.Use(use.String), State: signing.State(state.String), Sealed: sealed}
		k.Algorithm = jws.Algorithm(algorithm.String)
		k.CreatedAt, k.CurrentAt = instant(created.Int64), instant(current.Int64)
		k.RetiredAt, k.RevokedAt = instant(retired.Int64), instant(revoked.Int64)
		keys = append(keys, k)
	}
	return keys, version, rows.Err()
}

const upsertKey = `INSERT OR REPLACE INTO signing_keys (kid, use, algorithm, state, sealed, created_at, current_at,
	retired_at, revoked_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`

func (p signingKeys) Change(ctx context.Context, c signing.Change) (commit feed.Commit, err error) {
	err = p.s.write.do(ctx, func(t *tx) error {
		if c.Version != t.head.ring {
			return signing.ErrRaced
		}
		t.head.ring++
		for _, k := range c.Put {
			_, err := t.exec(upsertKey, k.KID, string(k.Use), string(k.Algorithm), string(k.State), k.Sealed,
				millis(k.CreatedAt), millis(k.CurrentAt), millis(k.RetiredAt), millis(k.RevokedAt))
			if err != nil {
				return fmt.Errorf("change signing keys: %w", err)
			}
		}
		for _, kid := range c.Delete {
			if _, err := t.exec(`DELETE FROM signing_keys WHERE kid = ?`, kid); err != nil {
				return fmt.Errorf("change signing keys: %w", err)
			}
		}
		commit, err = t.finish(c.At, c.Announce, c.Audit...)
		return err
	})
	return commit, err
}
