package tandem

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"tandem.example/tandem/internal/audit"
)

// quiet is still, for a house whose messages can be read.
func quiet(t *testing.T, change func(*Config), test func(*testing.T, *house)) {
	mails := &heap{}
	still(t, change, func(t *testing.T, h *house) {
		h.mails = mails
		test(t, h)
	}, WithMailTo(mails))
}

// elsewhere is an address that nobody else has.
func elsewhere(i int) string { return fmt.Sprintf("203.0.113.%d:%d", i%250+1, i+1) }

// wrong is a code other than the right one.
func wrong(right string) string {
	if right[0] == '9' {
		return "0" + right[1:]
	}
	return "9" + right[1:]
}

// guessing counts what became of guesses at a code on pages.
type guessing struct{ in, wrong, tries, later, other atomic.Int64 }

func (c *guessing) add(p shown) {
	switch {
	case p.code == 200 && p.path == "/account":
		c.in.Add(1)
	case p.code == 422 && strings.Contains(p.body, "is wrong or was used already"):
		c.wrong.Add(1)
	case p.code == 422:
		c.tries.Add(1)
	case p.code == 429:
		c.later.Add(1)
	default:
		c.other.Add(1)
	}
}

func (c *guessing) String() string {
	return fmt.Sprintf("%d in, %d wrong, %d of a code that is used up, %d told to wait, %d other", c.in.Load(), c.wrong.Load(), c.tries.Load(), c.later.Load(), c.other.Load())
}

// TestMailedCodeIsGuessedFiveTimes: a hundred guesses at once at the code of one attempt, from as many addresses. The
// right code is worth nothing after them; a new one is.
func TestMailedCodeIsGuessedFiveTimes(t *testing.T) {
	quiet(t, func(c *Config) { c.Limits = limited(1000, 1000) }, func(t *testing.T, h *house) {
		h.guest(home).enrol("ada@example.com")
		b := h.guest(strange)
		b.at(b.post("/sign-in", "email", "ada@example.com"), 200, "/sign-in/password")
		b.at(b.post("/sign-in/code/send"), 200, "/sign-in/code")
		code, _ := h.code("ada@example.com")
		h.harmless("guesses", func() {
			var count guessing
			all := make([]func(), 100)
			for i := range all {
				one := b.twin()
				one.from = elsewhere(i)
				all[i] = func() { count.add(one.post("/sign-in/code", "code", fmt.Sprintf("%06d", (i*7919+1)%1_000_000))) }
			}
			together(all...)
			if count.wrong.Load() != 5 || count.tries.Load() != 95 {
				t.Errorf("%v: want 5 guesses", &count)
			}
			count.add(b.post("/sign-in/code", "code", code))
			if count.in.Load() != 0 {
				t.Error("the right code is taken after too many guesses")
			}
		}, slices.Repeat([]audit.Type{audit.SignInRefused}, 5)...)
		b.at(b.post("/sign-in/code/send"), 200, "/sign-in/code")
		code, _ = h.code("ada@example.com")
		b.at(b.post("/sign-in/code", "code", code), 200, "/account")
	})
}

