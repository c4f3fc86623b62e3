package postgres

import (
	"context"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"tandem.example/tandem/internal/feed"
	"tandem.example/tandem/internal/signing"
	"tandem.example/tandem/verify/jws"
)

// Keys answers the port to the signing keys.
func (s *Store) Keys() signing.Store { return signingKeys{s} }

type signingKeys struct{ s *Store }

// One query, so that the keys and their version are of one moment; a ring without keys is one row without a key.
const selectKeys = `SELECT h.ring, k.kid, k.use, k.algorithm, k.state, k.sealed, k.created_at, k.current_at, k.retired_at,
	k.revoked_at FROM head h LEFT JOIN signing_keys k ON true WHERE h.one ORDER BY k.created_at, k.kid`

func (p signingKeys) Keys(ctx context.Context) (keys []signing.Stored, version uint64, err error) {
	err = p.s.call(ctx, reading, func(ctx context.Context, c *pgxpool.Conn) error {
		keys = nil
		rows, err := c.Query(ctx, selectKeys)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var kid, use, algorithm, state *string
			var sealed []byte
			var created, current, retired, revoked *int64
			var ring int64
			err := rows.Scan(&ring, &kid, &use, &algorithm, &state, &sealed, &created, &current, &retired, &revoked)
			if err != nil {
				return err
			}
			if version = uint64(ring); kid == nil {
				continue
			}
			keys = append(keys, signing.Stored{
				KID: *kid, Use: signing.Use(*use), Algorithm: jws.Algorithm(*algorithm), State: signing.State(*state),
				Sealed: slices.Clip(sealed), CreatedAt: instant(*created), CurrentAt: instant(*current),
				RetiredAt: instant(*retired), RevokedAt: instant(*revoked),
			})
		}
		return rows.Err()
	})
	if err != nil {
		return nil, 0, fmt.Errorf("list signing keys: %w", err)
	}
	return keys, version, nil
}

const (
	// The head is locked before anything else: there is no other lock that a change of the keys takes.
	raiseRing = `UPDATE head SET ring = ring + 1 WHERE one AND ring = $1`
	upsertKey = `INSERT INTO signing_keys (kid, use, algorithm, state, sealed, created_at, current_at, retired_at, revoked_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (kid) DO UPDATE SET use = $2, algorithm = $3, state = $4,
			sealed = $5, created_at = $6, current_at = $7, retired_at = $8, revoked_at = $9`
	deleteKeys = `DELETE FROM signing_keys WHERE kid = ANY($1)`
)

func (p signingKeys) Change(ctx context.Context, c signing.Change) (commit feed.Commit, err error) {
	err = p.s.transact(ctx, func(t *tx) error {
		raised := int64(0)
		t.queue(raiseRing, int64(c.Version)).Exec(func(tag pgconn.CommandTag) error {
			raised = tag.RowsAffected()
			return nil
		})
		if err := t.send(); err != nil {
			return err
		}
		if raised == 0 {
			return signing.ErrRaced
		}
		for _, k := range c.Put {
			t.queue(upsertKey, text(k.KID), string(k.Use), string(k.Algorithm), string(k.State), filled(k.Sealed),
				millis(k.CreatedAt), millis(k.CurrentAt), millis(k.RetiredAt), millis(k.RevokedAt))
		}
		if len(c.Delete) > 0 {
			t.queue(deleteKeys, c.Delete)
		}
		reached := &place{}
		t.queue(selectAppend, appending(c.At, c.Announce, c.Audit...)...).QueryRow(reached.scan)
		if err := t.commit(); err != nil {
			return err
		}
		commit = reached.commit(c.At)
		return nil
	})
	if err != nil {
		return feed.Commit{}, fmt.Errorf("change signing keys: %w", err)
	}
	p.s.committed(c.At, len(c.Announce))
	return commit, nil
}
