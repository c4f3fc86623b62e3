package verify

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
)

// relayMetadata is where a relay says whose log it repeats, and where.
const relayMetadata = "/.well-known/tandem-relay"

// checkRelay checks the address of the relay, if there is one.
func (c *Config) checkRelay() error {
	if c.Relay == "" {
		return nil
	}
	u, err := url.Parse(c.Relay)
	switch {
	case err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.ForceQuery || strings.Contains(c.Relay, "#"):
		return &ConfigError{"Relay", "must be a URL with a host and neither user, query nor fragment"}
	case u.Scheme == "https", u.Scheme == "http" && (local(u) || c.InsecureAllowHTTP):
		return nil
	}
	return &ConfigError{"Relay", "must be https unless it is on this machine (or InsecureAllowHTTP is set)"}
}

// insecureForNothing reports InsecureAllowHTTP where nothing is plain http.
func (c *Config) insecureForNothing(issuer *url.URL) bool {
	return c.InsecureAllowHTTP && issuer.Scheme == "https" && !strings.HasPrefix(c.Relay, "http:")
}

// errOtherRelay: the relay repeats the log of another issuer.
var errOtherRelay = errors.New("the relay serves another issuer")

// throughRelay puts the relay's feed in the place of the issuer's: where to
// sync, and the keys that sign the replies. All else stays the issuer's.
func (s *server) throughRelay(ctx context.Context, m *metadata) error {
	body, err := s.get(ctx, strings.TrimSuffix(s.config.Relay, "/")+relayMetadata, "")
	if err != nil {
		return fmt.Errorf("discover relay: %w", err)
	}
	var r metadata
	if err := json.Unmarshal(body, &r); err != nil {
		return fmt.Errorf("discover relay: %w", err)
	}
	if r.Issuer != m.Issuer {
		return fmt.Errorf("discover relay: %w: %.200q", errOtherRelay, r.Issuer)
	}
	for _, e := range [...]struct{ name, value string }{{"tandem_revocation_endpoint", r.Sync}, {"tandem_feed_jwks_uri", r.FeedJWKS}} {
		if err := checkEndpoint(e.value, s.config.Relay); err != nil {
			return fmt.Errorf("discover relay: %s: %w", e.name, err)
		}
	}
	m.Sync, m.FeedJWKS = r.Sync, r.FeedJWKS
	return nil
}
