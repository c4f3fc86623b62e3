package httpapi_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"tandem.example/tandem/internal/web"
)

// routes answers the routes of an API: method and path, with some id filled in.
func (r *rig) routes() (out [][2]string) {
	for _, pattern := range r.api.Patterns() {
		method, path, _ := strings.Cut(pattern, " ")
		out = append(out, [2]string{method, strings.ReplaceAll(path, "{id}", "ses_00000000000000000000000000")})
	}
	return out
}

// open are the routes that need no credential.
var open = map[string]bool{
	"/v1/sign-up": true, "/v1/sign-in": true, "/v1/token/refresh": true, "/openapi.json": true, "/livez": true, "/readyz": true,
	"/.well-known/oauth-authorization-server": true, "/.well-known/openid-configuration": true,
	"/.well-known/jwks.json": true, "/.well-known/tandem-feed-jwks.json": true,
}

func TestEveryOtherRouteWantsACredentialBeforeItReadsAnything(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for _, route := range r.routes() {
		if open[route[1]] {
			continue
		}
		for _, body := range []any{nil, "canary"} {
			if body != nil && route[0] == "GET" {
				continue
			}
			a := r.do(call{method: route[0], path: route[1] + "?unknown=1", body: body})
			if a.StatusCode != 401 || a.str("code") != "unauthenticated" {
				t.Errorf("%s %s answers %d %s to nobody", route[0], route[1], a.StatusCode, a.text)
			}
		}
	}
}

// TestForeignPagesCannotChangeAnything sends every changing route what a page of another origin could have a browser
// send, with the administrator's own cookie. Sign-in and sign-up are among them (login CSRF).
func TestForeignPagesCannotChangeAnything(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.user("root@example.com", "admin")
	root := r.enterByCookie("root@example.com")
	before := r.log.String()
	changing := 0
	for _, route := range r.routes() {
		if route[0] == "GET" {
			continue
		}
		changing++
		for _, headers := range []map[string]string{
			{"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"},
			{"Sec-Fetch-Site": "cross-site"},
			{"Sec-Fetch-Site": "same-site", "Origin": "https://blog.example.com"},
			{"Origin": "https://evil.example"},
			{"Origin": "null"},
		} {
			a := r.do(call{method: route[0], path: route[1], cookies: root.cookies, body: fields{}, header: headers})
			if a.StatusCode != 403 || a.str("code") != "forbidden" || a.Header.Get("Access-Control-Allow-Origin") != "" {
				t.Errorf("%s %s from %v: %d %s", route[0], route[1], headers, a.StatusCode, a.text)
			}
			if a.Header.Get("Set-Cookie") != "" {
				t.Errorf("%s %s from %v sets a cookie", route[0], route[1], headers)
			}
		}
		// Forms can be sent across origins by browsers that say nothing of it.
		for _, kind := range []string{"application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "text/plain"} {
			a := r.do(call{method: route[0], path: route[1], cookies: root.cookies, body: `{"email":"x"}`, header: map[string]string{"Content-Type": kind}})
			if a.StatusCode != 415 {
				t.Errorf("%s %s takes %s: %d", route[0], route[1], kind, a.StatusCode)
			}
		}
	}
	if changing < 20 {
		t.Errorf("%d changing routes only", changing)
	}
	r.do(call{method: "GET", path: "/v1/session", cookies: root.cookies}).want(t, 200)
	if strings.Contains(strings.TrimPrefix(r.log.String(), before), "level=ERROR") {
		t.Errorf("%s", r.log)
	}
}

// TestReadingChangesNothing sends GET to all that changes: no such method, and nothing has happened.
func TestReadingChangesNothing(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.user("root@example.com", "admin")
	root := r.enterByCookie("root@example.com")
	reads := map[string]bool{}
	for _, route := range r.routes() {
		reads[route[1]] = reads[route[1]] || route[0] == "GET"
	}
	for _, route := range r.routes() {
		if reads[route[1]] {
			continue
		}
		for _, method := range []string{"GET", "HEAD", "PUT", "OPTIONS", "BREW"} {
			a := r.do(call{method: method, path: route[1] + "?_method=POST", cookies: root.cookies, header: map[string]string{"X-Http-Method-Override": "DELETE"}})
			if a.StatusCode != 405 || !strings.Contains(a.Header.Get("Allow"), route[0]) {
				t.Errorf("%s %s: %d %s, Allow %q", method, route[1], a.StatusCode, a.text, a.Header.Get("Allow"))
			}
		}
	}
	r.do(call{method: "GET", path: "/v1/session", cookies: root.cookies}).want(t, 200)
}

func TestUnknownPathsAreProblems(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for _, path := range []string{"/", "/v1", "/v1/", "/v2/sign-in", "/v1/sign-in/", "/docs", "/schemas/User.json", "/openapi.yaml", "/openapi-3.0.json", "/metrics", "/debug/pprof/", "/.git/config"} {
		a := r.do(call{method: "GET", path: path})
		if a.StatusCode != 404 || a.str("code") != "not_found" || a.Header.Get("Content-Type") != web.ProblemType {
			t.Errorf("%s: %d %s", path, a.StatusCode, a.text)
		}
	}
	for _, path := range []string{"//evil.example/x", "/v1/../v1/me", "/v1//me"} {
		req := httptest.NewRequest("GET", issuer, nil)
		req.URL.Path = path
		if at := r.send(req).Header.Get("Location"); strings.HasPrefix(at, "//") || strings.Contains(at, "evil.example") && !strings.HasPrefix(at, "/evil") {
			t.Errorf("%s redirects to %s", path, at)
		}
	}
}

