package tandem

import (
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
)

// routes are those that the server itself describes, with an id in place of each placeholder.
func (h *house) routes() (all []visit) {
	h.Helper()
	paths, _ := h.must(200, h.get("/openapi.json", "")).Body["paths"].(map[string]any)
	for _, path := range slices.Sorted(maps.Keys(paths)) {
		methods, _ := paths[path].(map[string]any)
		for _, method := range slices.Sorted(maps.Keys(methods)) {
			all = append(all, visit{method: strings.ToUpper(method), path: strings.ReplaceAll(path, "{id}", "ses_00000000000000000000000000")})
		}
	}
	if len(all) < 35 {
		h.Fatalf("the server describes %d routes only", len(all))
	}
	return all
}

// TestForgedRequests sends every changing route, sign-in among them, what a page of another origin could make the
// browser of an administrator send. The same goes for a guarded handler.
func TestForgedRequests(t *testing.T) {
	h := furnish(t, nil)
	guarded := h.guard(h.follow())
	root := h.must(201, h.operate("POST", "/v1/admin/users", map[string]any{"email": "root@example.com", "password": password, "roles": []string{"admin"}}))
	cookies := cookieOf(h.signIn("root@example.com", "").text("session_token"))
	ada := h.signUp("ada@example.com", "")
	foreign := []map[string]string{
		{"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"},
		{"Sec-Fetch-Site": "cross-site"},
		{"Sec-Fetch-Site": "same-site", "Origin": "http://sibling.localhost:8484"},
		{"Origin": "https://evil.example"},
		{"Origin": "null"},
		{"Origin": h.url + ".evil.example"},
	}
	bodies := map[string]any{"email": "root@example.com", "password": password, "status": "locked", "kind": "subject", "id": ada.user(), "name": "x",
		"current": password, "new": "new " + password}
	changing := 0
	h.harmless("forged requests", func() {
		for _, route := range h.routes() {
			if route.method == "GET" {
				continue
			}
			changing++
			route.path = strings.ReplaceAll(route.path, "users/ses_00000000000000000000000000", "users/"+ada.user())
			route.path = strings.ReplaceAll(route.path, "ses_00000000000000000000000000", ada.session())
			route.cookie, route.body = cookies, bodies
			for _, header := range foreign {
				route.header = header
				a := h.refused(route.method+" "+route.path, 403, "forbidden", h.visit(route))
				if a.Header.Get("Set-Cookie") != "" || a.Header.Get("Access-Control-Allow-Origin") != "" {
					t.Errorf("%s %s from %v: %v", route.method, route.path, header, a.Header)
				}
			}
			for _, kind := range []string{"text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ""} {
				route.header = map[string]string{"Content-Type": kind}
				if a := h.visit(route); a.Code != 415 {
					t.Errorf("%s %s as %q: %d %v", route.method, route.path, kind, a.Code, a.Body)
				}
			}
		}
		for _, header := range foreign {
			a := h.at(guarded, visit{method: "POST", path: "/", cookie: cookies, header: header, body: map[string]any{}})
			h.refused("a guarded handler", 403, "forbidden", a)
		}
	})
	if changing < 20 {
		t.Errorf("%d changing routes only", changing)
	}
	// The same from the page itself is carried out.
	a := h.visit(visit{method: "PATCH", path: "/v1/me", cookie: cookies, body: map[string]any{"name": "Root"}, header: map[string]string{"Sec-Fetch-Site": "same-origin", "Origin": h.url}})
	if a.Code != 200 || a.text("id") != root.text("id") {
		t.Errorf("a request of one's own page: %d %v", a.Code, a.Body)
	}
}

