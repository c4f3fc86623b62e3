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
)

// Factors are what a user can prove themselves with.
type Factors struct {
	Password      bool
	Passkeys      []credential.Passkey
	TOTPSince     time.Time // zero if none
	RecoveryCodes int       // left
	Connections   []credential.Connection
}

// Factors answers the caller's.
func (s *Service) Factors(ctx context.Context, who Identity) (Factors, error) {
	return s.factors(ctx, who.View.User.ID)
}

func (s *Service) factors(ctx context.Context, user account.ID) (f Factors, err error) {
	_, _, err = s.Store.Password(ctx, user)
	f.Password = err == nil
	if err != nil && !errors.Is(err, account.ErrNotFound) {
		return f, fmt.Errorf("list factors: %w", err)
	}
	if f.Passkeys, err = s.Passkeys.Of(ctx, user); err != nil {
		return f, fmt.Errorf("list factors: %w", err)
	}
	one, err := s.Codes.TOTP(ctx, user)
	if err != nil && !errors.Is(err, credential.ErrNoTOTP) {
		return f, fmt.Errorf("list factors: %w", err)
	}
	if err == nil {
		f.TOTPSince = one.CreatedAt
	}
	if err == nil || len(f.Passkeys) > 0 {
		if f.RecoveryCodes, err = s.Codes.RecoveryCodes(ctx, user); err != nil {
			return f, fmt.Errorf("list factors: %w", err)
		}
	}
	if f.Connections, err = s.Connections.Of(ctx, user); err != nil {
		return f, fmt.Errorf("list factors: %w", err)
	}
	return f, nil
}

// Fresh reports whether the person proved themselves recently enough, and with enough, to change what they can prove
// themselves with: within 10 minutes, and with a second factor if they have one. If not, a step-up comes first.
func (s *Service) Fresh(ctx context.Context, who Identity) (bool, error) {
	has, err := s.holding(ctx, who.View.User)
	return err == nil && fresh(who, has, s.Now()), err
}

func fresh(who Identity, has holding, now time.Time) bool {
	one := who.View.Session
	return now.Sub(one.AuthenticatedAt) < freshFor && (one.ACR == twoFactors || !has.enrolled())
}

// ErrStepUp is answered where the caller has to prove themselves anew first.
var ErrStepUp = errors.New("prove yourself again first")

// StepUpError is ErrStepUp where a second factor has to be among the proofs: one of these.
type StepUpError struct{ Factors []application.Method }

func (e *StepUpError) Error() string { return ErrStepUp.Error() }

// Is has it be taken for ErrStepUp.
func (e *StepUpError) Is(target error) bool { return target == ErrStepUp }

// RenamePasskey renames one of the caller's. Errors: credential.ErrPasskeyNotFound, *FieldError.
func (s *Service) RenamePasskey(ctx context.Context, who Identity, passkey, name string, c Client) error {
	if err := account.CheckName(name); err != nil || name == "" {
		return &FieldError{"name", account.ErrName.Error()}
	}
	entry := s.entry(audit.PasskeyRenamed, c, who.View.User.ID, s.Now())
	entry.Target = passkey
	if err := s.Passkeys.Rename(ctx, who.View.User.ID, passkey, name, entry); err != nil {
		return fmt.Errorf("rename passkey: %w", err)
	}
	return nil
}

// removal is a factor that is to go.
type removal struct {
	why    audit.Type
	target string
	notice mail.Change
	name   string // for people
	do     func(entry audit.Entry) error
}

// remove takes a factor away. What the user has left has to suffice to sign in; and the session has new credentials
// before anything is taken away, so that whoever holds the old ones gains nothing by it. If the removal fails after that,
// both the grant and the error are answered, and the grant has to be delivered.
func (s *Service) remove(ctx context.Context, who Identity, c Client, r removal) (Grant, error) {
	g, err := s.renewed(ctx, who, nil, "", deliveryTo(who.Application), r.why, c)
	if err != nil {
		return Grant{}, err
	}
	now := s.Now()
	entry := s.entry(r.why, c, who.View.User.ID, now)
	entry.Target = r.target
	if err := r.do(entry); err != nil {
		return g, fmt.Errorf("remove factor: %w", raced(err))
	}
	s.tell(ctx, mail.FactorChanged(s.occasion(who.View.User.Email, c, now), r.notice, r.name, language.For(c.Languages)))
	return g, nil
}

func deliveryTo(a application.Application) Delivery { return (&step{app: a}).delivery() }

