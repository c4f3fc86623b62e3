package tandem

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"tandem.example/tandem/internal/audit"
	"tandem.example/tandem/verify"
)

// TestFixedSession plants a session token in the victim's browser before they sign in or step up. What the victim
// proves counts for a new token only, which the attacker does not have.
func TestFixedSession(t *testing.T) {
	h := furnish(t, nil)
	v := h.follow()
	guarded := h.guard(v)
	mallory, ada := h.signUp("mallory@example.com", ""), h.signUp("ada@example.com", "")
	planted := mallory.text("session_token")
	for _, path := range []string{"/v1/sign-in", "/v1/sign-up"} {
		email := map[string]string{"/v1/sign-in": "ada@example.com", "/v1/sign-up": "new@example.com"}[path]
		a := h.visit(visit{method: "POST", path: path, cookie: cookieOf(planted), body: map[string]any{"email": email, "password": password}})
		given := a.cookie("tandem_session")
		if given == "" || given == planted || a.session() == mallory.session() {
			t.Fatalf("%s with a planted cookie: %d, a new token: %v", path, a.Code, given != planted)
		}
		if who := h.must(200, h.get("/v1/session", planted)); who.user() != mallory.user() {
			t.Errorf("%s: the planted token has become the victim's", path)
		}
	}
	// A token that the victim's own session had, seen by the attacker before the step-up.
	seen := ada.text("session_token")
	h.must(200, h.at(guarded, visit{method: "GET", path: "/", bearer: seen}))
	up := h.must(200, h.visit(visit{method: "POST", path: "/v1/step-up", cookie: cookieOf(seen), body: map[string]any{"password": password}}))
	fresh := up.cookie("tandem_session")
	if fresh == "" || fresh == seen || up.session() != ada.session() {
		t.Fatalf("the step-up did not give the session a new token: %v", up.Body)
	}
	h.abreast(v)
	h.harmless("the token from before the step-up", func() {
		for _, credential := range []visit{{bearer: seen}, {cookie: cookieOf(seen)}, {bearer: ada.text("access_token")}} {
			credential.method, credential.path = "GET", "/v1/session"
			h.refused("at the server", 401, "invalid_token", h.visit(credential))
			credential.path = "/"
			h.refused("at a verifier", 401, "invalid_token", h.at(guarded, credential))
		}
		for _, path := range []string{"/v1/session/token", "/v1/sign-out", "/v1/step-up"} {
			h.refused(path, 401, "invalid_token", h.post(path, seen, map[string]any{"password": password}))
		}
	})
	h.must(200, h.visit(visit{method: "GET", path: "/v1/session", cookie: cookieOf(fresh)}))
	h.must(200, h.at(guarded, visit{method: "GET", path: "/", cookie: cookieOf(fresh)}))
}

// TestReplayAfterLogout sends every credential of a session again after it was signed out.
func TestReplayAfterLogout(t *testing.T) {
	h := furnish(t, nil)
	h.app("mobile", "jwt")
	v := h.follow()
	guarded := h.guard(v)
	ada, phone := h.signUp("ada@example.com", ""), h.signUp("mo@example.com", "mobile")
	out := h.must(204, h.visit(visit{method: "POST", path: "/v1/sign-out", cookie: cookieOf(ada.text("session_token"))}))
	if !strings.Contains(out.Header.Get("Set-Cookie"), "Max-Age=0") {
		t.Errorf("the sign-out leaves the cookie: %v", out.Header)
	}
	h.must(204, h.post("/v1/sign-out", phone.text("access_token"), nil))
	h.abreast(v)
	h.harmless("replay", func() {
		for _, credential := range []visit{{bearer: ada.text("session_token")}, {cookie: cookieOf(ada.text("session_token"))},
			{bearer: ada.text("access_token")}, {bearer: phone.text("access_token")}} {
			for _, route := range []string{"GET /v1/session", "GET /v1/me", "PATCH /v1/me", "POST /v1/session/token", "POST /v1/step-up",
				"POST /v1/me/password", "GET /v1/sessions", "DELETE /v1/sessions/" + ada.session(), "POST /v1/sign-out", "GET /v1/admin/users"} {
				one := credential
				one.method, one.path, _ = strings.Cut(route, " ")
				if one.method != "GET" {
					one.body = map[string]any{"password": password, "current": password, "new": "new " + password}
				}
				if a := h.visit(one); a.Code != 401 {
					t.Errorf("%s after the sign-out: %d %v", route, a.Code, a.Body)
				}
			}
			one := credential
			one.method, one.path = "GET", "/"
			if a := h.at(guarded, one); a.Code != 401 {
				t.Errorf("a verifier after the sign-out: %d %v", a.Code, a.Body)
			}
		}
		a := h.refused("refresh", 401, "invalid_grant", h.post("/v1/token/refresh", "", map[string]any{"refresh_token": phone.text("refresh_token")}))
		if a.text("cause") != "ended" {
			t.Errorf("the cause is %s, want ended", a.text("cause"))
		}
	})
}

