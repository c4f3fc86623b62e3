package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"slices"

	"tandem.example/tandem/internal/application"
	"tandem.example/tandem/internal/audit"
	"tandem.example/tandem/internal/feed"
	"tandem.example/tandem/verify/revocation"
)

// Applications answers the port to applications.
func (s *Store) Applications() application.Store { return applications{s} }

type applications struct{ s *Store }

// gone is the SessionsFrom of a deleted application: no session started that late.
const gone = math.MaxInt64

const insertApplication = `INSERT INTO applications (name, mode, audiences, allowed_origins, algorithm, access_token_ttl,
	refresh_grace, refresh_idle, refresh_absolute, session_preset, session_idle, session_absolute, session_limit, secret,
	sessions_from, sign_in, brand, id, kind, created_at)
	VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`

const updateApplication = `UPDATE applications SET name = ?, mode = ?, audiences = ?, allowed_origins = ?, algorithm = ?,
	access_token_ttl = ?, refresh_grace = ?, refresh_idle = ?, refresh_absolute = ?, session_preset = ?, session_idle = ?,
	session_absolute = ?, session_limit = ?, secret = ?, sessions_from = ?, sign_in = ?, brand = ? WHERE id = ?`

// policies are the values that an amendment replaces, and SessionsFrom, in the order of the statements above.
func policies(a *application.Application) []any {
	return []any{
		a.Name, string(a.Mode), array(a.Audiences), array(a.AllowedOrigins), string(a.Algorithm),
		a.AccessTokenTTL.Milliseconds(), a.Refresh.Grace.Milliseconds(), a.Refresh.Idle.Milliseconds(),
		a.Refresh.Absolute.Milliseconds(), a.Session.Preset, a.Session.Idle.Milliseconds(),
		a.Session.Absolute.Milliseconds(), a.Session.Limit, digest(a.Secret), int64(a.SessionsFrom),
		signInPolicy(a.SignIn), brand(a.Brand),
	}
}

const selectApplication = `SELECT id, name, kind, mode, audiences, allowed_origins, algorithm, access_token_ttl,
	refresh_grace, refresh_idle, refresh_absolute, session_preset, session_idle, session_absolute, session_limit, secret,
	sessions_from, sign_in, brand, created_at FROM applications WHERE name IS NOT NULL`

// An id is no name that someone else could take, and the other way round: the id goes first.
const (
	selectApplicationBy = selectApplication + ` AND (id = ?1 OR name = ?1) ORDER BY id = ?1 DESC LIMIT 1`
	selectApplications  = selectApplication + ` ORDER BY id`
)

func scanApplication(row scanner) (a application.Application, err error) {
	var audiences, origins, signIn, brand string
	var ttl, grace, refreshIdle, refreshAbsolute, idle, absolute, created int64
	var secret []byte
	err = row.Scan(&a.ID, &a.Name, &a.Kind, &a.Mode, &audiences, &origins, &a.Algorithm, &ttl, &grace, &refreshIdle,
		&refreshAbsolute, &a.Session.Preset, &idle, &absolute, &a.Session.Limit, &secret, &a.SessionsFrom,
		&signIn, &brand, &created)
	if errors.Is(err, sql.ErrNoRows) {
		return application.Application{}, application.ErrNotFound
	}
	if err != nil {
		return application.Application{}, err
	}
	a.AccessTokenTTL = duration(ttl)
	a.Refresh = application.Refresh{Grace: duration(grace), Idle: duration(refreshIdle), Absolute: duration(refreshAbsolute)}
	a.Session.Idle, a.Session.Absolute = duration(idle), duration(absolute)
	a.CreatedAt = instant(created)
	var errAudiences, errOrigins, errSecret error
	a.Audiences, errAudiences = fromArray(audiences)
	a.AllowedOrigins, errOrigins = fromArray(origins)
	a.Secret, errSecret = fromDigest(secret)
	return a, errors.Join(errAudiences, errOrigins, errSecret, fromObjects(signIn, brand, &a))
}

