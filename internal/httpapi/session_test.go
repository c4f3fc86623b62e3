package httpapi_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"tandem.example/tandem/internal/account"
	"tandem.example/tandem/internal/audit"
	"tandem.example/tandem/internal/operator"
	"tandem.example/tandem/internal/session"
)

func (r *rig) whoami(bearer string) answer {
	r.t.Helper()
	return r.do(call{method: "GET", path: "/v1/session", bearer: bearer})
}

func TestLiveCheckTakesEachCredential(t *testing.T) {
	onEveryStore(t, testLiveCheckTakesEachCredential)
}

func testLiveCheckTakesEachCredential(t *testing.T, r *rig) {
	ada := r.ada()
	mobile := r.enter("ada@example.com", "mobile")
	browser := r.enterByCookie("ada@example.com")
	for name, c := range map[string]struct {
		call
		person
		audiences int
	}{
		"session token": {call{bearer: ada.token}, ada, 1},
		"access token":  {call{bearer: ada.access}, ada, 1},
		"cookie":        {call{cookies: browser.cookies}, browser, 1},
		"mobile":        {call{bearer: mobile.access}, mobile, 1},
	} {
		c.method, c.path = "GET", "/v1/session"
		a := r.do(c.call).want(t, 200)
		if a.str("session", "id") != c.session || a.str("user", "id") != ada.id || a.get("session", "current") != true {
			t.Errorf("%s: %s", name, a.text)
		}
		if n := len(a.get("access", "audiences").([]any)); n != c.audiences {
			t.Errorf("%s: %d audiences", name, n)
		}
		if at := a.str("access", "position"); at == "" || a.Header.Get("Tandem-Position") != at || a.str("access", "client_id") != a.str("session", "app") {
			t.Errorf("%s: %s, header %s", name, a.text, a.Header.Get("Tandem-Position"))
		}
		if a.Header.Get("Set-Cookie") != "" {
			t.Errorf("%s: a check sets a cookie", name)
		}
	}
}

func TestLiveCheckRefuses(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	ada := r.ada()
	other := r.enter("ada@example.com", "default")
	key := r.apiKey()
	ended := r.enter("ada@example.com", "default")
	r.do(call{method: "POST", path: "/v1/sign-out", bearer: ended.token}).want(t, 204)
	for _, c := range []struct {
		name, bearer string
		code, reason string
	}{
		{"nothing", "", "unauthenticated", ""},
		{"garbage", "garbage", "invalid_token", "unknown"},
		{"a session token with another secret", ada.token[:30] + other.token[30:], "invalid_token", "unknown"},
		{"a session token cut off", ada.token[:len(ada.token)-1], "invalid_token", "unknown"},
		{"an access token with another signature", ada.access[:strings.LastIndex(ada.access, ".")] + other.access[strings.LastIndex(other.access, "."):], "invalid_token", "unknown"},
		{"an api key", key, "invalid_token", "unknown"},
		{"a refresh token", r.enter("ada@example.com", "mobile").refresh, "invalid_token", "unknown"},
		{"an ended session", ended.token, "session_ended", "revoked"},
		{"an access token of an ended session", ended.access, "session_ended", "revoked"},
	} {
		a := r.whoami(c.bearer).want(t, 401, c.code)
		challenge := a.Header.Get("WWW-Authenticate")
		if c.reason == "" && challenge != "Bearer" || c.reason != "" && (!strings.Contains(challenge, `reason="`+c.reason+`"`) || !strings.Contains(challenge, `error="invalid_token"`)) {
			t.Errorf("%s: %s", c.name, challenge)
		}
		if a.Header.Get("Set-Cookie") != "" {
			t.Errorf("%s: a refused check touches the cookie", c.name)
		}
	}
	if a := r.do(call{method: "GET", path: "/v1/session", bearer: "garbage", cookies: r.enterByCookie("ada@example.com").cookies}); a.StatusCode != 401 {
		t.Errorf("the cookie was used behind a bad header: %d", a.StatusCode)
	}
	r.pass(5 * time.Minute)
	r.whoami(ada.access).want(t, 401, "invalid_token")
	if a := r.whoami(ada.access); a.str("reason") != "expired" {
		t.Errorf("expired: %s", a.text)
	}
	r.pass(14 * 24 * time.Hour)
	if a := r.whoami(ada.token).want(t, 401, "session_ended"); a.str("reason") != "expired" {
		t.Errorf("idle too long: %s", a.text)
	}
}

func TestTwoCredentials(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	ada := r.ada()
	for name, header := range map[string]http.Header{
		"two headers": {"Authorization": {"Bearer " + ada.token, "Bearer " + ada.token}},
		"two cookies": {"Cookie": {sessionCookie + "=" + ada.token + "; " + sessionCookie + "=" + ada.token}},
	} {
		for _, path := range []string{"/v1/session", "/v1/me", "/v1/admin/users"} {
			req := httptest.NewRequest("GET", issuer+path, nil)
			req.Header = header
			if a := r.send(req); a.StatusCode != 400 || a.str("code") != "invalid_request" {
				t.Errorf("%s at %s: %d %s", name, path, a.StatusCode, a.text)
			}
		}
	}
}

