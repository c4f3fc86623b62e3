package tandem

import (
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"tandem.example/tandem/verify"
	"tandem.example/tandem/verify/jws"
	"tandem.example/tandem/verify/token"
)

// forger makes access tokens that are wrong in one way. It holds the server's own signer, so that the one wrong thing
// is what decides.
type forger struct {
	*house
	signer  jws.Signer
	good    string
	claims  token.Claims
	called  atomic.Int64 // connections to the address that tokens name
	lure    string
	guarded string
}

func newForger(t *testing.T) *forger {
	f := &forger{house: furnish(t, nil)}
	f.guarded = f.guard(f.follow())
	ada := f.signUp("ada@example.com", "")
	f.good = ada.text("access_token")
	m, err := jws.Parse(f.good)
	if err != nil {
		t.Fatal(err)
	}
	if f.claims, err = token.Decode(m.Payload); err != nil {
		t.Fatal(err)
	}
	if f.signer, err = f.server.parts.ring.Signer(""); err != nil {
		t.Fatal(err)
	}
	lure := httptest.NewUnstartedServer(http.NotFoundHandler())
	lure.Config.ConnState = func(_ net.Conn, _ http.ConnState) { f.called.Add(1) }
	lure.Start()
	t.Cleanup(lure.Close)
	f.lure = lure.URL
	return f
}

// sign signs changed claims as the server would.
func (f *forger) sign(typ string, change func(*token.Claims)) string {
	c := f.claims
	change(&c)
	payload, err := c.Encode()
	if err != nil {
		f.Fatal(err)
	}
	text, err := f.signer.Sign(typ, payload)
	if err != nil {
		f.Fatal(err)
	}
	return text
}

// spell puts a token together from a header, a payload and a way to sign.
func spell(header string, payload []byte, sign func(signed string) []byte) string {
	signed := base64.RawURLEncoding.EncodeToString([]byte(header)) + "." + base64.RawURLEncoding.EncodeToString(payload)
	return signed + "." + base64.RawURLEncoding.EncodeToString(sign(signed))
}

// headers are good tokens but for the header, and for the signature that goes with it.
func (f *forger) headers() map[string]string {
	kid := f.signer.Key().ID()
	payload, err := f.claims.Encode()
	if err != nil {
		f.Fatal(err)
	}
	parts := strings.Split(f.good, ".")
	own, err := base64.RawURLEncoding.DecodeString(parts[2])
	if err != nil {
		f.Fatal(err)
	}
	out := make(map[string]string)
	old := func(string) []byte { return own }
	for _, alg := range []string{"none", "None", "NONE", "nOnE", "", "ES384", "RS256", "PS256", "EdDSA", "HS256", "es256"} {
		header := fmt.Sprintf(`{"alg":%q,"kid":%q,"typ":"at+jwt"}`, alg, kid)
		out["alg "+alg] = spell(header, payload, old)
		out["alg "+alg+" without signature"] = spell(header, payload, func(string) []byte { return nil })
	}
	for how, secret := range f.publicKeys() {
		signer, err := jws.NewSigner(kid, jws.HS256, secret)
		if err != nil {
			continue // too short to be a key at all
		}
		text, err := signer.Sign(token.Type, payload)
		if err != nil {
			f.Fatal(err)
		}
		out["HS256 with the public key, "+how] = text
	}
	for name, member := range map[string]string{
		"jku": `"jku":"` + f.lure + `/jwks.json"`, "x5u": `"x5u":"` + f.lure + `/chain.pem"`, "crit": `"crit":["exp"],"exp":1`, "b64": `"b64":false`, "zip": `"zip":"DEF"`,
		"jwk": `"jwk":{"kty":"EC","crv":"P-256","x":"AAAA","y":"AAAA"}`, "x5c": `"x5c":["AAAA"]`, "alg twice": `"alg":"none"`, "kid twice": `"kid":"other"`,
	} {
		header := fmt.Sprintf(`{"alg":"ES256","kid":%q,"typ":"at+jwt",%s}`, kid, member)
		out["header with "+name] = spell(header, payload, old)
	}
	for _, other := range []string{"../../../../dev/null", "x' OR '1'='1", "x\x00", "x\\n" + kid, kid + "\\u0000", strings.Repeat("k", 129), f.lure, ""} {
		out["kid "+other] = spell(strings.ReplaceAll(fmt.Sprintf(`{"alg":"ES256","kid":"%s","typ":"at+jwt"}`, other), "\x00", `\u0000`), payload, old)
	}
	return out
}

