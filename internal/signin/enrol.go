package signin

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"tandem.example/tandem/internal/account"
	"tandem.example/tandem/internal/application"
	"tandem.example/tandem/internal/audit"
	"tandem.example/tandem/internal/credential"
	"tandem.example/tandem/internal/language"
	"tandem.example/tandem/internal/mail"
	"tandem.example/tandem/internal/secret"
)

// TOTPSetup is a seed to be put into an authenticator app.
type TOTPSetup struct {
	Seed secret.Text // base32, in groups of four for people who type it
	URI  secret.Text // otpauth://totp/...
	QR   []byte      // PNG of the URI
}

// enrols reports whether the method may be set up now.
func (s *Service) enrols(t *step, m application.Method) bool {
	v := s.judge(t)
	return v.Enrol && slices.Contains(v.Ask, m)
}

// EnrolTOTP answers a new seed, or the same one again while the attempt lasts. For the purpose ToAddTOTP, and where
// Progress says Enrol.
func (s *Service) EnrolTOTP(ctx context.Context, attempt secret.Text, c Client) (TOTPSetup, error) {
	t, err := s.resume(ctx, attempt, c)
	if err != nil {
		return TOTPSetup{}, err
	}
	if !s.enrols(t, application.TOTP) {
		return TOTPSetup{}, ErrNotNow
	}
	if t.state.Seed == nil {
		t.state.Seed = credential.NewSeed()
		if err := s.keep(ctx, t); err != nil {
			return TOTPSetup{}, err
		}
	}
	setup := TOTPSetup{Seed: credential.SeedText(t.state.Seed)}
	setup.URI, setup.QR, err = credential.SeedURI(t.state.Seed, s.service(), t.user.Email)
	return setup, err
}

// ConfirmTOTP proves that the seed has arrived: from now on it is the user's second factor, and the session, if there is
// one, has new credentials. RecoveryCodes of the progress are shown once. If the session was given new credentials and
// the change then failed, both a progress with the grant and an error are answered.
// Errors: ErrWrongCode; ErrTooManyTries: begin again.
func (s *Service) ConfirmTOTP(ctx context.Context, attempt secret.Text, code string, c Client) (Progress, error) {
	t, err := s.resume(ctx, attempt, c)
	if err != nil {
		return Progress{}, err
	}
	if !s.enrols(t, application.TOTP) || t.state.Seed == nil {
		return Progress{}, ErrNotNow
	}
	if err := s.Attempts.Try(ctx, t.kept.ID, codeTries); err != nil {
		return Progress{}, fmt.Errorf("count a guess: %w", err)
	}
	step, ok := credential.CheckTOTP(t.state.Seed, code, t.now)
	if !ok {
		return Progress{}, ErrWrongCode
	}
	seed, proofs := t.state.Seed, []proof{{Method: application.TOTP}}
	if t.state.Session != "" {
		var codes []secret.Text
		p, err := s.change(ctx, t, proofs, audit.TOTPAdded, func() (err error) {
			codes, err = s.setTOTP(ctx, t.user, seed, step, c)
			return err
		})
		p.RecoveryCodes = codes
		return p, err
	}
	t.state.Seed = nil
	if err := s.keep(ctx, t); err != nil { // of two equal steps one goes on
		return Progress{}, err
	}
	if t.codes, err = s.setTOTP(ctx, t.user, seed, step, c); err != nil {
		return Progress{}, err
	}
	if err := s.changed(ctx, t, 2); err != nil {
		return Progress{}, err
	}
	t.state.Proofs = append(t.state.Proofs, proofs...)
	return s.settle(ctx, t)
}

// setTOTP gives the user the seed, whose code of the step was used to prove it, and new recovery codes. It raises the
// user's Revision twice.
func (s *Service) setTOTP(ctx context.Context, user account.User, seed []byte, step int64, c Client) ([]secret.Text, error) {
	now := s.Now()
	sealed, err := s.Box.Seal(seed, totpRow(user.ID))
	if err != nil {
		return nil, fmt.Errorf("seal one-time codes: %w", err)
	}
	one := credential.TOTP{User: user.ID, Sealed: sealed, CreatedAt: now, Step: step}
	if err := s.Codes.SetTOTP(ctx, one, &user, s.entry(audit.TOTPAdded, c, user.ID, now)); err != nil {
		return nil, fmt.Errorf("set up one-time codes: %w", raced(err))
	}
	s.tell(ctx, mail.FactorChanged(s.occasion(user.Email, c, now), mail.TOTPOn, "", language.For(c.Languages)))
	user.Revision++
	return s.makeRecoveryCodes(ctx, user, c)
}

func (s *Service) makeRecoveryCodes(ctx context.Context, user account.User, c Client) ([]secret.Text, error) {
	codes, digests := credential.NewRecoveryCodes()
	if err := s.Codes.SetRecoveryCodes(ctx, user.ID, digests, &user, s.entry(audit.RecoveryCodesMade, c, user.ID, s.Now())); err != nil {
		return nil, fmt.Errorf("make recovery codes: %w", raced(err))
	}
	return codes, nil
}

