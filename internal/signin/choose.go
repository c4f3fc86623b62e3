package signin

import (
	"context"
	"fmt"
	"slices"

	"tandem.example/tandem/internal/account"
	"tandem.example/tandem/internal/application"
	"tandem.example/tandem/internal/audit"
	"tandem.example/tandem/internal/credential"
	"tandem.example/tandem/internal/language"
	"tandem.example/tandem/internal/mail"
	"tandem.example/tandem/internal/secret"
	"tandem.example/tandem/verify/revocation"
)

// Choose ends a sign-up or a recovery: a name (signing up) and a password, which may be empty while signing up where
// another method can sign the user in. Ask of the progress before it names what may be chosen.
// Errors: *FieldError, *LimitedError, *credential.PolicyError, account.ErrEmailTaken.
func (s *Service) Choose(ctx context.Context, attempt secret.Text, name string, password secret.Text, c Client) (Progress, error) {
	t, err := s.resume(ctx, attempt, c)
	if err != nil {
		return Progress{}, err
	}
	if !s.judge(t).Choose {
		return Progress{}, ErrNotNow
	}
	if err := s.checkChoice(t, name, password); err != nil {
		return Progress{}, err
	}
	var phc credential.PHC
	if !password.Empty() {
		if _, err := s.takeAddress(ctx, c.IP); err != nil { // hashes are dear
			return Progress{}, err
		}
		if phc, err = s.Hasher.Hash(ctx, password); err != nil {
			return Progress{}, fmt.Errorf("choose password: %w", err)
		}
	}
	t.state.Chosen = true
	if err := s.keep(ctx, t); err != nil { // of two equal steps one goes on
		return Progress{}, err
	}
	if t.user.ID == "" {
		err = s.enlist(ctx, t, name, phc)
	} else {
		err = s.settleIn(ctx, t, name, phc)
	}
	if err != nil {
		return Progress{}, err
	}
	if !phc.Empty() {
		t.state.Proofs = append(t.state.Proofs, proof{Method: application.Password})
	}
	if made := t.state.Passkey; made != nil {
		if err := s.addPasskey(ctx, t.user, made.Passkey, c); err != nil {
			return Progress{}, err
		}
		if err := s.changed(ctx, t, 1); err != nil {
			return Progress{}, err
		}
		t.state.Passkey = nil
		t.state.Proofs = append(t.state.Proofs, proof{Method: application.Passkey, Verified: made.Verified, Synced: made.Synced})
	}
	return s.settle(ctx, t)
}

// checkChoice sees to it that the user will be able to sign in with what they have chosen.
func (s *Service) checkChoice(t *step, name string, password secret.Text) error {
	personal := []string{t.state.Email, name}
	if t.state.Purpose == ToSignUp {
		if err := account.CheckName(name); err != nil {
			return &FieldError{"name", err.Error()}
		}
	} else {
		personal[1] = t.user.Name
	}
	if !password.Empty() {
		if !slices.Contains(t.rules.Methods, application.Password) {
			return &FieldError{"password", "is not used to sign in to this application"}
		}
		return s.Passwords.Check(password, personal...)
	}
	passkey := t.state.Passkey != nil && t.state.Passkey.Verified
	code := proved(t.state.Proofs, application.EmailCode) && slices.Contains(t.rules.Methods, application.EmailCode)
	if t.state.Purpose == ToSignUp && (passkey || code) {
		return nil
	}
	return s.Passwords.Check(password, personal...) // which says what is missing
}

// enlist makes the account of whoever signs up. The address is verified if it was proven, which it always is where mail
// can be sent.
func (s *Service) enlist(ctx context.Context, t *step, name string, phc credential.PHC) error {
	user, err := s.register(ctx, account.User{
		ID: t.state.NewUser, Email: t.state.Email, EmailVerified: proved(t.state.Proofs, application.EmailCode), Name: name,
	}, phc, t.client)
	if err != nil {
		return fmt.Errorf("sign up: %w", err)
	}
	t.state.NewUser = user.ID
	return s.identify(ctx, t, user, user.Revision)
}

// settleIn gives an account that is there a name and a password: one that was claimed, or whose password was forgotten.
// All its sessions end.
func (s *Service) settleIn(ctx context.Context, t *step, name string, phc credential.PHC) error {
	if t.state.Purpose == ToSignUp {
		entry := s.entry(audit.UserChanged, t.client, t.user.ID, t.now)
		if _, _, err := s.Accounts.Amend(ctx, account.Amendment{ID: t.user.ID, Name: &name, Audit: []audit.Entry{entry}, At: t.now}); err != nil {
			return fmt.Errorf("sign up: %w", err)
		}
	}
	if phc.Empty() {
		return s.changed(ctx, t, 0)
	}
	kind := audit.AccountRecovered
	if t.state.Purpose == ToSignUp {
		kind = audit.PasswordChanged
	}
	_, _, err := s.Store.SetPassword(ctx, NewPassword{
		User: t.user.ID, To: phc, Reset: true, Was: &t.user, At: t.now,
		Announce: []revocation.Event{revocation.SubjectEvent(string(t.user.ID))},
		Audit:    []audit.Entry{s.entry(kind, t.client, t.user.ID, t.now)},
	})
	if err != nil {
		return fmt.Errorf("set password: %w", raced(err))
	}
	if t.state.Purpose == ToRecover {
		s.tell(ctx, mail.PasswordChanged(s.occasion(t.user.Email, t.client, t.now), language.For(t.client.Languages)))
	}
	return s.changed(ctx, t, 1)
}
