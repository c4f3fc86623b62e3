package httpapi_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"net/http"
	"strings"
	"testing"
	"time"

	jose "github.com/go-jose/go-jose/v4"

	"tandem.example/tandem/internal/audit"
	"tandem.example/tandem/internal/session"
)

// browser is one that binds its sessions to a device.
type browser struct {
	r       *rig
	key     crypto.Signer
	alg     jose.SignatureAlgorithm
	jar     map[string]string
	session string
	invite  string // the challenge of its last sign-in
	held    string // the newest challenge
}

func newBrowser(r *rig, key crypto.Signer) *browser {
	b := &browser{r: r, key: key, alg: jose.ES256, jar: map[string]string{}}
	if _, ok := key.(*rsa.PrivateKey); ok {
		b.alg = jose.RS256
	}
	return b
}

func ellipticKey(t testing.TB) crypto.Signer {
	return must[*ecdsa.PrivateKey](t)(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
}

// cookies are all that it holds, or those named.
func (b *browser) cookies(names ...string) (out []*http.Cookie) {
	for name, value := range b.jar {
		wanted := len(names) == 0
		for _, n := range names {
			wanted = wanted || name == n
		}
		if wanted {
			out = append(out, &http.Cookie{Name: name, Value: value})
		}
	}
	return out
}

// keep does with an answer what a browser does.
func (b *browser) keep(a answer) answer {
	for _, c := range a.Cookies() {
		if c.MaxAge < 0 {
			delete(b.jar, c.Name)
		} else {
			b.jar[c.Name] = c.Value
		}
	}
	if said := a.Header.Get("Secure-Session-Registration"); said != "" {
		_, after, _ := strings.Cut(said, `challenge="`)
		b.invite, _, _ = strings.Cut(after, `"`)
	}
	if said := a.Header.Get("Secure-Session-Challenge"); said != "" {
		b.held = strings.Split(said, `"`)[1]
	}
	return a
}

func (b *browser) signIn(email string) {
	b.r.t.Helper()
	a := b.keep(b.r.do(call{method: "POST", path: "/v1/sign-in", body: fields{"email": email, "password": password}}).want(b.r.t, 200))
	b.session = a.str("session", "id")
}

// proof signs a challenge, with the key in the header if it is the first.
func (b *browser) proof(challenge string, first bool) string {
	b.r.t.Helper()
	return b.signed(`{"jti":"`+challenge+`"}`, first)
}

func (b *browser) signed(claims string, first bool) string {
	b.r.t.Helper()
	o := (&jose.SignerOptions{}).WithType("dbsc+jwt")
	o.EmbedJWK = first
	signer := must[jose.Signer](b.r.t)(jose.NewSigner(jose.SigningKey{Algorithm: b.alg, Key: b.key}, o))
	signed := must[*jose.JSONWebSignature](b.r.t)(signer.Sign([]byte(claims)))
	return must[string](b.r.t)(signed.CompactSerialize())
}

func (b *browser) register() answer {
	return b.keep(b.r.do(call{method: "POST", path: "/dbsc/register", cookies: b.cookies(), header: own(map[string]string{
		"Secure-Session-Response": b.proof(b.invite, true),
	})}))
}

// refresh asks for a bound cookie, and signs what it is challenged with.
func (b *browser) refresh() answer {
	a := b.ask("")
	if a.StatusCode == http.StatusForbidden {
		a = b.ask(b.proof(b.held, false))
	}
	return a
}

func (b *browser) ask(proof string) answer {
	header := map[string]string{"Sec-Secure-Session-Id": issuer}
	if proof != "" {
		header["Secure-Session-Response"] = proof
	}
	return b.keep(b.r.do(call{method: "POST", path: "/dbsc/refresh?session=" + b.session, cookies: b.cookies(sessionCookie), header: own(header)}))
}

// own adds what a browser says of a request that it makes by itself.
func own(header map[string]string) map[string]string {
	header["Sec-Fetch-Site"], header["Sec-Fetch-Mode"], header["Origin"] = "same-origin", "no-cors", issuer
	return header
}

const (
	boundCookie = "__Host-tandem_bound"
	// past the time in which a session that was just bound is accepted without
	settled = time.Minute
)

// bound is a browser whose session is bound for a while.
func bound(t testing.TB, r *rig, email string) *browser {
	t.Helper()
	b := newBrowser(r, ellipticKey(t))
	b.signIn(email)
	b.register().want(t, 200)
	r.pass(settled)
	return b
}

func (b *browser) whoami(names ...string) answer {
	return b.r.do(call{method: "GET", path: "/v1/session", cookies: b.cookies(names...)})
}

func TestBrowserBindsItsSession(t *testing.T) {
	t.Parallel()
	keys := map[string]crypto.Signer{"ES256": ellipticKey(t), "RS256": must[*rsa.PrivateKey](t)(rsa.GenerateKey(rand.Reader, 2048))}
	for name, key := range keys {
		r := newRig(t)
		r.user("anna@example.com")
		b := newBrowser(r, key)
		b.signIn("anna@example.com")
		if a := b.whoami().want(t, 200); a.get("session", "bound") != nil || a.get("access", "bound_until") != nil {
			t.Errorf("%s: %s", name, a.text)
		}
		a := b.register().want(t, 200)
		cookies, _ := a.get("credentials").([]any)
		if a.str("session_identifier") != issuer || a.str("refresh_url") != "/dbsc/refresh?session="+b.session || a.get("scope", "include_site") != false || len(cookies) != 1 {
			t.Fatalf("%s: %s", name, a.text)
		}
		if c, _ := cookies[0].(map[string]any); c["type"] != "cookie" || c["name"] != boundCookie || c["attributes"] != "Path=/; HttpOnly; Secure; SameSite=Lax" {
			t.Errorf("%s: %v", name, c)
		}
		if set := a.Header.Get("Set-Cookie"); !strings.Contains(set, "; Path=/; Max-Age=465; HttpOnly; Secure; SameSite=Lax") || a.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %s", name, set)
		}
		b.whoami(sessionCookie).want(t, 200) // was on its way
		r.pass(settled)
		if a := b.whoami().want(t, 200); a.get("session", "bound") != true || a.get("access", "bound_until") == nil {
			t.Errorf("%s: %s", name, a.text)
		}
		for range 3 {
			r.pass(session.BoundLifetime)
			if a := b.whoami().want(t, 401, "invalid_token"); a.str("reason") != "unbound" || a.Header.Get("Set-Cookie") != "" {
				t.Errorf("%s: %s", name, a.text)
			}
			b.refresh().want(t, 200)
			b.whoami().want(t, 200)
		}
	}
}

