package verify

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"tandem.example/tandem/verify/jws"
	"tandem.example/tandem/verify/token"
	"tandem.example/tandem/verify/verifytest"
)

var b64 = base64.RawURLEncoding

// refusedToken is an attack and why it fails.
type refusedToken struct {
	name, token string
	want        *Refusal
}

// genuine is a token that is accepted, and what it is made of.
type genuine struct {
	server  *verifytest.Server
	session *verifytest.Session
	compact string
	parts   []string
	payload []byte
	kid     string
}

func newGenuine(t *testing.T, s *verifytest.Server) *genuine {
	t.Helper()
	g := &genuine{server: s, session: s.SignIn(verifytest.User{}), kid: s.TokenKey().Key().ID()}
	g.compact = g.session.AccessToken()
	g.parts = strings.Split(g.compact, ".")
	payload, err := b64.DecodeString(g.parts[1])
	if err != nil {
		t.Fatal(err)
	}
	g.payload = payload
	return g
}

// header is the token with another header and the signature it had.
func (g *genuine) header(format string, args ...any) string {
	return b64.EncodeToString(fmt.Appendf(nil, format, args...)) + "." + g.parts[1] + "." + g.parts[2]
}

// typed is the token signed by the issuer with another typ.
func (g *genuine) typed(t *testing.T, typ string) string {
	return sign(t, g.server.TokenKey(), typ, g.payload)
}

// raw is another payload signed by the issuer.
func (g *genuine) raw(t *testing.T, payload string) string {
	return sign(t, g.server.TokenKey(), token.Type, []byte(payload))
}

func sign(t *testing.T, key jws.Signer, typ string, payload []byte) string {
	t.Helper()
	compact, err := key.Sign(typ, payload)
	if err != nil {
		t.Fatal(err)
	}
	return compact
}

// sibling is another last character of a signature: it differs in the bits that
// must be zero.
func sibling(signature string) string {
	last := signature[len(signature)-1]
	if last == 'Z' || last == 'z' || last == '9' {
		return string(rune(last - 1))
	}
	return string(rune(last + 1))
}

// attacksOnHeaders bring another header; trap is where none of them may lead.
func attacksOnHeaders(g *genuine, trap string) []refusedToken {
	return []refusedToken{
		{"alg none", g.header(`{"alg":"none","kid":%q,"typ":"at+jwt"}`, g.kid), refusedMalformed},
		{"alg None", g.header(`{"alg":"None","kid":%q,"typ":"at+jwt"}`, g.kid), refusedMalformed},
		{"alg nOnE without signature", b64.EncodeToString(fmt.Appendf(nil, `{"alg":"nOnE","kid":%q,"typ":"at+jwt"}`, g.kid)) + "." + g.parts[1] + ".", refusedMalformed},
		{"alg es256", g.header(`{"alg":"es256","kid":%q,"typ":"at+jwt"}`, g.kid), refusedMalformed},
		{"alg ES384", g.header(`{"alg":"ES384","kid":%q,"typ":"at+jwt"}`, g.kid), refusedMalformed},
		{"another algorithm of the set", g.header(`{"alg":"EdDSA","kid":%q,"typ":"at+jwt"}`, g.kid), refusedKey},
		{"no alg", g.header(`{"kid":%q,"typ":"at+jwt"}`, g.kid), refusedMalformed},
		{"embedded jwk", g.header(`{"alg":"ES256","kid":%q,"typ":"at+jwt","jwk":{"kty":"EC"}}`, g.kid), refusedMalformed},
		{"jku", g.header(`{"alg":"ES256","kid":%q,"typ":"at+jwt","jku":%q}`, g.kid, trap), refusedMalformed},
		{"x5u", g.header(`{"alg":"ES256","kid":%q,"typ":"at+jwt","x5u":%q}`, g.kid, trap), refusedMalformed},
		{"x5c", g.header(`{"alg":"ES256","kid":%q,"typ":"at+jwt","x5c":["AAAA"]}`, g.kid), refusedMalformed},
		{"crit", g.header(`{"alg":"ES256","kid":%q,"typ":"at+jwt","crit":["exp"]}`, g.kid), refusedMalformed},
		{"b64 false", g.header(`{"alg":"ES256","kid":%q,"typ":"at+jwt","b64":false}`, g.kid), refusedMalformed},
		{"zip", g.header(`{"alg":"ES256","kid":%q,"typ":"at+jwt","zip":"DEF"}`, g.kid), refusedMalformed},
		{"kid twice", g.header(`{"alg":"ES256","kid":"x","kid":%q,"typ":"at+jwt"}`, g.kid), refusedMalformed},
		{"kid that is a path", g.header(`{"alg":"ES256","kid":"../../../../etc/passwd","typ":"at+jwt"}`), refusedKey},
		{"kid that is SQL", g.header(`{"alg":"ES256","kid":"x'OR'1'='1","typ":"at+jwt"}`), refusedKey},
		{"kid with a newline", g.header(`{"alg":"ES256","kid":"x\ny","typ":"at+jwt"}`), refusedMalformed},
		{"kid of 64 KiB", g.header(`{"alg":"ES256","kid":%q,"typ":"at+jwt"}`, strings.Repeat("k", 64<<10)), refusedMalformed},
		{"kid unknown", g.header(`{"alg":"ES256","kid":"unknown","typ":"at+jwt"}`), refusedKey},
		{"no kid", g.header(`{"alg":"ES256","typ":"at+jwt"}`), refusedMalformed},
		{"header that is no JSON", g.header(`{`), refusedMalformed},
		{"JSON serialization", `{"payload":"` + g.parts[1] + `","protected":"` + g.parts[0] + `","signature":"` + g.parts[2] + `"}`, refusedMalformed},
	}
}

