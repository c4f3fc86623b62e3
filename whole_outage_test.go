package tandem

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"tandem.example/tandem/internal/lab/rig"
	"tandem.example/tandem/verify"
)

// What is answered while the store cannot be reached, and that nothing is left of it afterwards. The table stands in
// docs/operations.md.
func TestStoreOutage(t *testing.T) {
	if testing.Short() {
		t.Skip("needs PostgreSQL")
	}
	database := rig.Postgres(t, rig.PostgresConfig{})
	h := furnish(t, func(c *Config) {
		c.Store, c.InsecureAllowAsyncCommit = database.NewDatabase(t), true
		c.Lease = 3 * time.Second
	})
	h.must(201, h.operate("POST", "/v1/admin/apps", map[string]any{"name": "mobile", "mode": "jwt"}))
	ada, phone := h.signUp("ada@example.com", ""), h.signUp("bob@example.com", "mobile")
	v := h.verifier(nil)
	guarded := outageRoutes(t, v)
	for path := range guarded {
		h.must(200, guarded[path](ada.text("access_token")))
	}

	database.Stop(t)
	start := time.Now()
	// What needs the truth says so, and says when to come again. Nobody is told that they are not signed in.
	for name, v := range map[string]visit{
		"live check by session token": {method: "GET", path: "/v1/session", bearer: ada.text("session_token")},
		"live check by access token":  {method: "GET", path: "/v1/session", bearer: ada.text("access_token")},
		"mint":                        {method: "POST", path: "/v1/session/token", bearer: ada.text("session_token")},
		"refresh":                     {method: "POST", path: "/v1/token/refresh", body: map[string]any{"refresh_token": phone.text("refresh_token")}},
		"sign-in":                     {method: "POST", path: "/v1/sign-in", body: map[string]any{"email": "ada@example.com", "password": password}},
		"sign-up":                     {method: "POST", path: "/v1/sign-up", body: map[string]any{"email": "new@example.com", "password": password}},
		"sign-out":                    {method: "POST", path: "/v1/sign-out", bearer: ada.text("session_token"), body: map[string]any{}},
		"devices":                     {method: "GET", path: "/v1/sessions", bearer: ada.text("session_token")},
		"readyz":                      {method: "GET", path: "/readyz"},
	} {
		a := h.visit(v)
		if a.Code != http.StatusServiceUnavailable || name != "readyz" && a.Header.Get("Retry-After") == "" {
			t.Errorf("%s during the outage: %d %v, Retry-After %q, want 503 and when to retry", name, a.Code, a.Body, a.Header.Get("Retry-After"))
		}
	}
	h.must(503, h.operate("POST", "/v1/admin/revocations", map[string]any{"kind": "subject", "id": ada.in("user").text("id")}))
	// What does not is answered.
	for _, path := range []string{"/livez", "/.well-known/jwks.json", "/.well-known/oauth-authorization-server"} {
		if a := h.visit(visit{method: "GET", path: path}); a.Code != 200 {
			t.Errorf("%s during the outage: %d", path, a.Code)
		}
	}
	if spent := time.Since(start); spent > 8*time.Second {
		t.Errorf("a dozen answers took %s: they wait for a store that is not there", spent)
	}
	// The dial of each route decides: all go on under the lease, and after it only who was told so.
	time.Sleep(time.Until(start.Add(4 * time.Second)))
	for path, want := range map[string]int{"deny": 503, "ask": 503, "live": 503, "expiry": 200} {
		if a := guarded[path](ada.text("access_token")); a.Code != want {
			t.Errorf("route %s after the lease: %d, want %d", path, a.Code, want)
		}
	}

	database.Start(t)
	ready := time.Now().Add(30 * time.Second)
	for h.get("/readyz", "").Code != 200 && time.Now().Before(ready) {
		time.Sleep(50 * time.Millisecond)
	}
	h.must(200, h.get("/v1/session", ada.text("session_token")))
	h.must(200, h.post("/v1/token/refresh", "", map[string]any{"refresh_token": phone.text("refresh_token")}))
	for path := range guarded {
		for guarded[path](ada.text("access_token")).Code != 200 && time.Now().Before(ready) {
			time.Sleep(50 * time.Millisecond)
		}
		h.must(200, guarded[path](ada.text("access_token")))
	}
	h.must(200, h.get("/v1/sessions", ada.text("session_token")))
}

// outageRoutes are routes with each dial, as functions of the credential.
func outageRoutes(t *testing.T, v *verify.Verifier) map[string]func(string) answer {
	handler := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
	routes := map[string]http.Handler{
		"deny":   v.Protect(handler),
		"ask":    v.Protect(handler, verify.Within(3*time.Second), verify.OnLeaseLost(verify.AskServer)),
		"live":   v.Protect(handler, verify.Live()),
		"expiry": v.Protect(handler, verify.UntilExpiry()),
	}
	out := make(map[string]func(string) answer)
	for path, route := range routes {
		out[path] = func(credential string) answer {
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			req := httptest.NewRequestWithContext(ctx, "GET", "/"+path, nil)
			req.Header.Set("Authorization", "Bearer "+credential)
			w := httptest.NewRecorder()
			route.ServeHTTP(w, req)
			return answer{Code: w.Code, Header: w.Header()}
		}
	}
	return out
}
