package signin

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"tandem.example/tandem/internal/application"
	"tandem.example/tandem/internal/secret"
	"tandem.example/tandem/internal/session"
	"tandem.example/tandem/internal/signing"
	"tandem.example/tandem/verify/token"
)

// Identity is a caller whose session was found alive just now.
type Identity struct {
	View        session.View
	Application application.Application
	At          time.Time    // fixed before the state was read
	Access      token.Claims // of the access token that was presented; zero for a session token
	// Unbound: the session is bound to a device, and nothing shows that it is this one. See Presented.Leaving.
	Unbound bool
	// BoundUntil is when the bound cookie expires that a session token of a bound session came with; zero for others.
	BoundUntil time.Time
}

// Presented is what a caller proves itself with.
type Presented struct {
	Token secret.Text // a session token or an access token
	// Bound is the short-lived cookie of a session that is bound to a device; empty if none was sent.
	Bound secret.Text
	// Leaving: the caller wants no more than to sign out, or to show which device it is. A session token does for that
	// without its bound cookie, and Identity.Unbound says so.
	Leaving bool
}

// ErrBindingRequired is answered for the session token of a session that is bound to a device, if its bound cookie is
// missing or has expired. The session lives on: its device can get another.
var ErrBindingRequired = errors.New("session is bound to a device: its bound cookie is missing or has expired")

// Check asks the source of truth whether a session token or an access token may act now. Roles and levels are those
// of this moment, whatever an access token says.
//
// Errors: ErrInvalidToken, ErrTokenExpired, ErrTokenStale, ErrBindingRequired, session.ErrEnded, session.ErrExpired.
func (s *Service) Check(ctx context.Context, p Presented) (Identity, error) {
	presented, now := p.Token, s.Now()
	var (
		id  Identity
		err error
	)
	byToken := strings.HasPrefix(presented.Reveal(), session.TokenPrefix)
	if byToken {
		id.View, err = s.findByToken(ctx, presented)
	} else {
		id.View, id.Access, err = s.findByAccess(ctx, presented, now)
	}
	if err != nil {
		return Identity{}, err
	}
	if err := id.View.Alive(now); err != nil {
		return Identity{}, err
	}
	if byToken && len(id.View.Session.Bound.Key) != 0 {
		id.BoundUntil, err = s.Binder.Admit(id.View.Session, p.Bound, now)
		if id.Unbound = err != nil; id.Unbound && !p.Leaving {
			return Identity{}, ErrBindingRequired
		}
	}
	id.At = now
	id.Application, err = s.Applications.Find(ctx, string(id.View.Session.Application))
	if errors.Is(err, application.ErrNotFound) {
		return Identity{}, session.ErrEnded // it was deleted just now, and its sessions with it
	}
	if err != nil {
		return Identity{}, fmt.Errorf("check session: %w", err)
	}
	if !id.Unbound { // a copied cookie must not keep a session from falling idle
		s.Sightings.See(id.View.Session, now)
	}
	return id, nil
}

// findByToken finds the session of a session token. The secret is compared before anything is said about the
// session: its id is a name that others may know.
func (s *Service) findByToken(ctx context.Context, presented secret.Text) (session.View, error) {
	id, digest, err := session.ParseToken(presented.Reveal())
	if err != nil {
		return session.View{}, ErrInvalidToken
	}
	v, err := s.Sessions.Find(ctx, id)
	if errors.Is(err, session.ErrNotFound) {
		return v, ErrInvalidToken
	}
	if err != nil {
		return v, fmt.Errorf("check session: %w", err)
	}
	if v.Session.Token.IsZero() || !digest.Equal(v.Session.Token) {
		return v, ErrInvalidToken
	}
	return v, nil
}

// readAccess reads an access token. One whose key is not known may have been signed by another node a moment ago.
func (s *Service) readAccess(ctx context.Context, presented secret.Text, now time.Time) (token.Claims, error) {
	c, err := s.Ring.Read(presented.Reveal(), s.Issuer, now)
	if !errors.Is(err, signing.ErrUnknownKey) {
		return c, err
	}
	learned, lerr := s.Ring.Learn(ctx)
	if lerr != nil {
		return c, fmt.Errorf("check access token: %w", lerr)
	}
	if !learned {
		return c, err
	}
	return s.Ring.Read(presented.Reveal(), s.Issuer, now)
}

func (s *Service) findByAccess(ctx context.Context, presented secret.Text, now time.Time) (session.View, token.Claims, error) {
	c, err := s.readAccess(ctx, presented, now)
	switch {
	case errors.Is(err, signing.ErrTokenExpired):
		return session.View{}, c, ErrTokenExpired
	case errors.Is(err, signing.ErrKeyRevoked):
		return session.View{}, c, ErrTokenStale
	case errors.Is(err, signing.ErrToken):
		return session.View{}, c, ErrInvalidToken
	case err != nil:
		return session.View{}, c, err
	}
	v, err := s.Sessions.Find(ctx, session.ID(c.SessionID))
	if errors.Is(err, session.ErrNotFound) {
		return v, c, session.ErrEnded
	}
	if err != nil {
		return v, c, fmt.Errorf("check session: %w", err)
	}
	// The view tells whether another node has changed the keys by now: the one of this token may be revoked.
	changed, err := s.Ring.Follow(ctx, v.Ring)
	if err == nil && changed {
		_, err = s.Ring.Read(presented.Reveal(), s.Issuer, now)
	}
	switch {
	case errors.Is(err, signing.ErrKeyRevoked):
		return v, c, ErrTokenStale
	case err != nil:
		return v, c, fmt.Errorf("check session: %w", err)
	}
	if c.Subject != string(v.Session.User) || c.ClientID != string(v.Session.Application) {
		return v, c, ErrInvalidToken
	}
	// A revision of another epoch cannot be compared with TokensFrom: the token is older than the restored store.
	if v.Alive(now) == nil && (c.Revision.Epoch != v.Revision.Epoch || c.Revision.Seq < v.Session.TokensFrom) {
		return v, c, ErrTokenStale
	}
	return v, c, nil
}