// attacksOnForm spell the token otherwise.
func attacksOnForm(g *genuine) []refusedToken {
	return []refusedToken{
		{"two parts", g.parts[0] + "." + g.parts[1], refusedMalformed},
		{"four parts", g.compact + ".AAAA", refusedMalformed},
		{"five parts, a JWE", g.compact + ".AAAA.AAAA", refusedMalformed},
		{"padding", g.compact + "==", refusedMalformed},
		{"base64, not base64url", strings.Replace(g.compact, g.parts[2], strings.NewReplacer("-", "+", "_", "/").Replace(g.parts[2]+"+"), 1), refusedMalformed},
		{"base64url with bits left over", g.parts[0] + "." + g.parts[1] + "." + g.parts[2][:len(g.parts[2])-1] + sibling(g.parts[2]), refusedMalformed},
		{"a newline inside", g.parts[0] + "." + g.parts[1] + "." + g.parts[2][:10] + "\n" + g.parts[2][10:], refusedMalformed},
		{"8 KiB and more", g.compact + strings.Repeat("A", 8<<10), refusedMalformed},
		{"empty signature", g.parts[0] + "." + g.parts[1] + ".", refusedMalformed},
		{"signature of zeros", g.parts[0] + "." + g.parts[1] + "." + strings.Repeat("A", 86), refusedSignature},
		{"signature of another token", g.parts[0] + "." + g.parts[1] + "." + strings.Split(g.session.AccessToken(), ".")[2], refusedSignature},
		{"signature cut short", g.parts[0] + "." + g.parts[1] + "." + g.parts[2][:84], refusedSignature},
		{"payload changed", g.parts[0] + "." + b64.EncodeToString([]byte(strings.Replace(string(g.payload), `"1"`, `"2"`, 1))) + "." + g.parts[2], refusedSignature},
	}
}

