package postgres

import (
	"context"
	"encoding/binary"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
)

// sweepCursor is where the next sweep goes on. Sessions are looked through in the order of their ids, which is that of
// their beginnings, and only those that began before the time asked for: none that began later can have died before
// it. An index of deadlines would have to be changed by each refresh; this costs a look at each session now and then.
type sweepCursor struct {
	mu sync.Mutex
	id [16]byte
}

// sweepSpan bounds how many sessions one sweep looks at, for each that it may delete.
const sweepSpan = 16

// idDrift is how far the time in a name may lie from that in its row.
const idDrift = time.Hour

// ended says whether a session died before $1. A restore ends those that it does without touching their rows.
const ended = `(s.ended_at > 0 AND s.ended_at < $1 OR s.expires_at < $1 OR s.idle_expires_at < $1
	OR s.position < h.sessions_from AND h.sessions_ended_at < $1)`

const (
	// The last that was looked at comes first, so that the cursor moves even if nothing is dead.
	selectSwept = `WITH looked AS (
			SELECT s.id, ` + ended + ` AS dead FROM sessions s JOIN head h ON h.one
			WHERE s.id > $2 AND s.id < $3 ORDER BY s.id LIMIT $4
		)
		SELECT (SELECT count(*) FROM looked), (SELECT id FROM looked ORDER BY id DESC LIMIT 1),
			ARRAY(SELECT id FROM looked WHERE dead ORDER BY id)`
	// Asked again: they may have been refreshed since. One that somebody is writing is left for the next time.
	deleteSwept = `DELETE FROM sessions WHERE id IN (
			SELECT s.id FROM sessions s JOIN head h ON h.one WHERE s.id = ANY($2) AND ` + ended + `
			ORDER BY s.id FOR UPDATE OF s SKIP LOCKED)`
)

// Sweep may delete fewer than there are, since it looks at a bounded number of sessions; the next one goes on.
func (p sessions) Sweep(ctx context.Context, before time.Time, limit int) (swept int, err error) {
	if limit <= 0 {
		return 0, ctx.Err()
	}
	cursor := &p.s.sweep
	cursor.mu.Lock()
	defer cursor.mu.Unlock()
	for looked, span := 0, max(limit*sweepSpan, 1000); looked < span && swept < limit; {
		from := cursor.id
		passed, dead, err := p.look(ctx, before, min(span-looked, 1000))
		if err != nil {
			return swept, fmt.Errorf("sweep sessions: %w", err)
		}
		looked += max(passed, 1)
		if over := len(dead) - (limit - swept); over > 0 { // the cursor stays before those that are left
			dead = dead[:len(dead)-over]
			cursor.id = dead[len(dead)-1]
		}
		n, err := p.remove(ctx, before, dead)
		if err != nil {
			return swept, fmt.Errorf("sweep sessions: %w", err)
		}
		swept += n
		if passed == 0 {
			if from == ([16]byte{}) {
				break
			}
			cursor.id = [16]byte{}
		}
	}
	return swept, nil
}

// look moves the cursor over at most span sessions, and says how many it passed and which of them are dead.
func (p sessions) look(ctx context.Context, before time.Time, span int) (passed int, dead [][16]byte, err error) {
	var last *[16]byte
	err = p.s.call(ctx, reading, func(ctx context.Context, c *pgxpool.Conn) error {
		row := c.QueryRow(ctx, selectSwept, millis(before), p.s.sweep.id, lowest(before.Add(idDrift)), span)
		return row.Scan(&passed, &last, &dead)
	})
	if err == nil && last != nil {
		p.s.sweep.id = *last
	}
	return passed, dead, err
}

func (p sessions) remove(ctx context.Context, before time.Time, dead [][16]byte) (n int, err error) {
	if len(dead) == 0 {
		return 0, nil
	}
	err = p.s.call(ctx, writing, func(ctx context.Context, c *pgxpool.Conn) error {
		tag, err := c.Exec(ctx, deleteSwept, millis(before), dead)
		n = int(tag.RowsAffected())
		return err
	})
	return n, err
}

// lowest is the lowest key of a session that began at the time.
func lowest(t time.Time) (k [16]byte) {
	var ms [8]byte
	binary.BigEndian.PutUint64(ms[:], uint64(max(t.UnixMilli(), 0)))
	copy(k[:6], ms[2:])
	return k
}
