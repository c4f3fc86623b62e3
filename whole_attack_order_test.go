package tandem

import (
	"slices"
	"strings"
	"testing"
	"time"

	"tandem.example/tandem/internal/secret"
	"tandem.example/tandem/internal/signin"
)

// stand is a place at which an attempt can be left.
type stand struct {
	name  string
	asked []string // the routes that may go on from there
	reach func(t *testing.T, h *house, ada *authenticator) *guest
}

// stands are attempts of every purpose at every step. Ada has a password and a second factor.
var stands = []stand{
	{"nothing", nil, func(_ *testing.T, h *house, _ *authenticator) *guest { return h.guest(strange) }},
	{"signing in, nobody named", []string{"/sign-in/passkey"}, func(_ *testing.T, h *house, _ *authenticator) *guest {
		b := h.guest(strange)
		b.at(b.get("/sign-in"), 200, "/sign-in")
		return b
	}},
	{"signing in, before the password", []string{"/sign-in/password", "/sign-in/code", "/sign-in/passkey"}, func(_ *testing.T, h *house, _ *authenticator) *guest {
		b := h.guest(strange)
		b.at(b.post("/sign-in", "email", "ada@example.com"), 200, "/sign-in/password")
		return b
	}},
	{"signing in, before the second factor", []string{"/sign-in/totp", "/sign-in/recovery-code"}, func(_ *testing.T, h *house, _ *authenticator) *guest {
		b := h.guest(strange)
		b.at(b.password("ada@example.com", password), 200, "/sign-in/totp")
		return b
	}},
	{"signing in where a factor has to be set up", []string{"/sign-in/enrol/totp", "/sign-in/enrol/passkey"}, func(_ *testing.T, h *house, _ *authenticator) *guest {
		b := h.guest(strange)
		b.at(b.get("/sign-in?app=vault"), 200, "/sign-in")
		b.at(b.post("/sign-in", "app", "vault", "email", "new@example.com"), 200, "/sign-in/password")
		b.at(b.post("/sign-in/password", "password", password), 200, "/sign-in/enrol")
		return b
	}},
	{"signing up, before the code", []string{"/sign-in/code"}, func(_ *testing.T, h *house, _ *authenticator) *guest {
		b := h.guest(strange)
		b.at(b.post("/sign-up", "email", "newest@example.com"), 200, "/sign-in/code")
		return b
	}},
	{"recovering, before the code", []string{"/sign-in/code"}, func(_ *testing.T, h *house, _ *authenticator) *guest {
		b := h.guest(strange)
		b.at(b.post("/recover", "email", "ada@example.com"), 200, "/sign-in/code")
		return b
	}},
	{"recovering, before the second factor", []string{"/sign-in/totp", "/sign-in/recovery-code"}, func(_ *testing.T, h *house, _ *authenticator) *guest {
		b := h.guest(strange)
		b.at(b.post("/recover", "email", "ada@example.com"), 200, "/sign-in/code")
		code, _ := h.code("ada@example.com")
		b.at(b.post("/sign-in/code", "code", code), 200, "/sign-in/totp")
		return b
	}},
	{"stepping up", []string{"/sign-in/password"}, func(t *testing.T, h *house, ada *authenticator) *guest { return steppingUp(t, h, ada) }},
	{"stepping up, before the second factor", []string{"/sign-in/totp", "/sign-in/recovery-code"}, func(t *testing.T, h *house, ada *authenticator) *guest {
		b := steppingUp(t, h, ada)
		b.at(b.post("/sign-in/password", "password", password), 200, "/sign-in/totp")
		return b
	}},
	{"verifying an address", []string{"/sign-in/code"}, func(_ *testing.T, h *house, _ *authenticator) *guest {
		b := h.guest(strange)
		b.password("new@example.com", password)
		b.at(b.post("/account/email/verify"), 200, "/sign-in/code")
		return b
	}},
	{"adding one-time codes", []string{"/sign-in/enrol/totp"}, func(_ *testing.T, h *house, _ *authenticator) *guest {
		b := h.guest(strange)
		b.password("new@example.com", password)
		b.at(b.post("/account/totp/begin"), 200, "/account/totp")
		return b
	}},
}

// steppingUp is somebody with a session of two factors, who begins to prove both again.
func steppingUp(t *testing.T, h *house, ada *authenticator) *guest {
	t.Helper()
	b := h.guest(strange)
	b.at(b.password("ada@example.com", password), 200, "/sign-in/totp")
	b.at(b.post("/sign-in/totp", "code", ada.code(0)), 200, "/account")
	time.Sleep(time.Minute) // the code that was used is dead
	b.at(b.get("/step-up"), 200, "/sign-in/password")
	return b
}

