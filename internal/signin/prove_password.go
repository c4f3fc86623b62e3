package signin

import (
	"context"
	"errors"
	"fmt"

	"tandem.example/tandem/internal/application"
	"tandem.example/tandem/internal/audit"
	"tandem.example/tandem/internal/secret"
)

// ProvePassword proves the password of the account of Email. Errors: ErrInvalidCredentials.
func (s *Service) ProvePassword(ctx context.Context, attempt, password secret.Text, c Client) (Progress, error) {
	t, err := s.resume(ctx, attempt, c)
	if err != nil {
		return Progress{}, err
	}
	if !s.asks(t, application.Password) || t.state.Email == "" {
		return Progress{}, ErrNotNow
	}
	if t.state.Session != "" {
		if _, err := s.reprove(ctx, t.identity(), password, c); err != nil {
			return Progress{}, err
		}
	} else if err := s.provePassword(ctx, t, password); err != nil {
		return Progress{}, err
	}
	t.state.Proofs = append(t.state.Proofs, proof{Method: application.Password})
	return s.settle(ctx, t)
}

func (s *Service) provePassword(ctx context.Context, t *step, password secret.Text) error {
	tried, err := s.take(ctx, t.state.Email, t.client)
	if err != nil {
		return err
	}
	user, revision, err := s.prove(ctx, t.state.Email, password)
	if errors.Is(err, ErrInvalidCredentials) {
		if err := s.refused(ctx, audit.SignInRefused, user.ID, t.client); err != nil {
			return err
		}
		return ErrInvalidCredentials
	}
	s.refund(ctx, tried) // it was right, or nothing was guessed
	if err != nil {
		return fmt.Errorf("prove password: %w", err)
	}
	return s.identify(ctx, t, user, revision)
}
