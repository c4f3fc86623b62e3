package signin

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"tandem.example/tandem/internal/account"
	"tandem.example/tandem/internal/application"
	"tandem.example/tandem/internal/audit"
	"tandem.example/tandem/internal/credential"
	"tandem.example/tandem/internal/language"
	"tandem.example/tandem/internal/mail"
	"tandem.example/tandem/internal/secret"
	"tandem.example/tandem/internal/session"
	"tandem.example/tandem/verify/revocation"
)

// Again is what a person proves themselves anew with: a password, a second factor, or both.
type Again struct {
	Password     secret.Text
	TOTP         string
	RecoveryCode string
}

// claims are the proofs that it would be if all of it were right.
func (in Again) claims() (out []proof) {
	if !in.Password.Empty() {
		out = append(out, proof{Method: application.Password})
	}
	if in.TOTP != "" {
		out = append(out, proof{Method: application.TOTP})
	}
	if in.RecoveryCode != "" {
		out = append(out, proof{Method: application.RecoveryCode})
	}
	return out
}

// StepUp proves the person anew, by the policy that the pages have: AuthenticatedAt becomes now, and the session gets new
// credentials; the old ones are dead in the same commit. A password alone keeps a session at acr "1"; a second factor
// lifts it to "2", with the password beside it unless the session of one factor began within the last 10 minutes; and a
// session at "2" takes both. Nothing is compared, and no guess counted, before all that it takes was sent.
//
// Errors: ErrInvalidCredentials, ErrWrongCode, *SecondFactorError for what has to go with it, *FieldError (also for a
// factor that the user has not), ErrSignInAgain, *LimitedError, *credential.OverloadedError, session.ErrEnded,
// session.ErrRaced.
func (s *Service) StepUp(ctx context.Context, who Identity, in Again, d Delivery, c Client) (Grant, error) {
	has, err := s.holding(ctx, who.View.User)
	if err != nil {
		return Grant{}, err
	}
	r := s.rules(who.Application)
	if err := in.check(r, has); err != nil {
		return Grant{}, err
	}
	proofs := in.claims()
	v := r.judge(standing{
		Purpose: ToStepUp, Proofs: proofs, Has: has, ACR: who.View.Session.ACR, Since: s.Now().Sub(who.View.Session.AuthenticatedAt),
		Keep: in.TOTP == "" && in.RecoveryCode == "",
	})
	switch {
	case !v.Done && len(v.Ask) == 0:
		return Grant{}, ErrSignInAgain
	case !v.Done:
		return Grant{}, &SecondFactorError{Factors: v.Ask}
	}
	if !in.Password.Empty() {
		if _, err := s.reprove(ctx, who, in.Password, c); err != nil {
			return Grant{}, err
		}
	}
	if in.TOTP != "" || in.RecoveryCode != "" {
		if _, err := s.proveSecond(ctx, who.View.User, has.seconds(), in.TOTP, in.RecoveryCode, audit.StepUpRefused, c); err != nil {
			return Grant{}, err
		}
	}
	return s.renewed(ctx, who, proofs, v.ACR, d, audit.SteppedUp, c)
}

// check says what of it this user cannot prove here.
func (in Again) check(r rules, has holding) error {
	switch {
	case in == (Again{}):
		return &FieldError{"password", "is needed, or totp, or recovery_code"}
	case in.TOTP != "" && in.RecoveryCode != "":
		return &FieldError{"recovery_code", "goes without totp"}
	case in.TOTP != "" && !has.TOTP:
		return &FieldError{"totp", "is not set up for this user"}
	case in.RecoveryCode != "" && has.RecoveryCodes == 0:
		return &FieldError{"recovery_code", "is not set up for this user"}
	case !in.Password.Empty() && !slices.Contains(r.Methods, application.Password):
		return &FieldError{"password", "is not used to sign in to this application"}
	}
	return nil
}

// retry does it again upon the session as it is now, if it failed because a refresh came in between: the proof, which
// took its time, still holds. If the credentials were replaced by another, it is for the caller to know.
func (s *Service) retry(ctx context.Context, who Identity, do func(Identity) (Grant, error)) (Grant, error) {
	version := who.View.Session.Version
	for range raceAttempts {
		g, err := do(who)
		if !errors.Is(err, session.ErrRaced) {
			return g, err
		}
		v, ferr := s.Sessions.Find(ctx, who.View.Session.ID)
		if ferr != nil {
			return Grant{}, fmt.Errorf("look at the session again: %w", ferr)
		}
		if v.Session.Version != version {
			return Grant{}, err
		}
		who.View = v
	}
	return Grant{}, session.ErrRaced
}

