package verify

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"tandem.example/tandem/verify/verifytest"
)

func TestRefusalsOverHTTP(t *testing.T) {
	s := verifytest.NewServer(t)
	v := start(t, s)
	session := s.SignIn(verifytest.User{})
	revoked, stale := s.SignIn(verifytest.User{}), s.SignIn(verifytest.User{})
	revokedToken, staleToken := revoked.AccessToken(), stale.AccessToken()
	revoked.End()
	s.Demote(stale.User())
	s.Settle()
	handler := http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the handler was called") })
	tests := []struct {
		name, credential string
		rules            []Rule
		status           int
		code, challenge  string
	}{
		{"nothing sent", "", nil, 401, "unauthenticated", `Bearer`},
		{"garbage", "garbage", nil, 401, "invalid_token", `Bearer error="invalid_token", error_description="it is not a token of this issuer", reason="malformed"`},
		{"revoked", revokedToken, nil, 401, "invalid_token", `Bearer error="invalid_token", error_description="the token was revoked: sign in again", reason="revoked"`},
		{"stale", staleToken, nil, 401, "invalid_token", `Bearer error="invalid_token", error_description="the token must be renewed", reason="stale"`},
		{"session ended", revoked.Token(), nil, 401, "session_ended", `Bearer error="invalid_token", error_description="the session has ended: sign in again", reason="revoked"`},
		{"scope", session.AccessToken(), []Rule{Scope("payments"), Scope("cards")}, 403, "forbidden", `Bearer error="insufficient_scope", error_description="a scope is lacking", scope="payments cards"`},
		{"role", session.AccessToken(), []Rule{Role("admin")}, 403, "forbidden", `Bearer error="insufficient_scope", error_description="a role is lacking"`},
		{"step-up", session.AccessToken(), []Rule{ACR("2"), AuthenticatedWithin(5 * time.Minute)}, 401, "step_up_required", `Bearer error="insufficient_user_authentication", error_description="authenticate again, and as strongly as asked", acr_values="2", max_age="300"`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := call(v.Protect(handler, tt.rules...), tt.credential)
			checkProblem(t, w, tt.status, tt.code)
			if got := w.Header().Get("WWW-Authenticate"); got != tt.challenge {
				t.Errorf("WWW-Authenticate\n got %s\nwant %s", got, tt.challenge)
			}
			if w.Header().Get("Retry-After") != "" {
				t.Error("Retry-After on a refusal that will not change")
			}
		})
	}
}

func checkProblem(t *testing.T, w *httptest.ResponseRecorder, status int, code string) {
	t.Helper()
	var p struct {
		Type, Title, Detail, Code string
		Status                    int
	}
	if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil {
		t.Fatalf("%v: %s", err, w.Body)
	}
	if w.Code != status || p.Status != status || p.Code != code || p.Title != http.StatusText(status) || p.Detail == "" || p.Type == "" {
		t.Errorf("%d %+v, want %d %s", w.Code, p, status, code)
	}
	if got := w.Header().Get("Content-Type"); got != "application/problem+json" {
		t.Errorf("Content-Type %q", got)
	}
	if got := w.Header().Get("Cache-Control"); got != "no-store" {
		t.Errorf("Cache-Control %q", got)
	}
}

// Lost leases answer 503 with a Retry-After that is spread out, and never 401:
// that would make every client sign in at once.
func TestLeaseLostOverHTTP(t *testing.T) {
	s := verifytest.NewServer(t)
	clock := newDistort()
	v := start(t, s, clock.use)
	session := s.SignIn(verifytest.User{})
	credentials := []string{session.AccessToken(), session.Token()}
	for _, c := range credentials {
		accepts(t, v, c)
	}
	s.Crash()
	clock.add(time.Minute, time.Minute)
	seen := make(map[string]bool)
	h := v.Protect(http.NotFoundHandler())
	for range 50 {
		for _, c := range credentials {
			w := call(h, c)
			checkProblem(t, w, 503, "unavailable")
			if w.Header().Get("WWW-Authenticate") != "" {
				t.Error("a challenge on 503")
			}
			after, err := strconv.Atoi(w.Header().Get("Retry-After"))
			if err != nil || after < 1 || after > 30 {
				t.Errorf("Retry-After %q", w.Header().Get("Retry-After"))
			}
			seen[w.Header().Get("Retry-After")] = true
		}
	}
	if len(seen) < 2 {
		t.Error("everybody is told to come back at the same moment")
	}
}

func TestRequestIDIsRepeated(t *testing.T) {
	for id, want := range map[string]string{
		"req_01ABC": "req_01ABC", "": "", "two words": "", `"quoted"`: "", strings.Repeat("a", 65): "",
	} {
		r := httptest.NewRequest("GET", "/", nil)
		if id != "" {
			r.Header.Set("X-Request-Id", id)
		}
		w := httptest.NewRecorder()
		refusedMissing.ServeHTTP(w, r)
		var p struct {
			RequestID string `json:"request_id"`
		}
		if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil || p.RequestID != want {
			t.Errorf("%q: request_id %q, %v", id, p.RequestID, err)
		}
	}
	w := httptest.NewRecorder()
	w.Header().Set("X-Request-Id", "given-outside")
	r := httptest.NewRequest("GET", "/", nil)
	r.Header.Set("X-Request-Id", "sent-by-client")
	refusedMissing.ServeHTTP(w, r)
	if !strings.Contains(w.Body.String(), "given-outside") {
		t.Errorf("the id given outside is missing: %s", w.Body)
	}
}
