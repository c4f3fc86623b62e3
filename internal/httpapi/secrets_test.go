package httpapi_test

import (
	"encoding/json"
	"errors"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"
)

// vault remembers every secret that was issued or typed.
type vault map[string]string

// keep takes the secrets out of an answer.
func (v vault) keep(a answer) answer {
	for _, name := range []string{"session_token", "refresh_token", "access_token", "client_secret", "secret"} {
		if s := a.str(name); s != "" {
			v[s] = name
		}
	}
	for _, c := range a.Cookies() {
		if c.Value != "" {
			v[c.Value] = "cookie " + c.Name
		}
	}
	return a
}

// TestNoSecretIsLogged walks through the API with each secret in its place and out of it, then searches the log at
// debug level, the audit trail, the metrics and every refusal.
func TestNoSecretIsLogged(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	v := vault{password: "password", "a wrong phrase 55": "wrong password", "another phrase 77": "new password"}
	key := r.apiKey()
	v[key] = "api key"
	var refused strings.Builder
	do := func(c call) answer {
		t.Helper()
		a := v.keep(r.do(c))
		if a.StatusCode >= 400 {
			refused.WriteString(a.text + "\n")
		}
		return a
	}
	r.user("root@example.com", "admin")
	signIn := func(app, delivery, password string) answer {
		return do(call{method: "POST", path: "/v1/sign-in", body: fields{"email": "root@example.com", "password": password, "app": app, "delivery": delivery}})
	}
	do(call{method: "POST", path: "/v1/sign-up", body: fields{"email": "new@example.com", "password": password}})
	browser := signIn("default", "cookie", password)
	both, mobile := signIn("default", "body", password), signIn("mobile", "body", password)
	signIn("default", "body", "a wrong phrase 55")
	next := do(call{method: "POST", path: "/v1/token/refresh", body: fields{"refresh_token": mobile.str("refresh_token")}})
	do(call{method: "POST", path: "/v1/session/token", cookies: browser.Cookies()})
	stepped := do(call{method: "POST", path: "/v1/step-up", bearer: both.str("session_token"), body: fields{"password": password}})
	do(call{method: "POST", path: "/v1/me/password", bearer: stepped.str("session_token"), body: fields{"current": "a wrong phrase 55", "new": "another phrase 77"}})
	changed := do(call{method: "POST", path: "/v1/me/password", bearer: stepped.str("session_token"), body: fields{"current": password, "new": "another phrase 77"}})
	admin := changed.str("session_token")
	made := do(call{method: "POST", path: "/v1/admin/apps", bearer: admin, body: fields{"name": "bank", "kind": "resource"}})
	do(call{method: "POST", path: "/v1/admin/apps/bank/secret", bearer: admin})
	do(call{method: "POST", path: "/v1/admin/api-keys", bearer: admin, body: fields{"name": "deploy"}})
	do(call{method: "POST", path: "/v1/admin/users", bearer: admin, body: fields{"email": "b@example.com", "password": password, "rolls": password}})
	do(call{method: "POST", path: "/v1/revocations/sync", basic: [2]string{made.str("app", "id"), made.str("client_secret")}, body: ask("one", 0, "", "")})
	do(call{method: "POST", path: "/v1/token/refresh", body: fields{"refresh_token": mobile.str("refresh_token")}})
	r.pass(time.Hour)
	do(call{method: "POST", path: "/v1/token/refresh", body: fields{"refresh_token": mobile.str("refresh_token")}})
	do(call{method: "POST", path: "/v1/token/refresh", body: fields{"refresh_token": next.str("refresh_token")}})
	if len(v) < 18 {
		t.Fatalf("%d secrets only", len(v))
	}

	// Each in every place where it does not belong, over a store that works and one that does not.
	for _, fault := range []error{nil, errors.New("disk full")} {
		r.store.Fault(func(string) (error, error) { return fault, nil })
		for s := range v {
			text, _ := json.Marshal(s)
			do(call{method: "POST", path: "/v1/sign-in", body: `{"email":` + string(text) + `,"password":` + string(text) + `,"app":` + string(text) + `}`})
			do(call{method: "POST", path: "/v1/sign-in", body: string(text)})
			do(call{method: "POST", path: "/v1/sign-in", body: `{"password":` + string(text)})
			do(call{method: "POST", path: "/v1/token/refresh", body: fields{"refresh_token": s}})
			do(call{method: "GET", path: "/v1/session", bearer: s + "x"})
			do(call{method: "GET", path: "/v1/admin/users/" + url.PathEscape(s) + "?access_token=" + url.QueryEscape(s), bearer: s})
			do(call{method: "GET", path: "/v1/admin/users?cursor=" + url.QueryEscape(s), bearer: key})
			do(call{method: "GET", path: "/" + url.PathEscape(s)})
			do(call{method: "POST", path: "/v1/revocations/sync", basic: [2]string{url.QueryEscape(s), url.QueryEscape(s)}, body: ask("one", 0, "", "")})
		}
	}
	r.store.Fault(nil)

	metrics := httptest.NewRecorder()
	r.api.AdminListener().ServeHTTP(metrics, httptest.NewRequest("GET", "/metrics", nil))
	trail := r.do(call{method: "GET", path: "/v1/admin/audit?limit=200", bearer: key}).want(t, 200)
	if !strings.Contains(r.log.String(), "level=DEBUG") || !strings.Contains(r.log.String(), "disk full") {
		t.Fatal("there is no log to search")
	}
	for place, text := range map[string]string{"log": r.log.String(), "audit trail": trail.text, "metrics": metrics.Body.String(), "refusals": refused.String()} {
		for s, what := range v {
			if at := strings.Index(text, s); at >= 0 {
				t.Errorf("the %s holds a %s: ...%s", place, what, text[max(0, at-100):at+10])
			}
		}
	}
}

