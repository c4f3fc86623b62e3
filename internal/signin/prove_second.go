package signin

import (
	"context"
	"errors"
	"fmt"

	"tandem.example/tandem/internal/account"
	"tandem.example/tandem/internal/application"
	"tandem.example/tandem/internal/audit"
	"tandem.example/tandem/internal/credential"
	"tandem.example/tandem/internal/language"
	"tandem.example/tandem/internal/limit"
	"tandem.example/tandem/internal/mail"
	"tandem.example/tandem/internal/secret"
)

// codeTries is how many guesses one attempt has at one code.
const codeTries = 5

func totpRow(user account.ID) string { return "totp:" + string(user) }

// ProveTOTP proves a one-time code of an authenticator app. Errors: ErrWrongCode; ErrTooManyTries: begin again.
func (s *Service) ProveTOTP(ctx context.Context, attempt secret.Text, code string, remember bool, c Client) (Progress, error) {
	t, err := s.resumeFor(ctx, attempt, application.TOTP, c)
	if err != nil {
		return Progress{}, err
	}
	if err := s.spendTOTP(ctx, t.user, code, t.refusal(), c); err != nil {
		return Progress{}, err
	}
	t.state.Remember = t.state.Remember || remember
	t.state.Proofs = append(t.state.Proofs, proof{Method: application.TOTP})
	return s.settle(ctx, t)
}

// ProveRecoveryCode proves a recovery code. Errors: ErrWrongCode; ErrTooManyTries: begin again.
func (s *Service) ProveRecoveryCode(ctx context.Context, attempt secret.Text, code string, c Client) (Progress, error) {
	t, err := s.resumeFor(ctx, attempt, application.RecoveryCode, c)
	if err != nil {
		return Progress{}, err
	}
	if err := s.spendRecoveryCode(ctx, t.user, code, t.refusal(), c); err != nil {
		return Progress{}, err
	}
	t.state.Proofs = append(t.state.Proofs, proof{Method: application.RecoveryCode})
	return s.settle(ctx, t)
}

// resumeFor takes an attempt up that asks for a guess of the user's second factor, and counts the guess.
func (s *Service) resumeFor(ctx context.Context, attempt secret.Text, m application.Method, c Client) (*step, error) {
	t, err := s.resume(ctx, attempt, c)
	if err != nil {
		return nil, err
	}
	if !s.asks(t, m) {
		return nil, ErrNotNow
	}
	if err := s.Attempts.Try(ctx, t.kept.ID, codeTries); err != nil {
		return nil, fmt.Errorf("count a guess: %w", err)
	}
	return t, nil
}

// refusal is what a wrong proof is in the audit trail.
func (t *step) refusal() audit.Type {
	if t.state.Session != "" {
		return audit.StepUpRefused
	}
	return audit.SignInRefused
}

// spendTOTP proves a one-time code of the user, once.
func (s *Service) spendTOTP(ctx context.Context, user account.User, code string, refusal audit.Type, c Client) error {
	return s.guess(ctx, user, refusal, c, func() error {
		seed, err := s.seed(ctx, user.ID)
		if errors.Is(err, credential.ErrNoTOTP) {
			return ErrWrongCode
		}
		if err != nil {
			return err
		}
		step, ok := credential.CheckTOTP(seed, code, s.Now())
		if !ok {
			return ErrWrongCode
		}
		err = s.Codes.SpendStep(ctx, user.ID, step)
		if errors.Is(err, credential.ErrStepSpent) || errors.Is(err, credential.ErrNoTOTP) {
			return ErrWrongCode
		}
		return err
	})
}

// seed answers the seed of the user's one-time codes.
func (s *Service) seed(ctx context.Context, user account.ID) ([]byte, error) {
	kept, err := s.Codes.TOTP(ctx, user)
	if err != nil {
		return nil, err
	}
	return s.Box.Open(kept.Sealed, totpRow(user))
}

// spendRecoveryCode proves a recovery code of the user, which is gone then, and tells the user.
func (s *Service) spendRecoveryCode(ctx context.Context, user account.User, code string, refusal audit.Type, c Client) error {
	now := s.Now()
	err := s.guess(ctx, user, refusal, c, func() error {
		_, err := s.Codes.SpendRecoveryCode(ctx, user.ID, credential.RecoveryDigest(code), s.entry(audit.RecoveryCodeUsed, c, user.ID, now))
		if errors.Is(err, credential.ErrNoRecoveryCode) {
			return ErrWrongCode
		}
		return err
	})
	if err == nil {
		s.tell(ctx, mail.FactorChanged(s.occasion(user.Email, c, now), mail.RecoveryCodeUsed, "", language.For(c.Languages)))
	}
	return err
}

// guess counts a guess at the user's second factor before it is made, over all attempts; a wrong one stays counted. As
// with passwords a device or an address from which the user has signed in before has guesses of its own, so that whoever
// knows the password does not lock the owner out: one more allowance for all of them together, since where an
// application asks for no second factor a stranger becomes known with the password alone, as many times as they like.
func (s *Service) guess(ctx context.Context, user account.User, refusal audit.Type, c Client, check func() error) error {
	address, err := s.takeAddress(ctx, c.IP)
	if err != nil {
		return err
	}
	one := taken{limit.Key("second factor", string(user.ID)), s.Defaults.PerFactor}
	d, err := s.Limits.Take(ctx, one.key, one.policy, s.Now())
	if err == nil && !d.Allowed {
		one.key = limit.Key("second factor of a known device", string(user.ID))
		d, err = s.takeKnown(ctx, user, one, d, c)
	}
	if err != nil {
		return fmt.Errorf("take from limit: %w", err)
	}
	if !d.Allowed {
		s.refund(ctx, []taken{address})
		return &LimitedError{RetryAfter: d.RetryAfter}
	}
	err = check()
	if errors.Is(err, ErrWrongCode) {
		if err := s.refusedFor(ctx, refusal, user.ID, "wrong_code", c); err != nil {
			return err
		}
		return ErrWrongCode
	}
	s.refund(ctx, []taken{address, one})
	if err != nil {
		return fmt.Errorf("prove second factor: %w", err)
	}
	return nil
}

// takeKnown takes from the allowance of known devices and addresses if it is one, and answers `denied` if not.
func (s *Service) takeKnown(ctx context.Context, user account.User, own taken, denied limit.Decision, c Client) (limit.Decision, error) {
	_, known, err := s.ownKey(ctx, account.NormalizeEmail(user.Email), c)
	if err != nil || !known {
		return denied, err
	}
	return s.Limits.Take(ctx, own.key, own.policy, s.Now())
}
