package signing

import (
	"errors"
	"fmt"
	"time"

	"tandem.example/tandem/internal/feed"
	"tandem.example/tandem/verify/jws"
	"tandem.example/tandem/verify/token"
)

// Sizes of a minted token: a client or proxy may refuse headers beyond 8 KiB.
const (
	LargeToken = 2 << 10
	maxToken   = 8 << 10
)

// ErrTooLarge is answered when the claims do not fit into a token that clients can send.
var ErrTooLarge = errors.New("access token would exceed 8 KiB: the user holds too many roles or the scope is too long")

// Mint signs the claims with the current key of the algorithm (the server's if empty).
func (r *Ring) Mint(c token.Claims, alg jws.Algorithm) (string, error) {
	signer, err := r.Signer(alg)
	if err != nil {
		return "", fmt.Errorf("mint access token: %w", err)
	}
	payload, err := c.Encode()
	if err != nil {
		return "", fmt.Errorf("mint access token: %w", err)
	}
	text, err := signer.Sign(token.Type, payload)
	if err != nil {
		return "", fmt.Errorf("mint access token: %w", err)
	}
	if len(text) > maxToken {
		return "", ErrTooLarge
	}
	return text, nil
}

// ErrToken is answered by Read for a token that this server did not sign or that cannot be one of its access tokens.
var ErrToken = errors.New("not an access token of this server")

// ErrTokenExpired is answered by Read for a genuine token whose time is over.
var ErrTokenExpired = errors.New("access token has expired")

// ErrKeyRevoked is answered by Read for a token that names a revoked key: an honest holder is to renew it.
var ErrKeyRevoked = fmt.Errorf("%w: its signing key was revoked", ErrToken)

// ErrUnknownKey is answered by Read for a token that names a key the ring does not hold.
var ErrUnknownKey = fmt.Errorf("%w: unknown key", ErrToken)

// Read checks a presented access token against the ring: type, signature, issuer and times. It says nothing about
// revocation; the caller asks the session for the truth.
func (r *Ring) Read(text, issuer string, now time.Time) (token.Claims, error) {
	m, err := jws.Parse(text)
	if err != nil {
		return token.Claims{}, fmt.Errorf("%w: %w", ErrToken, err)
	}
	if !m.Header.HasType(token.Type) {
		return token.Claims{}, fmt.Errorf("%w: typ", ErrToken)
	}
	key, ok := r.Public(m.Header.KeyID)
	if !ok && r.IsRevoked(m.Header.KeyID) {
		return token.Claims{}, ErrKeyRevoked
	}
	if !ok {
		return token.Claims{}, ErrUnknownKey
	}
	if err := m.Verify(key); err != nil {
		return token.Claims{}, fmt.Errorf("%w: %w", ErrToken, err)
	}
	c, err := token.Decode(m.Payload)
	if err != nil {
		return token.Claims{}, fmt.Errorf("%w: %w", ErrToken, err)
	}
	lifetime := time.Duration(c.ExpiresAt-c.IssuedAt) * time.Second
	switch {
	case c.Issuer != issuer:
		return token.Claims{}, fmt.Errorf("%w: iss", ErrToken)
	case lifetime <= 0, lifetime > r.MaxToken():
		return token.Claims{}, fmt.Errorf("%w: lifetime", ErrToken)
	case now.Unix() >= c.ExpiresAt:
		return token.Claims{}, ErrTokenExpired
	case c.IssuedAt > now.Add(feed.Skew).Unix():
		return token.Claims{}, fmt.Errorf("%w: iat", ErrToken)
	}
	return c, nil
}
