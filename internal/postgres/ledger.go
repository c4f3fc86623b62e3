package postgres

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"tandem.example/tandem/internal/account"
	"tandem.example/tandem/internal/session"
	"tandem.example/tandem/verify/revocation"
)

// Ledger answers the port to what sessions in another store stand on. Such sessions are none of this store's own.
func (s *Store) Ledger() session.Ledger { return ledger{s} }

type ledger struct{ s *Store }

// addressKept is for how long an address from which a user signed in stays known.
const addressKept = 60 * 24 * 3600 * 1000 // milliseconds

// The user is locked, as where a session is started here. The address is noted, and those long unused are forgotten.
const admitSession = `WITH u AS (
		SELECT n FROM users WHERE id = $1 AND status = 'active' AND revision = $2 FOR NO KEY UPDATE
	), a AS (SELECT n FROM applications WHERE id = $3 AND name IS NOT NULL),
	r AS (SELECT tandem_record($4) FROM u, a),
	seen AS (
		INSERT INTO addresses AS d (user_n, ip, seen_at) SELECT u.n, $5::text, $6::bigint FROM u, a WHERE $5 <> ''
		ON CONFLICT (user_n, ip) DO UPDATE SET seen_at = greatest(d.seen_at, excluded.seen_at)
	), late AS (DELETE FROM addresses WHERE user_n = (SELECT n FROM u) AND ip <> $5 AND seen_at < $7)
	SELECT EXISTS (SELECT 1 FROM u), EXISTS (SELECT 1 FROM a), (SELECT count(*) FROM r)`

// Admit takes one round trip. The ground is read under the lock of the user, so whatever ends the user's sessions from
// then on lies after it.
func (l ledger) Admit(ctx context.Context, start session.Start) (ground session.Ground, err error) {
	row := start.Session
	at := millis(row.CreatedAt)
	who := []session.Subject{{ID: row.ID, User: row.User, Application: row.Application}}
	err = l.s.call(ctx, writing, func(ctx context.Context, c *pgxpool.Conn) error {
		var answer started
		batch := &pgx.Batch{}
		batch.Queue(admitSession, text(string(row.User)), int64(start.AccountRevision), text(string(row.Application)),
			records(start.Audit), text(row.IP), at, at-addressKept).QueryRow(answer.scan)
		batch.Queue(selectStanding, standingArgs(who)...).Query(func(rows pgx.Rows) error {
			ground, err = scanGround(rows, len(who))
			return err
		})
		if err := c.SendBatch(ctx, batch).Close(); err != nil {
			return err
		}
		return answer.err()
	})
	if err != nil {
		return session.Ground{}, fmt.Errorf("admit session: %w", err)
	}
	l.s.committed(row.CreatedAt, 0)
	return ground, nil
}

// One row for each that is asked about, and one without if nobody is. A restore that ended every session counts as the
// last end of the user's, if it was.
const selectStanding = `SELECT h.epoch, h.position, h.chain, h.token_longest, h.ring, h.base, h.floor, w.i,
		` + userColumns + `, CASE WHEN h.sessions_from > u.sessions_from THEN h.sessions_from ELSE u.sessions_from END,
		CASE WHEN h.sessions_from > u.sessions_from THEN h.sessions_ended_at ELSE u.sessions_ended_at END,
		CASE WHEN h.sessions_from > u.sessions_from THEN '` + string(session.Restored) + `' ELSE u.sessions_end_reason END,
		a.sessions_from, (SELECT max(e.committed_at) FROM events e WHERE e.kind = 'session' AND e.id = w.event)
	FROM head h LEFT JOIN unnest($1::text[], $2::text[], $3::text[]) WITH ORDINALITY AS w(event, user_id, app_id, i) ON true
	LEFT JOIN users u ON u.id = w.user_id
	LEFT JOIN applications a ON a.id = w.app_id AND a.name IS NOT NULL
	WHERE h.one`

func standingArgs(of []session.Subject) []any {
	events, users, apps := make([]string, len(of)), make([]string, len(of)), make([]string, len(of))
	for i, who := range of {
		events[i], users[i] = revocation.Hash(string(who.ID)).String(), text(string(who.User))
		apps[i] = text(string(who.Application))
	}
	return []any{events, users, apps}
}

