package signin

import (
	"context"
	"errors"
	"fmt"
	"time"

	"tandem.example/tandem/internal/application"
	"tandem.example/tandem/internal/audit"
	"tandem.example/tandem/internal/language"
	"tandem.example/tandem/internal/mail"
	"tandem.example/tandem/internal/secret"
	"tandem.example/tandem/internal/session"
)

// raceAttempts bounds how often a refresh that lost a race looks again. A loser finds the winner's successor at its
// second look; more are needed only if the successor is used at the same moment.
const raceAttempts = 8

// Refresh answers a presented refresh token with its successor and a new access token. The same token presented
// again within the grace gets the same successor. A genuine token after that ends its session: two parties hold it.
//
// Errors: *RefreshError; nothing has changed then, but for CauseReused, which ended the session.
func (s *Service) Refresh(ctx context.Context, presented secret.Text, c Client) (Grant, error) {
	t, err := s.Tokens.Parse(presented.Reveal())
	if err != nil {
		return Grant{}, &RefreshError{CauseUnknown}
	}
	for range raceAttempts {
		g, err := s.refreshOnce(ctx, t, c)
		if !errors.Is(err, session.ErrRaced) {
			return g, err
		}
	}
	return Grant{}, fmt.Errorf("refresh: %w", session.ErrRaced)
}

func (s *Service) refreshOnce(ctx context.Context, t session.RefreshToken, c Client) (Grant, error) {
	now := s.Now()
	v, err := s.Sessions.Find(ctx, t.Session)
	if errors.Is(err, session.ErrNotFound) {
		return Grant{}, &RefreshError{CauseEnded}
	}
	if err != nil {
		return Grant{}, fmt.Errorf("refresh: %w", err)
	}
	app, err := s.Applications.Find(ctx, string(v.Session.Application))
	if errors.Is(err, application.ErrNotFound) {
		return Grant{}, &RefreshError{CauseEnded} // it was deleted, and its sessions with it
	}
	if err != nil {
		return Grant{}, fmt.Errorf("refresh: %w", err)
	}
	if app.Mode == application.ModeSession {
		return Grant{}, ErrNoMint // its mode was changed: nothing is spent
	}
	g := Grant{View: v, Application: app, Delivery: Body}
	var successor session.RefreshToken
	switch session.Decide(v, t, now, s.grace(app)) {
	case session.Rotate:
		successor = s.Tokens.New(t.Session, t.Generation+1)
		g.View, err = s.Sessions.Rotate(ctx, session.Rotation{
			ID: t.Session, Generation: t.Generation, Digest: t.Digest(), Next: successor.Digest(), Sealed: t.Seal(successor),
			At: now, IdleExpiresAt: v.Session.IdleDeadline(now),
		})
	case session.Repeat:
		successor, err = t.Open(v.Session.Refresh.Sealed)
	case session.Reused:
		return Grant{}, s.endStolen(ctx, v, c, now)
	case session.Expired:
		return Grant{}, &RefreshError{CauseExpired}
	case session.Ended, session.Replaced:
		return Grant{}, &RefreshError{CauseEnded}
	default:
		return Grant{}, &RefreshError{CauseUnknown}
	}
	switch {
	case errors.Is(err, session.ErrEnded):
		return Grant{}, &RefreshError{CauseEnded}
	case errors.Is(err, session.ErrExpired):
		return Grant{}, &RefreshError{CauseExpired}
	case err != nil:
		return Grant{}, fmt.Errorf("refresh: %w", err)
	}
	g.RefreshToken = s.Tokens.Text(successor)
	return s.complete(ctx, g, now)
}

// endStolen ends the session whose refresh token is in two hands, and tells the user. Other sessions stay.
func (s *Service) endStolen(ctx context.Context, v session.View, c Client, now time.Time) error {
	e := s.entry(audit.RefreshReused, c, v.User.ID, now)
	e.Actor, e.Target, e.Reason, e.Outcome = "", string(v.Session.ID), "a refresh token was used by two parties", audit.Refused
	_, ended, err := s.Sessions.End(ctx, session.Ending{
		Session: v.Session.ID, Reason: session.RefreshReused, Audit: []audit.Entry{e}, At: now, Theft: true,
	})
	if err != nil {
		return fmt.Errorf("end session of a stolen refresh token: %w", err)
	}
	if ended > 0 {
		s.tell(ctx, mail.TheftDetected(s.happening(v, now), language.For(c.Languages)))
	}
	return &RefreshError{CauseReused}
}

func (s *Service) happening(v session.View, now time.Time) mail.Happening {
	return s.occasion(v.User.Email, Client{Device: v.Session.Device, IP: v.Session.IP}, now)
}
