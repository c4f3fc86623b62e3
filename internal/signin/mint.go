package signin

import (
	"context"
	"encoding/base64"
	"fmt"
	"slices"
	"time"

	"tandem.example/tandem/internal/application"
	"tandem.example/tandem/internal/secret"
	"tandem.example/tandem/internal/session"
	"tandem.example/tandem/internal/signing"
	"tandem.example/tandem/verify/token"
)

// Mint makes an access token from a living session, for one of its application's audiences (the first if empty).
//
// Errors: ErrNoMint, *FieldError, signing.ErrTooLarge.
func (s *Service) Mint(ctx context.Context, who Identity, audience string) (Access, error) {
	if who.Application.Mode == application.ModeSession {
		return Access{}, ErrNoMint
	}
	return s.mint(ctx, who.View, who.Application, audience, who.At)
}

// mint signs what the view says. `now` was fixed before the view was read, and the view's Revision is of a head that
// was read before its state: a revocation that this token does not know of has a higher position than its `rv`.
func (s *Service) mint(ctx context.Context, v session.View, app application.Application, audience string, now time.Time) (Access, error) {
	if _, err := s.Ring.Follow(ctx, v.Ring); err != nil { // never sign with a key that another node has revoked by now
		return Access{}, fmt.Errorf("mint: %w", err)
	}
	audiences := s.Audiences(app)
	if audience == "" {
		audience = audiences[0]
	} else if !slices.Contains(audiences, audience) {
		return Access{}, &FieldError{"audience", "must be one of the application's audiences"}
	}
	ttl := app.AccessTokenTTL
	if ttl == 0 {
		ttl = s.Defaults.AccessTokenTTL
	}
	// Whole seconds, and never beyond the session: what is derived from it dies with it.
	issued := now.Truncate(time.Second)
	expires := issued.Add(ttl)
	if v.Session.ExpiresAt.Before(expires) {
		expires = v.Session.ExpiresAt
	}
	c := token.Claims{
		Issuer: s.Issuer, Subject: string(v.User.ID), Audience: []string{audience}, ClientID: string(app.ID),
		IssuedAt: issued.Unix(), ExpiresAt: expires.Unix(), ID: newTokenID(), SessionID: string(v.Session.ID),
		Revision: v.Revision, AuthTime: v.Session.AuthenticatedAt.Unix(), ACR: v.Session.ACR, AMR: v.Session.AMR, Roles: v.User.Roles,
	}
	if c.ExpiresAt <= c.IssuedAt {
		return Access{}, session.ErrExpired
	}
	text, err := s.Ring.Mint(c, app.Algorithm)
	if err != nil {
		return Access{}, fmt.Errorf("mint: %w", err)
	}
	if len(text) > signing.LargeToken {
		s.Log.Warn("access token is large", "bytes", len(text), "user_id", c.Subject, "roles", len(c.Roles))
	}
	return Access{Token: secret.NewText(text), ExpiresIn: expires.Sub(now).Truncate(time.Second)}, nil
}

// newTokenID makes the `jti` of an access token: 72 random bits, so that none of a million tokens that live at once is
// named like another, in 12 characters, since every request carries them.
func newTokenID() string { return base64.RawURLEncoding.EncodeToString(secret.Random(9)) }
