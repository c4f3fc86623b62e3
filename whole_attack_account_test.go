package tandem

import (
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"tandem.example/tandem/internal/audit"
)

// told is all that an answer says, with the address that was asked about left out.
func told(p shown, email string) string {
	h := p.header.Clone()
	for _, name := range []string{"Date", "X-Request-Id", "Set-Cookie", "Content-Length"} {
		h.Del(name)
	}
	var b strings.Builder
	b.WriteString(p.path + " " + http.StatusText(p.code) + "\n")
	for _, name := range slices.Sorted(maps.Keys(h)) {
		b.WriteString(name + ": " + strings.Join(h[name], ", ") + "\n")
	}
	for _, one := range (&http.Response{Header: p.header}).Cookies() {
		b.WriteString("cookie " + one.Name + "\n")
	}
	return b.String() + strings.ReplaceAll(p.body, email, "somebody")
}

// TestPagesTellNothingOfAccounts: whether there is an account, whether it is locked, verified, has a password or a second
// factor cannot be told from any answer, nor from the hashes, the mails and the audit entries that it costs. (The
// message alone differs, and only its reader sees it.)
func TestPagesTellNothingOfAccounts(t *testing.T) {
	quiet(t, func(c *Config) { c.Limits.Disabled = true }, func(t *testing.T, h *house) {
		h.guest(home).enrol("ada@example.com")
		h.guest(home).enrol("two@example.com").addTOTP()
		h.person("raw@example.com")
		h.guest(home).enrol("off@example.com")
		for _, one := range h.facts().Users {
			if one.Email == "off@example.com" {
				h.must(200, h.operate("PATCH", "/v1/admin/users/"+string(one.ID), map[string]any{"status": "locked"}))
			}
		}
		h.must(201, h.operate("POST", "/v1/admin/users", map[string]any{"email": "bare@example.com"}))
		people := []string{"none@example.com", "ada@example.com", "two@example.com", "raw@example.com", "off@example.com", "bare@example.com"}
		for _, way := range [][]string{
			{"/sign-in", "/sign-in/password", "/sign-in/code/send", "/sign-in/code", "/sign-in/passkey/options"},
			{"/recover", "/sign-in/code", "/sign-in/code/send", "/sign-in/code"},
			{"/sign-up", "/sign-in/code", "/sign-in/code/send", "/sign-in/code"},
		} {
			var first []string
			for _, email := range people {
				var answers []string
				h.harmless(way[0]+" "+email, func() {
					b := h.guest(strange)
					for i, path := range way {
						hashes, mails, entries := h.hashed(), h.letters(email), len(h.trail())
						p := b.post(path, "email", email, "password", "wrong "+password, "code", "000000")
						text := told(p, email)
						if strings.HasSuffix(path, "options") { // a challenge is never the same
							text = http.StatusText(p.code) + strings.Join(slices.Sorted(maps.Keys(h.decode(p.code, p.header, strings.NewReader(p.body)).Body)), " ")
						}
						answers = append(answers, text)
						if i == 0 {
							if hashes != h.hashed() || len(h.trail()) != entries {
								t.Errorf("%s: looked before anything was to be proven", email)
							}
						}
						cost := []int{int(h.hashed() - hashes), h.letters(email) - mails, len(h.trail()) - entries}
						wanted := map[string][]int{"/sign-in": {0, 0, 0}, "/recover": {0, 1, 0}, "/sign-up": {0, 1, 0}, "/sign-in/password": {1, 0, 1},
							"/sign-in/code/send": {0, 1, 0}, "/sign-in/code": {0, 0, 1}, "/sign-in/passkey/options": {0, 0, 0}}[path]
						if !slices.Equal(cost, wanted) {
							t.Errorf("%s %s: cost %v hashes, mails and entries, want %v for everybody", path, email, cost, wanted)
						}
					}
				}, slices.Repeat([]audit.Type{audit.SignInRefused}, 2)...)
				if first == nil {
					first = answers
				}
				for i := range answers {
					if answers[i] != first[i] {
						t.Errorf("%s %s:\n%s\nnobody:\n%s", way[i], email, answers[i], first[i])
					}
				}
			}
		}
	})
}

