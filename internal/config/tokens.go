package config

import (
	"fmt"
	"slices"
	"strings"

	"tandem.example/tandem/verify/jws"
)

func (c Config) checkTokens(ps *problems) {
	between(ps, "lease", c.Lease, minLease, maxLease, "10s")
	if ttl := c.AccessTokenTTL; ttl > maxTokenTTL && !c.AllowLongAccessTokens {
		ps.add("access_token_ttl", "must be at most 15m, since a plain JWT check accepts a revoked token for that long",
			"write a value such as 5m, or accept that with allow_long_access_tokens: true", "allow_long_access_tokens")
	} else {
		between(ps, "access_token_ttl", ttl, minTokenTTL, c.LongestAccessTokenTTL(), "5m")
	}
	oneOf(ps, "signing_alg", string(c.SigningAlg), "ES256", "EdDSA", "RS256", "PS256", "HS256")
	c.checkShared(ps)
	for i, a := range c.Audiences {
		if a == "" || strings.ContainsAny(a, " \t\r\n") || slices.Contains(c.Audiences[:i], a) {
			ps.add("audiences", fmt.Sprintf("must be distinct names without spaces, which entry %d is not", i+1), "write names such as https://api.example.com")
		}
	}
	for _, claim := range c.AccessTokenClaims {
		checkClaim(ps, claim)
	}
}

// checkShared refuses HS256 without a secret that verifiers could share, and a secret that would not serve.
func (c Config) checkShared(ps *problems) {
	if c.HS256Secret.Empty() {
		if c.SigningAlg == jws.HS256 {
			ps.add("hs256_secret", "is missing, and no verifier can check HS256 tokens without it",
				"set TANDEM_HS256_SECRET or TANDEM_HS256_SECRET_FILE, or write signing_alg: ES256", "signing_alg")
		}
		return
	}
	text := []byte(c.HS256Secret.Reveal())
	if _, err := jws.NewKey(jws.SharedID(text), jws.HS256, text); err != nil {
		ps.add("hs256_secret", "must be at least 32 bytes, and no PEM file", "make one with `openssl rand -base64 32`")
	}
}
