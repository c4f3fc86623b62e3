package postgres

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"tandem.example/tandem/internal/audit"
	"tandem.example/tandem/internal/feed"
	"tandem.example/tandem/internal/session"
	"tandem.example/tandem/verify/revocation"
)

func (p sessions) Renew(ctx context.Context, r session.Renewal) (view session.View, commit feed.Commit, err error) {
	err = p.s.transact(ctx, func(t *tx) error {
		old, err := t.renewable(r, r.At)
		if err != nil {
			return err
		}
		authz := []revocation.Event{revocation.AuthzEvent(string(old.Session.User))}
		at := t.renew(r, r.At, authz, &view, r.Audit)
		if err := t.commit(); err != nil {
			return err
		}
		commit = at.commit(r.At)
		return nil
	})
	if err != nil {
		return session.View{}, feed.Commit{}, fmt.Errorf("renew session: %w", err)
	}
	p.s.committed(r.At, 1)
	return view, commit, nil
}

const lockedView = selectViewByID + ` FOR NO KEY UPDATE OF s`

// renewable locks the session and finds out whether its credentials may be replaced at `at`.
func (t *tx) renewable(r session.Renewal, at time.Time) (view session.View, err error) {
	k, ok := key(r.ID)
	if !ok {
		return session.View{}, session.ErrNotFound
	}
	found := false
	t.queue(lockedView, k).Query(func(rows pgx.Rows) error {
		return eachView(rows, nil, func(v session.View) { view, found = v, true })
	})
	if err := t.send(); err != nil {
		return session.View{}, err
	}
	if !found {
		return session.View{}, session.ErrNotFound
	}
	if err := view.Alive(at); err != nil {
		return session.View{}, errors.Join(session.ErrEnded, err)
	}
	if !r.Fits(view.Session) {
		return session.View{}, session.ErrRaced
	}
	return view, nil
}

// Access tokens from before the position that the commit reaches are dead. So are sessions from before the user's
// sessions_from, which the same commit may raise: the session that stays is given the same position, if $10 says so.
const renewSession = `WITH c AS (` + selectAppend + `)
	UPDATE sessions s SET version = s.version + 1, tokens_from = c.head_base + c.head_position, token = $5, refresh = $6,
		authenticated_at = $7, acr = $8, amr = $9, last_seen_at = greatest(s.last_seen_at, $3),
		idle_expires_at = greatest(s.idle_expires_at, least($3 + s.idle, s.expires_at)),
		position = CASE WHEN $10 THEN c.head_base + c.head_position ELSE s.position END
	FROM c WHERE s.id = $4 RETURNING c.head_base, c.head_position`

// renew queues the events and entries of the commit and the new credentials of a session that is locked, and reads it
// anew: state that is read after the log has moved is as new as the head.
func (t *tx) renew(r session.Renewal, at time.Time, events []revocation.Event, view *session.View, entries ...audit.Entry) *place {
	return t.replace(r, at, events, view, false, entries...)
}

func (t *tx) replace(r session.Renewal, at time.Time, events []revocation.Event, view *session.View, raise bool, entries ...audit.Entry) *place {
	k, _ := key(r.ID)
	reached := &place{}
	args := append(appending(at, events, entries...), k, digest(r.Token), packRefresh(r.Refresh), millis(r.AuthenticatedAt),
		text(r.ACR), words(r.AMR), raise)
	t.queue(renewSession, args...).QueryRow(reached.scan)
	queueView(&t.batch, k, view)
	return reached
}

// touchBatch bounds how many rows one commit locks.
const touchBatch = 500

// A session that is being written at this moment is passed over: whoever writes it slides it too, or ends it. So a
// sighting waits for nobody and nobody for two. Of several sightings the latest counts.
var touchSessions = `WITH t AS (
		SELECT id, max(at) AS at FROM unnest($1::uuid[], $2::bigint[]) AS t(id, at) GROUP BY id
	), free AS (
		SELECT s.id, t.at FROM t JOIN sessions s ON s.id = t.id JOIN users u ON u.n = s.user_n
			JOIN applications a ON a.n = s.application_n JOIN head h ON h.one
		WHERE ` + living("t.at") + ` AND (t.at > s.last_seen_at OR least(t.at + s.idle, s.expires_at) > s.idle_expires_at)
		FOR NO KEY UPDATE OF s SKIP LOCKED
	)
	UPDATE sessions s SET last_seen_at = greatest(s.last_seen_at, f.at),
		idle_expires_at = greatest(s.idle_expires_at, least(f.at + s.idle, s.expires_at))
	FROM free f WHERE s.id = f.id AND s.ended_at = 0`

// Touch takes one round trip for each 500.
func (p sessions) Touch(ctx context.Context, sightings []session.Sighting) error {
	for part := range slices.Chunk(sightings, touchBatch) {
		ids, at, last := make([][16]byte, 0, len(part)), make([]int64, 0, len(part)), time.Time{}
		for _, seen := range part {
			if k, ok := key(seen.ID); ok {
				ids, at = append(ids, k), append(at, millis(seen.At))
			}
			if seen.At.After(last) {
				last = seen.At
			}
		}
		err := p.s.call(ctx, writing, func(ctx context.Context, c *pgxpool.Conn) error {
			_, err := c.Exec(ctx, touchSessions, ids, at)
			return err
		})
		if err != nil {
			return fmt.Errorf("touch sessions: %w", err)
		}
		p.s.saw(last)
	}
	return nil
}