// TestStepUpAsSomebodyElse proves another user's password, or another session, with somebody's credential.
func TestStepUpAsSomebodyElse(t *testing.T) {
	h := furnish(t, nil)
	ada := h.signUp("ada@example.com", "")
	mallory := h.must(201, h.post("/v1/sign-up", "", map[string]any{"email": "mallory@example.com", "password": "a password of mallory's", "delivery": "body"}))
	h.harmless("step-up of a stolen session with one's own password", func() {
		h.refused("step-up", 401, "invalid_credentials", h.post("/v1/step-up", ada.text("session_token"), map[string]any{"password": "a password of mallory's"}))
		h.refused("password", 401, "invalid_credentials", h.post("/v1/me/password", ada.text("session_token"),
			map[string]any{"current": "a password of mallory's", "new": "mallory has taken over"}))
	}, audit.StepUpRefused, audit.StepUpRefused)
	h.harmless("naming another session in the body", func() {
		h.refused("session id", 422, "invalid_request", h.post("/v1/step-up", mallory.text("session_token"),
			map[string]any{"password": "a password of mallory's", "session": ada.session(), "id": ada.session(), "user": ada.user()}))
		h.refused("the device of somebody else", 404, "not_found", h.visit(visit{method: "DELETE", path: "/v1/sessions/" + ada.session(), bearer: mallory.text("session_token")}))
	})
	// The header decides over the cookie: only the session in the header is stepped up.
	a := h.must(200, h.visit(visit{method: "POST", path: "/v1/step-up", bearer: mallory.text("session_token"), cookie: cookieOf(ada.text("session_token")),
		body: map[string]any{"password": "a password of mallory's"}}))
	if a.session() != mallory.session() || a.cookie("tandem_session") != "" {
		t.Errorf("stepped up %s and set a cookie: %q", a.session(), a.cookie("tandem_session"))
	}
	h.must(200, h.get("/v1/session", ada.text("session_token")))
}

// TestDuplicateCookies: which of two is the user's cannot be told, so neither counts, at the server and behind the SDK.
func TestDuplicateCookies(t *testing.T) {
	h := furnish(t, nil)
	guarded := h.guard(h.follow())
	ada, mallory := h.signUp("ada@example.com", "").text("session_token"), h.signUp("mallory@example.com", "").text("session_token")
	h.harmless("duplicate cookies", func() {
		for _, cookies := range []string{
			cookieOf(ada) + "; " + cookieOf(mallory), cookieOf(mallory) + "; " + cookieOf(ada), cookieOf(ada) + "; " + cookieOf(ada),
			cookieOf(ada) + ";" + cookieOf(mallory), cookieOf(ada) + "; tandem_session=", "tandem_session=; " + cookieOf(ada),
			`tandem_session="` + mallory + `"; ` + cookieOf(ada), cookieOf(ada) + "; tandem_session =" + mallory,
		} {
			for _, route := range []string{"GET /v1/session", "GET /v1/me", "POST /v1/session/token", "POST /v1/sign-out", "GET /v1/admin/users"} {
				v := visit{cookie: cookies}
				v.method, v.path, _ = strings.Cut(route, " ")
				h.refused(route+" with "+strings.NewReplacer(ada, "A", mallory, "M").Replace(cookies), 400, "invalid_request", h.visit(v))
			}
			if a := h.at(guarded, visit{method: "GET", path: "/", cookie: cookies}); a.Code == 200 && a.text("sub") == h.get("/v1/session", mallory).user() {
				t.Errorf("the SDK takes the planted one of %s", strings.NewReplacer(ada, "A", mallory, "M").Replace(cookies))
			}
		}
	})
	h.harmless("two cookies behind the SDK", func() {
		h.refused("two", 400, "invalid_request", h.at(guarded, visit{method: "GET", path: "/", cookie: cookieOf(ada) + "; " + cookieOf(mallory)}))
	})
}