// TestPreparedAccount: somebody registers with the address of another and leaves behind all that a session can: the
// session, tokens, a passkey, one-time codes, recovery codes, a remembered device, attempts that wait. Once the owner
// of the address has come, by whichever way, nothing of it is worth anything.
func TestPreparedAccount(t *testing.T) {
	for _, way := range []string{"/sign-up", "/recover", "/sign-in"} {
		t.Run(way[1:], func(t *testing.T) {
			quiet(t, func(c *Config) {
				c.Limits.Disabled = true
				c.SignIn.Methods = []string{"password", "passkey", "email_code"}
			}, func(t *testing.T, h *house) {
				mallory := h.must(201, h.visit(visit{method: "POST", path: "/v1/sign-up", from: strange,
					body: map[string]any{"email": "ada@example.com", "password": password, "delivery": "body"}}))
				b := h.guest(strange)
				b.jar["tandem_session"] = mallory.text("session_token")
				key, phone := b.addPasskey(), b.addTOTP()
				time.Sleep(time.Minute)
				back := h.guest(strange)
				back.password("ada@example.com", password)
				back.at(back.post("/sign-in/totp", "code", phone.code(0), "remember", "1"), 200, "/account")
				if back.jar["tandem_remembered"] == "" {
					t.Fatal("the device is not remembered")
				}
				// An attempt to move the account to another address, one to prove oneself again, and one that has got as far as
				// the second factor.
				moving, stepping, waiting := b.twin(), b.twin(), h.guest(strange)
				moving.at(moving.post("/account/email", "email", "mallory@example.com"), 200, "/sign-in/code")
				code, _ := h.code("mallory@example.com")
				stepping.get("/step-up")
				waiting.at(waiting.password("ada@example.com", password), 200, "/sign-in/totp")
				access := h.must(200, h.visit(visit{method: "POST", path: "/v1/session/token", from: strange, bearer: b.session()})).text("access_token")

				owner := h.guest(home)
				owner.post(way, "email", "ada@example.com")
				if way == "/sign-in" {
					owner.at(owner.post("/sign-in/code/send"), 200, "/sign-in/code")
				}
				own, _ := h.code("ada@example.com")
				p := owner.post("/sign-in/code", "code", own)
				if p.path == "/sign-in/choose" {
					p = owner.post("/sign-in/choose", "name", "", "password", "owner "+password)
				}
				owner.at(p, 200, "/account")

				time.Sleep(time.Minute)
				for what, one := range map[string]*guest{"the session": b, "the remembered device's session": back} {
					one.at(one.get("/account"), 200, "/sign-in")
					if one.session() != "" {
						t.Errorf("%s lives", what)
					}
				}
				h.refused("the access token", 401, "session_ended", h.visit(visit{method: "GET", path: "/v1/session", from: strange, bearer: access}))
				moving.jar, stepping.jar = maps.Clone(moving.jar), maps.Clone(stepping.jar)
				for what, p := range map[string]shown{
					"moving to another address": moving.post("/sign-in/code", "code", code),
					"stepping up":               stepping.post("/sign-in/password", "password", password),
					"going on to the factor":    waiting.post("/sign-in/totp", "code", phone.code(0)),
					"by the recovery code":      waiting.post("/sign-in/recovery-code", "code", phone.recovery[0]),
				} {
					if p.code != http.StatusGone {
						t.Errorf("%s: %d %s", what, p.code, p.path)
					}
				}
				fresh := h.guest(strange)
				fresh.jar["tandem_remembered"] = back.jar["tandem_remembered"]
				fresh.at(fresh.password("ada@example.com", password), 422, "/sign-in/password")
				fresh.at(fresh.get("/sign-in?again"), 200, "/sign-in")
				options := fresh.post("/sign-in/passkey/options").body
				fresh.at(fresh.post("/sign-in/passkey", "response", key.get(options)), 422, "/sign-in/passkey")
				// And the owner is asked for nothing that the other has set up, nor shown it.
				if page := owner.at(owner.get("/account/security"), 200, "/account/security").body; strings.Contains(page, "pky_") || strings.Contains(page, "codes are left") {
					t.Errorf("the owner has what another set up: %s", page)
				}
				if user := h.facts().Users[0]; user.Email != "ada@example.com" || !user.EmailVerified {
					t.Errorf("the account is of %s", user.Email)
				}
			})
		})
	}
}