// A copied session cookie does for nothing but to ask for a bound cookie, in vain, and to sign out.
func TestStolenCookieAlone(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.user("root@example.com", "admin")
	b := bound(t, r, "root@example.com")
	stolen := b.cookies(sessionCookie)
	for _, route := range r.routes() {
		if open[route[1]] || strings.HasPrefix(route[1], "/dbsc/") || route[1] == "/v1/sign-out" || route[1] == "/v1/revocations/sync" {
			continue
		}
		for _, c := range []call{{cookies: stolen}, {bearer: stolen[0].Value}, {bearer: stolen[0].Value + "~"}, {bearer: stolen[0].Value + "~x"}, {bearer: stolen[0].Value, cookies: b.cookies()}} {
			c.method, c.path = route[0], route[1]
			if a := r.do(c); a.StatusCode != 401 || a.str("code") != "invalid_token" || a.str("reason") != "unbound" || a.Header.Get("Set-Cookie") != "" {
				t.Errorf("%s %s: %d %s", route[0], route[1], a.StatusCode, a.text)
			}
		}
	}
	thief := newBrowser(r, ellipticKey(t))
	thief.jar[sessionCookie], thief.session, thief.invite = stolen[0].Value, b.session, b.invite
	thief.register().want(t, 409, "conflict")
	thief.refresh().want(t, 401, "invalid_token")
	for _, scope := range []string{"others", "global"} {
		r.do(call{method: "POST", path: "/v1/sign-out", cookies: stolen, body: fields{"scope": scope}}).want(t, 401, "invalid_token")
	}
	if n := r.recorded(audit.BindingRefused); n != 2 {
		t.Errorf("%d refused bindings were recorded, want 2", n)
	}
	r.do(call{method: "GET", path: "/v1/session", bearer: stolen[0].Value + "~" + b.jar[boundCookie]}).want(t, 200)
	b.whoami().want(t, 200)
	b.refresh().want(t, 200)
	gone := r.do(call{method: "POST", path: "/v1/sign-out", cookies: stolen}).want(t, 204)
	if set := strings.Join(gone.Header.Values("Set-Cookie"), "\n"); !strings.Contains(set, sessionCookie+"=;") || !strings.Contains(set, boundCookie+"=;") {
		t.Errorf("signing out leaves cookies: %s", set)
	}
	b.whoami().want(t, 401, "session_ended")
}

