package verify

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
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

func TestAttacksOnTokens(t *testing.T) {
	outbound := 0
	trap := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { outbound++ }))
	defer trap.Close()
	s := verifytest.NewServer(t)
	v := start(t, s)
	session := s.SignIn(verifytest.User{})
	good := session.AccessToken()
	accepts(t, v, good)
	parts := strings.Split(good, ".")
	kid := s.TokenKey().Key().ID()
	payload, err := b64.DecodeString(parts[1])
	if err != nil {
		t.Fatal(err)
	}
	header := func(format string, args ...any) string {
		return b64.EncodeToString(fmt.Appendf(nil, format, args...)) + "." + parts[1] + "." + parts[2]
	}
	typed := func(typ string) string {
		compact, err := s.TokenKey().Sign(typ, payload)
		if err != nil {
			t.Fatal(err)
		}
		return compact
	}
	signed := func(edit func(*token.Claims)) string { return session.AccessToken(edit) }
	raw := func(payload string) string {
		compact, err := s.TokenKey().Sign(token.Type, []byte(payload))
		if err != nil {
			t.Fatal(err)
		}
		return compact
	}
	last := parts[2][len(parts[2])-1]
	sibling := string(rune(last + 1)) // differs in the bits that must be zero
	if last == 'Z' || last == 'z' || last == '9' {
		sibling = string(rune(last - 1))
	}
	attacks := []refusedToken{
		{"alg none", header(`{"alg":"none","kid":%q,"typ":"at+jwt"}`, kid), refusedMalformed},
		{"alg None", header(`{"alg":"None","kid":%q,"typ":"at+jwt"}`, kid), refusedMalformed},
		{"alg nOnE without signature", b64.EncodeToString(fmt.Appendf(nil, `{"alg":"nOnE","kid":%q,"typ":"at+jwt"}`, kid)) + "." + parts[1] + ".", refusedMalformed},
		{"alg es256", header(`{"alg":"es256","kid":%q,"typ":"at+jwt"}`, kid), refusedMalformed},
		{"alg ES384", header(`{"alg":"ES384","kid":%q,"typ":"at+jwt"}`, kid), refusedMalformed},
		{"another algorithm of the set", header(`{"alg":"EdDSA","kid":%q,"typ":"at+jwt"}`, kid), refusedKey},
		{"no alg", header(`{"kid":%q,"typ":"at+jwt"}`, kid), refusedMalformed},
		{"embedded jwk", header(`{"alg":"ES256","kid":%q,"typ":"at+jwt","jwk":{"kty":"EC"}}`, kid), refusedMalformed},
		{"jku", header(`{"alg":"ES256","kid":%q,"typ":"at+jwt","jku":%q}`, kid, trap.URL), refusedMalformed},
		{"x5u", header(`{"alg":"ES256","kid":%q,"typ":"at+jwt","x5u":%q}`, kid, trap.URL), refusedMalformed},
		{"x5c", header(`{"alg":"ES256","kid":%q,"typ":"at+jwt","x5c":["AAAA"]}`, kid), refusedMalformed},
		{"crit", header(`{"alg":"ES256","kid":%q,"typ":"at+jwt","crit":["exp"]}`, kid), refusedMalformed},
		{"b64 false", header(`{"alg":"ES256","kid":%q,"typ":"at+jwt","b64":false}`, kid), refusedMalformed},
		{"zip", header(`{"alg":"ES256","kid":%q,"typ":"at+jwt","zip":"DEF"}`, kid), refusedMalformed},
		{"kid twice", header(`{"alg":"ES256","kid":"x","kid":%q,"typ":"at+jwt"}`, kid), refusedMalformed},
		{"kid that is a path", header(`{"alg":"ES256","kid":"../../../../etc/passwd","typ":"at+jwt"}`), refusedKey},
		{"kid that is SQL", header(`{"alg":"ES256","kid":"x'OR'1'='1","typ":"at+jwt"}`), refusedKey},
		{"kid with a newline", header(`{"alg":"ES256","kid":"x\ny","typ":"at+jwt"}`), refusedMalformed},
		{"kid of 64 KiB", header(`{"alg":"ES256","kid":%q,"typ":"at+jwt"}`, strings.Repeat("k", 64<<10)), refusedMalformed},
		{"kid unknown", header(`{"alg":"ES256","kid":"unknown","typ":"at+jwt"}`), refusedKey},
		{"no kid", header(`{"alg":"ES256","typ":"at+jwt"}`), refusedMalformed},
		{"header that is no JSON", header(`{`), refusedMalformed},
		{"JSON serialization", `{"payload":"` + parts[1] + `","protected":"` + parts[0] + `","signature":"` + parts[2] + `"}`, refusedMalformed},
		{"two parts", parts[0] + "." + parts[1], refusedMalformed},
		{"four parts", good + ".AAAA", refusedMalformed},
		{"five parts, a JWE", good + ".AAAA.AAAA", refusedMalformed},
		{"padding", good + "==", refusedMalformed},
		{"base64, not base64url", strings.Replace(good, parts[2], strings.NewReplacer("-", "+", "_", "/").Replace(parts[2]+"+"), 1), refusedMalformed},
		{"base64url with bits left over", parts[0] + "." + parts[1] + "." + parts[2][:len(parts[2])-1] + sibling, refusedMalformed},
		{"a newline inside", parts[0] + "." + parts[1] + "." + parts[2][:10] + "\n" + parts[2][10:], refusedMalformed},
		{"8 KiB and more", good + strings.Repeat("A", 8<<10), refusedMalformed},
		{"empty signature", parts[0] + "." + parts[1] + ".", refusedMalformed},
		{"signature of zeros", parts[0] + "." + parts[1] + "." + strings.Repeat("A", 86), refusedSignature},
		{"signature of another token", parts[0] + "." + parts[1] + "." + strings.Split(session.AccessToken(), ".")[2], refusedSignature},
		{"signature cut short", parts[0] + "." + parts[1] + "." + parts[2][:84], refusedSignature},
		{"payload changed", parts[0] + "." + b64.EncodeToString([]byte(strings.Replace(string(payload), `"1"`, `"2"`, 1))) + "." + parts[2], refusedSignature},

		{"typ missing", typed("JWT"), refusedType},
		{"typ of an ID token", typed("id_token+jwt"), refusedType},
		{"typ of the feed", typed("revocation-sync"), refusedType},
		{"typ in capitals", typed("AT+JWT"), refusedType},
		{"duplicate claim", raw(strings.Replace(string(payload), `{"iss"`, `{"sub":"usr_admin","iss"`, 1)), refusedMalformed},
		{"duplicate claim inside an unknown one", raw(strings.Replace(string(payload), `{"iss"`, `{"x":{"a":1,"a":2},"iss"`, 1)), refusedMalformed},
		{"trailing data", raw(string(payload) + `{}`), refusedMalformed},
		{"an array", raw(`[` + string(payload) + `]`), refusedMalformed},
		{"exp a string", raw(replaceClaim(t, payload, "exp", `"9999999999"`)), refusedMalformed},
		{"exp a fraction", raw(replaceClaim(t, payload, "exp", `9999999999.5`)), refusedMalformed},
		{"exp beyond all time", raw(replaceClaim(t, payload, "exp", `9007199254740991`)), refusedLifetime},
		{"exp missing", raw(replaceClaim(t, payload, "exp", "")), refusedMalformed},
		{"rv missing", raw(replaceClaim(t, payload, "rv", "")), refusedMalformed},
		{"rv malformed", raw(replaceClaim(t, payload, "rv", `"-1"`)), refusedMalformed},
		{"rv in a position that never was", signed(func(c *token.Claims) { c.Revision.Seq = 1 << 50 }), refusedAhead},
		{"rv of another epoch", signed(func(c *token.Claims) { c.Revision.Epoch = "ABCDEFGH" }), refusedStale},
		{"iss with a slash more", signed(func(c *token.Claims) { c.Issuer += "/" }), refusedIssuer},
		{"iss in capitals", signed(func(c *token.Claims) { c.Issuer = strings.ToUpper(c.Issuer) }), refusedIssuer},
		{"iss of somebody else", signed(func(c *token.Claims) { c.Issuer = "https://evil.example" }), refusedIssuer},
		{"aud of another service", signed(func(c *token.Claims) { c.Audience = []string{"https://other.example"} }), refusedAudience},
		{"aud with a slash more", signed(func(c *token.Claims) { c.Audience = []string{s.Audience() + "/"} }), refusedAudience},
		{"aud that begins alike", signed(func(c *token.Claims) { c.Audience = []string{s.Audience() + ".evil.example"} }), refusedAudience},
		{"expired", signed(func(c *token.Claims) { c.IssuedAt -= 600; c.ExpiresAt = c.IssuedAt + 300 }), refusedExpired},
		{"expires before it is issued", signed(func(c *token.Claims) { c.ExpiresAt = c.IssuedAt - 1 }), refusedLifetime},
		{"lifetime of a year", signed(func(c *token.Claims) { c.ExpiresAt = c.IssuedAt + 365*24*3600 }), refusedLifetime},
		{"issued in the future", signed(func(c *token.Claims) { c.IssuedAt += 120; c.ExpiresAt += 120 }), refusedFuture},

		{"a refresh token", "tdr_" + strings.Repeat("a", 60), refusedMalformed},
		{"an API key", "tdk_" + strings.Repeat("a", 60), refusedMalformed},
		{"a session token that nobody was given", "tds_" + strings.Repeat("a", 60), refusedUnknown},
		{"a session token with a newline", session.Token() + "\n", refusedMalformed},
		{"a session token without end", "tds_" + strings.Repeat("a", 4000), refusedMalformed},
		{"a session token in capitals", strings.ToUpper(session.Token()), refusedMalformed},
		{"garbage", "garbage", refusedMalformed},
		{"a dot", ".", refusedMalformed},
		{"nothing", "", refusedMissing},
	}
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
	accepts(t, v, good)
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
			session := s.SignIn(verifytest.User{})
			good := session.AccessToken()
			accepts(t, v, good)
			set, err := jws.Set{s.TokenKey().Key()}.Marshal()
			if err != nil {
				t.Fatal(err)
			}
			payload, err := b64.DecodeString(strings.Split(good, ".")[1])
			if err != nil {
				t.Fatal(err)
			}
			for _, secret := range [][]byte{set, set[9 : len(set)-2]} {
				signer, err := jws.NewSigner(s.TokenKey().Key().ID(), jws.HS256, secret)
				if err != nil {
					t.Fatal(err)
				}
				compact, err := signer.Sign(token.Type, payload)
				if err != nil {
					t.Fatal(err)
				}
				if got := refuses(t, v, ErrInvalidToken, compact); got.Reason != refusedKey.Reason {
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
	good := s.SignIn(verifytest.User{}).AccessToken()
	payload, err := b64.DecodeString(strings.Split(good, ".")[1])
	if err != nil {
		t.Fatal(err)
	}
	der, err := thief.TokenKey().MarshalPrivate()
	if err != nil {
		t.Fatal(err)
	}
	signer, err := jws.ParseSigner(s.TokenKey().Key().ID(), jws.ES256, der)
	if err != nil {
		t.Fatal(err)
	}
	compact, err := signer.Sign(token.Type, payload)
	if err != nil {
		t.Fatal(err)
	}
	if got := refuses(t, v, ErrInvalidToken, compact); got.Reason != refusedSignature.Reason {
		t.Errorf("refused as %q", got.Reason)
	}
}

// The feed key signs the feed and nothing else.
func TestFeedKeySignsNoTokens(t *testing.T) {
	s := verifytest.NewServer(t)
	v := start(t, s)
	good := s.SignIn(verifytest.User{}).AccessToken()
	payload, err := b64.DecodeString(strings.Split(good, ".")[1])
	if err != nil {
		t.Fatal(err)
	}
	compact, err := s.FeedKey().Sign(token.Type, payload)
	if err != nil {
		t.Fatal(err)
	}
	if got := refuses(t, v, ErrInvalidToken, compact); got.Reason != refusedKey.Reason {
		t.Errorf("refused as %q", got.Reason)
	}
}
