package main

import (
	"fmt"
	"time"

	"tandem.example/tandem/internal/id"
	"tandem.example/tandem/internal/memory"
	"tandem.example/tandem/internal/secret"
	"tandem.example/tandem/internal/signing"
	"tandem.example/tandem/verify"
	"tandem.example/tandem/verify/jws"
	"tandem.example/tandem/verify/token"
	"tandem.example/tandem/verify/verifytest"
)

var algorithms = []jws.Algorithm{jws.ES256, jws.EdDSA, jws.RS256, jws.PS256, jws.HS256}

// enough operations of an algorithm for a round of some ten milliseconds.
func enough(alg jws.Algorithm, signing bool) int {
	switch {
	case alg == jws.HS256:
		return 20_000
	case signing && (alg == jws.RS256 || alg == jws.PS256):
		return 24
	}
	return 1_000
}

// Row 2: the check of a token of 900 bytes that the Verifier has never seen. The floor is the bare signature check of
// the same bytes.
func coldCheck(b *bench) error {
	for _, alg := range algorithms {
		if err := b.cold(alg); err != nil {
			return fmt.Errorf("%s: %w", alg, err)
		}
	}
	return nil
}

func (b *bench) cold(alg jws.Algorithm) error {
	s := b.newIssuer(verifytest.Algorithm(alg))
	defer s.close()
	v, err := s.verifier(b.ctx, func(c *verify.Config) {
		c.CacheSize = 1 // eight slots: in a cycle of 64, each token has been forgotten when its turn comes
		if alg == jws.HS256 {
			c.SharedKeys = []jws.Key{s.TokenKey().Key()}
		}
	})
	if err != nil {
		return err
	}
	defer v.Close()
	tokens := s.sized(64, 900)
	bare := make([]func() error, len(tokens))
	for i, t := range tokens {
		if bare[i], err = bareVerify(s.TokenKey(), t); err != nil {
			return err
		}
	}
	n := enough(alg, false)
	d, err := b.fight(
		func() (sample, error) { return each(n, func(i int) error { return bare[i&63]() }) },
		func() (sample, error) {
			return each(n, func(i int) error {
				_, err := v.Verify(b.ctx, tokens[i&63])
				return err
			})
		})
	if err != nil {
		return err
	}
	parts, err := b.fight(
		func() (sample, error) { return each(n, func(i int) error { return bare[i&63]() }) },
		func() (sample, error) { return each(n, func(i int) error { return parse(s, tokens[i&63]) }) })
	if err != nil {
		return err
	}
	budget := atMost(1.15, "x")
	if alg == jws.HS256 {
		budget = atMost(6, "x")
	}
	r := result{Row: "2", Work: fmt.Sprintf("cold check %s, %d bytes", alg, len(tokens[0])), Floor: nanos(of(d.floor, sample.wallNS)),
		Ours: nanos(of(d.ours, sample.wallNS)), Value: d.ratio(sample.wallNS), CPU: d.ratio(sample.cpuNS), Budget: &budget}
	r.note("parse, verify and decode alone: %s x (cpu %s x); %.0f allocations", digits(parts.ratio(sample.wallNS)), digits(parts.ratio(sample.cpuNS)), d.allocs())
	b.add(r)
	return nil
}

// parse is the part of a cold check that keeps nothing.
func parse(s *issuer, compact string) error {
	m, err := jws.Parse(compact)
	if err != nil {
		return err
	}
	if err := m.Verify(s.TokenKey().Key()); err != nil {
		return err
	}
	_, err = token.Decode(m.Payload)
	return err
}

// Row 9: the making of an access token by the server's ring of keys. The floor is the bare signature with a private
// key; beside the hash that is HS256, writing the claims would be most of the work.
func mint(b *bench) error {
	for _, alg := range algorithms[:4] {
		if err := b.mint(alg); err != nil {
			return fmt.Errorf("%s: %w", alg, err)
		}
	}
	return nil
}

func (b *bench) mint(alg jws.Algorithm) error {
	store := memory.Open(memory.Options{})
	defer store.Close()
	box, err := secret.NewBox(secret.Random(32))
	if err != nil {
		return err
	}
	ring, err := signing.Open(b.ctx, signing.Config{Store: store.Keys(), Box: box, Algorithm: alg, Schedule: signing.DefaultSchedule,
		MaxToken: func() time.Duration { return 5 * time.Minute }, Now: time.Now})
	if err != nil {
		return err
	}
	signer, err := ring.Signer(alg)
	if err != nil {
		return err
	}
	bare, err := bareSign(signer)
	if err != nil {
		return err
	}
	claims := usualClaims()
	payload, err := claims.Encode()
	if err != nil {
		return err
	}
	n := enough(alg, true)
	d, err := b.fight(
		func() (sample, error) {
			return each(n, func(int) error {
				_, err := bare(payload)
				return err
			})
		},
		func() (sample, error) {
			return each(n, func(int) error {
				_, err := ring.Mint(claims, alg)
				return err
			})
		})
	if err != nil {
		return err
	}
	budget := atMost(1.5, "x")
	r := result{Row: "9", Work: "mint " + string(alg), Floor: nanos(of(d.floor, sample.wallNS)), Ours: nanos(of(d.ours, sample.wallNS)),
		Value: d.ratio(sample.wallNS), CPU: d.ratio(sample.cpuNS), Budget: &budget}
	b.add(r)
	return nil
}

// usualClaims are those of a default token of a person with two roles.
func usualClaims() token.Claims {
	now := time.Now()
	return token.Claims{
		Issuer: "https://auth.example.com", Subject: id.Prefixed("usr_", now), Audience: []string{"https://auth.example.com"}, ClientID: id.Prefixed("app_", now),
		IssuedAt: now.Unix(), ExpiresAt: now.Add(5 * time.Minute).Unix(), ID: id.New(now), SessionID: id.Prefixed("ses_", now),
		Revision: token.Revision{Epoch: "01arz3nd", Seq: 12345}, AuthTime: now.Unix(), ACR: "1", AMR: []string{"pwd"}, Roles: []string{"customer", "support"},
	}
}