// TestRememberedDevice: the cookie that spares a device the second factor counts for one user, as long as they change
// neither password nor factors and the policy says so, and for nothing but the second factor.
func TestRememberedDevice(t *testing.T) {
	quiet(t, func(c *Config) { c.Limits.Disabled = true }, func(t *testing.T, h *house) {
		h.must(201, h.operate("POST", "/v1/admin/apps", map[string]any{"name": "strict", "mode": "hybrid", "sign_in": map[string]any{"remember": "0s"}}))
		ada, mallory := h.guest(home).enrol("ada@example.com"), h.guest(strange).enrol("mallory@example.com")
		phone, other := ada.addTOTP(), mallory.addTOTP()
		time.Sleep(time.Minute)
		remembered := func(email string, a *authenticator) string {
			b := h.guest(home)
			b.password(email, password)
			b.at(b.post("/sign-in/totp", "code", a.code(0), "remember", "1"), 200, "/account")
			return b.jar["tandem_remembered"]
		}
		mine, theirs := remembered("ada@example.com", phone), remembered("mallory@example.com", other)
		spared := func(cookie, word string) bool {
			b := h.guest(strange)
			b.jar["tandem_remembered"] = cookie
			p := b.password("ada@example.com", word)
			a := h.visit(visit{method: "POST", path: "/v1/sign-in", from: strange, cookie: "tandem_remembered=" + cookie,
				body: map[string]any{"email": "ada@example.com", "password": word}})
			if (a.Code == 200) != (p.path == "/account") {
				t.Errorf("the API answers %d, the page %s", a.Code, p.path)
			}
			return p.path == "/account"
		}
		if !spared(mine, password) {
			t.Error("the device is not remembered")
		}
		at, mac, _ := strings.Cut(mine, ".")
		_, foreign, _ := strings.Cut(theirs, ".")
		for what, cookie := range map[string]string{"another user's": theirs, "none": "", "another user's proof": at + "." + foreign, "a later time": "zzzzzz." + mac,
			"no proof": at + ".", "no time": "." + mac, "half a proof": at + "." + mac[:20], "a session": ada.session()} {
			if spared(cookie, password) {
				t.Errorf("%s spares the second factor", what)
			}
		}
		b := h.guest(strange)
		b.jar["tandem_remembered"] = mine
		b.at(b.password("ada@example.com", "wrong "+password), 422, "/sign-in/password")
		b.at(b.get("/sign-in?app=strict&again"), 200, "/sign-in")
		b.at(b.post("/sign-in", "app", "strict", "email", "ada@example.com"), 200, "/sign-in/password")
		b.at(b.post("/sign-in/password", "password", password), 200, "/sign-in/totp")
		// A change of the password makes it worthless.
		time.Sleep(time.Minute)
		h.must(200, h.visit(visit{method: "POST", path: "/v1/me/password", from: home, bearer: ada.session(), body: map[string]any{"current": password, "new": "new " + password}}))
		if spared(mine, "new "+password) {
			t.Error("a device that was remembered before the password was changed is spared the second factor")
		}
	})
}
