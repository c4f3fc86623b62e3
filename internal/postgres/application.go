package postgres

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"tandem.example/tandem/internal/application"
	"tandem.example/tandem/internal/audit"
	"tandem.example/tandem/internal/feed"
	"tandem.example/tandem/verify/revocation"
)

// Applications answers the port to applications.
func (s *Store) Applications() application.Store { return applications{s} }

type applications struct{ s *Store }

const insertApplication = `WITH a AS (
		INSERT INTO applications (name, mode, audiences, allowed_origins, algorithm, access_token_ttl, refresh_grace,
			refresh_idle, refresh_absolute, session_preset, session_idle, session_absolute, session_limit, secret, sign_in,
			brand, id, kind, created_at, sessions_from)
		SELECT $1::text, $2::text, $3::text, $4::text, $5::text, $6::bigint, $7::bigint, $8::bigint, $9::bigint, $10::text,
			$11::bigint, $12::bigint, $13::bigint, $14::bytea, $15::text, $16::text, $17::text, $18::text,
			$19::bigint, CASE $20::bigint WHEN 0 THEN 0 ELSE h.base + $20 END
		FROM head h WHERE h.one RETURNING n
	) SELECT tandem_record($21) FROM a`

// policies are the values that an amendment replaces, in the order of the statements above and below.
func policies(a *application.Application) []any {
	return []any{
		text(a.Name), text(string(a.Mode)), text(array(a.Audiences)), text(array(a.AllowedOrigins)), text(string(a.Algorithm)),
		a.AccessTokenTTL.Milliseconds(), a.Refresh.Grace.Milliseconds(), a.Refresh.Idle.Milliseconds(),
		a.Refresh.Absolute.Milliseconds(), text(a.Session.Preset), a.Session.Idle.Milliseconds(),
		a.Session.Absolute.Milliseconds(), int64(a.Session.Limit), digest(a.Secret),
		text(signInPolicy(a.SignIn)), text(brand(a.Brand)),
	}
}

const selectApplication = `SELECT a.id, a.name, a.kind, a.mode, a.audiences, a.allowed_origins, a.algorithm,
	a.access_token_ttl, a.refresh_grace, a.refresh_idle, a.refresh_absolute, a.session_preset, a.session_idle,
	a.session_absolute, a.session_limit, a.secret, a.sessions_from, h.base, a.sign_in, a.brand, a.created_at
	FROM applications a JOIN head h ON h.one WHERE a.name IS NOT NULL`

// An id is no name that someone else could take, and the other way round: the id goes first.
const (
	selectApplicationBy = selectApplication + ` AND (a.id = $1 OR a.name = $1) ORDER BY a.id = $1 DESC LIMIT 1`
	selectApplications  = selectApplication + ` ORDER BY a.id`
	lockedApplication   = selectApplication + ` AND a.id = $1 FOR NO KEY UPDATE OF a`
)

func scanApplication(row pgx.Row) (a application.Application, err error) {
	var audiences, origins, signIn, brand string
	var ttl, grace, refreshIdle, refreshAbsolute, idle, absolute, created, from, base int64
	var secret []byte
	err = row.Scan(&a.ID, &a.Name, &a.Kind, &a.Mode, &audiences, &origins, &a.Algorithm, &ttl, &grace, &refreshIdle,
		&refreshAbsolute, &a.Session.Preset, &idle, &absolute, &a.Session.Limit, &secret, &from, &base, &signIn,
		&brand, &created)
	if errors.Is(err, pgx.ErrNoRows) {
		return application.Application{}, application.ErrNotFound
	}
	if err != nil {
		return application.Application{}, err
	}
	a.AccessTokenTTL = duration(ttl)
	a.Refresh = application.Refresh{Grace: duration(grace), Idle: duration(refreshIdle), Absolute: duration(refreshAbsolute)}
	a.Session.Idle, a.Session.Absolute = duration(idle), duration(absolute)
	a.CreatedAt, a.SessionsFrom = instant(created), position(from, base)
	var errAudiences, errOrigins, errSecret error
	a.Audiences, errAudiences = fromArray(audiences)
	a.AllowedOrigins, errOrigins = fromArray(origins)
	a.Secret, errSecret = fromDigest(secret)
	return a, errors.Join(errAudiences, errOrigins, errSecret, fromObjects(signIn, brand, &a))
}

func (p applications) Create(ctx context.Context, a application.Application, entries ...audit.Entry) error {
	args := append(policies(&a), text(string(a.ID)), text(string(a.Kind)), millis(a.CreatedAt), int64(a.SessionsFrom),
		records(entries...))
	err := p.s.call(ctx, writing, func(ctx context.Context, c *pgxpool.Conn) error {
		_, err := c.Exec(ctx, insertApplication, args...)
		return err
	})
	if k, taken := unique(err); taken && k == "applications_name_key" {
		return application.ErrNameTaken
	}
	if err != nil {
		return fmt.Errorf("create application: %w", err)
	}
	p.s.committed(a.CreatedAt, 0)
	return nil
}