// TestSecondFactorIsGuessedTenTimes: whoever knows the password has ten guesses an hour at the second factor, however
// many attempts they begin, whichever way they go in, and whether they guess one-time codes or recovery codes. The owner,
// at home, has guesses left.
func TestSecondFactorIsGuessedTenTimes(t *testing.T) {
	quiet(t, func(c *Config) { c.Limits = limited(1000, 1000) }, func(t *testing.T, h *house) {
		ada := h.guest(home).enrol("ada@example.com").addTOTP()
		time.Sleep(time.Minute) // the code that was used is dead
		guesses := make([]*guest, 25)
		for i := range guesses {
			guesses[i] = h.guest(elsewhere(i))
			guesses[i].at(guesses[i].password("ada@example.com", password), 200, "/sign-in/totp")
		}
		guess := func() *guessing {
			var count guessing
			all := make([]func(), 100)
			for i := range all {
				one := guesses[i/4].twin()
				all[i] = func() {
					switch i % 4 {
					case 0, 1:
						count.add(one.post("/sign-in/totp", "code", wrong(ada.code(0))))
					case 2:
						count.add(one.post("/sign-in/recovery-code", "code", "aaaa-bbbb-cccc-dddd"))
					default:
						a := h.visit(visit{method: "POST", path: "/v1/sign-in", from: one.from, body: map[string]any{
							"email": "ada@example.com", "password": password, "totp": wrong(ada.code(0))}})
						count.add(shown{code: map[int]int{401: 422, 429: 429}[a.Code], body: "is wrong or was used already"})
					}
				}
			}
			together(all...)
			return &count
		}
		h.harmless("guesses", func() {
			if count := guess(); count.wrong.Load() != 10 || count.later.Load() != 90 {
				t.Errorf("%v: want 10 guesses", count)
			}
			if p := guesses[0].post("/sign-in/totp", "code", ada.code(0)); p.path == "/account" {
				t.Error("the right code is taken after too many guesses")
			}
			time.Sleep(6 * time.Minute)
			if count := guess(); count.wrong.Load() != 1 {
				t.Errorf("%v: want the one guess that was won back", count)
			}
		}, slices.Repeat([]audit.Type{audit.SignInRefused}, 11)...)
		owner := h.guest(home) // from where ada has signed in before
		owner.at(owner.password("ada@example.com", password), 200, "/sign-in/totp")
		owner.at(owner.post("/sign-in/totp", "code", ada.code(0)), 200, "/account")
	})
}

// TestAttemptHasFiveGuessesAtASecondFactor, without any limit over time.
func TestAttemptHasFiveGuessesAtASecondFactor(t *testing.T) {
	quiet(t, func(c *Config) { c.Limits.Disabled = true }, func(t *testing.T, h *house) {
		ada := h.guest(home).enrol("ada@example.com").addTOTP()
		time.Sleep(time.Minute)
		b := h.guest(strange)
		b.at(b.password("ada@example.com", password), 200, "/sign-in/totp")
		h.harmless("guesses", func() {
			var count guessing
			all := make([]func(), 50)
			for i := range all {
				one := b.twin()
				all[i] = func() {
					if i%2 == 0 {
						count.add(one.post("/sign-in/totp", "code", wrong(ada.code(0))))
					} else {
						count.add(one.post("/sign-in/recovery-code", "code", "aaaa-bbbb-cccc-dddd"))
					}
				}
			}
			together(all...)
			if count.wrong.Load() != 5 || count.tries.Load() != 45 {
				t.Errorf("%v: want 5 guesses", &count)
			}
			if p := b.post("/sign-in/totp", "code", ada.code(0)); p.path == "/account" {
				t.Error("the right code is taken after too many guesses")
			}
		}, slices.Repeat([]audit.Type{audit.SignInRefused}, 5)...)
	})
}

// TestCodeIsReplayed: of twenty who send the same good code at once, one gets in; and nobody does later, on no way.
func TestCodeIsReplayed(t *testing.T) {
	for _, kind := range []string{"totp", "recovery-code"} {
		t.Run(kind, func(t *testing.T) {
			quiet(t, func(c *Config) { c.Limits.Disabled = true }, func(t *testing.T, h *house) {
				owner := h.guest(home).enrol("ada@example.com")
				ada := owner.addTOTP()
				time.Sleep(time.Minute)
				code := ada.code(0)
				if kind != "totp" {
					code = ada.recovery[3]
				}
				all, crowd := make([]func(), 20), make([]*guest, 20)
				var count guessing
				var mu sync.Mutex
				sessions := map[string]bool{}
				for i := range all {
					one := h.guest(elsewhere(i))
					one.at(one.password("ada@example.com", password), 200, "/sign-in/totp")
					crowd[i] = one
					all[i] = func() {
						count.add(one.post("/sign-in/"+kind, "code", code))
						mu.Lock()
						defer mu.Unlock()
						if one.session() != "" {
							sessions[one.session()] = true
						}
					}
				}
				together(all...)
				if count.in.Load() != 1 || count.wrong.Load() != 19 || len(sessions) != 1 {
					t.Fatalf("%v and %d sessions: want one", &count, len(sessions))
				}
				h.harmless("replay", func() {
					for _, one := range crowd {
						if one.session() == "" {
							one.at(one.post("/sign-in/"+kind, "code", code), 422, "/sign-in/"+kind)
							break
						}
					}
					name := strings.ReplaceAll(kind, "-", "_")
					a := h.visit(visit{method: "POST", path: "/v1/sign-in", from: strange, body: map[string]any{"email": "ada@example.com", "password": password, name: code}})
					if a.Code != http.StatusUnauthorized {
						t.Errorf("by the API: %d %v", a.Code, a.Body)
					}
					a = h.visit(visit{method: "POST", path: "/v1/step-up", from: strange, bearer: owner.session(), body: map[string]any{"password": password, name: code}})
					if a.Code != http.StatusUnauthorized {
						t.Errorf("to step up: %d %v", a.Code, a.Body)
					}
				}, audit.SignInRefused, audit.SignInRefused, audit.StepUpRefused)
			})
		})
	}
}

