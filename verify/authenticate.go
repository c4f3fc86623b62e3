package verify

import (
	"context"
	"errors"
	"strings"
	"time"

	"tandem.example/tandem/verify/jws"
	"tandem.example/tandem/verify/revocation"
	"tandem.example/tandem/verify/token"
)

// authenticate establishes what an access token says and that the issuer said
// it, to this audience. Whether it is still good is for decide.
//
// What was established is remembered, keyed by the whole token. A remembered
// token counts only while the keys are those it was checked with: a key that
// the issuer has withdrawn is not trusted through the cache either.
func (v *Verifier) authenticate(ctx context.Context, credential string) (*Token, error) {
	if t := v.tokens.find(credential, v.keys.generation()); t != nil {
		return t, nil
	}
	message, err := jws.Parse(credential)
	if err != nil {
		return nil, refusedMalformed
	}
	if !message.Header.HasType(token.Type) { // RFC 9068 §4
		return nil, refusedType
	}
	if v.entries.Distrusts(revocation.Hash(message.Header.KeyID)) {
		return nil, refusedStale // nothing to ask: its holder, if honest, is to renew it, and a new key signs
	}
	key, generation, err := v.keys.find(ctx, message.Header.KeyID)
	if err != nil {
		return nil, err
	}
	if err := message.Verify(key); errors.Is(err, jws.ErrSignature) {
		return nil, refusedSignature
	} else if err != nil {
		return nil, refusedKey // another algorithm than the key's
	}
	claims, err := token.Decode(message.Payload)
	if err != nil {
		return nil, refusedMalformed
	}
	switch {
	case claims.Issuer != v.config.Issuer:
		return nil, refusedIssuer
	case !claims.HasAudience(v.config.Audience):
		return nil, refusedAudience
	case claims.ExpiresAt <= claims.IssuedAt, claims.ExpiresAt > maxUnix:
		return nil, refusedLifetime
	}
	// The copy shares no memory with the request it came from.
	t := &Token{kind: AccessToken, claims: claims, credential: strings.Clone(credential)}
	l := v.lease.Load()
	t.hold(key.ID(), l.epoch)
	if now := l.clock.now(v.config.clock()); t.until() > now {
		v.tokens.keep(t, generation, now)
	}
	return t, nil
}

// maxUnix is the last second that a time.Duration since 1970 can hold, less a
// century of room for sums.
const maxUnix = int64((1<<63-1)/time.Second) - 100*366*24*3600