// TestLookAlikeCookies sends cookies that a sibling host could plant to a server on https: only __Host- counts.
func TestLookAlikeCookies(t *testing.T) {
	const issuer = "https://auth.example.com"
	server, err := Open(t.Context(), Config{Store: "memory", Issuer: issuer}, WithLogger(slog.New(slog.DiscardHandler)), cheaply)
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	h := &house{installation: &installation{TB: t, server: server, url: issuer}}
	inProcess := func(v visit) answer {
		v.from = "192.0.2.1:1"
		return h.visit(v)
	}
	a := inProcess(visit{method: "POST", path: "/v1/sign-up", body: map[string]any{"email": "ada@example.com", "password": password}})
	token := a.cookie("__Host-tandem_session")
	if token == "" {
		t.Fatalf("no __Host- cookie: %d %v", a.Code, a.Header)
	}
	for _, set := range a.Header.Values("Set-Cookie") {
		for _, must := range []string{"Secure", "HttpOnly", "SameSite=Lax", "Path=/"} {
			if !strings.Contains(set, must) || strings.Contains(set, "Domain") {
				t.Errorf("a cookie is set without %s or with a domain", must)
			}
		}
	}
	app := h.operate("POST", "/v1/admin/apps", map[string]any{"name": "api", "kind": "resource"})
	v, err := verify.New(t.Context(), verify.Config{Issuer: issuer, Audience: issuer, ClientID: app.in("app").text("id"), ClientSecret: app.text("client_secret"),
		HTTPClient: &http.Client{Transport: served{server}}, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	guarded := v.Protect(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "{}") }))
	behind := func(cookies string) int {
		w, r := httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil)
		r.Header.Set("Cookie", cookies)
		guarded.ServeHTTP(w, r)
		return w.Code
	}
	real := "__Host-tandem_session=" + token
	if a := inProcess(visit{method: "GET", path: "/v1/session", cookie: real}); a.Code != 200 || behind(real) != 200 {
		t.Fatalf("the real cookie: %d at the server, %d behind the SDK", a.Code, behind(real))
	}
	h.harmless("look-alike cookies", func() {
		for _, name := range []string{"tandem_session", "__Secure-tandem_session", "__host-tandem_session", "__HOST-tandem_session", "__Host-Tandem_Session",
			"__Host-tandem_session.", "_Host-tandem_session", "__Host-tandem-session", "Host-tandem_session", "$__Host-tandem_session"} {
			one := name + "=" + token
			h.refused(name, 401, "unauthenticated", inProcess(visit{method: "GET", path: "/v1/session", cookie: one}))
			if name != "__Secure-tandem_session" && behind(one) != 401 {
				t.Errorf("%s opens a guarded handler", name)
			}
		}
	})
	if code := behind("__Secure-tandem_session=tds_x; " + real); code != 200 {
		t.Errorf("a look-alike beside the real cookie shuts its user out: %d", code)
	}
}

// served carries requests to a handler without a network.
type served struct{ h http.Handler }

func (s served) RoundTrip(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	r.RemoteAddr = "127.0.0.1:1"
	s.h.ServeHTTP(w, r)
	return w.Result(), nil
}
