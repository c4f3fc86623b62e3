package tandem

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"tandem.example/tandem/internal/secret"
	"tandem.example/tandem/verify"
	"tandem.example/tandem/verify/jws"
)

// sharedText is what a server and its verifiers are configured with.
const sharedText = "fifty-one quiet herons stand in the shallows"

func shared(c *Config) { c.HS256Secret = secret.NewText(sharedText) }

// sharedOnly fails unless the token is signed with HS256, and accepted by whoever has the secret and by nobody else.
func (h *house) sharedOnly(access string) {
	h.Helper()
	m, err := jws.Parse(access)
	if err != nil || m.Header.Algorithm != jws.HS256 {
		h.Fatalf("signed with %q (%v), want HS256", m.Header.Algorithm, err)
	}
	with := func(text string) *verify.Verifier {
		key, err := verify.SharedKey([]byte(text))
		if err != nil {
			h.Fatal(err)
		}
		return h.verifier(func(c *verify.Config) { c.SharedKeys = []jws.Key{key} })
	}
	if _, err := with(sharedText).Verify(h.Context(), access); err != nil {
		h.Errorf("a verifier with the secret: %v", err)
	}
	for what, v := range map[string]*verify.Verifier{"another secret": with(strings.ToUpper(sharedText)), "no secret": h.follow()} {
		if _, err := v.Verify(h.Context(), access); !errors.Is(err, verify.ErrInvalidToken) {
			h.Errorf("a verifier with %s: %v, want ErrInvalidToken", what, err)
		}
	}
	h.must(200, h.get("/v1/me", access))
	keys, err := json.Marshal(h.must(200, h.get("/.well-known/jwks.json", "")).Body)
	if err != nil {
		h.Fatal(err)
	}
	if text := string(keys); strings.Contains(text, m.Header.KeyID) || strings.Contains(text, `"oct"`) {
		h.Errorf("the shared key is published: %s", text)
	}
}

func TestServerSignsWithTheSharedSecret(t *testing.T) {
	h := furnish(t, func(c *Config) { shared(c); c.SigningAlg = jws.HS256 })
	h.sharedOnly(h.signUp("ada@example.com", "").text("access_token"))
}

func TestApplicationSignsWithTheSharedSecret(t *testing.T) {
	h := furnish(t, shared)
	h.must(201, h.operate("POST", "/v1/admin/apps", map[string]any{"name": "inside", "alg": "HS256"}))
	h.sharedOnly(h.signUp("ada@example.com", "inside").text("access_token"))
	if _, err := h.follow().Verify(t.Context(), h.signIn("ada@example.com", "").text("access_token")); err != nil {
		t.Errorf("a token of another application: %v", err)
	}
}

func TestNoApplicationSignsWithoutASharedSecret(t *testing.T) {
	h := furnish(t, nil)
	h.app("inside", "jwt")
	for what, a := range map[string]answer{
		"made":    h.operate("POST", "/v1/admin/apps", map[string]any{"name": "another", "alg": "HS256"}),
		"changed": h.operate("PATCH", "/v1/admin/apps/inside", map[string]any{"alg": "HS256"}),
	} {
		h.refused(what, 422, "invalid_request", a)
		if text, _ := json.Marshal(a.Body); !strings.Contains(string(text), "TANDEM_HS256_SECRET") || !strings.Contains(string(text), `"alg"`) {
			t.Errorf("%s: %s names neither field nor remedy", what, text)
		}
	}
	h.signUp("ada@example.com", "inside")
}