// TestRolesAreThoseOfNow shows that a live check answers the truth, whatever the access token says.
func TestRolesAreThoseOfNow(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	root := r.root()
	roles := []string{}
	if _, _, err := r.operator.ChangeUser(t.Context(), account.ID(root.id), operator.Patch{Roles: &roles}, operator.By{}); err != nil {
		t.Fatal(err)
	}
	if a := r.whoami(root.access).want(t, 200); len(a.get("user", "roles").([]any)) != 0 {
		t.Errorf("%s", a.text)
	}
	r.do(call{method: "GET", path: "/v1/admin/users", bearer: root.access}).want(t, 403, "forbidden")
}

func TestMint(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	ada := r.ada()
	mint := func(bearer string, body any) answer {
		return r.do(call{method: "POST", path: "/v1/session/token", bearer: bearer, body: body})
	}
	for _, body := range []any{nil, fields{}, fields{"audience": issuer}} {
		a := mint(ada.token, body).want(t, 200)
		r.whoami(a.str("access_token")).want(t, 200)
		if a.get("expires_in") != 300.0 || a.str("token_type") != "Bearer" || a.get("refresh_token") != nil {
			t.Errorf("%s", a.text)
		}
	}
	mint(ada.token, fields{"audience": "https://elsewhere.example"}).want(t, 422, "invalid_request")
	mint(ada.access, nil).want(t, 403, "forbidden")
	mint(r.enter("ada@example.com", "pages").token, nil).want(t, 403, "forbidden")
	mint("", nil).want(t, 401, "unauthenticated")
	browser := r.enterByCookie("ada@example.com")
	r.do(call{method: "POST", path: "/v1/session/token", cookies: browser.cookies}).want(t, 200)
}

// TestStepUp goes through the ways in which credentials were delivered: they are delivered the same way again, and the
// old ones are dead.
func TestStepUp(t *testing.T) { onEveryStore(t, testStepUp) }

func testStepUp(t *testing.T, r *rig) {
	ada := r.ada()
	step := func(c call, password string) answer {
		c.method, c.path, c.body = "POST", "/v1/step-up", fields{"password": password}
		return r.do(c)
	}
	step(call{bearer: ada.token}, "not the password 12").want(t, 401, "invalid_credentials")
	r.whoami(ada.token).want(t, 200)
	step(call{bearer: ""}, password).want(t, 401, "unauthenticated")
	r.pass(time.Minute)

	a := step(call{bearer: ada.token}, password).want(t, 200)
	after := holds(a, ada.email)
	if after.session != ada.session || after.token == "" || after.token == ada.token || a.cookie(sessionCookie) != nil {
		t.Errorf("%s", a.text)
	}
	if at, err := time.Parse(time.RFC3339, a.str("session", "authenticated_at")); err != nil || !at.Equal(r.clock()) {
		t.Errorf("authenticated at %s", a.str("session", "authenticated_at"))
	}
	r.whoami(ada.token).want(t, 401, "invalid_token")
	if got := r.whoami(ada.access).want(t, 401, "invalid_token"); got.str("reason") != "stale" {
		t.Errorf("old access token: %s", got.text)
	}
	r.whoami(after.token).want(t, 200)
	r.whoami(after.access).want(t, 200)

	browser := r.enterByCookie(ada.email)
	a = step(call{cookies: browser.cookies}, password).want(t, 200)
	if set := a.cookie(sessionCookie); set == nil || a.get("session_token") != nil || a.get("access_token") != nil {
		t.Errorf("by cookie: %s %v", a.text, a.Cookies())
	} else {
		r.do(call{method: "GET", path: "/v1/session", cookies: []*http.Cookie{set}}).want(t, 200)
		minted := r.do(call{method: "POST", path: "/v1/session/token", cookies: []*http.Cookie{set}}).str("access_token")
		a = step(call{bearer: minted, cookies: []*http.Cookie{set}}, password).want(t, 200)
		if a.cookie(sessionCookie) == nil {
			t.Errorf("with its cookie beside an access token, the cookie was left stale: %s", a.text)
		}
	}
	r.do(call{method: "GET", path: "/v1/session", cookies: browser.cookies}).want(t, 401, "invalid_token")

	mobile := r.enter(ada.email, "mobile")
	a = step(call{bearer: mobile.access}, password).want(t, 200)
	renewed := holds(a, ada.email)
	if renewed.refresh == "" || renewed.refresh == mobile.refresh || renewed.access == "" || renewed.token != "" {
		t.Errorf("mobile: %s", a.text)
	}
	r.refresh(mobile.refresh).want(t, 401, "invalid_grant")
	r.refresh(renewed.refresh).want(t, 200)
	r.do(call{method: "POST", path: "/v1/step-up", bearer: after.token, body: fields{"totp": "123456"}}).want(t, 422, "invalid_request")
}

