package sqlite

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"tandem.example/tandem/internal/account"
	"tandem.example/tandem/internal/feed"
	"tandem.example/tandem/internal/session"
	"tandem.example/tandem/verify/revocation"
)

func (p sessions) End(ctx context.Context, e session.Ending) (commit feed.Commit, ended int, err error) {
	err = p.s.write.do(ctx, func(t *tx) error {
		var events []revocation.Event
		var err error
		if e.Session != "" {
			events, err = t.endOne(&e)
			ended = len(events)
		} else {
			events, ended, err = t.endOf(e)
		}
		if err != nil {
			return fmt.Errorf("end session: %w", err)
		}
		if len(events) == 0 { // nothing happened, so there is nothing to tell
			commit, err = t.finish(e.At, nil)
			return err
		}
		if e.Theft {
			if err := t.markTheft(e.User, e.At); err != nil {
				return fmt.Errorf("end session: %w", err)
			}
		}
		commit, err = t.finish(e.At, events, e.Audit...)
		return err
	})
	return commit, ended, err
}

// endOne ends the session that e names, unless its end or its application's came before, and fills in whose it is.
// Deadlines that have passed are no reason to leave it: were the clock to step back, the session would live again.
func (t *tx) endOne(e *session.Ending) ([]revocation.Event, error) {
	view, err := t.find(e.Session)
	if err != nil {
		return nil, err
	}
	s := &view.Session
	if e.User != "" && s.User != e.User {
		return nil, session.ErrNotFound
	}
	e.User = s.User
	if !s.EndedAt.IsZero() || s.Position < view.SessionsFrom {
		return nil, nil
	}
	if err := t.end(s.ID, e.Reason, e.At); err != nil {
		return nil, err
	}
	return []revocation.Event{revocation.SessionEvent(string(s.ID))}, nil
}

// endOf ends the user's sessions but the excepted one: with a subject event if none is, with an event each if one is.
func (t *tx) endOf(e session.Ending) (events []revocation.Event, ended int, err error) {
	ids, err := t.endAll(updateEndedEffective, e.User, e.Except, e.Reason, e.At)
	if err != nil {
		return nil, 0, err
	}
	if e.Except == "" {
		return []revocation.Event{revocation.SubjectEvent(string(e.User))}, len(ids), nil
	}
	for _, id := range ids {
		events = append(events, revocation.SessionEvent(id))
	}
	return events, len(ids), nil
}

const updateEnded = `UPDATE sessions SET ended_at = ?, end_reason = ? WHERE id = ? AND ended_at = 0`

// end ends one session for good.
func (t *tx) end(id session.ID, why session.Reason, at time.Time) error {
	if _, err := t.exec(updateEnded, millis(at), string(why), string(id)); err != nil {
		return err
	}
	t.changes.endSession(id, at, why)
	return nil
}

const (
	updateEndedOfUser = `UPDATE sessions SET ended_at = ?, end_reason = ?
		WHERE user = (SELECT n FROM users WHERE id = ?) AND id <> ? AND ended_at = 0`
	returningID = ` RETURNING id`
	// Not those that their application's SessionsFrom has ended before.
	effective = ` AND position >= (SELECT sessions_from FROM applications a WHERE a.n = sessions.application)`

	updateEndedAll       = updateEndedOfUser + returningID
	updateEndedEffective = updateEndedOfUser + effective + returningID
)

// endAll ends a user's sessions but one and answers their ids in order.
func (t *tx) endAll(query string, user account.ID, except session.ID, why session.Reason, at time.Time) ([]string, error) {
	ids, err := t.returning(query, millis(at), string(why), string(user), string(except))
	if err != nil {
		return nil, err
	}
	slices.Sort(ids)
	for _, id := range ids {
		t.changes.endSession(session.ID(id), at, why)
	}
	return ids, nil
}

// markTheft notes when reuse of a refresh token was detected. The user may have been deleted since.
func (t *tx) markTheft(id account.ID, at time.Time) error {
	_, u, err := t.user(id)
	if errors.Is(err, account.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	u.TheftAt = grain(at)
	if _, err := t.exec(`UPDATE users SET theft_at = ? WHERE id = ?`, millis(at), string(id)); err != nil {
		return err
	}
	t.changes.putUser(u)
	return nil
}
