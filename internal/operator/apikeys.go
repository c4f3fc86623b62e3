package operator

import (
	"context"
	"errors"
	"fmt"
	"time"

	"tandem.example/tandem/internal/audit"
	"tandem.example/tandem/internal/credential"
	"tandem.example/tandem/internal/secret"
)

// CreateAPIKey makes a key for the administration API. The text is answered once and never stored.
func (s *Service) CreateAPIKey(ctx context.Context, name string, expires *time.Time, by By) (credential.APIKey, secret.Text, error) {
	if len(name) < 1 || len(name) > 100 {
		return credential.APIKey{}, secret.Text{}, &FieldError{Field: "name", Rule: "must be 1 to 100 bytes"}
	}
	now := s.Now()
	if expires != nil && !expires.After(now) {
		return credential.APIKey{}, secret.Text{}, &FieldError{Field: "expires_at", Rule: "must be in the future"}
	}
	key, text := credential.NewAPIKey(name, by.Actor, expires, now)
	if err := s.APIKeys.Create(ctx, key, s.entry(by, audit.APIKeyCreated, "", key.ID, now)); err != nil {
		return key, secret.Text{}, fmt.Errorf("create api key: %w", err)
	}
	return key, text, nil
}

// ListAPIKeys answers all keys, without their digests.
func (s *Service) ListAPIKeys(ctx context.Context) ([]credential.APIKey, error) {
	return s.APIKeys.List(ctx)
}

// RevokeAPIKey kills a key at once.
func (s *Service) RevokeAPIKey(ctx context.Context, id string, by By) error {
	now := s.Now()
	return s.APIKeys.Revoke(ctx, id, now, s.entry(by, audit.APIKeyRevoked, "", id, now))
}

// ErrAPIKey is answered for a key that opens nothing, without saying why.
var ErrAPIKey = errors.New("not a valid api key")

// CheckAPIKey answers the key that was presented, if it is alive.
func (s *Service) CheckAPIKey(ctx context.Context, text secret.Text) (credential.APIKey, error) {
	p, err := credential.ParseAPIKey(text)
	if err != nil {
		return credential.APIKey{}, ErrAPIKey
	}
	key, err := s.APIKeys.Find(ctx, p.ID)
	if errors.Is(err, credential.ErrAPIKeyNotFound) {
		return key, ErrAPIKey
	}
	if err != nil {
		return key, fmt.Errorf("check api key: %w", err)
	}
	if key.Check(p, s.Now()) != nil {
		return key, ErrAPIKey
	}
	return key, nil
}
