package signin

import (
	"context"
	"errors"
	"fmt"

	"tandem.example/tandem/internal/account"
	"tandem.example/tandem/internal/application"
	"tandem.example/tandem/internal/credential"
	"tandem.example/tandem/internal/secret"
)

// AskPasskey answers the options for navigator.credentials.get as JSON (PublicKeyCredentialRequestOptions). For a first
// factor they name no passkey, so they tell nothing of any account; for a second they name the user's.
func (s *Service) AskPasskey(ctx context.Context, attempt secret.Text, c Client) ([]byte, error) {
	return insist(func() ([]byte, error) { return s.askPasskey(ctx, attempt, c) })
}

func (s *Service) askPasskey(ctx context.Context, attempt secret.Text, c Client) ([]byte, error) {
	t, err := s.resume(ctx, attempt, c)
	if err != nil {
		return nil, err
	}
	if s.party == nil || !s.asks(t, application.Passkey) {
		return nil, ErrNotNow
	}
	var whose *credential.Holder
	if t.user.ID != "" {
		h, err := s.holder(ctx, t.user)
		if err != nil {
			return nil, err
		}
		whose = &h
	}
	options, ceremony, err := s.party.Ask(whose)
	if err != nil {
		return nil, err
	}
	t.state.Ceremony = ceremony
	if err := s.keep(ctx, t); err != nil {
		return nil, err
	}
	return options, nil
}

func (s *Service) holder(ctx context.Context, user account.User) (credential.Holder, error) {
	keys, err := s.Passkeys.Of(ctx, user.ID)
	if err != nil {
		return credential.Holder{}, fmt.Errorf("list passkeys: %w", err)
	}
	return credential.Holder{User: user.ID, Email: user.Email, Name: user.Name, Passkeys: keys}, nil
}

// ProvePasskey proves a passkey by what navigator.credentials.get answered, as JSON. Errors: ErrWrongPasskey.
func (s *Service) ProvePasskey(ctx context.Context, attempt secret.Text, response []byte, remember bool, c Client) (Progress, error) {
	t, err := s.resume(ctx, attempt, c)
	if err != nil {
		return Progress{}, err
	}
	if s.party == nil || !s.asks(t, application.Passkey) || t.state.Ceremony == nil {
		return Progress{}, ErrNotNow
	}
	tried, err := s.takeAddress(ctx, c.IP)
	if err != nil {
		return Progress{}, err
	}
	proven, owner, err := s.checkPasskey(ctx, t, response)
	if errors.Is(err, ErrWrongPasskey) {
		reason := "wrong_passkey"
		if errors.Is(err, credential.ErrCloned) {
			reason = "passkey_counter_went_back"
		}
		if err := s.refusedFor(ctx, t.refusal(), owner.ID, reason, c); err != nil {
			return Progress{}, err
		}
		return Progress{}, ErrWrongPasskey
	}
	s.refund(ctx, []taken{tried})
	if err != nil {
		return Progress{}, err
	}
	if t.user.ID == "" {
		if err := s.identify(ctx, t, owner, owner.Revision); err != nil {
			return Progress{}, err
		}
	}
	t.state.Ceremony, t.state.Remember = nil, t.state.Remember || remember
	t.state.Proofs = append(t.state.Proofs, proof{Method: application.Passkey, Verified: proven.Verified, Synced: proven.Synced})
	return s.settle(ctx, t)
}

// checkPasskey answers the passkey that the response proves, used, and its owner. The owner is answered with
// ErrWrongPasskey too, if there is one, for the audit trail.
func (s *Service) checkPasskey(ctx context.Context, t *step, response []byte) (proven credential.Proven, owner account.User, err error) {
	owner = t.user
	var before uint32
	proven, err = s.party.Check(t.state.Ceremony, response, t.now, func(credentialID []byte) (h credential.Holder, err error) {
		key, err := s.Passkeys.Find(ctx, credentialID)
		if err != nil {
			return h, err
		}
		if t.user.ID != "" && key.User != t.user.ID {
			return h, credential.ErrPasskeyNotFound
		}
		if owner, err = s.Accounts.ByID(ctx, key.User); err != nil {
			return h, err
		}
		before = key.SignCount
		return s.holder(ctx, owner)
	})
	switch {
	case errors.Is(err, credential.ErrCeremony), errors.Is(err, credential.ErrCloned), errors.Is(err, credential.ErrPasskeyNotFound),
		errors.Is(err, account.ErrNotFound):
		return proven, owner, fmt.Errorf("%w: %w", ErrWrongPasskey, err)
	case err != nil:
		return proven, owner, fmt.Errorf("prove passkey: %w", err)
	case owner.Status != account.Active:
		return proven, owner, ErrWrongPasskey
	}
	err = s.Passkeys.Use(ctx, proven.Passkey, before)
	if errors.Is(err, credential.ErrPasskeyRaced) || errors.Is(err, credential.ErrPasskeyNotFound) {
		return proven, owner, fmt.Errorf("%w: %w", ErrWrongPasskey, err)
	}
	if err != nil {
		return proven, owner, fmt.Errorf("prove passkey: %w", err)
	}
	return proven, owner, nil
}
