package operator

import (
	"context"
	"fmt"
	"time"

	"tandem.example/tandem/internal/account"
	"tandem.example/tandem/internal/application"
	"tandem.example/tandem/internal/audit"
	"tandem.example/tandem/internal/feed"
	"tandem.example/tandem/internal/session"
	"tandem.example/tandem/internal/signing"
	"tandem.example/tandem/verify/revocation"
)

// Sessions lists sessions with their users: who is signed in now.
func (s *Service) ListSessions(ctx context.Context, q session.Query) ([]session.View, error) {
	views, err := s.Sessions.List(ctx, q)
	if err != nil {
		return nil, fmt.Errorf("list sessions: %w", err)
	}
	return views, nil
}

// EndSession ends one session. session.ErrNotFound if there is none; ending a dead one changes nothing.
func (s *Service) EndSession(ctx context.Context, id session.ID, by By) (feed.Commit, error) {
	now := s.Now()
	view, err := s.Sessions.Find(ctx, id)
	if err != nil {
		return feed.Commit{}, fmt.Errorf("end session: %w", err)
	}
	commit, _, err := s.Sessions.End(ctx, session.Ending{
		Session: id, Reason: session.EndedByOperator, At: now,
		Audit: []audit.Entry{s.entry(by, audit.SessionEnded, view.User.ID, string(id), now)},
	})
	if err != nil {
		return commit, fmt.Errorf("end session: %w", err)
	}
	return commit, nil
}

// Revocation is an order to revoke. ID names a session, user, application or key as Kind has it; empty for all.
type Revocation struct {
	Kind revocation.Kind
	ID   string
	// EndSessions, for the kind all: sign everybody out as well, rather than have access tokens renewed.
	EndSessions bool
}

// Revoke carries out the order and answers the commit to wait for. `subject` and `application` end the sessions
// concerned; `authz` and `key` end none.
//
// Errors: *FieldError, account.ErrNotFound, session.ErrNotFound, application.ErrNotFound, signing.ErrNotFound.
func (s *Service) Revoke(ctx context.Context, r Revocation, by By) (feed.Commit, error) {
	if err := CheckReason(by.Reason); err != nil {
		return feed.Commit{}, err
	}
	if r.EndSessions && r.Kind != revocation.KindAll {
		return feed.Commit{}, &FieldError{Field: "end_sessions", Rule: "applies to the kind all only"}
	}
	now := s.Now()
	switch r.Kind {
	case revocation.KindSession:
		return s.EndSession(ctx, session.ID(r.ID), by)
	case revocation.KindSubject:
		return s.revokeSubject(ctx, account.ID(r.ID), by, now)
	case revocation.KindAuthz:
		return s.revokeAuthz(ctx, account.ID(r.ID), by, now)
	case revocation.KindApplication:
		return s.revokeApplication(ctx, r.ID, by, now)
	case revocation.KindKey:
		return s.RevokeKey(ctx, r.ID, by)
	case revocation.KindAll:
		return s.revokeAll(ctx, r, by, now)
	}
	return feed.Commit{}, &FieldError{Field: "kind", Rule: "must be session, subject, authz, application, key or all"}
}

func (s *Service) revokeSubject(ctx context.Context, id account.ID, by By, now time.Time) (feed.Commit, error) {
	if _, err := s.Accounts.ByID(ctx, id); err != nil {
		return feed.Commit{}, fmt.Errorf("revoke subject: %w", err)
	}
	commit, _, err := s.Sessions.End(ctx, session.Ending{
		User: id, Reason: session.UserRevoked, At: now, Audit: []audit.Entry{s.entry(by, audit.Revoked, id, "subject", now)},
	})
	if err != nil {
		return commit, fmt.Errorf("revoke subject: %w", err)
	}
	return commit, nil
}

func (s *Service) revokeAuthz(ctx context.Context, id account.ID, by By, now time.Time) (feed.Commit, error) {
	if _, err := s.Accounts.ByID(ctx, id); err != nil {
		return feed.Commit{}, fmt.Errorf("revoke authz: %w", err)
	}
	return s.append(ctx, revocation.AuthzEvent(string(id)), s.entry(by, audit.Revoked, id, "authz", now), now)
}

func (s *Service) revokeApplication(ctx context.Context, idOrName string, by By, now time.Time) (feed.Commit, error) {
	app, err := s.Applications.Find(ctx, idOrName)
	if err != nil {
		return feed.Commit{}, fmt.Errorf("revoke application: %w", err)
	}
	return s.endApplication(ctx, app, revocation.ApplicationEvent(string(app.ID)), s.entry(by, audit.Revoked, "", string(app.ID), now))
}

func (s *Service) endApplication(ctx context.Context, app application.Application, e revocation.Event, entry audit.Entry) (feed.Commit, error) {
	_, commit, err := s.Applications.Amend(ctx, application.Amendment{
		Application: app, KeepPolicies: true, EndSessions: true, Announce: []revocation.Event{e}, Audit: []audit.Entry{entry}, At: entry.At,
	})
	if err != nil {
		return commit, fmt.Errorf("end sessions of application: %w", err)
	}
	return commit, nil
}

// revokeAll has every access token renewed. With EndSessions it first ends the sessions application by application,
// so that nothing can be renewed once the last event is out.
func (s *Service) revokeAll(ctx context.Context, r Revocation, by By, now time.Time) (feed.Commit, error) {
	if r.ID != "" {
		return feed.Commit{}, &FieldError{Field: "id", Rule: "must be empty for the kind all"}
	}
	if r.EndSessions {
		apps, err := s.Applications.List(ctx)
		if err != nil {
			return feed.Commit{}, fmt.Errorf("revoke all: %w", err)
		}
		for _, app := range apps {
			if app.Kind != application.User {
				continue
			}
			e := s.entry(by, audit.Revoked, "", string(app.ID), now)
			if _, err := s.endApplication(ctx, app, revocation.ApplicationEvent(string(app.ID)), e); err != nil {
				return feed.Commit{}, err
			}
		}
	}
	return s.append(ctx, revocation.AllEvent(), s.entry(by, audit.Revoked, "", "all", now), now)
}

func (s *Service) append(ctx context.Context, e revocation.Event, entry audit.Entry, now time.Time) (feed.Commit, error) {
	commit, err := s.Log.Append(ctx, feed.Append{Events: []revocation.Event{e}, Audit: []audit.Entry{entry}, At: now})
	if err != nil {
		return commit, fmt.Errorf("append to revocation log: %w", err)
	}
	return commit, nil
}

// Keys lists the signing keys, without their private halves.
func (s *Service) Keys() []signing.Stored { return s.Ring.Keys() }

// RotateKeys replaces the current token keys by their published successors. No token becomes invalid.
func (s *Service) RotateKeys(ctx context.Context, by By) error {
	_, err := s.Ring.Rotate(ctx, s.entry(by, audit.KeyRotated, "", "", s.Now()))
	return err
}

// RevokeKey refuses a key everywhere; its successor signs from now on. Nobody is signed out.
func (s *Service) RevokeKey(ctx context.Context, kid string, by By) (feed.Commit, error) {
	return s.Ring.Revoke(ctx, kid, s.entry(by, audit.KeyRevoked, "", kid, s.Now()))
}
