package sqlite

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"tandem.example/tandem/internal/account"
	"tandem.example/tandem/internal/application"
	"tandem.example/tandem/internal/session"
	"tandem.example/tandem/verify/revocation"
)

// Sessions answers the port to sessions.
func (s *Store) Sessions() session.Store { return sessions{s} }

type sessions struct{ s *Store }

// Find takes half a microsecond when the session is in the mirror.
func (p sessions) Find(ctx context.Context, id session.ID) (view session.View, err error) {
	if p.s.closed.Load() {
		return session.View{}, ErrClosed
	}
	// The head first: state that is read after it is at least as new as it says.
	head := p.s.write.head.Load()
	if err := p.s.find(ctx, id, &view); err != nil {
		return session.View{}, err
	}
	view.Revision, view.Ring = head.Revision(), head.Ring
	return view, nil
}

func (s *Store) find(ctx context.Context, id session.ID, v *session.View) (err error) {
	k, ok := keyOf(string(id))
	if !ok {
		return session.ErrNotFound
	}
	if s.mirror == nil {
		*v, err = s.findRow(ctx, id)
		return err
	}
	if s.mirror.find(k, id, v) {
		return nil
	}
	t := s.mirror.ticket(k)
	if *v, err = s.findRow(ctx, id); err == nil {
		s.mirror.fill(k, t, v)
	}
	return err
}

func (s *Store) findRow(ctx context.Context, id session.ID) (session.View, error) {
	view, err := scanView(s.read.row(ctx, selectViewByID, string(id)))
	if err != nil && !errors.Is(err, session.ErrNotFound) {
		err = fmt.Errorf("find session: %w", err)
	}
	return view, err
}

// find reads a session as this batch has it so far.
func (t *tx) find(id session.ID) (view session.View, err error) {
	if k, ok := keyOf(string(id)); ok && t.w.mirror != nil && t.changes.untouched(k) && t.w.mirror.find(k, id, &view) {
		if user, ok := keyOf(string(view.User.ID)); ok && t.changes.untouched(user) {
			return view, nil
		}
	}
	return scanView(t.row(selectViewByID, string(id)))
}

// put ends a write that has changed the session to what the view says.
func (t *tx) put(view *session.View) session.View {
	view.Revision, view.Ring = t.head.public().Revision(), t.head.ring
	t.changes.putSession(view)
	return *view
}

const insertSession = `INSERT INTO sessions (id, user, application, created_at, authenticated_at, last_seen_at, seen_hour,
	idle_expires_at, expires_at, idle, acr, amr, device, ip, version, position, tokens_from, token, refresh)
	VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`

func (p sessions) Start(ctx context.Context, start session.Start) (view session.View, err error) {
	err = p.s.write.do(ctx, func(t *tx) error {
		row := coarse(start.Session)
		userNumber, user, err := t.user(row.User)
		if errors.Is(err, account.ErrNotFound) {
			return session.ErrAccountChanged
		}
		if err != nil {
			return fmt.Errorf("start session: %w", err)
		}
		if user.Status != account.Active || user.Revision != start.AccountRevision {
			return session.ErrAccountChanged
		}
		app, err := t.application(row.Application)
		if err != nil {
			return fmt.Errorf("start session: %w", err)
		}
		events, err := t.makeRoom(row, start.Limit)
		if err != nil {
			return fmt.Errorf("start session: %w", err)
		}
		if _, err := t.finish(row.CreatedAt, events, start.Audit); err != nil {
			return fmt.Errorf("start session: %w", err)
		}
		row.Position = t.head.position
		_, err = t.exec(insertSession, string(row.ID), userNumber, app.n, millis(row.CreatedAt),
			millis(row.AuthenticatedAt), millis(row.LastSeenAt), hour(row.LastSeenAt), millis(row.IdleExpiresAt),
			millis(row.ExpiresAt), row.Idle.Milliseconds(), row.ACR, words(row.AMR), row.Device, row.IP,
			int64(row.Version), int64(row.Position), int64(row.TokensFrom), digest(row.Token), packRefresh(row.Refresh))
		if err != nil {
			return fmt.Errorf("start session %s: %w", row.ID, err)
		}
		view = t.put(&session.View{Session: row, User: user, SessionsFrom: app.sessionsFrom})
		return nil
	})
	return view, err
}

// coarse is the session with times in the grain of the store, and alive: it is about to be born.
func coarse(row session.Session) session.Session {
	for _, t := range []*time.Time{
		&row.CreatedAt, &row.AuthenticatedAt, &row.LastSeenAt, &row.IdleExpiresAt, &row.ExpiresAt, &row.Refresh.RotatedAt,
	} {
		*t = grain(*t)
	}
	row.AMR = slices.Clone(row.AMR)
	row.Refresh.Sealed = slices.Clone(row.Refresh.Sealed)
	row.EndedAt, row.EndReason = time.Time{}, ""
	return row
}

// hour is the column seen_hour.
func hour(seen time.Time) int64 { return millis(seen) / time.Hour.Milliseconds() }

// Left to itself, SQLite reads all sessions of the application.
const selectLiving = selectView + ` WHERE s.id IN (SELECT id FROM sessions INDEXED BY sessions_user
	WHERE user = (SELECT n FROM users WHERE id = ?) AND application = (SELECT n FROM applications WHERE id = ?)
	AND ended_at = 0)`

// makeRoom ends the oldest living sessions that the new one pushes over the limit.
func (t *tx) makeRoom(starting session.Session, limit int) (events []revocation.Event, err error) {
	if limit <= 0 {
		return nil, nil
	}
	rows, err := t.rows(selectLiving, string(starting.User), string(starting.Application))
	living, err := collect(rows, err, scanView)
	if err != nil {
		return nil, err
	}
	living = slices.DeleteFunc(living, func(v session.View) bool { return v.Alive(starting.CreatedAt) != nil })
	slices.SortFunc(living, func(a, b session.View) int {
		return cmp.Or(a.Session.CreatedAt.Compare(b.Session.CreatedAt), cmp.Compare(a.Session.ID, b.Session.ID))
	})
	for ; len(living) >= limit; living = living[1:] {
		oldest := living[0].Session.ID
		if err := t.end(oldest, session.LimitReached, starting.CreatedAt); err != nil {
			return nil, err
		}
		events = append(events, revocation.SessionEvent(string(oldest)))
	}
	return events, nil
}

const selectUserNumber = `SELECT u.n, ` + userColumns + ` FROM users u WHERE u.id = ?`

// user reads a user and the number by which rows refer to them.
func (t *tx) user(id account.ID) (n int64, u account.User, err error) {
	var r userRow
	err = t.row(selectUserNumber, string(id)).Scan(append([]any{&n}, r.targets()...)...)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, account.User{}, account.ErrNotFound
	}
	return n, r.user(), err
}

const selectApplicationNumber = `SELECT n, sessions_from FROM applications WHERE id = ? AND name IS NOT NULL`

// applicationRow is the number by which rows refer to an application, and its SessionsFrom.
type applicationRow struct {
	n            int64
	sessionsFrom uint64
}

func (t *tx) application(id application.ID) (row applicationRow, err error) {
	fresh := !t.changes.applications && !t.changes.all
	if row, ok := t.w.applications[id]; ok && fresh {
		return row, nil
	}
	err = t.row(selectApplicationNumber, string(id)).Scan(&row.n, &row.sessionsFrom)
	if errors.Is(err, sql.ErrNoRows) {
		return row, application.ErrNotFound
	}
	if err == nil && fresh {
		t.w.applications[id] = row
	}
	return row, err
}