// TestPrefetchedLink: programs that look at mailed links ahead of people, as often as they like, neither use the link up
// nor learn anything; and it is of use in the browser that asked for it alone.
func TestPrefetchedLink(t *testing.T) {
	quiet(t, func(c *Config) { c.Limits.Disabled = true }, func(t *testing.T, h *house) {
		h.guest(home).enrol("ada@example.com")
		b := h.guest(strange)
		b.at(b.post("/recover", "email", "ada@example.com"), 200, "/sign-in/code")
		_, link := h.code("ada@example.com")
		h.harmless("prefetching", func() {
			for range 20 {
				for _, who := range []*guest{b.twin(), h.guest(abroad)} {
					for _, method := range []string{http.MethodGet, http.MethodHead} {
						if p := who.ask(method, "/link?token="+link, nil); p.code != 200 || p.path != "/link" || who.session() != "" {
							t.Fatalf("%s: %d %s", method, p.code, p.path)
						}
					}
				}
			}
			other := h.guest(abroad)
			if p := other.post("/link", "token", link); p.code != http.StatusGone || other.session() != "" {
				t.Errorf("in another browser: %d", p.code)
			}
			other.at(other.post("/recover", "email", "ada@example.com"), 200, "/sign-in/code") // with an attempt of its own, too
			other.at(other.post("/link", "token", link), 422, "/link")
		}, audit.SignInRefused)
		b.at(b.post("/link", "token", link), 200, "/sign-in/choose")
		b.at(b.post("/sign-in/choose", "password", "new "+password), 200, "/account")
	})
}

// TestHostOfMailedLinks: whatever host a request names, the mail leads to the issuer.
func TestHostOfMailedLinks(t *testing.T) {
	quiet(t, func(c *Config) { c.Limits.Disabled = true }, func(t *testing.T, h *house) {
		h.guest(home).enrol("ada@example.com")
		for name, value := range map[string]string{"Host": "evil.example", "X-Forwarded-Host": "evil.example", "X-Host": "evil.example", "X-Original-Host": "evil.example",
			"X-Forwarded-Server": "evil.example", "Forwarded": "host=evil.example", "X-Forwarded-Prefix": "//evil.example", "Referer": "https://evil.example/"} {
			for _, way := range []string{"/recover", "/sign-up", "/sign-in"} {
				email := map[string]string{"/sign-up": "new@example.com"}[way]
				if email == "" {
					email = "ada@example.com"
				}
				b, before := h.guest(strange), h.letters(email)
				b.header = map[string]string{name: value}
				b.post(way, "email", email)
				if way == "/sign-in" {
					b.post("/sign-in/code/send")
				}
				if h.letters(email) != before+1 {
					t.Errorf("%s with %s: nothing was mailed", way, name)
				}
				if text := h.letter(email, ""); strings.Contains(text, "evil") || !strings.Contains(text, h.server.Issuer()+"/link?token=") {
					t.Errorf("%s with %s: the mail says\n%s", way, name, text)
				}
			}
		}
	})
}
