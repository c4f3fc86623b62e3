package config

import (
	"fmt"
	"slices"
	"strings"
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
	for i, a := range c.Audiences {
		if a == "" || strings.ContainsAny(a, " \t\r\n") || slices.Contains(c.Audiences[:i], a) {
			ps.add("audiences", fmt.Sprintf("must be distinct names without spaces, which entry %d is not", i+1), "write names such as https://api.example.com")
		}
	}
	for _, claim := range c.AccessTokenClaims {
		checkClaim(ps, claim)
	}
}
