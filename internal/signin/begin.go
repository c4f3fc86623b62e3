package signin

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"tandem.example/tandem/internal/account"
	"tandem.example/tandem/internal/application"
	"tandem.example/tandem/internal/limit"
	"tandem.example/tandem/internal/secret"
)

// Begin is how an attempt begins.
type Begin struct {
	Purpose  Purpose
	App      string    // id or name; the default application if empty. Of the session from StepUp on
	ReturnTo string    // an URL at one of the application's origins, or a path on this server; empty: the account page
	Who      *Identity // whose session it is about, from StepUp on
	Email    string    // for ToVerifyEmail: the new address; empty for the present one
}

// Begin begins an attempt. Errors: *FieldError for App and Email, ErrReturnTo, ErrNoMail, ErrNotNow if the application's
// policy has no way for it, ErrSignInAgain if a step-up has none, ErrStepUp if a change of factors or address is to be
// made without a fresh proof.
func (s *Service) Begin(ctx context.Context, in Begin, c Client) (Progress, error) {
	if err := s.takeBegin(ctx, c); err != nil {
		return Progress{}, err
	}
	t, err := s.prepare(ctx, in, c)
	if err != nil {
		return Progress{}, err
	}
	v := s.judge(t)
	unmailed := in.Purpose == ToSignUp && !t.rules.CanMail && len(t.rules.choices()) > 0 // an address is all that is wanted first
	switch {
	case len(v.Ask) > 0, v.Choose, unmailed:
	case in.Purpose == ToStepUp:
		return Progress{}, ErrSignInAgain
	default:
		return Progress{}, ErrNotNow
	}
	text, err := json.Marshal(t.state)
	if err != nil {
		return Progress{}, fmt.Errorf("begin attempt: %w", err)
	}
	t.kept = Attempt{ID: NewAttemptID(t.now), ExpiresAt: t.now.Add(t.state.Purpose.age())}
	t.token, t.kept.Digest = newAttemptToken(t.kept.ID)
	t.kept.State, err = s.Box.Seal(text, attemptRow(t.kept.ID))
	if err != nil {
		return Progress{}, fmt.Errorf("begin attempt: %w", err)
	}
	if err := s.Attempts.Begin(ctx, t.kept); err != nil {
		return Progress{}, fmt.Errorf("begin attempt: %w", err)
	}
	return t.progress(v), nil
}

func (p Purpose) age() time.Duration {
	if p == ToSignIn || p == ToStepUp || p.changesFactors() {
		return attemptAge
	}
	return mailedAge
}

func (p Purpose) changesFactors() bool { return p == ToAddPasskey || p == ToAddTOTP || p == ToConnect }

// prepare checks how an attempt is to begin.
func (s *Service) prepare(ctx context.Context, in Begin, c Client) (*step, error) {
	t := &step{client: c, now: s.Now(), state: state{Purpose: in.Purpose}}
	switch in.Purpose {
	case ToSignIn, ToSignUp, ToRecover:
		app, _, err := s.choose(ctx, in.App, "")
		if err != nil {
			return nil, err
		}
		if app.Mode == application.ModeJWT {
			return nil, &FieldError{"app", "signs people in through the API: in mode jwt there is no session token for a browser to keep"}
		}
		t.app = app
	default:
		if in.Who == nil {
			return nil, &FieldError{"purpose", "needs somebody who is signed in"}
		}
		if err := s.prepareFor(ctx, t, in); err != nil {
			return nil, err
		}
	}
	t.rules = s.rules(t.app)
	t.state.App = t.app.ID
	if (in.Purpose == ToRecover || in.Purpose == ToVerifyEmail) && !t.rules.CanMail {
		return nil, ErrNoMail
	}
	var err error
	t.state.ReturnTo, err = s.checkReturn(in.ReturnTo, t.app)
	return t, err
}

// prepareFor ties the attempt to a session.
func (s *Service) prepareFor(ctx context.Context, t *step, in Begin) error {
	who := *in.Who
	t.app, t.view, t.user = who.Application, who.View, who.View.User
	t.state.Session, t.state.Version = who.View.Session.ID, who.View.Session.Version
	t.state.Address, t.state.Email = t.user.Email, t.user.Email
	var err error
	if t.has, err = s.holding(ctx, t.user); err != nil {
		return err
	}
	newAddress := in.Purpose == ToVerifyEmail && in.Email != "" && account.NormalizeEmail(in.Email) != account.NormalizeEmail(t.user.Email)
	if newAddress {
		if err := account.CheckEmail(in.Email); err != nil {
			return &FieldError{"email", err.Error()}
		}
		t.state.Email = strings.TrimSpace(in.Email)
	}
	if (in.Purpose.changesFactors() || newAddress) && !fresh(who, t.has, t.now) {
		return ErrStepUp
	}
	return nil
}