// TestNothingThatCarriesACredentialIsStored goes through every route: only documents for anybody may be kept.
func TestNothingThatCarriesACredentialIsStored(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	root := r.root()
	for _, route := range r.routes() {
		a := r.do(call{method: route[0], path: route[1], bearer: root.token})
		want := "no-store"
		if strings.HasPrefix(route[1], "/.well-known/") || route[1] == "/openapi.json" {
			want = "no-cache"
		}
		if got := a.Header.Get("Cache-Control"); got != want {
			t.Errorf("%s %s: Cache-Control %q", route[0], route[1], got)
		}
	}
}

// TestApplicationsOrigins shows that an application's origins may act while it has them.
func TestApplicationsOrigins(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	key := r.apiKey()
	r.user("ada@example.com")
	const shop = "https://shop.example.net"
	signIn := func() answer {
		return r.do(call{
			method: "POST", path: "/v1/sign-in", body: fields{"email": "ada@example.com", "password": password},
			header: map[string]string{"Sec-Fetch-Site": "cross-site", "Origin": shop},
		})
	}
	signIn().want(t, 403, "forbidden")
	made := r.do(call{method: "POST", path: "/v1/admin/apps", bearer: key, body: fields{"name": "shop", "allowed_origins": []string{shop}}}).want(t, 201)
	a := signIn().want(t, 200)
	if a.Header.Get("Access-Control-Allow-Origin") != shop || a.Header.Get("Access-Control-Allow-Credentials") != "true" {
		t.Errorf("%v", a.Header)
	}
	preflight := r.do(call{method: "OPTIONS", path: "/v1/sign-in", header: map[string]string{
		"Origin": shop, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type",
	}})
	if preflight.StatusCode != http.StatusNoContent || preflight.Header.Get("Access-Control-Allow-Origin") != shop {
		t.Errorf("preflight: %d %v", preflight.StatusCode, preflight.Header)
	}
	r.do(call{method: "PATCH", path: "/v1/admin/apps/" + made.str("app", "id"), bearer: key, body: fields{"allowed_origins": []string{}}}).want(t, 200)
	signIn().want(t, 403, "forbidden")
	for _, path := range []string{"/.well-known/jwks.json", "/openapi.json"} {
		a := r.do(call{method: "GET", path: path, header: map[string]string{"Origin": "https://evil.example"}}).want(t, 200)
		if a.Header.Get("Access-Control-Allow-Origin") != "*" || a.Header.Get("Access-Control-Allow-Credentials") != "" {
			t.Errorf("%s: %v", path, a.Header)
		}
	}
}

// TestAdministrationWantsAnAdministrator goes through every administrative route with each kind of caller.
func TestAdministrationWantsAnAdministrator(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	ada, root := r.ada(), r.root()
	elsewhere := r.enter(root.email, "mobile").access // for https://api.example.com
	ended := r.enter(root.email, "default")
	r.do(call{method: "POST", path: "/v1/sign-out", bearer: ended.token}).want(t, 204)
	dead := r.apiKey()
	keys := r.do(call{method: "GET", path: "/v1/admin/api-keys", bearer: dead}).get("items").([]any)
	r.do(call{method: "DELETE", path: "/v1/admin/api-keys/" + keys[0].(map[string]any)["id"].(string), bearer: dead}).want(t, 204)
	r.pass(time.Second)
	for _, route := range r.routes() {
		if !strings.HasPrefix(route[1], "/v1/admin/") {
			continue
		}
		for name, c := range map[string]struct {
			bearer, code string
			status       int
		}{
			"a user":                             {ada.token, "forbidden", 403},
			"a user's access token":              {ada.access, "forbidden", 403},
			"an administrator's token elsewhere": {elsewhere, "forbidden", 403},
			"an administrator who signed out":    {ended.token, "session_ended", 401},
			"a dead api key":                     {dead, "invalid_token", 401},
			"a made up api key":                  {"tdk_" + strings.Repeat("0", 69), "invalid_token", 401},
		} {
			a := r.do(call{method: route[0], path: route[1], bearer: c.bearer})
			if a.StatusCode != c.status || a.str("code") != c.code {
				t.Errorf("%s %s answers %s: %d %s", route[0], route[1], name, a.StatusCode, a.text)
			}
		}
	}
	for name, c := range map[string]call{
		"session token": {bearer: root.token}, "access token": {bearer: root.access}, "api key": {bearer: r.apiKey()},
		"cookie": {cookies: r.enterByCookie(root.email).cookies}, "local socket": {local: true},
	} {
		c.method, c.path = "GET", "/v1/admin/users"
		if a := r.do(c); a.StatusCode != 200 {
			t.Errorf("%s: %d %s", name, a.StatusCode, a.text)
		}
	}
	r.do(call{method: "GET", path: "/v1/admin/users", bearer: ada.token, local: true}).want(t, 403, "forbidden")
}