// attacksOnContent are signed by the issuer and say something else.
func attacksOnContent(t *testing.T, g *genuine) []refusedToken {
	t.Helper()
	return []refusedToken{
		{"typ missing", g.typed(t, "JWT"), refusedType},
		{"typ of an ID token", g.typed(t, "id_token+jwt"), refusedType},
		{"typ of the feed", g.typed(t, "revocation-sync"), refusedType},
		{"typ in capitals", g.typed(t, "AT+JWT"), refusedType},
		{"duplicate claim", g.raw(t, strings.Replace(string(g.payload), `{"iss"`, `{"sub":"usr_admin","iss"`, 1)), refusedMalformed},
		{"duplicate claim inside an unknown one", g.raw(t, strings.Replace(string(g.payload), `{"iss"`, `{"x":{"a":1,"a":2},"iss"`, 1)), refusedMalformed},
		{"trailing data", g.raw(t, string(g.payload)+`{}`), refusedMalformed},
		{"an array", g.raw(t, `[`+string(g.payload)+`]`), refusedMalformed},
		{"exp a string", g.raw(t, replaceClaim(t, g.payload, "exp", `"9999999999"`)), refusedMalformed},
		{"exp a fraction", g.raw(t, replaceClaim(t, g.payload, "exp", `9999999999.5`)), refusedMalformed},
		{"exp beyond all time", g.raw(t, replaceClaim(t, g.payload, "exp", `9007199254740991`)), refusedLifetime},
		{"exp missing", g.raw(t, replaceClaim(t, g.payload, "exp", "")), refusedMalformed},
		{"rv missing", g.raw(t, replaceClaim(t, g.payload, "rv", "")), refusedMalformed},
		{"rv malformed", g.raw(t, replaceClaim(t, g.payload, "rv", `"-1"`)), refusedMalformed},
		{"rv in a position that never was", g.session.AccessToken(func(c *token.Claims) { c.Revision.Seq = 1 << 50 }), refusedAhead},
		{"rv of another epoch", g.session.AccessToken(func(c *token.Claims) { c.Revision.Epoch = "ABCDEFGH" }), refusedStale},
		{"iss with a slash more", g.session.AccessToken(func(c *token.Claims) { c.Issuer += "/" }), refusedIssuer},
		{"iss in capitals", g.session.AccessToken(func(c *token.Claims) { c.Issuer = strings.ToUpper(c.Issuer) }), refusedIssuer},
		{"iss of somebody else", g.session.AccessToken(func(c *token.Claims) { c.Issuer = "https://evil.example" }), refusedIssuer},
		{"aud of another service", g.session.AccessToken(func(c *token.Claims) { c.Audience = []string{"https://other.example"} }), refusedAudience},
		{"aud with a slash more", g.session.AccessToken(func(c *token.Claims) { c.Audience = []string{g.server.Audience() + "/"} }), refusedAudience},
		{"aud that begins alike", g.session.AccessToken(func(c *token.Claims) { c.Audience = []string{g.server.Audience() + ".evil.example"} }), refusedAudience},
		{"expired", g.session.AccessToken(func(c *token.Claims) { c.IssuedAt -= 600; c.ExpiresAt = c.IssuedAt + 300 }), refusedExpired},
		{"expires before it is issued", g.session.AccessToken(func(c *token.Claims) { c.ExpiresAt = c.IssuedAt - 1 }), refusedLifetime},
		{"lifetime of a year", g.session.AccessToken(func(c *token.Claims) { c.ExpiresAt = c.IssuedAt + 365*24*3600 }), refusedLifetime},
		{"issued in the future", g.session.AccessToken(func(c *token.Claims) { c.IssuedAt += 120; c.ExpiresAt += 120 }), refusedFuture},
	}
}

// otherCredentials are no access tokens at all.
func otherCredentials(g *genuine) []refusedToken {
	return []refusedToken{
		{"a refresh token", "tdr_" + strings.Repeat("a", 60), refusedMalformed},
		{"an API key", "tdk_" + strings.Repeat("a", 60), refusedMalformed},
		{"a session token that nobody was given", "tds_" + strings.Repeat("a", 60), refusedUnknown},
		{"a session token with a newline", g.session.Token() + "\n", refusedMalformed},
		{"a session token without end", "tds_" + strings.Repeat("a", 4000), refusedMalformed},
		{"a session token in capitals", strings.ToUpper(g.session.Token()), refusedMalformed},
		{"garbage", "garbage", refusedMalformed},
		{"a dot", ".", refusedMalformed},
		{"nothing", "", refusedMissing},
	}
}