func (p applications) Find(ctx context.Context, idOrName string) (a application.Application, err error) {
	if !keepable(idOrName) {
		return a, application.ErrNotFound
	}
	err = p.s.call(ctx, reading, func(ctx context.Context, c *pgxpool.Conn) error {
		a, err = scanApplication(c.QueryRow(ctx, selectApplicationBy, idOrName))
		return err
	})
	if err != nil {
		return application.Application{}, fmt.Errorf("find application: %w", err)
	}
	return a, nil
}

func (p applications) List(ctx context.Context) (all []application.Application, err error) {
	err = p.s.call(ctx, reading, func(ctx context.Context, c *pgxpool.Conn) error {
		rows, err := c.Query(ctx, selectApplications)
		if err != nil {
			return err
		}
		all, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (application.Application, error) {
			return scanApplication(row)
		})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list applications: %w", err)
	}
	return all, nil
}

// sessions_from is raised to the ordinal that the commit has just reached, if $18 says so.
const amendApplication = `UPDATE applications SET name = $1, mode = $2, audiences = $3, allowed_origins = $4,
	algorithm = $5, access_token_ttl = $6, refresh_grace = $7, refresh_idle = $8, refresh_absolute = $9,
	session_preset = $10, session_idle = $11, session_absolute = $12, session_limit = $13, secret = $14,
	sign_in = $15, brand = $16,
	sessions_from = CASE WHEN $18 THEN (SELECT base + position FROM head WHERE one) ELSE sessions_from END
	WHERE id = $17`

func (p applications) Amend(ctx context.Context, m application.Amendment) (amended application.Application, commit feed.Commit, err error) {
	events := m.Announce
	if m.EndSessions && len(events) == 0 {
		// The log has to move, or a session that started at its head would not lie below SessionsFrom.
		events = []revocation.Event{revocation.ApplicationEvent(string(m.Application.ID))}
	}
	err = p.s.transact(ctx, func(t *tx) error {
		old, err := t.application(m.Application.ID)
		if err != nil {
			return err
		}
		if !m.Fits(old) {
			return application.ErrRaced
		}
		amended = m.Application
		if m.KeepPolicies {
			amended = old
		}
		amended.Kind, amended.CreatedAt, amended.SessionsFrom = old.Kind, old.CreatedAt, old.SessionsFrom
		reached := &place{}
		t.queue(selectAppend, appending(m.At, events, m.Audit...)...).QueryRow(reached.scan)
		t.queue(amendApplication, append(policies(&amended), string(amended.ID), m.EndSessions)...)
		if err := t.commit(); err != nil {
			if _, taken := unique(err); taken {
				return application.ErrNameTaken
			}
			return err
		}
		if m.EndSessions {
			amended.SessionsFrom = uint64(reached.position)
		}
		commit = reached.commit(m.At)
		return nil
	})
	if err != nil {
		return application.Application{}, feed.Commit{}, fmt.Errorf("amend application: %w", err)
	}
	p.s.committed(m.At, len(events))
	amended.Audiences, amended.AllowedOrigins = slices.Clone(amended.Audiences), slices.Clone(amended.AllowedOrigins)
	amended.SignIn.Methods = slices.Clone(amended.SignIn.Methods)
	return amended, commit, nil
}

// application locks an application.
func (t *tx) application(id application.ID) (a application.Application, err error) {
	err = t.first(func(row pgx.Row) error {
		a, err = scanApplication(row)
		return err
	}, lockedApplication, text(string(id)))
	return a, err
}

const deleteApplication = `UPDATE applications SET name = NULL, secret = '', sessions_from = $2 WHERE id = $1`

func (p applications) Delete(ctx context.Context, r application.Removal) (commit feed.Commit, err error) {
	err = p.s.transact(ctx, func(t *tx) error {
		if _, err := t.application(r.ID); err != nil {
			return err
		}
		reached := &place{}
		t.queue(deleteApplication, string(r.ID), int64(gone))
		t.queue(selectAppend, appending(r.At, r.Announce, r.Audit...)...).QueryRow(reached.scan)
		if err := t.commit(); err != nil {
			return err
		}
		commit = reached.commit(r.At)
		return nil
	})
	if err != nil {
		return feed.Commit{}, fmt.Errorf("delete application: %w", err)
	}
	p.s.committed(r.At, len(r.Announce))
	return commit, nil
}
