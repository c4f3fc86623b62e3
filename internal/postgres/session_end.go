package postgres

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"tandem.example/tandem/internal/account"
	"tandem.example/tandem/internal/feed"
	"tandem.example/tandem/internal/session"
	"tandem.example/tandem/verify/revocation"
)

func (p sessions) End(ctx context.Context, e session.Ending) (commit feed.Commit, ended int, err error) {
	if e.Session != "" {
		commit, ended, err = p.endOne(ctx, e)
	} else {
		commit, ended, err = p.endOf(ctx, e)
	}
	if err != nil {
		return feed.Commit{}, 0, fmt.Errorf("end session: %w", err)
	}
	return commit, ended, nil
}

const endSession = `SELECT known, ended, head_base, head_position FROM tandem_end($1, $2, $3, $4, $5, $6, $7)`

// endOne takes one round trip.
func (p sessions) endOne(ctx context.Context, e session.Ending) (feed.Commit, int, error) {
	k, ok := key(e.Session)
	if !ok {
		return feed.Commit{}, 0, session.ErrNotFound
	}
	event := []revocation.Event{revocation.SessionEvent(string(e.Session))}
	var known, ended bool
	var at place
	err := p.s.call(ctx, writing, func(ctx context.Context, c *pgxpool.Conn) error {
		var base, position *int64
		err := c.QueryRow(ctx, endSession, k, text(string(e.User)), string(e.Reason), millis(e.At), e.Theft,
			drafts(e.At, event), records(e.Audit...)).Scan(&known, &ended, &base, &position)
		if err == nil && known {
			at = place{*base, *position}
		}
		return err
	})
	switch {
	case err != nil:
		return feed.Commit{}, 0, err
	case !known:
		return feed.Commit{}, 0, session.ErrNotFound
	case !ended:
		p.s.committed(e.At, 0)
		return at.commit(e.At), 0, nil
	}
	p.s.committed(e.At, 1)
	return at.commit(e.At), 1, nil
}

const (
	// Rows are locked in the order of their ids, whoever locks several.
	lockOfUser = `SELECT s.id` + viewTables + ` WHERE s.user_n = $1 AND s.id <> $2 AND s.ended_at = 0
		AND s.position >= a.sessions_from AND s.position >= h.sessions_from ORDER BY s.id FOR NO KEY UPDATE OF s`
	updateEnded = `UPDATE sessions SET ended_at = $1, end_reason = $2 WHERE id = ANY($3) AND ended_at = 0`
	// The ordinal that the commit has just reached ends sessions that are kept in another store.
	endUser = `UPDATE users SET sessions_from = (SELECT base + position FROM head WHERE one), sessions_ended_at = $2,
		sessions_end_reason = $3 WHERE n = $1`
	markTheft = `UPDATE users SET theft_at = $2 WHERE n = $1`
)

// endOf ends the user's sessions but the excepted one: with a subject event if none is, with an event each if one is.
func (p sessions) endOf(ctx context.Context, e session.Ending) (commit feed.Commit, ended int, err error) {
	events := 0
	err = p.s.transact(ctx, func(t *tx) error {
		n, _, err := t.user(e.User)
		if errors.Is(err, account.ErrNotFound) {
			n, err = 0, nil // access tokens outlive their user: an order to revoke is announced all the same
		}
		if err != nil {
			return err
		}
		ids, err := t.endAll(n, e.Except, string(e.Reason), millis(e.At))
		if err != nil {
			return err
		}
		ended = len(ids)
		announced := []revocation.Event{revocation.SubjectEvent(string(e.User))}
		if e.Except != "" {
			announced = announced[:0]
			for _, id := range ids {
				announced = append(announced, revocation.SessionEvent(string(name(id))))
			}
		}
		events = len(announced)
		commit, err = t.announceEnd(e, n, announced)
		return err
	})
	if err == nil {
		p.s.committed(e.At, events)
	}
	return commit, ended, err
}

// announceEnd commits the end of a user's sessions. If nothing has happened there is nothing to tell.
func (t *tx) announceEnd(e session.Ending, n int64, announced []revocation.Event) (feed.Commit, error) {
	entries := e.Audit
	if len(announced) == 0 {
		entries = nil
	} else if e.Theft {
		t.queue(markTheft, n, millis(e.At))
	}
	reached := &place{}
	t.queue(selectAppend, appending(e.At, announced, entries...)...).QueryRow(reached.scan)
	if e.Except == "" {
		t.queue(endUser, n, millis(e.At), string(e.Reason))
	}
	if err := t.commit(); err != nil {
		return feed.Commit{}, err
	}
	return reached.commit(e.At), nil
}

// endAll queues the end of a user's living sessions but one, and answers which they are. The user is locked.
func (t *tx) endAll(user int64, except session.ID, why string, at int64) (ids [][16]byte, err error) {
	spared, _ := key(except)
	t.queue(lockOfUser, user, spared).Query(func(rows pgx.Rows) error {
		ids, err = pgx.AppendRows(ids, rows, pgx.RowTo[[16]byte])
		return err
	})
	if err := t.send(); err != nil {
		return nil, err
	}
	if len(ids) > 0 {
		t.queue(updateEnded, at, why, slices.Clone(ids))
	}
	return ids, nil
}
