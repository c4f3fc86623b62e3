package httpapi

import (
	"context"
	"encoding/json"
	"net/http"
	"reflect"

	"tandem.example/tandem/internal/web"
)

// Metadata describes this server to clients and verifiers (RFC 8414 §2). It names only endpoints that exist.
type Metadata struct {
	Issuer        string   `json:"issuer"`
	JWKS          string   `json:"jwks_uri"`
	ResponseTypes []string `json:"response_types_supported" nullable:"false"`
	Revocation    string   `json:"tandem_revocation_endpoint" doc:"Where verifiers follow the revocation log."`
	FeedJWKS      string   `json:"tandem_feed_jwks_uri" doc:"Keys that sign its replies."`
}

// JWKS is a set of public keys (RFC 7517 §5).
type JWKS struct {
	Keys []map[string]string `json:"keys" nullable:"false"`
}

func (a *API) registerWellKnown() {
	body, err := json.Marshal(Metadata{
		Issuer: a.Issuer, JWKS: a.Issuer + "/.well-known/jwks.json", ResponseTypes: []string{},
		Revocation: a.Issuer + "/v1/revocations/sync", FeedJWKS: a.Issuer + "/.well-known/tandem-feed-jwks.json",
	})
	if err != nil {
		panic(err) // strings always have a JSON form
	}
	metadata := func(context.Context) []byte { return body }
	a.document("oauth-metadata", "/.well-known/oauth-authorization-server", "Metadata of this server (RFC 8414).", reflect.TypeFor[Metadata](), metadata)
	if a.path != "" { // the issuer's path comes after the well-known one (RFC 8414 §3.1)
		a.document("oauth-metadata-of-path", "/.well-known/oauth-authorization-server"+a.path, "Metadata of this server (RFC 8414).", reflect.TypeFor[Metadata](), metadata)
	}
	a.document("openid-metadata", "/.well-known/openid-configuration", "Metadata of this server (OpenID Connect Discovery).", reflect.TypeFor[Metadata](), metadata)
	a.document("jwks", "/.well-known/jwks.json", "Keys that sign access tokens.", reflect.TypeFor[JWKS](), a.Ring.TokenKeys)
	a.document("feed-jwks", "/.well-known/tandem-feed-jwks.json", "Keys that sign the revocation feed.", reflect.TypeFor[JWKS](), a.Ring.FeedKeys)
}

// document serves what anybody may read. It may not be answered from a cache unasked, since a verifier that looks for
// a new key needs the newest set.
func (a *API) document(id, path, summary string, shape reflect.Type, current func(context.Context) []byte) {
	d := a.describe(operation{id: id, method: http.MethodGet, path: path, tag: tagVerifier, summary: summary})
	a.plain(a.answers(d, http.StatusOK, shape), func(x *web.Exchange, r *http.Request) error {
		return writeDocument(x, current(r.Context()))
	})
}