// TestNoStepIsSkipped sends to every route what would be right there, at every step of every kind of attempt. What is not
// asked for changes nothing and opens nothing, however good the proof.
func TestNoStepIsSkipped(t *testing.T) {
	quiet(t, func(c *Config) {
		c.Limits.Disabled = true
		c.SignIn.Methods = []string{"password", "passkey", "email_code"}
	}, func(t *testing.T, h *house) {
		h.must(201, h.operate("POST", "/v1/admin/apps", map[string]any{"name": "vault", "mode": "hybrid", "sign_in": map[string]any{"second_factor": "required"}}))
		ada := h.guest(home).enrol("ada@example.com").addTOTP()
		h.person("new@example.com")
		tried := 0
		for _, s := range stands {
			for _, path := range []string{"/sign-in/password", "/sign-in/code", "/link", "/sign-in/passkey", "/sign-in/totp", "/sign-in/recovery-code", "/sign-in/provider/acme",
				"/sign-in/enrol/totp", "/sign-in/enrol/passkey", "/sign-in/enrol/passkey/options", "/sign-in/choose", "/sign-in/code/send"} {
				if slices.ContainsFunc(s.asked, func(one string) bool {
					return strings.HasPrefix(path, one) || path == "/link" && one == "/sign-in/code"
				}) {
					continue
				}
				time.Sleep(time.Minute)
				b := s.reach(t, h, ada)
				before := b.session()
				mails := h.letters("ada@example.com") + h.letters("new@example.com") + h.letters("newest@example.com")
				h.harmless(s.name+", "+path, func() {
					if path == "/sign-in/enrol/totp" { // whose page does not even ask for a seed
						if _, err := h.server.parts.signin.EnrolTOTP(t.Context(), secret.NewText(b.jar["tandem_attempt"]), signin.Client{}); err == nil {
							t.Errorf("%s: a seed can be had", s.name)
						}
					}
					code := ada.code(0)
					if path == "/sign-in/recovery-code" {
						code = ada.recovery[0]
					}
					if p := b.post(path, "code", code, "password", password, "name", "Mallory", "token", "x", "response", "{}"); p.path == "/account" && before == "" {
						t.Errorf("%s: %s opens the account", s.name, path)
					}
				})
				if b.session() != before {
					t.Errorf("%s: %s gives a session", s.name, path)
				}
				if mails != h.letters("ada@example.com")+h.letters("new@example.com")+h.letters("newest@example.com") {
					t.Errorf("%s: %s sends mail", s.name, path)
				}
				// What was proven stands, and no more: without a session nothing of an account is shown.
				if p := b.get("/account"); before == "" && p.path != "/sign-in" {
					t.Errorf("%s: after %s the account is at %s", s.name, path, p.path)
				}
				tried++
			}
		}
		t.Logf("%d steps out of order", tried)
	})
}

// TestAttemptOfAnotherSession: an attempt that belongs to a session goes on for whoever has that session, and for nobody
// else. A cookie of one that another has begun, planted in a browser or taken from it, is worth nothing there.
func TestAttemptOfAnotherSession(t *testing.T) {
	quiet(t, func(c *Config) { c.Limits.Disabled = true }, func(t *testing.T, h *house) {
		ada, mallory := h.guest(home).enrol("ada@example.com"), h.guest(strange).enrol("mallory@example.com")
		begin := map[string]func(b *guest) (path string, pairs []string){
			"adding one-time codes": func(b *guest) (string, []string) {
				p := b.at(b.post("/account/totp/begin"), 200, "/account/totp")
				phone := &authenticator{TB: t, seed: strings.ReplaceAll(seedForm.FindStringSubmatch(p.body)[1], " ", "")}
				return "/account/totp", []string{"code", phone.code(0)}
			},
			"adding a passkey": func(b *guest) (string, []string) {
				key := b.newPasskey()
				return "/account/passkeys/add", []string{"response", key.create(b.post("/account/passkeys/options").body)}
			},
			"stepping up": func(b *guest) (string, []string) {
				b.get("/step-up")
				return "/sign-in/password", []string{"password", password}
			},
			"moving to another address": func(b *guest) (string, []string) {
				b.at(b.post("/account/email", "email", "moved@example.com"), 200, "/sign-in/code")
				code, _ := h.code("moved@example.com")
				return "/sign-in/code", []string{"code", code}
			},
		}
		for what, of := range begin {
			path, pairs := of(mallory)
			for who, session := range map[string]string{"another user": ada.session(), "nobody": ""} {
				b := h.guest(abroad)
				b.jar["tandem_attempt"] = mallory.jar["tandem_attempt"]
				if session != "" {
					b.jar["tandem_session"] = session
				}
				h.harmless(what+" for "+who, func() {
					b.post(path, pairs...)
					if b.session() != session {
						t.Errorf("%s for %s: has the session of the one who began it", what, who)
					}
				})
			}
			before := len(h.trail())
			// Whoever has set up one-time codes by then has to prove one of these too.
			if p := mallory.post(path, pairs...); len(h.trail()) == before && p.path != "/sign-in/totp" {
				t.Errorf("%s: nothing comes of it for the one who began it either", what)
			}
			time.Sleep(time.Minute)
		}
	})
}