// publicKeys are the published keys in the forms in which they are taken for a shared secret.
func (f *forger) publicKeys() map[string][]byte {
	var set struct{ Keys []map[string]string }
	if err := json.Unmarshal(f.server.parts.ring.TokenKeys(f.Context()), &set); err != nil || len(set.Keys) == 0 {
		f.Fatalf("key set: %v", err)
	}
	out := map[string][]byte{"the key set": f.server.parts.ring.TokenKeys(f.Context())}
	for _, k := range set.Keys {
		x, _ := base64.RawURLEncoding.DecodeString(k["x"])
		y, _ := base64.RawURLEncoding.DecodeString(k["y"])
		out["coordinates of "+k["kid"]], out["x of "+k["kid"]] = append(x, y...), x
		text, _ := json.Marshal(k)
		out["JSON of "+k["kid"]] = text
		point := append([]byte{4}, append(x, y...)...)
		// The DER of a P-256 key is this prefix and the point (RFC 5480 §2).
		der := append([]byte{0x30, 0x59, 0x30, 0x13, 6, 7, 0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1, 6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7, 3, 0x42, 0}, point...)
		if _, err := x509.ParsePKIXPublicKey(der); err != nil {
			f.Fatal(err)
		}
		out["DER of "+k["kid"]] = der
		out["PEM of "+k["kid"]] = pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	}
	return out
}

// spellings are the good token in other spellings, cut short and glued.
func (f *forger) spellings() map[string]string {
	p := strings.Split(f.good, ".")
	last := p[2][:len(p[2])-1]
	tail := strings.IndexByte("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_", p[2][len(p[2])-1])
	nonCanonical := last + string("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"[tail|1])
	return map[string]string{
		"padded": f.good + "==", "base64 instead of base64url": p[0] + "." + p[1] + "." + strings.NewReplacer("-", "+", "_", "/").Replace(p[2]) + "=",
		"another last bit": p[0] + "." + p[1] + "." + nonCanonical, "two parts": p[0] + "." + p[1], "no signature": p[0] + "." + p[1] + ".",
		"four parts": f.good + "." + p[2], "five parts": f.good + "..", "only dots": "..", "the payload of another": p[0] + "." + p[0] + "." + p[2],
		"an empty payload": p[0] + ".." + p[2], "twice": f.good + f.good, "64 KiB": p[0] + "." + strings.Repeat("A", 64<<10) + "." + p[2], "8 KiB": p[0] + "." + strings.Repeat("A", 8<<10) + "." + p[2],
		"JSON serialization": base64.RawURLEncoding.EncodeToString([]byte(`{"protected":"` + p[0] + `","payload":"` + p[1] + `","signature":"` + p[2] + `"}`)),
		"a letter changed":   p[0] + "." + p[1][:9] + string(p[1][9]^1) + p[1][10:] + "." + p[2],
	}
}

// contents are tokens that the server's own key has signed, of which one claim is wrong.
func (f *forger) contents() map[string]string {
	bob := f.signUp("bob@example.com", "")
	at := token.Type
	return map[string]string{
		"typ JWT":                     f.sign("JWT", func(*token.Claims) {}),
		"typ of the feed":             f.sign("revocation-sync", func(*token.Claims) {}),
		"issuer with a slash":         f.sign(at, func(c *token.Claims) { c.Issuer += "/" }),
		"another issuer":              f.sign(at, func(c *token.Claims) { c.Issuer = "https://evil.example" }),
		"expired":                     f.sign(at, func(c *token.Claims) { c.IssuedAt -= 600; c.ExpiresAt -= 600 }),
		"a day long":                  f.sign(at, func(c *token.Claims) { c.ExpiresAt = c.IssuedAt + 86400 }),
		"expires before it is issued": f.sign(at, func(c *token.Claims) { c.IssuedAt = c.ExpiresAt + 1 }),
		"of next year":                f.sign(at, func(c *token.Claims) { c.IssuedAt += 365 * 86400; c.ExpiresAt += 365 * 86400 }),
		"another user's session":      f.sign(at, func(c *token.Claims) { c.SessionID = bob.session() }),
		"another subject":             f.sign(at, func(c *token.Claims) { c.Subject = bob.user() }),
		"another application":         f.sign(at, func(c *token.Claims) { c.ClientID = "app_00000000000000000000000000" }),
		"a session that is not there": f.sign(at, func(c *token.Claims) { c.SessionID = "ses_00000000000000000000000000" }),
		"no session":                  f.sign(at, func(c *token.Claims) { c.SessionID = "" }),
		"another epoch":               f.sign(at, func(c *token.Claims) { c.Revision.Epoch = "zzzzzzzz" }),
	}
}

// onlyAtTheServer are wrong in a way that takes the truth to see: a verifier trusts the issuer's signature for them,
// and they need the issuer's key to be made.
var onlyAtTheServer = map[string]bool{"another user's session": true, "another subject": true, "another application": true,
	"a session that is not there": true, "no session": true}