// newPasskey answers for whom a passkey may be made now, and whether it has to sign them in by itself.
func (s *Service) newPasskey(ctx context.Context, t *step) (h credential.Holder, alone bool, err error) {
	v := s.judge(t)
	if s.party == nil || !slices.Contains(v.Ask, application.Passkey) || !v.Enrol && !v.Choose {
		return h, false, ErrNotNow
	}
	if t.user.ID != "" {
		h, err = s.holder(ctx, t.user)
		return h, v.Choose, err
	}
	return credential.Holder{User: t.state.NewUser, Email: t.state.Email}, true, nil
}

// EnrolPasskey answers the options for navigator.credentials.create as JSON. For the purpose ToAddPasskey, for signing up
// in place of a password, and where Progress says Enrol.
func (s *Service) EnrolPasskey(ctx context.Context, attempt secret.Text, c Client) ([]byte, error) {
	t, err := s.resume(ctx, attempt, c)
	if err != nil {
		return nil, err
	}
	if t.user.ID == "" && t.state.NewUser == "" {
		t.state.NewUser = account.NewID(t.now)
	}
	h, alone, err := s.newPasskey(ctx, t)
	if err != nil {
		return nil, err
	}
	options, ceremony, err := s.party.AskNew(h, alone)
	if err != nil {
		return nil, err
	}
	t.state.Creation = ceremony
	if err := s.keep(ctx, t); err != nil {
		return nil, err
	}
	return options, nil
}

// ConfirmPasskey stores what navigator.credentials.create answered, as JSON, under the name; one made of the device if
// empty. While signing up it is stored by Choose. If the session was given new credentials and the change then failed,
// both a progress with the grant and an error are answered.
// Errors: ErrWrongPasskey, *FieldError, credential.ErrPasskeyTaken, credential.ErrTooManyPasskeys.
func (s *Service) ConfirmPasskey(ctx context.Context, attempt secret.Text, response []byte, name string, c Client) (Progress, error) {
	t, err := s.resume(ctx, attempt, c)
	if err != nil {
		return Progress{}, err
	}
	h, _, err := s.newPasskey(ctx, t)
	if err != nil {
		return Progress{}, err
	}
	if t.state.Creation == nil {
		return Progress{}, ErrNotNow
	}
	if err := account.CheckName(name); err != nil {
		return Progress{}, &FieldError{"name", err.Error()}
	}
	made, err := s.party.CheckNew(h, t.state.Creation, response, t.now)
	if errors.Is(err, credential.ErrCeremony) {
		return Progress{}, fmt.Errorf("%w: %w", ErrWrongPasskey, err)
	}
	if err != nil {
		return Progress{}, err
	}
	made.Passkey.ID, made.Passkey.Name = credential.NewPasskeyID(t.now), passkeyName(name, c)
	if err := s.room(ctx, h, made.Passkey); err != nil {
		return Progress{}, err
	}
	t.state.Creation = nil
	return s.takePasskey(ctx, t, made)
}

func passkeyName(name string, c Client) string {
	if name != "" {
		return name
	}
	if c.Device != "" {
		return c.Device
	}
	return "Passkey"
}

// room finds out that a passkey cannot be added before the session is given new credentials for it.
func (s *Service) room(ctx context.Context, h credential.Holder, p credential.Passkey) error {
	_, err := s.Passkeys.Find(ctx, p.CredentialID)
	switch {
	case err == nil:
		return credential.ErrPasskeyTaken
	case !errors.Is(err, credential.ErrPasskeyNotFound):
		return fmt.Errorf("look for passkey: %w", err)
	case len(h.Passkeys) >= credential.MaxPasskeys:
		return credential.ErrTooManyPasskeys
	}
	return nil
}

// takePasskey goes on with a passkey that was just made.
func (s *Service) takePasskey(ctx context.Context, t *step, made credential.Proven) (Progress, error) {
	proofs := []proof{{Method: application.Passkey, Verified: made.Verified, Synced: made.Synced}}
	if t.state.Session != "" {
		return s.change(ctx, t, proofs, audit.PasskeyAdded, func() error { return s.addPasskey(ctx, t.user, made.Passkey, t.client) })
	}
	if !s.judge(t).Enrol { // somebody who signs up: Choose goes on
		t.state.Passkey = &made
		if err := s.keep(ctx, t); err != nil {
			return Progress{}, err
		}
		return t.progress(s.judge(t)), nil
	}
	if err := s.keep(ctx, t); err != nil { // of two equal steps one goes on
		return Progress{}, err
	}
	if err := s.addPasskey(ctx, t.user, made.Passkey, t.client); err != nil {
		return Progress{}, err
	}
	if err := s.changed(ctx, t, 1); err != nil {
		return Progress{}, err
	}
	t.state.Proofs = append(t.state.Proofs, proofs...)
	return s.settle(ctx, t)
}

func (s *Service) addPasskey(ctx context.Context, user account.User, p credential.Passkey, c Client) error {
	now := s.Now()
	p.User = user.ID
	entry := s.entry(audit.PasskeyAdded, c, user.ID, now)
	entry.Target = p.ID
	if err := s.Passkeys.Add(ctx, p, &user, entry); err != nil {
		return fmt.Errorf("add passkey: %w", raced(err))
	}
	s.tell(ctx, mail.FactorChanged(s.occasion(user.Email, c, now), mail.PasskeyAdded, p.Name, language.For(c.Languages)))
	return nil
}
