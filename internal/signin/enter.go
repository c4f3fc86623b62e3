package signin

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"tandem.example/tandem/internal/account"
	"tandem.example/tandem/internal/application"
	"tandem.example/tandem/internal/audit"
	"tandem.example/tandem/internal/credential"
	"tandem.example/tandem/internal/secret"
	"tandem.example/tandem/internal/session"
)

// SignUp is a registration as it was sent.
type SignUp struct {
	Email    string
	Password secret.Text
	Name     string
	App      string
	Delivery Delivery
}

// SignUp registers a user and signs them in.
//
// Errors: *FieldError, *LimitedError, *credential.PolicyError, *credential.OverloadedError, account.ErrEmailTaken.
func (s *Service) SignUp(ctx context.Context, in SignUp, c Client) (Grant, error) {
	app, delivery, err := s.choose(ctx, in.App, in.Delivery)
	if err != nil {
		return Grant{}, err
	}
	if err := account.CheckEmail(in.Email); err != nil {
		return Grant{}, &FieldError{"email", err.Error()}
	}
	if err := account.CheckName(in.Name); err != nil {
		return Grant{}, &FieldError{"name", err.Error()}
	}
	if err := s.Passwords.Check(in.Password, in.Email, in.Name); err != nil {
		return Grant{}, err
	}
	if _, err := s.takeAddress(ctx, c.IP); err != nil {
		return Grant{}, err
	}
	phc, err := s.Hasher.Hash(ctx, in.Password)
	if err != nil {
		return Grant{}, fmt.Errorf("sign up: %w", err)
	}
	now := s.Now()
	user := account.User{ID: account.NewID(now), Email: strings.TrimSpace(in.Email), Name: in.Name, Status: account.Active, CreatedAt: now}
	entry := s.entry(audit.SignedUp, c, user.ID, now)
	if err := s.Store.Register(ctx, Registration{User: user, Password: phc, Audit: []audit.Entry{entry}}); err != nil {
		return Grant{}, fmt.Errorf("sign up: %w", err)
	}
	_, revision, err := s.Store.Password(ctx, user.ID)
	if err != nil {
		return Grant{}, fmt.Errorf("sign up: %w", err)
	}
	return s.start(ctx, user.ID, revision, app, delivery, c)
}

// SignIn is a sign-in as it was sent.
type SignIn struct {
	Email    string
	Password secret.Text
	App      string
	Delivery Delivery
}

// SignIn checks the password and starts a session. Unknown user, wrong password and locked user cost the same and
// answer the same ErrInvalidCredentials.
//
// Errors: ErrInvalidCredentials, *FieldError, *LimitedError, *credential.OverloadedError.
func (s *Service) SignIn(ctx context.Context, in SignIn, c Client) (Grant, error) {
	app, delivery, err := s.choose(ctx, in.App, in.Delivery)
	if err != nil {
		return Grant{}, err
	}
	tried, err := s.take(ctx, in.Email, c)
	if err != nil {
		return Grant{}, err
	}
	user, revision, err := s.prove(ctx, in.Email, in.Password)
	if errors.Is(err, ErrInvalidCredentials) {
		if err := s.refused(ctx, audit.SignInRefused, user.ID, c); err != nil {
			return Grant{}, err
		}
		return Grant{}, ErrInvalidCredentials
	}
	if err != nil {
		s.refund(ctx, tried) // nothing was guessed
		return Grant{}, fmt.Errorf("sign in: %w", err)
	}
	g, err := s.start(ctx, user.ID, revision, app, delivery, c)
	if err != nil {
		return Grant{}, err
	}
	s.refund(ctx, tried)
	return g, nil
}

// prove answers the user whose password it is, with the Revision that was read with it. The user is answered with
// ErrInvalidCredentials too, if there is one, for the audit trail.
func (s *Service) prove(ctx context.Context, email string, password secret.Text) (account.User, uint64, error) {
	user, err := s.Accounts.ByEmail(ctx, email)
	if errors.Is(err, account.ErrNotFound) {
		if err := s.Hasher.VerifyAbsent(ctx, password); err != nil {
			return account.User{}, 0, err
		}
		return account.User{}, 0, ErrInvalidCredentials
	}
	if err != nil {
		return account.User{}, 0, err
	}
	_, revision, err := s.checkPassword(ctx, user.ID, password)
	if err == nil && user.Status != account.Active {
		err = ErrInvalidCredentials
	}
	return user, revision, err
}