// ChangePassword sets a new password. The session that asks stays, with new credentials; the user's others end. Whoever
// has a second factor has proven it in the last 10 minutes: a stolen session with a phished password changes nothing.
//
// Errors: *StepUpError, before anything is compared; ErrInvalidCredentials, *LimitedError, *credential.OverloadedError,
// session.ErrEnded, session.ErrRaced, and *credential.PolicyError for the new password.
func (s *Service) ChangePassword(ctx context.Context, who Identity, current, next secret.Text, d Delivery, c Client) (Grant, error) {
	user := who.View.User
	has, err := s.holding(ctx, user)
	if err != nil {
		return Grant{}, err
	}
	if has.enrolled() && !fresh(who, has, s.Now()) {
		return Grant{}, &StepUpError{Factors: has.seconds()}
	}
	if err := s.Passwords.Check(next, user.Email, user.Name); err != nil {
		return Grant{}, err
	}
	from, err := s.reprove(ctx, who, current, c)
	if err != nil {
		return Grant{}, err
	}
	to, err := s.Hasher.Hash(ctx, next)
	if err != nil {
		return Grant{}, fmt.Errorf("change password: %w", err)
	}
	g, err := s.retry(ctx, who, func(who Identity) (Grant, error) {
		now := s.Now()
		g, keep := s.renewal(who, d, c, audit.PasswordChanged, now)
		if keep.ACR == twoFactors { // whose time is that of both
			keep.AuthenticatedAt = who.View.Session.AuthenticatedAt
		}
		var err error
		g.View, _, err = s.Store.SetPassword(ctx, NewPassword{
			User: user.ID, From: from, To: to, Keep: &keep, At: now,
			Announce: []revocation.Event{revocation.SubjectEvent(string(user.ID))},
		})
		if err != nil {
			return Grant{}, fmt.Errorf("change password: %w", err)
		}
		return s.complete(ctx, g, now)
	})
	if err != nil {
		return Grant{}, err
	}
	s.tell(ctx, mail.PasswordChanged(s.happening(g.View, s.Now()), language.For(c.Languages)))
	return g, nil
}

// reprove checks the caller's password, counted like a sign-in, and answers the hash it matched.
func (s *Service) reprove(ctx context.Context, who Identity, password secret.Text, c Client) (credential.PHC, error) {
	tried, err := s.take(ctx, who.View.User.Email, c)
	if err != nil {
		return credential.PHC{}, err
	}
	phc, _, err := s.checkPassword(ctx, who.View.User.ID, password)
	if errors.Is(err, ErrInvalidCredentials) {
		if err := s.refused(ctx, audit.StepUpRefused, who.View.User.ID, c); err != nil {
			return credential.PHC{}, err
		}
		return credential.PHC{}, ErrInvalidCredentials
	}
	s.refund(ctx, tried) // it was right, or nothing was guessed
	if err != nil {
		return credential.PHC{}, fmt.Errorf("check password: %w", err)
	}
	return phc, nil
}

func (s *Service) renewal(who Identity, d Delivery, c Client, t audit.Type, now time.Time) (Grant, session.Renewal) {
	old := who.View.Session
	g := Grant{Application: who.Application, Delivery: d}
	entry := s.entry(t, c, old.User, now)
	entry.Target = string(old.ID)
	r := session.Renewal{ID: old.ID, Version: old.Version, AuthenticatedAt: now, ACR: old.ACR, AMR: old.AMR, Audit: entry, At: now}
	r.Token, r.Refresh = s.credentials(&g, old, now)
	return g, r
}

// Scope says which sessions a sign-out ends.
type Scope string

// The scopes.
const (
	Local  Scope = "local"  // this session
	Others Scope = "others" // all of the user's but this one
	Global Scope = "global" // all of the user's
)

// SignOut ends sessions of the caller. It is durable when it returns: a request that began before cannot bring a
// session back.
//
// Errors: *FieldError; ErrBindingRequired for another scope than Local, if the caller is Unbound.
func (s *Service) SignOut(ctx context.Context, who Identity, scope Scope, c Client) error {
	if who.Unbound && scope != Local && scope != "" {
		return ErrBindingRequired
	}
	now := s.Now()
	e := session.Ending{Reason: session.SignedOut, At: now}
	switch scope {
	case Local, "":
		e.Session = who.View.Session.ID
	case Others:
		e.User, e.Except = who.View.User.ID, who.View.Session.ID
	case Global:
		e.User = who.View.User.ID
	default:
		return &FieldError{"scope", "must be local, others or global"}
	}
	return s.end(ctx, who, e, audit.SignedOut, c)
}

// EndDevice ends one of the caller's sessions, from the list of devices. session.ErrNotFound if it is not theirs.
func (s *Service) EndDevice(ctx context.Context, who Identity, device session.ID, c Client) error {
	e := session.Ending{Session: device, User: who.View.User.ID, Reason: session.EndedByUser, At: s.Now()}
	return s.end(ctx, who, e, audit.SessionEnded, c)
}

func (s *Service) end(ctx context.Context, who Identity, e session.Ending, t audit.Type, c Client) error {
	entry := s.entry(t, c, who.View.User.ID, e.At)
	entry.Target, entry.Reason = string(e.Session), string(e.Reason)
	e.Audit = []audit.Entry{entry}
	if _, _, err := s.Sessions.End(ctx, e); err != nil {
		return fmt.Errorf("end session: %w", err)
	}
	return nil
}

// Devices lists the caller's living sessions, newest first.
func (s *Service) Devices(ctx context.Context, who Identity, before session.ID, limit int) ([]session.View, error) {
	views, err := s.Sessions.List(ctx, session.Query{User: who.View.User.ID, AliveAt: who.At, Before: before, Limit: limit})
	if err != nil {
		return nil, fmt.Errorf("list sessions: %w", err)
	}
	return views, nil
}

// Rename changes the caller's name.
func (s *Service) Rename(ctx context.Context, who Identity, name string, c Client) (account.User, error) {
	if err := account.CheckName(name); err != nil {
		return account.User{}, &FieldError{"name", err.Error()}
	}
	now := s.Now()
	user, _, err := s.Accounts.Amend(ctx, account.Amendment{
		ID: who.View.User.ID, Name: &name, At: now, Audit: []audit.Entry{s.entry(audit.UserChanged, c, who.View.User.ID, now)},
	})
	if err != nil {
		return account.User{}, fmt.Errorf("change user: %w", err)
	}
	return user, nil
}