// TestLoginForgery: a page cannot sign a visitor in as its own user, nor take the visitor's answer.
func TestLoginForgery(t *testing.T) {
	h := furnish(t, nil)
	h.signUp("mallory@example.com", "")
	for _, path := range []string{"/v1/sign-in", "/v1/sign-up", "/v1/token/refresh"} {
		h.harmless(path, func() {
			for _, header := range []map[string]string{{"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}, {"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "same-site"}} {
				a := h.visit(visit{method: "POST", path: path, header: header, body: map[string]any{"email": "mallory@example.com", "password": password}})
				h.refused(path, 403, "forbidden", a)
				if len(a.Header.Values("Set-Cookie")) > 0 {
					t.Errorf("%s sets a cookie for another origin", path)
				}
			}
		})
	}
}

// TestHostIsNoInput sends every route a Host, and headers that proxies use, of the attacker's choice: nothing that is
// answered depends on them.
func TestHostIsNoInput(t *testing.T) {
	h := furnish(t, nil)
	token := h.signUp("ada@example.com", "").text("session_token")
	poison := map[string]string{"X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "https", "X-Host": "evil.example", "X-Original-Url": "/evil.example",
		"X-Rewrite-Url": "/evil.example", "Forwarded": "host=evil.example;proto=https", "X-Forwarded-Server": "evil.example", "X-Http-Host-Override": "evil.example"}
	plain := func(v visit) (int, map[string]any, http.Header) {
		a := h.visit(v)
		for _, varies := range []string{"request_id", "access_token", "items"} {
			delete(a.Body, varies)
		}
		header := a.Header.Clone()
		for _, varies := range []string{"X-Request-Id", "Date", "Content-Length"} {
			header.Del(varies)
		}
		return a.Code, a.Body, header
	}
	text := func(v any) string {
		b, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	for _, route := range h.routes() {
		if route.path == "/v1/sign-out" || route.method == "DELETE" {
			continue // they change what the next one answers
		}
		route.bearer = token
		if route.method != "GET" {
			route.body = map[string]any{}
		}
		code, body, header := plain(route)
		for _, host := range []string{"evil.example", "evil.example:8484", "auth.example.com.evil.example", "[::1]:1", "a b", strings.Repeat("e", 300)} {
			route.host, route.header = strings.ReplaceAll(host, " ", ""), poison
			code2, body2, header2 := plain(route)
			if code2 != code || text(body2) != text(body) || text(header2) != text(header) {
				t.Errorf("%s %s depends on Host %q:\n%d %s %v\n%d %s %v", route.method, route.path, host, code, text(body), header, code2, text(body2), header2)
			}
		}
	}
	// Redirects of the router, cookies and tokens neither.
	for _, path := range []string{"/v1//session", "//evil.example/v1/session", "/v1/../v1/session", "/.well-known/../v1/me"} {
		r := httptest.NewRequest("GET", "http://evil.example/", nil)
		r.URL.Path, r.RemoteAddr = path, "192.0.2.1:1"
		w := httptest.NewRecorder()
		h.server.ServeHTTP(w, r)
		if to := w.Header().Get("Location"); strings.HasPrefix(to, "//") || strings.Contains(to, "://") || strings.Contains(w.Body.String(), "evil.example") && !strings.HasPrefix(path, "//evil") {
			t.Errorf("%s redirects to %q", path, to)
		}
	}
	a := h.visit(visit{method: "POST", path: "/v1/sign-in", host: "evil.example", header: poison, body: map[string]any{"email": "ada@example.com", "password": password, "delivery": "body"}})
	if who := h.get("/v1/session", a.text("access_token")); a.Code != 200 || who.Code != 200 {
		t.Errorf("the issuer of a token depends on Host: %d %v", who.Code, who.Body)
	}
	a = h.visit(visit{method: "POST", path: "/v1/sign-in", host: "evil.example", body: map[string]any{"email": "ada@example.com", "password": password}})
	if set := a.Header.Values("Set-Cookie"); len(set) == 0 || strings.Contains(strings.Join(set, " "), "evil") {
		t.Errorf("cookies: %v", set)
	}
}
