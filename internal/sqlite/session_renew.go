package sqlite

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"tandem.example/tandem/internal/feed"
	"tandem.example/tandem/internal/session"
	"tandem.example/tandem/verify/revocation"
)

func (p sessions) Renew(ctx context.Context, r session.Renewal) (view session.View, commit feed.Commit, err error) {
	err = p.s.write.do(ctx, func(t *tx) error {
		old, err := t.renewable(r, r.At)
		if err != nil {
			return err
		}
		authz := []revocation.Event{revocation.AuthzEvent(string(old.Session.User))}
		if commit, err = t.finish(r.At, authz, r.Audit); err != nil {
			return fmt.Errorf("renew session: %w", err)
		}
		view, err = t.renew(old, r, r.At)
		return err
	})
	return view, commit, err
}

// renewable finds the session if its credentials may be replaced at `at`.
func (t *tx) renewable(r session.Renewal, at time.Time) (session.View, error) {
	view, err := t.find(r.ID)
	if err != nil {
		return session.View{}, fmt.Errorf("renew session: %w", err)
	}
	if err := view.Alive(at); err != nil {
		return session.View{}, errors.Join(session.ErrEnded, err)
	}
	if !r.Fits(view.Session) {
		return session.View{}, session.ErrRaced
	}
	return view, nil
}

const updateRenewed = `UPDATE sessions SET version = ?, tokens_from = ?, token = ?, refresh = ?, authenticated_at = ?,
	acr = ?, amr = ?, last_seen_at = ?, seen_hour = ?, idle_expires_at = ? WHERE id = ?`

// renew replaces the credentials. Access tokens from before the head, which the caller has just moved, are dead.
func (t *tx) renew(view session.View, r session.Renewal, at time.Time) (session.View, error) {
	s := &view.Session
	s.Version++
	s.TokensFrom = t.head.position
	s.Token = r.Token
	s.Refresh = r.Refresh
	s.Refresh.Sealed, s.Refresh.RotatedAt = slices.Clone(r.Refresh.Sealed), grain(r.Refresh.RotatedAt)
	s.AuthenticatedAt = grain(r.AuthenticatedAt)
	s.ACR, s.AMR = r.ACR, slices.Clone(r.AMR)
	slide(s, at, s.IdleDeadline(at))
	_, err := t.exec(updateRenewed, int64(s.Version), int64(s.TokensFrom), digest(s.Token), packRefresh(s.Refresh),
		millis(s.AuthenticatedAt), s.ACR, words(s.AMR), millis(s.LastSeenAt), hour(s.LastSeenAt), millis(s.IdleExpiresAt),
		string(s.ID))
	if err != nil {
		return session.View{}, fmt.Errorf("renew session: %w", err)
	}
	return t.put(&view), nil
}

// Two forms of the same update. Most refreshes stay within the hour of the last one, and then leave the index alone.
const (
	updateRotated     = `UPDATE sessions SET refresh = ?, last_seen_at = ?, idle_expires_at = ? WHERE id = ?`
	updateRotatedHour = `UPDATE sessions SET refresh = ?, last_seen_at = ?, idle_expires_at = ?, seen_hour = ? WHERE id = ?`
)

func (p sessions) Rotate(ctx context.Context, r session.Rotation) (view session.View, err error) {
	err = p.s.write.do(ctx, func(t *tx) error {
		now, err := t.find(r.ID)
		if err != nil {
			return fmt.Errorf("rotate refresh token: %w", err)
		}
		if err := now.Alive(r.At); err != nil {
			return err
		}
		s := &now.Session
		old := s.Refresh
		if old.Generation == 0 || old.Generation != r.Generation || !old.Digest.Equal(r.Digest) {
			return session.ErrRaced
		}
		s.Refresh = session.Refresh{
			Generation: old.Generation + 1,
			Digest:     r.Next,
			Previous:   old.Digest,
			Sealed:     slices.Clone(r.Sealed),
			RotatedAt:  grain(r.At),
			Floor:      old.Floor,
		}
		before := hour(s.LastSeenAt)
		slide(s, r.At, r.IdleExpiresAt)
		query := updateRotated
		args := []any{packRefresh(s.Refresh), millis(s.LastSeenAt), millis(s.IdleExpiresAt), string(s.ID)}
		if h := hour(s.LastSeenAt); h != before {
			query, args = updateRotatedHour, slices.Insert(args, 3, any(h))
		}
		if _, err := t.exec(query, args...); err != nil {
			return fmt.Errorf("rotate refresh token: %w", err)
		}
		t.seen(r.At)
		view = t.put(&now)
		return nil
	})
	return view, err
}

// slide moves the session's last use and idle deadline forward, never back and never past the absolute deadline.
func slide(s *session.Session, seen, idle time.Time) {
	if seen = grain(seen); seen.After(s.LastSeenAt) {
		s.LastSeenAt = seen
	}
	if idle.After(s.ExpiresAt) {
		idle = s.ExpiresAt
	}
	if idle = grain(idle); idle.After(s.IdleExpiresAt) {
		s.IdleExpiresAt = idle
	}
}

// touchBatch is how many sightings share a transaction with the writes of others: more would make those wait.
const touchBatch = 256

// Touch is atomic for each sighting, and each 256 of them are written together.
func (p sessions) Touch(ctx context.Context, sightings []session.Sighting) error {
	for part := range slices.Chunk(sightings, touchBatch) {
		err := p.s.write.do(ctx, func(t *tx) error {
			for _, seen := range part {
				if err := t.touch(seen); err != nil {
					return fmt.Errorf("touch session: %w", err)
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

const (
	updateSeen     = `UPDATE sessions SET last_seen_at = ?, idle_expires_at = ? WHERE id = ?`
	updateSeenHour = `UPDATE sessions SET last_seen_at = ?, idle_expires_at = ?, seen_hour = ? WHERE id = ?`
)

func (t *tx) touch(seen session.Sighting) error {
	view, err := t.find(seen.ID)
	if errors.Is(err, session.ErrNotFound) || err == nil && view.Alive(seen.At) != nil {
		return nil
	}
	if err != nil {
		return err
	}
	s := &view.Session
	before, deadline := s.LastSeenAt, s.IdleExpiresAt
	slide(s, seen.At, s.IdleDeadline(seen.At))
	if s.LastSeenAt.Equal(before) && s.IdleExpiresAt.Equal(deadline) {
		return nil
	}
	if h := hour(s.LastSeenAt); h != hour(before) {
		_, err = t.exec(updateSeenHour, millis(s.LastSeenAt), millis(s.IdleExpiresAt), h, string(s.ID))
	} else {
		_, err = t.exec(updateSeen, millis(s.LastSeenAt), millis(s.IdleExpiresAt), string(s.ID))
	}
	if err == nil {
		t.put(&view)
	}
	return err
}
