package tandem

import (
	"bufio"
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

// hostile are strings that mean something to SQL, to shells, to pages, to logs and to paths.
var hostile = []string{
	`' OR '1'='1`, `'; DROP TABLE users; --`, `" OR ""="`, `') UNION SELECT phc FROM passwords --`, `\'; DELETE FROM sessions WHERE 1=1; --`, `1; ATTACH DATABASE '/tmp/x' AS x`,
	`%' OR email LIKE '%`, `_%`, `%`, `*`, `?`, `$(id)`, "`id`", `../../../../etc/passwd`, `<script>alert(1)</script>`, `{{7*7}}`, "a\u0000b", "a\r\nX-Evil: 1", "\u202ea", "a\tb",
}

// TestHostileStrings puts them into every field, query and path that is free text. Nothing changes, nothing fails
// inside, and what may be stored is stored as it is.
func TestHostileStrings(t *testing.T) {
	h := furnish(t, nil)
	_, key := h.apiKey()
	token := h.signUp("ada@example.com", "").text("session_token")
	fail := func(where, text string, a answer) {
		if a.Code >= 500 || a.Code < 400 {
			t.Errorf("%s with %q: %d %v", where, text, a.Code, a.Body)
		}
		if a.Header.Get("X-Evil") != "" {
			t.Errorf("%s with %q: a header was injected", where, text)
		}
	}
	for _, text := range hostile {
		escaped := url.PathEscape(text)
		h.harmless(text, func() {
			for _, path := range []string{"users", "sessions", "apps", "api-keys"} {
				if path != "sessions" && path != "api-keys" {
					fail(path, text, h.get("/v1/admin/"+path+"/"+escaped, key))
					fail("PATCH "+path, text, h.visit(visit{method: "PATCH", path: "/v1/admin/" + path + "/" + escaped, bearer: key, body: map[string]any{"name": "x"}}))
				}
				fail("DELETE "+path, text, h.visit(visit{method: "DELETE", path: "/v1/admin/" + path + "/" + escaped, bearer: key}))
			}
			fail("key", text, h.post("/v1/admin/keys/"+escaped+"/revoke", key, nil))
			fail("device", text, h.visit(visit{method: "DELETE", path: "/v1/sessions/" + escaped, bearer: token}))
			for _, kind := range []string{"session", "subject", "authz", "application", "key", text} {
				fail("revoke "+kind, text, h.post("/v1/admin/revocations", key, map[string]any{"kind": kind, "id": text}))
			}
			for _, body := range []map[string]any{{"email": text, "password": password}, {"email": "x@example.com", "password": password, "app": text},
				{"email": "x@example.com", "password": password, "delivery": text}, {"email": text + "@example.com", "password": "short"}} {
				fail("sign-up", text, h.post("/v1/sign-up", "", body))
			}
			fail("refresh", text, h.post("/v1/token/refresh", "", map[string]any{"refresh_token": text}))
			fail("mint", text, h.post("/v1/session/token", token, map[string]any{"audience": text}))
			fail("sign-out", text, h.post("/v1/sign-out", token, map[string]any{"scope": text}))
			fail("role", text, h.post("/v1/admin/users", key, map[string]any{"email": "x@example.com", "roles": []string{text}}))
			fail("hash", text, h.post("/v1/admin/users", key, map[string]any{"email": "x@example.com", "password_hash": text}))
			fail("app", text, h.post("/v1/admin/apps", key, map[string]any{"name": "x", "kind": text, "allowed_origins": []string{text}}))
			for _, query := range []string{"users?search=", "users?after=", "sessions?user=", "sessions?app=", "sessions?after=", "audit?user=", "audit?type=", "audit?after="} {
				a := h.get("/v1/admin/"+query+url.QueryEscape(text), key)
				items, _ := a.Body["items"].([]any)
				if a.Code >= 500 || a.Code == 200 && len(items) > 0 && !strings.Contains("ada@example.com", text) {
					t.Errorf("%s with %q: %d and %d items", query, text, a.Code, len(items))
				}
			}
		})
		// A name may be anything printable: it comes back as it was sent, or is refused.
		if a := h.visit(visit{method: "PATCH", path: "/v1/me", bearer: token, body: map[string]any{"name": text}}); a.Code != 422 && (a.Code != 200 || a.text("name") != text) {
			t.Errorf("name %q: %d, came back as %q", text, a.Code, a.text("name"))
		}
		h.must(200, h.visit(visit{method: "PATCH", path: "/v1/me", bearer: token, body: map[string]any{"name": "Ada"}}))
	}
	for _, text := range hostile {
		if a := h.post("/v1/sign-in", "", map[string]any{"email": text, "password": text}); a.Code != 401 {
			t.Errorf("sign-in with %q: %d %v", text, a.Code, a.Body)
		}
	}
	if strings.Contains(h.logs.String(), "level=ERROR") {
		t.Errorf("something failed inside:\n%s", h.logs)
	}
}

// TestJSONBombs sends bodies that are too large, too deep or ambiguous.
func TestJSONBombs(t *testing.T) {
	h := furnish(t, nil)
	h.signUp("ada@example.com", "")
	pad := func(size int) string {
		body := `{"email":"nobody@example.com","password":"` + `"}`
		return body[:len(body)-2] + strings.Repeat("x", size-len(body)) + `"}`
	}
	for _, c := range []struct {
		name, body string
		codes      []int
	}{
		{"64 KiB", pad(64 << 10), []int{401}}, // wrong, and read to the end
		{"64 KiB and one byte", pad(64<<10 + 1), []int{413}},
		{"16 MiB", pad(16 << 20), []int{413}},
		{"10,000 levels", strings.Repeat(`{"a":`, 10_000) + "1" + strings.Repeat("}", 10_000), []int{400, 413}},
		{"30,000 brackets", strings.Repeat("[", 30_000), []int{400}},
		{"a field twice", `{"email":"ada@example.com","email":"nobody@example.com","password":"x"}`, []int{400}},
		{"a field twice in another case", `{"email":"nobody@example.com","Email":"ada@example.com","password":"x"}`, []int{422}},
		{"a number of a million digits", `{"email":` + strings.Repeat("9", 60_000) + `,"password":"x"}`, []int{400, 422}},
		{"1e400", `{"email":1e400,"password":"x"}`, []int{400, 422}},
		{"more behind it", `{"email":"a@example.com","password":"x"}{"email":"b@example.com"}`, []int{400}},
		{"not UTF-8", "{\"email\":\"\xff\xfe@example.com\",\"password\":\"x\"}", []int{400, 401, 422}},
		{"an array", `[]`, []int{422}}, {"null", `null`, []int{400, 422}}, {"nothing", ``, []int{400, 422}}, {"NaN", `NaN`, []int{400}}, {"a comment", `{/**/}`, []int{400}},
		{"types", `{"email":["a"],"password":{"a":1}}`, []int{422}}, {"unknown fields", `{"email":"a@example.com","password":"x","roles":["admin"]}`, []int{422}},
	} {
		before := h.facts()
		for _, chunked := range []bool{false, true} {
			req, err := http.NewRequestWithContext(t.Context(), "POST", h.url+"/v1/sign-in", strings.NewReader(c.body))
			if err != nil {
				t.Fatal(err)
			}
			if chunked { // a length that is not announced
				req.Body, req.ContentLength = io.NopCloser(strings.NewReader(c.body)), -1
			}
			req.Header.Set("Content-Type", "application/json")
			res, err := h.client.Do(req)
			if err != nil { // the server may hang up on a body that it does not want
				if len(c.body) <= 64<<10+1 {
					t.Errorf("%s: %v", c.name, err)
				}
				continue
			}
			text, _ := io.ReadAll(res.Body)
			res.Body.Close()
			if !slices.Contains(c.codes, res.StatusCode) || strings.Contains(string(text), "xxxx") {
				t.Errorf("%s (chunked %v): %d %.200s, want one of %v", c.name, chunked, res.StatusCode, text, c.codes)
			}
		}
		if !reflect.DeepEqual(h.facts(), before) {
			t.Errorf("%s: something changed", c.name)
		}
	}
}

// TestHeaderBombs opens the server's own listener, with its limits: headers that are too large or smuggle a request
// are refused, and others are answered meanwhile.
func TestHeaderBombs(t *testing.T) {
	c := Config{Dev: true, Store: "memory", Issuer: "http://localhost:8484", Listen: "127.0.0.1:0", AdminListen: "127.0.0.1:0"}
	server, err := Open(t.Context(), c, WithLogger(slog.New(slog.DiscardHandler)), cheaply)
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	ctx, stop := context.WithCancel(t.Context())
	at, served := make(chan Addresses, 1), make(chan error, 1)
	go func() { served <- server.Serve(ctx, func(a Addresses) { at <- a }) }()
	address := (<-at).API.String()
	for name, c := range map[string]struct{ request, want string }{
		"an endless header":         {"GET /v1/session HTTP/1.1\r\nHost: x\r\nX-Bomb: " + strings.Repeat("a", 60_000) + "\r\n\r\n", "431"},
		"ten thousand headers":      {"GET /v1/session HTTP/1.1\r\nHost: x\r\n" + strings.Repeat("X-A: aaaa\r\n", 10_000) + "\r\n", "431"},
		"an endless path":           {"GET /" + strings.Repeat("a", 60_000) + " HTTP/1.1\r\nHost: x\r\n\r\n", "431"},
		"a long cookie":             {"GET /v1/session HTTP/1.1\r\nHost: x\r\nCookie: tandem_session=tds_" + strings.Repeat("a", 20_000) + "\r\n\r\n", "401"},
		"a long token":              {"GET /v1/session HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + strings.Repeat("a", 20_000) + "\r\n\r\n", "401"},
		"two lengths":               {"POST /v1/sign-in HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nContent-Length: 20\r\n\r\n{}", "400"},
		"a length that is negative": {"POST /v1/sign-in HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n{}", "400"},
		"no host":                   {"GET /v1/session HTTP/1.1\r\n\r\n", "400"},
		"two hosts":                 {"GET /v1/session HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", "400"},
		"a folded header":           {"GET /v1/session HTTP/1.1\r\nHost: x\r\nX Y: z\r\n\r\n", "400"},
	} {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		_ = conn.SetDeadline(time.Now().Add(time.Minute))
		go func() { _, _ = io.WriteString(conn, c.request) }() // the server may hang up before the end
		line, err := bufio.NewReader(conn).ReadString('\n')
		if !strings.HasPrefix(line, "HTTP/1.1 "+c.want) {
			t.Errorf("%s: %q %v, want %s", name, line, err, c.want)
		}
		conn.Close()
	}
	if res, err := http.Get("http://" + address + "/livez"); err != nil || res.StatusCode != 200 {
		t.Errorf("the server does not answer any more: %v", err)
	} else {
		res.Body.Close()
	}
	http.DefaultClient.CloseIdleConnections()
	stop()
	if err := <-served; err != nil {
		t.Error(err)
	}
}
