package tandem

import (
	"strings"
	"testing"
	"time"

	"tandem.example/tandem/internal/session"
)

// TestCopiedCookieOfABoundSession: whoever has copied the cookie of a session that is bound to a device gets to see
// nothing and changes nothing with it, whatever else they know: what the store holds of the key, challenges, and the
// bound cookies of others and of earlier times. They can end the session, and that is all.
func TestCopiedCookieOfABoundSession(t *testing.T) {
	quiet(t, func(c *Config) {
		c.Limits.Disabled, c.Dev, c.Issuer = true, false, "https://auth.example.com"
	}, func(t *testing.T, h *house) {
		h.url = h.server.Issuer()
		ada := h.guest(home).enrol("ada@example.com")
		invite := ada.invite
		ada.bind()
		mallory := h.guest(strange).enrol("mallory@example.com")
		mallory.bind()
		again := h.guest(home)
		again.at(again.password("ada@example.com", password), 200, "/account")
		again.bind()
		early := ada.jar["__Host-tandem_bound"]
		time.Sleep(time.Minute) // past the time in which a session that was just bound is accepted without
		ada.at(ada.get("/account"), 200, "/account")

		view, err := h.server.store.Sessions().Find(t.Context(), session.ID("ses_"+ada.session()[4:30]))
		if err != nil || len(view.Session.Bound.Key) == 0 {
			t.Fatalf("the session is not bound: %v", err)
		}
		bound := map[string]string{"none": "", "another user's": mallory.jar["__Host-tandem_bound"], "of another session": again.jar["__Host-tandem_bound"],
			"the invitation": invite, "the session token": ada.session()}
		for _, text := range spellings("", []byte(view.Session.Bound.Key)) {
			bound["the stored key "+text] = inHeader(text)
		}
		for what, value := range bound {
			thief := h.guest(strange)
			thief.jar["__Host-tandem_session"] = ada.session()
			if value != "" {
				thief.jar["__Host-tandem_bound"] = value
			}
			h.harmless(what, func() {
				for _, path := range []string{"/account", "/account/security", "/account/devices", "/account/history", "/account/password", "/step-up", "/console"} {
					if p := thief.get(path); strings.Contains(p.body, "ada@example.com") || strings.HasPrefix(p.path, "/account") {
						t.Errorf("with %s: %s shows %d %s", what, path, p.code, p.path)
					}
				}
				for _, path := range []string{"/account/name", "/account/totp/begin", "/account/passkeys/options", "/account/password", "/account/email", "/account/devices/end-others"} {
					if p := thief.twin().post(path, "name", "Mallory", "email", "m@example.com", "current", password, "password", "new "+password); p.path != "/sign-in" && p.code != 401 {
						t.Errorf("with %s: %s answers %d %s", what, path, p.code, p.path)
					}
				}
				cookie := "__Host-tandem_session=" + ada.session() + "; __Host-tandem_bound=" + value
				for _, route := range []string{"GET /v1/session", "GET /v1/me", "GET /v1/sessions", "POST /v1/session/token", "POST /v1/step-up"} {
					method, path, _ := strings.Cut(route, " ")
					a := h.visit(visit{method: method, path: path, from: strange, cookie: cookie, header: map[string]string{"Sec-Fetch-Site": "same-origin"}})
					if a.Code != 401 && a.Code != 422 && a.Code != 400 {
						t.Errorf("with %s: %s answers %d %v", what, route, a.Code, a.Body)
					}
				}
			})
		}
		time.Sleep(session.BoundLifetime)
		ada.jar["__Host-tandem_bound"] = early
		ada.at(ada.get("/account"), 200, "/sign-in")
		thief := h.guest(strange)
		thief.jar["__Host-tandem_session"] = ada.session()
		thief.at(thief.post("/sign-out"), 200, "/signed-out")
		if view, err = h.server.store.Sessions().Find(t.Context(), view.Session.ID); err != nil || view.Alive(time.Now()) == nil {
			t.Errorf("the session lives on: %v", err)
		}
	})
}