func TestAttacksOnTokens(t *testing.T) {
	outbound := 0
	trap := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { outbound++ }))
	defer trap.Close()
	s := verifytest.NewServer(t)
	v := start(t, s)
	g := newGenuine(t, s)
	accepts(t, v, g.compact)
	attacks := slices.Concat(attacksOnHeaders(g, trap.URL), attacksOnForm(g), attacksOnContent(t, g), otherCredentials(g))
	for _, a := range attacks {
		t.Run(a.name, func(t *testing.T) {
			before := v.Status()
			got := refuses(t, v, a.want.matches[0], a.token)
			if got.Code != a.want.Code || got.Reason != a.want.Reason {
				t.Errorf("refused as %s/%s, want %s/%s", got.Code, got.Reason, a.want.Code, a.want.Reason)
			}
			if strings.Contains(got.Error(), "evil") || len(a.token) > 3 && strings.Contains(got.Error(), a.token) {
				t.Errorf("the error repeats what was sent: %v", got)
			}
			refuses(t, v, a.want.matches[0], a.token, unless(UntilExpiry(), a.want == refusedAhead || a.want == refusedStale))
			refuses(t, v, a.want.matches[0], a.token, unless(Live(), a.want == refusedAhead || a.want == refusedStale))
			if after := v.Status(); after.Revocations != before.Revocations || after.Position != before.Position || after.Sessions != before.Sessions {
				t.Errorf("it left a mark: %+v, was %+v", after, before)
			}
		})
	}
	if outbound != 0 {
		t.Errorf("%d connections to where a token pointed", outbound)
	}
	accepts(t, v, g.compact)
}

// unless is a rule, or the default where it does not apply.
func unless(rule Rule, not bool) Rule {
	if not {
		return Within(DefaultFreshness)
	}
	return rule
}

// replaceClaim sets a claim of a payload to a JSON value, or takes it out.
func replaceClaim(t *testing.T, payload []byte, name, value string) string {
	t.Helper()
	var claims map[string]json.RawMessage
	if err := json.Unmarshal(payload, &claims); err != nil {
		t.Fatal(err)
	}
	delete(claims, name)
	if value != "" {
		claims[name] = json.RawMessage(value)
	}
	out, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

// A token signed by HMAC with a published public key as the secret.
func TestPublicKeyIsNoSecret(t *testing.T) {
	for _, alg := range []jws.Algorithm{jws.ES256, jws.RS256} {
		t.Run(string(alg), func(t *testing.T) {
			s := verifytest.NewServer(t, verifytest.Algorithm(alg))
			v := start(t, s)
			g := newGenuine(t, s)
			accepts(t, v, g.compact)
			set, err := jws.Set{s.TokenKey().Key()}.Marshal()
			if err != nil {
				t.Fatal(err)
			}
			for _, secret := range [][]byte{set, set[9 : len(set)-2]} {
				signer, err := jws.NewSigner(g.kid, jws.HS256, secret)
				if err != nil {
					t.Fatal(err)
				}
				if got := refuses(t, v, ErrInvalidToken, sign(t, signer, token.Type, g.payload)); got.Reason != refusedKey.Reason {
					t.Errorf("refused as %q", got.Reason)
				}
			}
		})
	}
}

// A key that only its thief knows under an id that the issuer published.
func TestOtherKeyUnderTheSameID(t *testing.T) {
	s, thief := verifytest.NewServer(t), verifytest.NewServer(t)
	v := start(t, s)
	g := newGenuine(t, s)
	der, err := thief.TokenKey().MarshalPrivate()
	if err != nil {
		t.Fatal(err)
	}
	signer, err := jws.ParseSigner(g.kid, jws.ES256, der)
	if err != nil {
		t.Fatal(err)
	}
	if got := refuses(t, v, ErrInvalidToken, sign(t, signer, token.Type, g.payload)); got.Reason != refusedSignature.Reason {
		t.Errorf("refused as %q", got.Reason)
	}
}

// The feed key signs the feed and nothing else.
func TestFeedKeySignsNoTokens(t *testing.T) {
	s := verifytest.NewServer(t)
	v := start(t, s)
	g := newGenuine(t, s)
	if got := refuses(t, v, ErrInvalidToken, sign(t, s.FeedKey(), token.Type, g.payload)); got.Reason != refusedKey.Reason {
		t.Errorf("refused as %q", got.Reason)
	}
}
