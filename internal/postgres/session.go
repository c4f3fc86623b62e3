package postgres

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"tandem.example/tandem/internal/account"
	"tandem.example/tandem/internal/application"
	"tandem.example/tandem/internal/session"
	"tandem.example/tandem/verify/revocation"
)

// Sessions answers the port to sessions.
func (s *Store) Sessions() session.Store { return sessions{s} }

type sessions struct{ s *Store }

const sessionColumns = `id, user_n, application_n, created_at, authenticated_at, last_seen_at, idle_expires_at, expires_at,
	idle, acr, amr, device, ip, version, position, tokens_from, token, refresh`

// The user is locked, so that a change of the user either sees the session and ends it, or is seen here. Answered is
// one row, which says what was missing if the session was not inserted.
const startSession = `WITH u AS (
		SELECT n FROM users WHERE id = $1 AND status = 'active' AND revision = $2 FOR NO KEY UPDATE
	), a AS (SELECT n FROM applications WHERE id = $3 AND name IS NOT NULL),
	s AS (
		INSERT INTO sessions (` + sessionColumns + `)
		SELECT $4::uuid, u.n, a.n, $5::bigint, $6::bigint, $7::bigint, $8::bigint, $9::bigint, $10::bigint, $11::text,
			$12::text, $13::text, $14::text, $15::integer, h.base + h.position,
			CASE $16::bigint WHEN 0 THEN 0 ELSE h.base + $16 END, $17::bytea, $18::bytea
		FROM u, a, head h WHERE h.one RETURNING position
	), r AS (SELECT tandem_record($19) FROM s)
	SELECT EXISTS (SELECT 1 FROM u), EXISTS (SELECT 1 FROM a), (SELECT count(*) FROM r)`

func startArgs(start *session.Start, k [16]byte, row *session.Session) []any {
	return []any{
		text(string(row.User)), int64(start.AccountRevision), text(string(row.Application)), k, millis(row.CreatedAt),
		millis(row.AuthenticatedAt), millis(row.LastSeenAt), millis(row.IdleExpiresAt), millis(row.ExpiresAt),
		row.Idle.Milliseconds(), row.ACR, words(row.AMR), row.Device, row.IP, int32(row.Version), int64(row.TokensFrom),
		digest(row.Token), packRefresh(row.Refresh), records(start.Audit),
	}
}

// Start takes one round trip; with a limit on the user's sessions, one more before.
func (p sessions) Start(ctx context.Context, start session.Start) (view session.View, err error) {
	row := coarse(start.Session)
	k, ok := key(row.ID)
	if !ok {
		return session.View{}, fmt.Errorf("start session: %q is no id of a session", text(string(row.ID)))
	}
	if start.Limit > 0 {
		return p.startWithin(ctx, start, row, k)
	}
	err = p.s.call(ctx, writing, func(ctx context.Context, c *pgxpool.Conn) error {
		var answer started
		batch := &pgx.Batch{}
		batch.Queue(startSession, startArgs(&start, k, &row)...).QueryRow(answer.scan)
		queueView(batch, k, &view)
		if err := c.SendBatch(ctx, batch).Close(); err != nil {
			return err
		}
		return answer.err()
	})
	if err != nil {
		return session.View{}, fmt.Errorf("start session: %w", err)
	}
	p.s.committed(row.CreatedAt, 0)
	return view, nil
}

// started is what startSession answers.
type started struct{ user, application bool }

func (a *started) scan(row pgx.Row) error {
	var records int
	return row.Scan(&a.user, &a.application, &records)
}

func (a *started) err() error {
	switch {
	case !a.user:
		return session.ErrAccountChanged
	case !a.application:
		return application.ErrNotFound
	}
	return nil
}

// queueView reads a session within a batch, as what was queued before has left it.
func queueView(batch *pgx.Batch, k [16]byte, view *session.View) {
	batch.Queue(selectViewByID, k).Query(func(rows pgx.Rows) error {
		return eachView(rows, nil, func(v session.View) { *view = v })
	})
}