// takeBegin counts attempts that are begun from an address: each is a row for a while.
func (s *Service) takeBegin(ctx context.Context, c Client) error {
	d, err := s.Limits.Take(ctx, limit.Key("attempt", addressKey(c.IP)), s.Defaults.PerAddress, s.Now())
	if err != nil {
		return fmt.Errorf("take from limit: %w", err)
	}
	if !d.Allowed {
		return &LimitedError{RetryAfter: d.RetryAfter}
	}
	return nil
}

// CheckReturn answers ErrReturnTo for a place that nobody may be sent to on behalf of the application.
func (s *Service) CheckReturn(to string, app application.Application) error {
	_, err := s.checkReturn(to, app)
	return err
}

// checkReturn lets nobody be sent where the application is not at home.
func (s *Service) checkReturn(to string, app application.Application) (string, error) {
	if to == "" {
		return "", nil
	}
	// Browsers read a backslash as a slash, and drop control characters.
	if len(to) > 2000 || strings.ContainsFunc(to, func(r rune) bool { return r <= ' ' || r == 0x7f || r == '\\' }) {
		return "", ErrReturnTo
	}
	u, err := url.Parse(to)
	switch {
	case err != nil, u.User != nil, u.Opaque != "":
		return "", ErrReturnTo
	case u.Scheme == "" && u.Host == "" && strings.HasPrefix(to, "/") && !strings.HasPrefix(to, "//"):
		if !climbs(u) {
			return to, nil
		}
	case u.Scheme == "https" || u.Scheme == "http":
		origin := u.Scheme + "://" + u.Host
		if s.isOurs(u) || slices.Contains(app.AllowedOrigins, origin) ||
			app.Name == application.DefaultName && slices.Contains(s.Defaults.AllowedOrigins, origin) {
			return to, nil
		}
	}
	return "", ErrReturnTo
}

// isOurs reports whether the URL lies at or below the issuer: what else is on its host may be somebody else's.
func (s *Service) isOurs(u *url.URL) bool {
	below, ok := strings.CutPrefix(u.Scheme+"://"+u.Host+u.EscapedPath(), strings.TrimSuffix(s.Issuer, "/"))
	return ok && (below == "" || below[0] == '/') && !climbs(u)
}

// climbs reports whether a browser may find the URL above where its path begins: it takes .. for the folder above, also
// if its dots are escaped.
func climbs(u *url.URL) bool { return slices.Contains(strings.Split(u.Path, "/"), "..") }

// Resume answers where an attempt stands.
func (s *Service) Resume(ctx context.Context, attempt secret.Text) (Progress, error) {
	t, err := s.resume(ctx, attempt, Client{})
	if err != nil {
		return Progress{}, err
	}
	v := s.judge(t)
	if v.Done {
		return Progress{}, ErrNoAttempt // the policy asks for less than it did when this began
	}
	return t.progress(v), nil
}

// Identify says who is signing in, signing up or has forgotten their password. It may be called again with another
// address, until something was proven. Nothing that it answers, nor the time it takes, tells whether there is such an
// account: it does not look. Errors: *FieldError.
func (s *Service) Identify(ctx context.Context, attempt secret.Text, email string, c Client) (Progress, error) {
	return insist(func() (Progress, error) { return s.identifyAs(ctx, attempt, email, c) })
}

func (s *Service) identifyAs(ctx context.Context, attempt secret.Text, email string, c Client) (Progress, error) {
	t, err := s.resume(ctx, attempt, c)
	if err != nil {
		return Progress{}, err
	}
	if t.state.Session != "" || len(t.state.Proofs) > 0 {
		return Progress{}, ErrNotNow
	}
	if err := account.CheckEmail(email); err != nil {
		return Progress{}, &FieldError{"email", err.Error()}
	}
	t.state.Email, t.state.Code = strings.TrimSpace(email), nil
	if err := s.keep(ctx, t); err != nil {
		return Progress{}, err
	}
	return t.progress(s.judge(t)), nil
}
