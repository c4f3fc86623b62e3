package postgres

import (
	"context"
	"encoding/binary"
	"fmt"

	"github.com/jackc/pgx/v5/pgxpool"

	"tandem.example/tandem/internal/session"
)

// The compare-and-swap of a refresh, as one statement: on (generation, digest, alive). It touches neither the head nor
// an index. The new state is what packRefresh makes, but that the floor stays and the digest becomes the previous one.
// If somebody else changes the session meanwhile, the condition is looked at again; the rest of the view is then older
// than the session, and so is the head that it names.
var rotateSession = `UPDATE sessions s SET
		refresh = $4::bytea || substring(s.refresh FROM 5 FOR 4) || $5::bytea || $6::bytea || $3::bytea || $7::bytea,
		last_seen_at = greatest(s.last_seen_at, $8),
		idle_expires_at = greatest(s.idle_expires_at, least($9, s.expires_at))
	FROM users u, applications a, head h
	WHERE s.id = $1 AND u.n = s.user_n AND a.n = s.application_n AND h.one
		AND substring(s.refresh FROM 1 FOR 4) = $2 AND substring(s.refresh FROM 17 FOR 32) = $3
		AND ` + living("$8") + `
	RETURNING ` + viewColumns

// The same for many, with one commit. A session that somebody else is writing is passed over, and swapped alone after:
// nobody waits for another's lock. Of several refreshes of one session one is taken, and answered with its number.
var rotateSessions = `WITH w AS (
		SELECT w.* FROM unnest($1::uuid[], $2::bytea[], $3::bytea[], $4::bytea[], $5::bytea[], $6::bytea[], $7::bytea[],
			$8::bigint[], $9::bigint[]) WITH ORDINALITY
			AS w(id, generation, digest, next_generation, rotated, next_digest, sealed, at, idle, i)
			JOIN sessions s ON s.id = w.id FOR NO KEY UPDATE OF s SKIP LOCKED
	)
	UPDATE sessions s SET
		refresh = w.next_generation || substring(s.refresh FROM 5 FOR 4) || w.rotated || w.next_digest || w.digest || w.sealed,
		last_seen_at = greatest(s.last_seen_at, w.at),
		idle_expires_at = greatest(s.idle_expires_at, least(w.idle, s.expires_at))
	FROM w, users u, applications a, head h
	WHERE s.id = w.id AND u.n = s.user_n AND a.n = s.application_n AND h.one
		AND substring(s.refresh FROM 1 FOR 4) = w.generation AND substring(s.refresh FROM 17 FOR 32) = w.digest
		AND ` + living("w.at") + `
	RETURNING ` + viewColumns + `, w.i`

// swap is a rotation with its values as columns.
type swap struct {
	id                        [16]byte
	generation, digest        []byte
	nextGeneration, rotatedAt []byte
	nextDigest, sealed        []byte
	at, idle                  int64
}

func newSwap(k [16]byte, r *session.Rotation) swap {
	now := packRefresh(session.Refresh{Generation: r.Generation})
	next := packRefresh(session.Refresh{Generation: r.Generation + 1, RotatedAt: r.At})
	return swap{
		id: k, generation: now[:4], digest: r.Digest[:], nextGeneration: next[:4], rotatedAt: next[8:16],
		nextDigest: r.Next[:], sealed: filled(r.Sealed), at: millis(r.At), idle: millis(r.IdleExpiresAt),
	}
}

// Rotate takes part of a round trip and of a commit: refreshes that come while one is under way go together.
func (p sessions) Rotate(ctx context.Context, r session.Rotation) (session.View, error) {
	k, ok := key(r.ID)
	if !ok {
		return session.View{}, session.ErrNotFound
	}
	var f found
	var err error
	if r.Generation > 0 {
		w := newSwap(k, &r)
		f, err = p.s.rotations.do(ctx, w, p.s.rotateOne)
		if err == nil && !f.ok && !f.sure {
			f, err = p.s.rotateOne(ctx, w)
		}
	}
	if err == nil && !f.ok {
		err = p.refused(ctx, r)
	}
	if err != nil {
		return session.View{}, fmt.Errorf("rotate refresh token: %w", err)
	}
	p.s.saw(r.At)
	return f.view, nil
}

// refused says why nothing was rotated.
func (p sessions) refused(ctx context.Context, r session.Rotation) error {
	view, err := p.Find(ctx, r.ID)
	if err != nil {
		return err
	}
	if err := view.Alive(r.At); err != nil {
		return err
	}
	return session.ErrRaced
}

func (s *Store) rotateOne(ctx context.Context, w swap) (f found, err error) {
	err = s.call(ctx, writing, func(ctx context.Context, c *pgxpool.Conn) error {
		f = found{sure: true}
		rows, err := c.Query(ctx, rotateSession, binaryRows, w.id, w.generation, w.digest, w.nextGeneration, w.rotatedAt,
			w.nextDigest, w.sealed, w.at, w.idle)
		return eachView(rows, err, func(v session.View) { f.view, f.ok = v, true })
	})
	return f, err
}

// rotateMany answers those that were not swapped without saying why: refused, or passed over.
func (s *Store) rotateMany(ctx context.Context, batch []swap) (answers []found, err error) {
	n := len(batch)
	ids, at, idle := make([][16]byte, n), make([]int64, n), make([]int64, n)
	var texts [6][][]byte
	for i := range batch {
		w := &batch[i]
		ids[i], at[i], idle[i] = w.id, w.at, w.idle
		for column, value := range [...][]byte{w.generation, w.digest, w.nextGeneration, w.rotatedAt, w.nextDigest, w.sealed} {
			texts[column] = append(texts[column], value)
		}
	}
	err = s.call(ctx, writing, func(ctx context.Context, c *pgxpool.Conn) error {
		answers = make([]found, n)
		rows, err := c.Query(ctx, rotateSessions, binaryRows, ids, texts[0], texts[1], texts[2], texts[3], texts[4], texts[5],
			at, idle)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			raw := rows.RawValues()
			v, err := scanView(raw)
			if err != nil {
				return err
			}
			i := binary.BigEndian.Uint64(raw[len(raw)-1]) - 1
			answers[i] = found{view: v, ok: true, sure: true}
		}
		return rows.Err()
	})
	return answers, err
}