func (r *rig) refresh(token string) answer {
	r.t.Helper()
	return r.do(call{method: "POST", path: "/v1/token/refresh", body: fields{"refresh_token": token}})
}

func TestRefresh(t *testing.T) { onEveryStore(t, testRefresh) }

func testRefresh(t *testing.T, r *rig) {
	r.user("ada@example.com")
	mobile := r.enter("ada@example.com", "mobile")
	first := r.refresh(mobile.refresh).want(t, 200)
	again := r.refresh(mobile.refresh).want(t, 200)
	if first.str("refresh_token") != again.str("refresh_token") || first.str("refresh_token") == mobile.refresh {
		t.Error("the same token did not get the same successor")
	}
	if first.get("expires_in") != 300.0 || first.str("token_type") != "Bearer" || first.Header.Get("Set-Cookie") != "" {
		t.Errorf("%s %v", first.text, first.Header)
	}
	r.whoami(first.str("access_token")).want(t, 200)
	second := r.refresh(first.str("refresh_token")).want(t, 200)

	garbage := r.refresh("tdr_garbage").want(t, 401, "invalid_grant")
	if garbage.str("cause") != "unknown" || !strings.Contains(garbage.Header.Get("WWW-Authenticate"), `reason="unknown"`) {
		t.Errorf("%s", garbage.text)
	}
	r.refresh(second.str("refresh_token")).want(t, 200)

	browser := r.enterByCookie("ada@example.com")
	theft := r.do(call{method: "POST", path: "/v1/token/refresh", body: fields{"refresh_token": mobile.refresh}, cookies: browser.cookies}).want(t, 401, "invalid_grant")
	if theft.str("cause") != "reused" || theft.Header.Get("Set-Cookie") != "" {
		t.Errorf("%s %v", theft.text, theft.Header)
	}
	if a := r.refresh(second.str("refresh_token")).want(t, 401, "invalid_grant"); a.str("cause") != "ended" {
		t.Errorf("%s", a.text)
	}
	me := r.do(call{method: "GET", path: "/v1/me", cookies: browser.cookies}).want(t, 200)
	notices := me.get("notices").([]any)
	if len(notices) != 1 || notices[0].(map[string]any)["type"] != "refresh_token_reused" {
		t.Errorf("the user is not told: %s", me.text)
	}
	lapsed := r.enter("ada@example.com", "mobile")
	r.pass(20 * 24 * time.Hour)
	if a := r.refresh(lapsed.refresh).want(t, 401, "invalid_grant"); a.str("cause") != "expired" {
		t.Errorf("%s", a.text)
	}
}

func TestChangePassword(t *testing.T) { onEveryStore(t, testChangePassword) }

func testChangePassword(t *testing.T, r *rig) {
	ada := r.ada()
	other := r.enter(ada.email, "default")
	change := func(c call, current, next string) answer {
		c.method, c.path, c.body = "POST", "/v1/me/password", fields{"current": current, "new": next}
		return r.do(c)
	}
	change(call{bearer: ada.token}, "not the password 12", "another phrase 77").want(t, 401, "invalid_credentials")
	weak := change(call{bearer: ada.token}, password, "short").want(t, 422, "invalid_request")
	if !strings.Contains(weak.text, `{"field":"new","rule":"must have at least 12 characters"}`) {
		t.Errorf("%s", weak.text)
	}
	r.whoami(other.token).want(t, 200)
	a := change(call{bearer: ada.token}, password, "another phrase 77").want(t, 200)
	r.whoami(a.str("session_token")).want(t, 200)
	r.whoami(ada.token).want(t, 401, "invalid_token")
	r.whoami(other.token).want(t, 401, "session_ended")
	r.whoami(other.access).want(t, 401, "session_ended")
	r.do(call{method: "POST", path: "/v1/sign-in", body: fields{"email": ada.email, "password": password}}).want(t, 401, "invalid_credentials")
	in := r.do(call{method: "POST", path: "/v1/sign-in", body: fields{"email": ada.email, "password": "another phrase 77"}}).want(t, 200)
	again := change(call{cookies: in.Cookies()}, "another phrase 77", password).want(t, 200)
	if again.cookie(sessionCookie) == nil || again.get("session_token") != nil {
		t.Errorf("by cookie: %s", again.text)
	}
	entries := must[[]audit.Entry](t)(r.operator.Trail(t.Context(), audit.Query{Type: audit.PasswordChanged, Limit: 10}))
	if len(entries) != 2 || entries[0].User != ada.id || entries[0].IP != "192.0.2.7" || !strings.HasPrefix(entries[0].RequestID, "req_") {
		t.Errorf("trail: %+v", entries)
	}
	if _, err := session.CheckID(entries[0].Target); err != nil {
		t.Errorf("trail names %q", entries[0].Target)
	}
}