// coarse is the session with times in the grain of the store, texts that it can keep, and alive: it is about to be
// born.
func coarse(row session.Session) session.Session {
	for _, t := range []*time.Time{
		&row.CreatedAt, &row.AuthenticatedAt, &row.LastSeenAt, &row.IdleExpiresAt, &row.ExpiresAt, &row.Refresh.RotatedAt,
	} {
		*t = grain(*t)
	}
	row.ACR, row.Device, row.IP = text(row.ACR), text(row.Device), text(row.IP)
	row.EndedAt, row.EndReason = time.Time{}, ""
	return row
}

// Under a lock of the user, so that nobody else starts a session of theirs meanwhile.
const (
	lockUser     = `SELECT n FROM users WHERE id = $1 FOR NO KEY UPDATE`
	selectLiving = selectView + ` WHERE s.user_n = (SELECT n FROM users WHERE id = $1)
		AND s.application_n = (SELECT n FROM applications WHERE id = $2) AND s.ended_at = 0`
)

// startWithin ends the oldest living sessions that the new one pushes over the limit, and starts it.
func (p sessions) startWithin(ctx context.Context, start session.Start, row session.Session, k [16]byte) (view session.View, err error) {
	events := 0
	err = p.s.transact(ctx, func(t *tx) error {
		over, err := t.over(&start, &row)
		if err != nil {
			return err
		}
		announced := make([]revocation.Event, 0, len(over))
		ids := make([][16]byte, 0, len(over))
		for _, v := range over {
			id, _ := key(v.Session.ID)
			ids, announced = append(ids, id), append(announced, revocation.SessionEvent(string(v.Session.ID)))
		}
		events = len(announced)
		if events > 0 {
			t.queue(`UPDATE sessions SET ended_at = $1, end_reason = $2 WHERE id = ANY($3) AND ended_at = 0`,
				millis(row.CreatedAt), string(session.LimitReached), ids)
			t.queue(selectAppend, appending(row.CreatedAt, announced)...)
		}
		var answer started
		t.queue(startSession, startArgs(&start, k, &row)...).QueryRow(answer.scan)
		queueView(&t.batch, k, &view)
		if err := t.send(); err != nil {
			return err
		}
		if err := answer.err(); err != nil {
			return err
		}
		return t.commit()
	})
	if err != nil {
		return session.View{}, fmt.Errorf("start session: %w", err)
	}
	p.s.committed(row.CreatedAt, events)
	return view, nil
}

// over locks the user and answers the sessions that have to go for the new one.
func (t *tx) over(start *session.Start, row *session.Session) (over []session.View, err error) {
	t.queue(lockUser, text(string(row.User)))
	t.queue(selectLiving, text(string(row.User)), text(string(row.Application))).Query(func(rows pgx.Rows) error {
		return eachView(rows, nil, func(v session.View) {
			if v.Alive(row.CreatedAt) == nil {
				over = append(over, v)
			}
		})
	})
	if err := t.send(); err != nil {
		return nil, err
	}
	slices.SortFunc(over, func(a, b session.View) int {
		return cmp.Or(a.Session.CreatedAt.Compare(b.Session.CreatedAt), cmp.Compare(a.Session.ID, b.Session.ID))
	})
	return over[:max(len(over)-start.Limit+1, 0)], nil
}

// selectUser reads a user, and lockedUser locks them too, with the number by which rows refer to them.
const (
	selectUser = `SELECT ` + userColumns + ` FROM users u WHERE `
	lockedUser = `SELECT u.n, u.sessions_from, ` + userColumns + ` FROM users u WHERE u.id = $1 FOR NO KEY UPDATE`
)

// user locks a user and answers the number by which rows refer to them.
func (t *tx) user(id account.ID) (n int64, u account.User, err error) {
	err = account.ErrNotFound
	t.queue(lockedUser, text(string(id))).Query(func(rows pgx.Rows) error {
		for rows.Next() {
			f := fields{raw: rows.RawValues()}
			n, _ = f.int64(), f.int64()
			scanUser(&f, &u)
			err = f.err
		}
		return rows.Err()
	})
	if sendErr := t.send(); sendErr != nil {
		err = sendErr
	}
	return n, u, err
}
