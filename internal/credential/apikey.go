package credential

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"time"

	"tandem.example/tandem/internal/id"
	"tandem.example/tandem/internal/secret"
)

// Errors about API keys and client secrets. Transports answer all of them
// alike; they differ for logs and audit.
var (
	ErrMalformedKey = errors.New("malformed key")
	ErrWrongKey     = errors.New("key does not match")
	ErrKeyExpired   = errors.New("key has expired")
	ErrKeyRevoked   = errors.New("key is revoked")
)

const (
	apiKeyIDPrefix = "key_"
	// APIKeyPrefix begins every API key, so that secret scanners find leaks.
	APIKeyPrefix = "tdk_"

	randomSize = 32 // bytes: 256 bits
)

// keyBase64 spells 32 bytes in 43 characters, one way only.
var keyBase64 = base64.RawURLEncoding.Strict()

// APIKey is what is stored of a key with which a machine administers Tandem.
type APIKey struct {
	ID        string        // key_..., a name and no secret
	Name      string        // what people call it
	Digest    secret.Digest // of the secret part
	CreatedAt time.Time
	CreatedBy string     // who made it, as audit names actors
	ExpiresAt *time.Time // nil: never
	RevokedAt *time.Time // nil: not revoked
}

// NewAPIKey makes a key: what to store, and the text to show its owner once,
// "tdk_", the id without its prefix, and 256 random bits (73 characters).
func NewAPIKey(name, createdBy string, expires *time.Time, now time.Time) (APIKey, secret.Text) {
	random := secret.Random(randomSize)
	key := APIKey{
		ID:        id.Prefixed(apiKeyIDPrefix, now),
		Name:      name,
		Digest:    secret.Sum(random),
		CreatedAt: now,
		CreatedBy: createdBy,
		ExpiresAt: expires,
	}
	text := APIKeyPrefix + strings.TrimPrefix(key.ID, apiKeyIDPrefix) + keyBase64.EncodeToString(random)
	return key, secret.NewText(text)
}

// PresentedKey is an API key as someone sent it: well formed, and nothing more
// is known of it until Check.
type PresentedKey struct {
	ID     string // of the stored key it claims to be
	digest secret.Digest
}

// ParseAPIKey reads a key in its one spelling, or returns ErrMalformedKey.
func ParseAPIKey(text secret.Text) (PresentedKey, error) {
	rest, ok := strings.CutPrefix(text.Reveal(), APIKeyPrefix)
	if !ok || len(rest) < id.Size || !id.Valid(rest[:id.Size]) {
		return PresentedKey{}, fmt.Errorf("reading an API key: %w", ErrMalformedKey)
	}
	digest, err := parseRandom(rest[id.Size:])
	if err != nil {
		return PresentedKey{}, fmt.Errorf("reading an API key: %w", err)
	}
	return PresentedKey{ID: apiKeyIDPrefix + rest[:id.Size], digest: digest}, nil
}

// Check says whether p is the key k and may be used now: nil, or ErrWrongKey,
// ErrKeyRevoked, ErrKeyExpired. Whoever does not have the key learns nothing of
// its state.
func (k APIKey) Check(p PresentedKey, now time.Time) error {
	match := k.Digest.Equal(p.digest)
	switch {
	case !match || k.ID != p.ID || k.Digest.IsZero():
		return ErrWrongKey
	case k.RevokedAt != nil:
		return ErrKeyRevoked
	case k.ExpiresAt != nil && !now.Before(*k.ExpiresAt):
		return ErrKeyExpired
	}
	return nil
}

// parseRandom returns the digest of 256 bits written as 43 characters.
func parseRandom(s string) (secret.Digest, error) {
	var random [randomSize]byte
	if len(s) != keyBase64.EncodedLen(randomSize) || strings.ContainsAny(s, "\r\n") {
		return secret.Digest{}, ErrMalformedKey
	}
	if _, err := keyBase64.Decode(random[:], []byte(s)); err != nil {
		// The error of base64 tells an offset, and offsets tell of secrets.
		return secret.Digest{}, ErrMalformedKey
	}
	return secret.Sum(random[:]), nil
}