// TestForgedAccessTokens presents them to the live check and to a guarded handler.
func TestForgedAccessTokens(t *testing.T) {
	f := newForger(t)
	for _, forged := range []map[string]string{f.headers(), f.spellings(), f.contents()} {
		f.harmless("forged access tokens", func() {
			for how, text := range forged {
				a := f.visit(visit{method: "GET", path: "/v1/session", bearer: text, from: strange})
				if a.Code != 401 || a.text("code") != "invalid_token" && a.text("code") != "session_ended" {
					t.Errorf("%s at the server: %d %v", how, a.Code, a.Body)
				}
				if how == "64 KiB" || onlyAtTheServer[how] {
					continue
				}
				if a := f.at(f.guarded, visit{method: "GET", path: "/", bearer: text}); a.Code != 401 {
					t.Errorf("%s at a verifier: %d %v", how, a.Code, a.Body)
				}
			}
		})
	}
	if n := f.called.Load(); n > 0 {
		t.Errorf("%d connections to the address that tokens name", n)
	}
	if f.must(200, f.get("/v1/session", f.good)); f.at(f.guarded, visit{method: "GET", path: "/", bearer: f.good}).Code != 200 {
		t.Error("the good token is refused")
	}
}

// TestFeedKeySignsNoTokens: the keys of feed and tokens are apart, so neither can stand in for the other.
func TestFeedKeySignsNoTokens(t *testing.T) {
	f := newForger(t)
	payload, err := f.claims.Encode()
	if err != nil {
		t.Fatal(err)
	}
	detached, err := f.server.parts.ring.SignReply(payload)
	if err != nil {
		t.Fatal(err)
	}
	p := strings.Split(detached, "..")
	text := p[0] + "." + base64.RawURLEncoding.EncodeToString(payload) + "." + p[1]
	f.harmless("a token signed by the feed key", func() {
		f.refused("server", 401, "invalid_token", f.get("/v1/session", text))
		f.refused("verifier", 401, "invalid_token", f.at(f.guarded, visit{method: "GET", path: "/", bearer: text}))
	})
	var feed, tokens struct{ Keys []map[string]string }
	if json.Unmarshal(f.server.parts.ring.FeedKeys(t.Context()), &feed) != nil || json.Unmarshal(f.server.parts.ring.TokenKeys(t.Context()), &tokens) != nil {
		t.Fatal("key sets")
	}
	for _, a := range feed.Keys {
		for _, b := range tokens.Keys {
			if a["kid"] == b["kid"] {
				t.Errorf("key %s is of both kinds", a["kid"])
			}
		}
	}
}

// TestStaleAdministrator: an access token that says admin opens nothing once the role is gone: at the server at once,
// behind a verifier once it has the event. The user is not signed out.
func TestStaleAdministrator(t *testing.T) {
	h := furnish(t, nil)
	v := h.follow()
	guarded := h.guard(v, verify.Role("admin"))
	id := h.must(201, h.operate("POST", "/v1/admin/users", map[string]any{"email": "root@example.com", "password": password, "roles": []string{"admin"}})).text("id")
	root, ada := h.signIn("root@example.com", ""), h.signUp("ada@example.com", "")
	keyID, key := h.apiKey()
	for _, text := range []string{root.text("access_token"), root.text("session_token"), key} {
		h.must(200, h.get("/v1/admin/users", text))
	}
	h.must(200, h.at(guarded, visit{method: "GET", path: "/", bearer: root.text("access_token")}))
	h.must(200, h.operate("PATCH", "/v1/admin/users/"+id, map[string]any{"roles": []string{}}))
	h.must(204, h.operate("DELETE", "/v1/admin/api-keys/"+keyID, nil))
	h.abreast(v)
	h.harmless("administration without the role", func() {
		for _, route := range h.routes() {
			if !strings.HasPrefix(route.path, "/v1/admin/") {
				continue
			}
			if route.method != "GET" {
				route.body = map[string]any{"status": "locked", "roles": []string{"admin"}, "kind": "all", "email": "x@example.com"}
			}
			for _, text := range []string{root.text("access_token"), root.text("session_token"), ada.text("access_token"), ada.text("session_token")} {
				route.bearer = text
				h.refused(route.method+" "+route.path, 403, "forbidden", h.visit(route))
			}
			route.bearer = key
			h.refused(route.method+" "+route.path+" with a dead api key", 401, "invalid_token", h.visit(route))
		}
		a := h.refused("guarded", 401, "invalid_token", h.at(guarded, visit{method: "GET", path: "/", bearer: root.text("access_token")}))
		if challenge := a.Header.Get("WWW-Authenticate"); !strings.Contains(challenge, `reason="stale"`) {
			t.Errorf("the verifier says %s, want stale", challenge)
		}
	})
	renewed := h.must(200, h.post("/v1/session/token", root.text("session_token"), nil)).text("access_token")
	h.refused("the renewed one", 403, "forbidden", h.at(guarded, visit{method: "GET", path: "/", bearer: renewed}))
}