// mayChange answers the caller's factors if they may change them now.
func (s *Service) mayChange(ctx context.Context, who Identity) (Factors, holding, error) {
	f, err := s.factors(ctx, who.View.User.ID)
	if err != nil {
		return f, holding{}, err
	}
	has := f.holding(who.View.User)
	if !fresh(who, has, s.Now()) {
		return f, has, ErrStepUp
	}
	return f, has, nil
}

// suffices decides whether what is left of the user's factors lets them sign in, and the policy hold.
func (s *Service) suffices(who Identity, before, left holding) error {
	r := s.rules(who.Application)
	switch {
	case r.SecondFactor == application.Required && before.enrolled() && !left.enrolled():
		return ErrNotNow
	case len(left.firsts(r)) == 0 && len(before.firsts(r)) > 0:
		return ErrLastMethod
	}
	return nil
}

// RemovePasskey removes one of the caller's, and gives the session new credentials.
// Errors: ErrStepUp, ErrLastMethod, credential.ErrPasskeyNotFound, ErrNotNow if the application's policy requires a
// second factor and no other is left. With an error that came late the grant is answered too: see remove.
func (s *Service) RemovePasskey(ctx context.Context, who Identity, passkey string, c Client) (Grant, error) {
	f, has, err := s.mayChange(ctx, who)
	if err != nil {
		return Grant{}, err
	}
	i := slices.IndexFunc(f.Passkeys, func(p credential.Passkey) bool { return p.ID == passkey })
	if i < 0 {
		return Grant{}, credential.ErrPasskeyNotFound
	}
	left := has
	left.Passkeys--
	if err := s.suffices(who, has, left); err != nil {
		return Grant{}, err
	}
	return s.remove(ctx, who, c, removal{audit.PasskeyRemoved, passkey, mail.PasskeyRemoved, f.Passkeys[i].Name, func(e audit.Entry) error {
		return s.Passkeys.Remove(ctx, who.View.User.ID, passkey, &who.View.User, e)
	}})
}

// RemoveTOTP turns one-time codes off, recovery codes too, and gives the session new credentials.
// Errors: ErrStepUp, credential.ErrNoTOTP, ErrNotNow if the application's policy requires a second factor and no other
// is left. With an error that came late the grant is answered too: see remove.
func (s *Service) RemoveTOTP(ctx context.Context, who Identity, c Client) (Grant, error) {
	_, has, err := s.mayChange(ctx, who)
	if err != nil {
		return Grant{}, err
	}
	if !has.TOTP {
		return Grant{}, credential.ErrNoTOTP
	}
	left := has
	left.TOTP, left.RecoveryCodes = false, 0
	if err := s.suffices(who, has, left); err != nil {
		return Grant{}, err
	}
	return s.remove(ctx, who, c, removal{audit.TOTPRemoved, "", mail.TOTPOff, "", func(e audit.Entry) error {
		return s.Codes.RemoveTOTP(ctx, who.View.User.ID, &who.View.User, e)
	}})
}

// Disconnect removes a connected account. Errors: ErrStepUp, ErrLastMethod, credential.ErrConnectionNotFound. With an
// error that came late the grant is answered too: see remove.
func (s *Service) Disconnect(ctx context.Context, who Identity, connection string, c Client) (Grant, error) {
	f, has, err := s.mayChange(ctx, who)
	if err != nil {
		return Grant{}, err
	}
	i := slices.IndexFunc(f.Connections, func(one credential.Connection) bool { return one.ID == connection })
	if i < 0 {
		return Grant{}, credential.ErrConnectionNotFound
	}
	provider := f.Connections[i].Provider
	left := has
	left.Providers = slices.Delete(slices.Clone(has.Providers), i, i+1)
	if err := s.suffices(who, has, left); err != nil {
		return Grant{}, err
	}
	return s.remove(ctx, who, c, removal{audit.Disconnected, connection, mail.Disconnected, provider, func(e audit.Entry) error {
		e.Reason = provider
		return s.Connections.Disconnect(ctx, who.View.User.ID, connection, &who.View.User, e)
	}})
}

// NewRecoveryCodes puts new ones in place of all that were left, for whoever has a second factor that can be lost.
// Errors: ErrStepUp, credential.ErrNoTOTP if they have none.
func (s *Service) NewRecoveryCodes(ctx context.Context, who Identity, c Client) ([]secret.Text, error) {
	_, has, err := s.mayChange(ctx, who)
	if err != nil {
		return nil, err
	}
	if !has.enrolled() {
		return nil, credential.ErrNoTOTP
	}
	codes, err := s.makeRecoveryCodes(ctx, who.View.User, c)
	if err != nil {
		return nil, err
	}
	s.tell(ctx, mail.FactorChanged(s.occasion(who.View.User.Email, c, s.Now()), mail.RecoveryCodesMade, "", language.For(c.Languages)))
	return codes, nil
}