func (r *rig) recorded(of audit.Type) int {
	entries, err := r.store.Audit().List(r.t.Context(), audit.Query{Type: of, Limit: 100})
	if err != nil {
		r.t.Fatal(err)
	}
	return len(entries)
}

func TestBindingIsForWhoeverSignedIn(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.user("anna@example.com")
	b, other := newBrowser(r, ellipticKey(t)), newBrowser(r, ellipticKey(t))
	b.signIn("anna@example.com")
	other.signIn("anna@example.com")
	mine := b.invite
	for name, invite := range map[string]string{"none": "", "made up": strings.Repeat("A", len(mine)), "of another session": other.invite, "for a refresh": r.signIn.Binder.Challenge(session.Session{ID: session.ID(b.session)}, r.clock())} {
		b.invite = invite
		if a := b.register().want(t, 401, "invalid_token"); a.Header.Get("Set-Cookie") != "" {
			t.Errorf("%s: a cookie is set", name)
		}
	}
	b.invite = mine
	r.pass(5 * time.Minute)
	b.register().want(t, 401, "invalid_token")
	if a := b.whoami().want(t, 200); a.get("session", "bound") != nil {
		t.Error("the session is bound")
	}
	// Whoever proves themselves again is invited again; a bound session is not.
	b.keep(r.do(call{method: "POST", path: "/v1/step-up", cookies: b.cookies(), body: fields{"password": password}}).want(t, 200))
	b.register().want(t, 200)
	b.register().want(t, 200) // the answer was lost
	r.pass(settled)
	before := b.invite
	up := b.keep(r.do(call{method: "POST", path: "/v1/step-up", cookies: b.cookies(), body: fields{"password": password}}).want(t, 200))
	if b.invite != before || up.get("session", "bound") != true {
		t.Errorf("a bound session is invited, or not bound any more: %s", up.text)
	}
	b.whoami().want(t, 200)
	b.whoami(sessionCookie).want(t, 401, "invalid_token")
	if n := r.recorded(audit.SessionBound); n != 1 {
		t.Errorf("%d bindings were recorded, want 1", n)
	}
}

func TestBrowserIsToldWhenItIsOver(t *testing.T) {
	t.Parallel()
	over := func(t *testing.T, a answer) {
		t.Helper()
		if a.want(t, 200); a.get("continue") != false || a.Header.Get("Set-Cookie") != "" {
			t.Errorf("%s", a.text)
		}
	}
	for name, end := range map[string]func(r *rig, b *browser){
		"signed out":         func(r *rig, b *browser) { r.do(call{method: "POST", path: "/v1/sign-out", cookies: b.cookies()}) },
		"expired":            func(r *rig, _ *browser) { r.pass(session.Standard.Absolute) },
		"another's cookie":   func(r *rig, b *browser) { b.jar[sessionCookie] = bound(t, r, "bert@example.com").jar[sessionCookie] },
		"an unknown session": func(r *rig, b *browser) { b.session = string(session.NewID(r.clock())) },
		"no session":         func(_ *rig, b *browser) { b.session = "x" },
		"not bound": func(r *rig, b *browser) {
			b.keep(r.do(call{method: "POST", path: "/v1/sign-out", cookies: b.cookies()}))
			b.signIn("anna@example.com")
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			r.user("anna@example.com")
			r.user("bert@example.com")
			b := bound(t, r, "anna@example.com")
			end(r, b)
			over(t, b.refresh())
			over(t, b.ask("x.y.z"))
		})
	}
}

