package main

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"tandem.example/tandem/internal/config"
	"tandem.example/tandem/verify/jws"
	"tandem.example/tandem/verify/token"
)

const (
	// largeToken is from where a token is a burden on each request, in bytes.
	largeToken = 2 << 10
	// skew is how far in the future a token may have been issued.
	skew = 60 * time.Second
)

// check finds out what a verifier would refuse, in its order: form, type, key and signature, claims.
func (c tokenInspectCmd) check(ctx context.Context, text string, f *findings, now time.Time) error {
	if len(text) > largeToken && len(text) <= jws.MaxSize {
		f.note("it is large: %d bytes with each request. 600 are usual; %d are refused", len(text), jws.MaxSize+1)
	}
	f.findPrivate()
	m, err := jws.Parse(text)
	switch {
	case errors.Is(err, jws.ErrTooLarge):
		f.refuse("it has %d bytes, at most %d are read", len(text), jws.MaxSize)
	case errors.Is(err, jws.ErrAlgorithm):
		f.refuse("its algorithm is not one of ES256, EdDSA, RS256, PS256, HS256 (%v)", err)
	case err != nil:
		f.refuse("it is malformed: %v", err)
	case !m.Header.HasType(token.Type):
		f.refuse("its typ is not %s: it is no access token (RFC 9068)", token.Type)
	}
	if err != nil {
		return nil
	}
	if err := c.checkSignature(ctx, m, f); err != nil {
		return err
	}
	claims, err := token.Decode(m.Payload)
	if err != nil {
		f.refuse("its claims are malformed: %v", err)
		return nil
	}
	c.checkClaims(claims, f, now)
	return nil
}

// findPrivate notes the claims that should not stand in a token.
func (f *findings) findPrivate() {
	var members map[string]json.RawMessage
	if json.Unmarshal(f.Claims, &members) != nil {
		return
	}
	for _, name := range config.PrivateClaims() {
		if _, there := members[name]; there {
			f.Private = append(f.Private, name)
		}
	}
}

// checkSignature asks the issuer for its keys, if one is named. The token's own word for its issuer is never followed.
func (c tokenInspectCmd) checkSignature(ctx context.Context, m jws.Message, f *findings) error {
	if c.Issuer == "" {
		f.Signature = "not checked (--issuer URL checks it): whatever stands here, anybody may have written"
		return nil
	}
	server, err := discover(ctx, c.Issuer)
	if err != nil {
		return err
	}
	keys, err := server.keys(ctx)
	if err != nil {
		return err
	}
	key, known := keys.Find(m.Header.KeyID)
	switch {
	case !known && m.Header.Algorithm == jws.HS256:
		f.Signature = "not checked: HS256 keys are never published"
	case !known:
		f.Signature = "wrong"
		f.refuse("it was not signed by a key of %s: key %q is not among those it publishes (revoked, retired, or of another server)", c.Issuer, m.Header.KeyID)
	default:
		f.Signature = "good, by key " + key.ID()
		if err := m.Verify(key); err != nil {
			f.Signature = "wrong"
			f.refuse("its signature is not by key %q of %s (%v)", m.Header.KeyID, c.Issuer, err)
		}
	}
	return nil
}

func (c tokenInspectCmd) checkClaims(claims token.Claims, f *findings, now time.Time) {
	expires, issued := time.Unix(claims.ExpiresAt, 0).UTC(), time.Unix(claims.IssuedAt, 0)
	f.Expires = &expires
	if c.Issuer != "" && claims.Issuer != c.Issuer {
		f.refuse("it is of issuer %q, not %s", claims.Issuer, c.Issuer)
	}
	if c.Audience != "" && !slices.Contains(claims.Audience, c.Audience) {
		f.refuse("it is not meant for %s but for %s", c.Audience, listed(claims.Audience))
	}
	switch {
	case !expires.After(now):
		f.refuse("it expired %s ago", now.Sub(expires).Round(time.Second))
	case issued.After(now.Add(skew)):
		f.refuse("it was issued in the future: in %s by the clock of this machine", issued.Sub(now).Round(time.Second))
	default:
		f.note("it expires in %s", expires.Sub(now).Round(time.Second))
	}
	if life := expires.Sub(issued); life > 15*time.Minute {
		f.note("it lives for %s: a service that only checks signature and expiry obeys a revocation no sooner", life.Round(time.Second))
	}
}
