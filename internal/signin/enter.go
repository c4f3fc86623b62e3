package signin

import (
	"context"
	"errors"
	"fmt"
	"slices"
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

// SignUp registers a user and signs them in. Where the application's policy asks for more than a password, it is for the
// pages to see that it is given.
//
// Errors: *FieldError, *LimitedError, *credential.PolicyError, *credential.OverloadedError, account.ErrEmailTaken,
// ErrUsePages.
func (s *Service) SignUp(ctx context.Context, in SignUp, c Client) (Grant, error) {
	app, delivery, err := s.choose(ctx, in.App, in.Delivery)
	if err != nil {
		return Grant{}, err
	}
	rules, proofs := s.rules(app), []proof{{Method: application.Password}}
	v := rules.judge(standing{Purpose: ToSignIn, Identified: true, Proofs: proofs})
	if !v.Done {
		return Grant{}, ErrUsePages
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
	user, err := s.register(ctx, account.User{Email: strings.TrimSpace(in.Email), Name: in.Name}, phc, c)
	if err != nil {
		return Grant{}, fmt.Errorf("sign up: %w", err)
	}
	return s.start(ctx, entrance{
		User: user, Revision: user.Revision, App: app, Rules: rules, Delivery: delivery, Proofs: proofs, ACR: v.ACR, New: true,
	}, c)
}

// register makes an active user with the address and name given, and the id if one is.
func (s *Service) register(ctx context.Context, u account.User, phc credential.PHC, c Client) (account.User, error) {
	now := s.Now()
	u.Status, u.CreatedAt = account.Active, now
	if u.ID == "" {
		u.ID = account.NewID(now)
	}
	entry := s.entry(audit.SignedUp, c, u.ID, now)
	if err := s.Store.Register(ctx, Registration{User: u, Password: phc, Audit: []audit.Entry{entry}}); err != nil {
		return u, err
	}
	return s.Accounts.ByID(ctx, u.ID)
}

// SignIn is a sign-in as it was sent. A second factor may go with it.
type SignIn struct {
	Email        string
	Password     secret.Text
	TOTP         string
	RecoveryCode string
	App          string
	Delivery     Delivery
}

// ErrUsePages is answered to a program where the application's policy asks for what only a person at a browser can give.
var ErrUsePages = errors.New("this application asks for more than this call can give: sign in on the pages of this server")

// SecondFactorError is answered where a second factor has to go with the password: one of these.
type SecondFactorError struct{ Factors []application.Method }

func (e *SecondFactorError) Error() string { return "a second factor is needed" }

// SignIn checks the password, and a second factor where the policy asks for one, and starts a session. Unknown user,
// wrong password and locked user cost the same and answer the same ErrInvalidCredentials.
//
// Errors: ErrInvalidCredentials, *SecondFactorError, ErrWrongCode, ErrUsePages, *FieldError, *LimitedError,
// *credential.OverloadedError.
func (s *Service) SignIn(ctx context.Context, in SignIn, c Client) (Grant, error) {
	app, delivery, err := s.choose(ctx, in.App, in.Delivery)
	if err != nil {
		return Grant{}, err
	}
	e := entrance{App: app, Delivery: delivery, Rules: s.rules(app), Proofs: []proof{{Method: application.Password}}}
	if !e.Rules.begun(e.Proofs) {
		return Grant{}, ErrUsePages
	}
	tried, err := s.take(ctx, in.Email, c)
	if err != nil {
		return Grant{}, err
	}
	e.User, e.Revision, err = s.prove(ctx, in.Email, in.Password)
	if errors.Is(err, ErrInvalidCredentials) {
		if err := s.refused(ctx, audit.SignInRefused, e.User.ID, c); err != nil {
			return Grant{}, err
		}
		return Grant{}, ErrInvalidCredentials
	}
	s.refund(ctx, tried) // it was right, or nothing was guessed
	if err != nil {
		return Grant{}, fmt.Errorf("sign in: %w", err)
	}
	e.ACR, err = s.secondFactor(ctx, &e, in, c)
	if err != nil {
		return Grant{}, err
	}
	return s.start(ctx, e, c)
}

// secondFactor proves what the policy asks for beside the password, and answers the level that is reached.
func (s *Service) secondFactor(ctx context.Context, e *entrance, in SignIn, c Client) (string, error) {
	has, err := s.holding(ctx, e.User)
	if err != nil {
		return "", err
	}
	now := s.Now()
	judge := func() verdict {
		return e.Rules.judge(standing{
			Purpose: ToSignIn, Identified: true, Proofs: e.Proofs, Has: has, Remembered: s.spared(c.Remembered, e.User, e.Rules, now),
		})
	}
	v := judge()
	switch {
	case v.Done:
		return v.ACR, nil
	case v.Enrol:
		return "", ErrUsePages
	}
	m, err := s.proveSecond(ctx, e.User, v.Ask, in.TOTP, in.RecoveryCode, audit.SignInRefused, c)
	if err != nil {
		return "", err
	}
	e.Proofs = append(e.Proofs, proof{Method: m})
	if v = judge(); !v.Done {
		return "", ErrUsePages
	}
	return v.ACR, nil
}

// proveSecond proves the one-time code or the recovery code, whichever was given and is asked for.
func (s *Service) proveSecond(ctx context.Context, user account.User, ask []application.Method, totp, recovery string, refusal audit.Type, c Client) (application.Method, error) {
	switch {
	case totp != "" && slices.Contains(ask, application.TOTP):
		return application.TOTP, s.spendTOTP(ctx, user, totp, refusal, c)
	case recovery != "" && slices.Contains(ask, application.RecoveryCode):
		return application.RecoveryCode, s.spendRecoveryCode(ctx, user, recovery, refusal, c)
	}
	return "", &SecondFactorError{Factors: ask}
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
	return s.refusedFor(ctx, t, user, "invalid_credentials", c)
}

func (s *Service) refusedFor(ctx context.Context, t audit.Type, user account.ID, reason string, c Client) error {
	e := s.entry(t, c, user, s.Now())
	e.Actor, e.Outcome, e.Reason = "", audit.Refused, reason
	return s.record(ctx, e)
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