// standingRow is where a row of selectStanding is scanned into.
type standingRow struct {
	end                                logEnd
	base                               int64
	i                                  *int64
	id, email, name, roles, status     *string
	verified                           *bool
	created, revision, theft           *int64
	userFrom, userEnded, from, noticed *int64
	why                                *string
}

func (r *standingRow) scan(rows pgx.Rows) error {
	return rows.Scan(&r.end.epoch, &r.end.position, &r.end.chain, &r.end.longest, &r.end.ring, &r.base, &r.end.floor, &r.i,
		&r.id, &r.email, &r.verified, &r.name, &r.roles, &r.status, &r.created, &r.revision, &r.theft,
		&r.userFrom, &r.userEnded, &r.why, &r.from, &r.noticed)
}

func (r *standingRow) standing() session.Standing {
	how := session.Standing{Gone: true, ApplicationFrom: math.MaxUint64}
	if r.id != nil {
		how.Gone = false
		how.User = account.User{
			ID: account.ID(*r.id), Email: *r.email, EmailVerified: *r.verified, Name: *r.name, Roles: list(*r.roles),
			Status: account.Status(*r.status), CreatedAt: instant(*r.created), Revision: uint64(*r.revision),
			TheftAt: instant(*r.theft),
		}
		how.UserFrom, how.UserEndedAt, how.UserEndReason = uint64(*r.userFrom), instant(*r.userEnded), session.Reason(*r.why)
	}
	if r.from != nil {
		how.ApplicationFrom = uint64(*r.from)
	}
	if r.noticed != nil {
		how.Announced = instant(*r.noticed)
	}
	return how
}

func scanGround(rows pgx.Rows, n int) (g session.Ground, err error) {
	defer rows.Close()
	g.Of = make([]session.Standing, n)
	for rows.Next() {
		var r standingRow
		if err := r.scan(rows); err != nil {
			return g, err
		}
		if g.Head, err = r.end.head(); err != nil {
			return g, err
		}
		g.Base, g.Floor = uint64(r.base), uint64(r.base+r.end.floor)
		if r.i != nil && *r.i >= 1 && *r.i <= int64(n) {
			g.Of[*r.i-1] = r.standing()
		}
	}
	return g, rows.Err()
}

func (l ledger) Standing(ctx context.Context, of []session.Subject) (ground session.Ground, err error) {
	err = l.s.call(ctx, reading, func(ctx context.Context, c *pgxpool.Conn) error {
		rows, err := c.Query(ctx, selectStanding, standingArgs(of)...)
		if err == nil {
			ground, err = scanGround(rows, len(of))
		}
		return err
	})
	if err != nil {
		return session.Ground{}, fmt.Errorf("ask how sessions stand: %w", err)
	}
	return ground, nil
}

const selectPlace = `SELECT epoch FROM head WHERE one`

// Conclude takes one round trip for single sessions, and one more if it changes the user.
func (l ledger) Conclude(ctx context.Context, c session.Conclusion) (done session.Concluded, err error) {
	events := c.Events()
	err = l.s.transact(ctx, func(t *tx) error {
		n := int64(0)
		if c.All || c.Theft {
			var err error
			if n, _, err = t.user(c.User); err != nil && !errors.Is(err, account.ErrNotFound) {
				return err
			}
		}
		if c.Theft {
			t.queue(markTheft, n, millis(c.At))
		}
		reached, epoch := &place{}, ""
		t.queue(selectAppend, appending(c.At, events, c.Audit...)...).QueryRow(reached.scan)
		if c.All {
			t.queue(endUser, n, millis(c.At), string(c.Reason))
		}
		t.queue(selectPlace).QueryRow(func(row pgx.Row) error { return row.Scan(&epoch) })
		if err := t.commit(); err != nil {
			return err
		}
		done.Commit = reached.commit(c.At)
		done.Place = session.Place{Epoch: epoch, Ordinal: uint64(reached.base + reached.position)}
		return nil
	})
	if err != nil {
		return session.Concluded{}, fmt.Errorf("conclude sessions: %w", err)
	}
	l.s.committed(c.At, len(events))
	return done, nil
}