// TestFaultsAreOpaque breaks the store under each route in turn.
func TestFaultsAreOpaque(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	root, mobile := r.root(), person{}
	mobile = r.enter(root.email, "mobile")
	for _, c := range []struct {
		verb string
		call
	}{
		{"account.ByEmail", call{method: "POST", path: "/v1/sign-in", body: fields{"email": root.email, "password": password}}},
		{"session.Start", call{method: "POST", path: "/v1/sign-in", body: fields{"email": root.email, "password": password}}},
		{"signin.Register", call{method: "POST", path: "/v1/sign-up", body: fields{"email": "x@example.com", "password": password}}},
		{"session.Find", call{method: "GET", path: "/v1/session", bearer: root.token}},
		{"session.Rotate", call{method: "POST", path: "/v1/token/refresh", body: fields{"refresh_token": mobile.refresh}}},
		{"session.Renew", call{method: "POST", path: "/v1/step-up", bearer: root.token, body: fields{"password": password}}},
		{"session.End", call{method: "POST", path: "/v1/sign-out", bearer: root.token}},
		{"session.List", call{method: "GET", path: "/v1/sessions", bearer: root.token}},
		{"account.Amend", call{method: "PATCH", path: "/v1/me", bearer: root.token, body: fields{"name": "x"}}},
		{"account.List", call{method: "GET", path: "/v1/admin/users", bearer: root.token}},
		{"account.Delete", call{method: "DELETE", path: "/v1/admin/users/" + root.id, bearer: root.token}},
		{"audit.List", call{method: "GET", path: "/v1/admin/audit", bearer: root.token}},
		{"application.Create", call{method: "POST", path: "/v1/admin/apps", bearer: root.token, body: fields{"name": "x"}}},
		{"apikey.Create", call{method: "POST", path: "/v1/admin/api-keys", bearer: root.token, body: fields{"name": "x"}}},
		{"signing.Change", call{method: "POST", path: "/v1/admin/keys/rotate", bearer: root.token}},
	} {
		before := len(r.log.String())
		hit := false
		r.store.Fault(func(at string) (error, error) {
			if at != c.verb {
				return nil, nil
			}
			hit = true
			return errors.New("canary: disk full"), nil
		})
		a := r.do(c.call)
		r.store.Fault(nil)
		logged := r.log.String()[before:]
		if !hit {
			t.Errorf("%s: not asked for by %s %s", c.verb, c.method, c.path)
		} else if a.StatusCode != 500 || a.str("code") != "internal" || a.str("detail") != "an internal error occurred" || strings.Contains(a.text, "canary") {
			t.Errorf("%s: %d %s", c.verb, a.StatusCode, a.text)
		}
		if n := strings.Count(logged, "canary"); n != 1 || !strings.Contains(logged, "request_id="+a.str("request_id")) {
			t.Errorf("%s: logged %d times: %s", c.verb, n, logged)
		}
		if a.Header.Get("Set-Cookie") != "" {
			t.Errorf("%s: a failure sets a cookie", c.verb)
		}
	}
	r.whoami(root.token).want(t, 200)
}