func (p applications) Create(ctx context.Context, a application.Application, entries ...audit.Entry) error {
	return p.s.write.do(ctx, func(t *tx) error {
		_, err := t.exec(insertApplication, append(policies(&a), string(a.ID), string(a.Kind), millis(a.CreatedAt))...)
		if taken(err) {
			return application.ErrNameTaken
		}
		if err == nil {
			_, err = t.finish(a.CreatedAt, nil, entries...)
		}
		if err != nil {
			return fmt.Errorf("create application: %w", err)
		}
		return nil
	})
}

func (p applications) Find(ctx context.Context, idOrName string) (application.Application, error) {
	if p.s.closed.Load() {
		return application.Application{}, ErrClosed
	}
	a, err := scanApplication(p.s.read.row(ctx, selectApplicationBy, idOrName))
	if err != nil && !errors.Is(err, application.ErrNotFound) {
		err = fmt.Errorf("find application: %w", err)
	}
	return a, err
}

func (p applications) List(ctx context.Context) ([]application.Application, error) {
	if p.s.closed.Load() {
		return nil, ErrClosed
	}
	rows, err := p.s.read.rows(ctx, selectApplications)
	all, err := collect(rows, err, scanApplication)
	if err != nil {
		return nil, fmt.Errorf("list applications: %w", err)
	}
	return all, nil
}

const selectApplicationByID = selectApplication + ` AND id = ?`

func (p applications) Amend(ctx context.Context, m application.Amendment) (amended application.Application, commit feed.Commit, err error) {
	err = p.s.write.do(ctx, func(t *tx) error {
		old, err := scanApplication(t.row(selectApplicationByID, string(m.Application.ID)))
		if err != nil {
			return fmt.Errorf("amend application: %w", err)
		}
		if !m.Fits(old) {
			return application.ErrRaced
		}
		if m.KeepPolicies {
			m.Application = old
		}
		events := m.Announce
		if m.EndSessions && len(events) == 0 {
			// The log has to move, or a session that started at its head would not lie below SessionsFrom.
			events = []revocation.Event{revocation.ApplicationEvent(string(old.ID))}
		}
		if commit, err = t.finish(m.At, events, m.Audit...); err != nil {
			return fmt.Errorf("amend application: %w", err)
		}
		amended = m.Application
		amended.Audiences, amended.AllowedOrigins = slices.Clone(amended.Audiences), slices.Clone(amended.AllowedOrigins)
		amended.SignIn.Methods = slices.Clone(amended.SignIn.Methods)
		amended.Kind, amended.CreatedAt, amended.SessionsFrom = old.Kind, old.CreatedAt, old.SessionsFrom
		if m.EndSessions {
			amended.SessionsFrom = commit.Position
		}
		_, err = t.exec(updateApplication, append(policies(&amended), string(amended.ID))...)
		if taken(err) {
			return application.ErrNameTaken
		}
		if err != nil {
			return fmt.Errorf("amend application: %w", err)
		}
		if amended.SessionsFrom != old.SessionsFrom {
			t.changes.putApplication(amended.ID, amended.SessionsFrom)
		}
		return nil
	})
	return amended, commit, err
}

const deleteApplication = `UPDATE applications SET name = NULL, secret = NULL, sessions_from = ? WHERE id = ?
	AND name IS NOT NULL`

func (p applications) Delete(ctx context.Context, r application.Removal) (commit feed.Commit, err error) {
	err = p.s.write.do(ctx, func(t *tx) error {
		n, err := t.exec(deleteApplication, int64(gone), string(r.ID))
		if err == nil && n == 0 {
			err = application.ErrNotFound
		}
		if err == nil {
			t.changes.putApplication(r.ID, gone)
			commit, err = t.finish(r.At, r.Announce, r.Audit...)
		}
		if err != nil {
			return fmt.Errorf("delete application: %w", err)
		}
		return nil
	})
	return commit, err
}
