package sqlite

import (
	"context"
	"fmt"
	"sync"
	"time"

	"tandem.example/tandem/internal/session"
)

// sweepCursor is where the next sweep goes on. Sessions are looked through in the order in which they were last seen,
// and only those last seen before the time asked for: a session that died before it was not seen after it. What is
// left there is sessions with a long idle deadline, and the cursor keeps one sweep after another from looking at the
// same of them.
type sweepCursor struct {
	mu   sync.Mutex
	hour int64
	id   string
}

// sweepSpan bounds how many sessions one sweep looks at, for each that it may delete.
const sweepSpan = 16

const selectSwept = `SELECT id, seen_hour,
		(ended_at > 0 AND ended_at < ?1) OR expires_at < ?1 OR idle_expires_at < ?1
	FROM sessions INDEXED BY sessions_seen
	WHERE (seen_hour, id) > (?2, ?3) AND seen_hour <= ?4 ORDER BY seen_hour, id LIMIT ?5`

const deleteSwept = `DELETE FROM sessions WHERE id = ?2
	AND ((ended_at > 0 AND ended_at < ?1) OR expires_at < ?1 OR idle_expires_at < ?1)`

// Sweep may delete fewer than there are, since it looks at a bounded number of sessions; the next one goes on.
func (p sessions) Sweep(ctx context.Context, before time.Time, limit int) (swept int, err error) {
	if limit <= 0 {
		return 0, ctx.Err()
	}
	dead, err := p.s.dead(ctx, before, limit)
	if err != nil {
		return 0, fmt.Errorf("sweep sessions: %w", err)
	}
	if len(dead) == 0 {
		return 0, nil
	}
	err = p.s.write.do(ctx, func(t *tx) error {
		swept = 0
		for _, id := range dead {
			// Asked again, now that nothing can change it: it may have been refreshed since.
			n, err := t.exec(deleteSwept, millis(before), id)
			if err != nil {
				return fmt.Errorf("sweep sessions: %w", err)
			}
			if n > 0 {
				t.changes.dropSession(session.ID(id))
				swept++
			}
		}
		return nil
	})
	return swept, err
}

// dead finds sessions to delete, from the cursor on, and from the beginning if it reaches the end.
func (s *Store) dead(ctx context.Context, before time.Time, limit int) (found []string, err error) {
	s.sweep.mu.Lock()
	defer s.sweep.mu.Unlock()
	span := max(limit*sweepSpan, 1000)
	wrapped := s.sweep.id == ""
	for {
		looked, err := s.look(ctx, before, span, limit, &found)
		switch {
		case err != nil:
			return nil, err
		case len(found) == limit || looked == span:
			return found, nil
		}
		s.sweep.hour, s.sweep.id = 0, ""
		if wrapped {
			return found, nil
		}
		wrapped, span = true, span-looked
	}
}

// look moves the cursor over at most span sessions and says how many it passed.
func (s *Store) look(ctx context.Context, before time.Time, span, limit int, found *[]string) (looked int, err error) {
	rows, err := s.read.rows(ctx, selectSwept, millis(before), s.sweep.hour, s.sweep.id, hour(before), span)
	if err != nil {
		return 0, err
	}
	defer rows.Close() //nolint:errcheck // rows.Err tells
	for rows.Next() && len(*found) < limit {
		var id string
		var seen int64
		var dead bool
		if err := rows.Scan(&id, &seen, &dead); err != nil {
			return 0, err
		}
		looked++
		s.sweep.hour, s.sweep.id = seen, id
		if dead {
			*found = append(*found, id)
		}
	}
	return looked, rows.Err()
}