func TestStaleProofs(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.user("anna@example.com")
	b, other := bound(t, r, "anna@example.com"), bound(t, r, "anna@example.com")
	b.ask("").want(t, 403, "forbidden")
	first := b.proof(b.held, false)
	b.ask(first).want(t, 200)
	b.ask(first).want(t, 200) // a browser may send it twice
	other.ask("").want(t, 403)
	for name, proof := range map[string]string{
		"of another session's challenge": b.proof(other.held, false), "of the invitation": b.proof(b.invite, true), "of nothing": b.proof("", false),
	} {
		if a := b.ask(proof).want(t, 403, "forbidden"); a.Header.Get("Set-Cookie") != "" || a.Header.Get("Secure-Session-Challenge") == "" {
			t.Errorf("%s: %v", name, a.Header)
		}
	}
	r.pass(2 * time.Minute)
	if a := b.ask(first).want(t, 403); a.Header.Get("Set-Cookie") != "" {
		t.Error("a proof that was listened to is accepted later")
	}
	b.refresh().want(t, 200)
	// The session cookie may be replaced while a renewal is on its way.
	old := b.jar[sessionCookie]
	b.keep(r.do(call{method: "POST", path: "/v1/step-up", cookies: b.cookies(), body: fields{"password": password}}).want(t, 200))
	now := b.jar[sessionCookie]
	b.jar[sessionCookie] = old
	b.refresh().want(t, 200)
	b.jar[sessionCookie] = now
	b.whoami().want(t, 200)
	// What a page of another site causes is sent without cookies.
	delete(b.jar, sessionCookie)
	b.refresh().want(t, 200)
	b.jar[sessionCookie] = now
	b.whoami().want(t, 200)
	// Nobody writes the trail without the session's token.
	b.jar[sessionCookie] = old
	b.key = ellipticKey(t)
	b.refresh().want(t, 401, "invalid_token")
	delete(b.jar, sessionCookie)
	b.refresh().want(t, 401, "invalid_token")
	if n := r.recorded(audit.BindingRefused); n != 0 {
		t.Errorf("%d refused bindings were recorded", n)
	}
}

func TestNothingIsBoundWhereItIsOff(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.user("anna@example.com")
	b := bound(t, r, "anna@example.com")
	r.signIn.Binder = session.Binder{}
	b.whoami(sessionCookie).want(t, 200)
	if a := b.refresh().want(t, 200); a.get("continue") != false {
		t.Errorf("%s", a.text)
	}
	b.register().want(t, 401)
	b.invite = ""
	b.signIn("anna@example.com")
	if b.invite != "" {
		t.Error("a browser is invited")
	}
	if a := r.do(call{method: "POST", path: "/v1/sign-in", body: fields{"email": "anna@example.com", "password": password, "delivery": "body"}}).want(t, 200); a.Header.Get("Secure-Session-Registration") != "" {
		t.Error("a program is invited")
	}
}

func TestHeadersOfDevices(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.user("anna@example.com")
	b := bound(t, r, "anna@example.com")
	path := "/dbsc/refresh?session=" + b.session
	ask := func(header map[string]string) answer {
		return b.keep(r.do(call{method: "POST", path: path, cookies: b.cookies(sessionCookie), header: own(header)}))
	}
	quoted := map[string]string{"Sec-Secure-Session-Id": `"` + issuer + `";x=1`}
	ask(quoted).want(t, 403)
	quoted["Secure-Session-Response"] = `"` + b.proof(b.held, false) + `"`
	ask(quoted).want(t, 200)
	for _, id := range []string{"", "x", b.session, issuer + "/", `"`, `"` + issuer, `"` + issuer + `"y`, issuer + `"`, "x y", `"` + issuer + `\""`} {
		ask(map[string]string{"Sec-Secure-Session-Id": id}).want(t, 400, "invalid_request")
	}
	r.do(call{method: "POST", path: "/dbsc/register", bearer: b.jar[sessionCookie], header: own(map[string]string{})}).want(t, 401, "invalid_token")
}

// A browser may say whom a proof is for, as the draft has it. Then that must be so.
func TestProofsThatSayWhomTheyAreFor(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.user("anna@example.com")
	b := bound(t, r, "anna@example.com")
	b.ask("").want(t, 403)
	here := issuer + "/dbsc/refresh?session=" + b.session
	for claims, status := range map[string]int{
		`"aud":"` + here + `"`: 200, `"sub":"` + issuer + `"`: 200, `"aud":"` + here + `","sub":"` + issuer + `","iat":1`: 200,
		`"aud":"https://evil.example/dbsc/refresh"`: 401, `"sub":"https://evil.example"`: 401, `"aud":"` + issuer + `/dbsc/register"`: 401,
	} {
		if a := b.ask(b.signed(`{"jti":"`+b.held+`",`+claims+`}`, false)); a.StatusCode != status {
			t.Errorf("%s: %d %s", claims, a.StatusCode, a.text)
		}
	}
}