// checkPassword answers the stored hash and the user's Revision, or ErrInvalidCredentials, after the cost of one hash
// in any case.
func (s *Service) checkPassword(ctx context.Context, user account.ID, password secret.Text) (credential.PHC, uint64, error) {
	phc, revision, err := s.Store.Password(ctx, user)
	if errors.Is(err, account.ErrNotFound) {
		if err := s.Hasher.VerifyAbsent(ctx, password); err != nil {
			return phc, 0, err
		}
		return phc, 0, ErrInvalidCredentials
	}
	if err != nil {
		return phc, 0, err
	}
	ok, weak, err := s.Hasher.Verify(ctx, phc, password)
	switch {
	case err != nil:
		return phc, 0, err
	case !ok:
		return phc, 0, ErrInvalidCredentials
	case weak:
		phc = s.rehash(ctx, user, phc, password)
	}
	return phc, revision, nil
}

// rehash stores a stronger hash of a password that was just proven and answers the hash that is stored now. The
// sign-in does not depend on it.
func (s *Service) rehash(ctx context.Context, user account.ID, from credential.PHC, password secret.Text) credential.PHC {
	to, err := s.Hasher.Hash(ctx, password)
	if err == nil {
		err = s.Store.Rehash(ctx, user, from, to)
	}
	if err != nil {
		s.Log.Warn("password hash was not upgraded", "user_id", string(user), "error", err)
		return from
	}
	return to
}

func (s *Service) refused(ctx context.Context, t audit.Type, user account.ID, c Client) error {
	e := s.entry(t, c, user, s.Now())
	e.Actor, e.Outcome, e.Reason = "", audit.Refused, "invalid_credentials"
	return s.record(ctx, e)
}

// start begins the session of a user who has just proven themselves, and hands out its credentials.
func (s *Service) start(ctx context.Context, user account.ID, revision uint64, app application.Application, d Delivery, c Client) (Grant, error) {
	now := s.Now()
	p := s.policy(app)
	one := session.Session{ID: session.NewID(now), User: user, Application: app.ID, ACR: "1", AMR: []string{"pwd"}, Device: c.Device, IP: c.IP}
	p.Deadlines(&one, now)
	g := Grant{Application: app, Delivery: d, DeviceToken: s.DeviceTokens.Issue(user)}
	one.Token, one.Refresh = s.credentials(&g, one, now)
	entry := s.entry(audit.SignedIn, c, user, now)
	entry.Target = string(one.ID)
	view, err := s.Sessions.Start(ctx, session.Start{Session: one, AccountRevision: revision, Limit: p.Limit, Audit: entry})
	if errors.Is(err, session.ErrAccountChanged) {
		return Grant{}, ErrInvalidCredentials
	}
	if err != nil {
		return Grant{}, fmt.Errorf("start session: %w", err)
	}
	g.View = view
	return s.complete(ctx, g, now)
}

// credentials makes new long-lived credentials for the session as its mode has it, puts them into the grant and
// answers what the store keeps of them.
func (s *Service) credentials(g *Grant, one session.Session, now time.Time) (secret.Digest, session.Refresh) {
	if g.Application.Mode != application.ModeJWT {
		var digest secret.Digest
		g.SessionToken, digest = session.NewToken(one.ID)
		return digest, session.Refresh{}
	}
	generation := one.Refresh.Generation + 1
	t := s.Tokens.New(one.ID, generation)
	g.RefreshToken = s.Tokens.Text(t)
	return secret.Digest{}, session.Refresh{Generation: generation, Digest: t.Digest(), RotatedAt: now, Floor: generation}
}

// complete mints the access token of a grant that is delivered in a body, and invites a browser to bind its session.
func (s *Service) complete(ctx context.Context, g Grant, now time.Time) (Grant, error) {
	if one := g.View.Session; g.Delivery == Cookie && s.Binder.On() && len(one.Bound.Key) == 0 {
		g.Invite = s.Binder.Invite(one, now)
	}
	if g.Application.Mode == application.ModeSession || g.Delivery == Cookie {
		return g, nil
	}
	var err error
	g.Access, err = s.mint(ctx, g.View, g.Application, "", now)
	return g, err
}
