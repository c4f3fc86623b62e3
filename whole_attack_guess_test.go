package tandem

import (
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"tandem.example/tandem/internal/audit"
	"tandem.example/tandem/internal/config"
)

// still runs a test in fake time against a server without a network, so that limits can be counted exactly.
func still(t *testing.T, change func(*Config), test func(*testing.T, *house), opts ...Option) {
	synctest.Test(t, func(t *testing.T) {
		c := Config{Dev: true, Store: "memory", Issuer: "http://localhost:8484"}
		if change != nil {
			change(&c)
		}
		server, err := Open(t.Context(), c, append(opts, WithLogger(slog.New(slog.DiscardHandler)), cheaply)...)
		if err != nil {
			t.Fatal(err)
		}
		defer func() {
			if err := server.Close(); err != nil {
				t.Error(err)
			}
		}()
		test(t, &house{installation: &installation{TB: t, server: server, url: c.Issuer}})
	})
}

const (
	home    = "192.0.2.10:1"    // where the owner signs in from
	abroad  = "198.51.100.77:1" // where the owner has never been
	strange = "203.0.113.5:1"   // where the attacker sits
)

// person registers somebody through the operator, so that no address of theirs is known yet.
func (h *house) person(email string) string {
	h.Helper()
	return h.must(201, h.operate("POST", "/v1/admin/users", map[string]any{"email": email, "password": password})).text("id")
}

// guess tries to sign in.
func (h *house) guess(from, email, word, cookie string) answer {
	h.Helper()
	return h.visit(visit{method: "POST", path: "/v1/sign-in", from: from, cookie: cookie, body: map[string]any{"email": email, "password": word}})
}

// hashed is how many passwords have been hashed so far.
func (h *house) hashed() uint64 { return h.server.parts.signin.Hasher.Stats().Done }

// TestEnumeration: whether a user exists, is locked, or has no password cannot be told from the answer to a sign-in,
// nor from the work it takes.
func TestEnumeration(t *testing.T) {
	still(t, func(c *Config) { c.Limits.Disabled = true }, func(t *testing.T, h *house) {
		h.person("ada@example.com")
		locked := h.person("locked@example.com")
		h.must(200, h.operate("PATCH", "/v1/admin/users/"+locked, map[string]any{"status": "locked"}))
		h.must(201, h.operate("POST", "/v1/admin/users", map[string]any{"email": "bare@example.com"}))
		h.must(204, h.operate("DELETE", "/v1/admin/users/"+h.person("gone@example.com"), nil))
		var first answer
		tries := 0
		h.harmless("enumeration", func() {
			for _, word := range []string{"wrong " + password, password, "x", string(make([]byte, 1024))} {
				for _, email := range []string{"nobody@example.com", "ada@example.com", "locked@example.com", "bare@example.com", "gone@example.com", "not an address", ""} {
					if email == "ada@example.com" && word == password {
						continue
					}
					before := h.hashed()
					a := h.guess(strange, email, word, "")
					if cost := h.hashed() - before; cost != 1 {
						t.Errorf("%s: %d hashes, want 1 for everybody", email, cost)
					}
					delete(a.Body, "request_id")
					a.Header.Del("X-Request-Id")
					if tries++; tries == 1 {
						first = h.refused(email, 401, "invalid_credentials", a)
					}
					if !reflect.DeepEqual(a, first) {
						t.Errorf("%s: answered %+v, an unknown user %+v", email, a, first)
					}
				}
			}
		}, slices.Repeat([]audit.Type{audit.SignInRefused}, 27)...)
		// The name of a session is no secret: without its token nothing is said of it.
		ada := h.must(200, h.guess(home, "ada@example.com", password, ""))
		dead := h.must(200, h.guess(home, "ada@example.com", password, ""))
		h.must(204, h.visit(visit{method: "POST", path: "/v1/sign-out", from: home, cookie: dead.jar()}))
		for _, id := range []string{ada.session(), dead.session(), "ses_00000000000000000000000000"} {
			made := "tds_" + id[4:] + "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
			h.refused("a session by its name", 401, "invalid_token", h.visit(visit{method: "GET", path: "/v1/session", from: strange, bearer: made}))
		}
	})
}

// attempts guesses in parallel and answers how many were let through to the password, how many were told to wait.
func (h *house) attempts(n int, guess func(i int) answer) (tried, told int) {
	var through, later atomic.Int64
	all := make([]func(), n)
	for i := range all {
		all[i] = func() {
			switch a := guess(i); {
			case a.Code == http.StatusUnauthorized:
				through.Add(1)
			case a.Code == http.StatusTooManyRequests && a.Header.Get("Retry-After") != "" && a.text("code") == "rate_limited":
				later.Add(1)
			default:
				h.Errorf("guess %d: %d %v", i, a.Code, a.Body)
			}
		}
	}
	together(all...)
	return int(through.Load()), int(later.Load())
}

// TestGuessesAreCountedExactly: a hundred guesses at once, at one account from as many addresses (spraying), from one
// address at as many accounts (stuffing), and through a stolen session.
func TestGuessesAreCountedExactly(t *testing.T) {
	limits := config.Limits{SignInPerAccount: 6, SignInPerAddress: 20}
	address := func(i int) string { return fmt.Sprintf("203.0.113.%d:%d", i+1, i+1) }
	for _, c := range []struct {
		name  string
		want  int
		guess func(h *house, i int) answer
		trail audit.Type
	}{
		{"one account", 6, func(h *house, i int) answer { return h.guess(address(i), "ada@example.com", "guess", "") }, audit.SignInRefused},
		{"one account, spelled in many ways", 6, func(h *house, i int) answer {
			return h.guess(address(i), []string{"ada@example.com", "ADA@example.com", " ada@EXAMPLE.com "}[i%3], "guess", "")
		}, audit.SignInRefused},
		{"an account that is not there", 6, func(h *house, i int) answer { return h.guess(address(i), "nobody@example.com", "guess", "") }, audit.SignInRefused},
		{"one address", 20, func(h *house, i int) answer { return h.guess(strange, fmt.Sprintf("p%d@example.com", i), "guess", "") }, audit.SignInRefused},
		{"one address of many ports", 20, func(h *house, i int) answer {
			return h.guess(fmt.Sprintf("203.0.113.5:%d", i+1), fmt.Sprintf("p%d@example.com", i), "guess", "")
		}, audit.SignInRefused},
		{"one network of IPv6", 20, func(h *house, i int) answer {
			return h.guess(fmt.Sprintf("[2001:db8:1:2::%x]:1", i+1), fmt.Sprintf("p%d@example.com", i), "guess", "")
		}, audit.SignInRefused},
	} {
		t.Run(c.name, func(t *testing.T) {
			still(t, func(o *Config) { o.Limits = limits }, func(t *testing.T, h *house) {
				h.person("ada@example.com")
				h.person("p7@example.com")
				h.harmless("guessing", func() {
					before := h.hashed()
					tried, told := h.attempts(100, func(i int) answer { return c.guess(h, i) })
					if cost := int(h.hashed() - before); tried != c.want || told != 100-c.want || cost != c.want {
						t.Errorf("%d tried, %d told to wait, %d hashed: want %d tried", tried, told, cost, c.want)
					}
					// What is won back over time is counted exactly too.
					time.Sleep(time.Minute / time.Duration(c.want))
					if tried, _ := h.attempts(100, func(i int) answer { return c.guess(h, i) }); tried != 1 {
						t.Errorf("%d tried after one was won back", tried)
					}
				}, slices.Repeat([]audit.Type{c.trail}, c.want+1)...)
			})
		})
	}
}

// TestStolenSessionGuessesNoPassword: whoever holds a session has no more guesses at its password than anybody else.
func TestStolenSessionGuessesNoPassword(t *testing.T) {
	still(t, func(c *Config) { c.Limits = limited(6, 1000) }, func(t *testing.T, h *house) {
		h.person("ada@example.com")
		token := h.must(200, h.guess(home, "ada@example.com", password, "")).cookie("tandem_session")
		h.harmless("guessing", func() {
			tried, _ := h.attempts(100, func(i int) answer {
				path := []string{"/v1/step-up", "/v1/me/password"}[i%2]
				return h.visit(visit{method: "POST", path: path, from: strange, bearer: token, body: map[string]any{
					[]string{"password", "current"}[i%2]: "guess"}, header: nil}.with(i%2 == 1, "new", "a long enough password"))
			})
			if tried != 6 {
				t.Errorf("%d tried, want 6", tried)
			}
		}, slices.Repeat([]audit.Type{audit.StepUpRefused}, 6)...)
	})
}

// with adds a member to the body, if wanted.
func (v visit) with(wanted bool, name, value string) visit {
	if body, ok := v.body.(map[string]any); ok && wanted {
		body = maps.Clone(body)
		body[name] = value
		v.body = body
	}
	return v
}

// TestOwnerIsNotLockedOut: while an attacker uses up the guesses at an account, its owner signs in from where they
// have been before, and with a device they have used before.
func TestOwnerIsNotLockedOut(t *testing.T) {
	still(t, func(c *Config) { c.Limits = limited(5, 1000) }, func(t *testing.T, h *house) {
		h.person("ada@example.com")
		device := "tandem_device=" + h.must(200, h.guess(home, "ada@example.com", password, "")).cookie("tandem_device")
		mallory := h.person("mallory@example.com")
		foreign := "tandem_device=" + h.must(200, h.guess(strange, "mallory@example.com", password, "")).cookie("tandem_device")
		attack := func() (tried int) {
			tried, _ = h.attempts(50, func(i int) answer {
				return h.guess(fmt.Sprintf("203.0.113.%d:1", i+1), "ada@example.com", "guess", []string{"", foreign, "tandem_device=" + mallory}[i%3])
			})
			return tried
		}
		if tried := attack(); tried != 5 {
			t.Errorf("%d guesses, want 5: a device of one's own is none of the victim's", tried)
		}
		for range 3 {
			attack()
			h.must(200, h.guess(home, "ada@example.com", password, ""))
			h.must(200, h.guess(abroad, "ada@example.com", password, device))
			if a := h.guess(strange, "ada@example.com", password, ""); a.Code != 429 {
				t.Errorf("a stranger who knows the password gets by the limit: %d", a.Code)
			}
		}
		// Guesses from the owner's own device are bounded as well, and do not use up those from the owner's address.
		tried, _ := h.attempts(50, func(int) answer { return h.guess(abroad, "ada@example.com", "guess", device) })
		if tried != 5 {
			t.Errorf("%d guesses with a stolen device token, want 5", tried)
		}
		h.must(200, h.guess(home, "ada@example.com", password, ""))
	})
}

// TestSpoofedForwardedFor: what a client says of its address counts only if a trusted proxy says it.
func TestSpoofedForwardedFor(t *testing.T) {
	spoof := func(h *house, from string, chain func(i int) string) int {
		tried, _ := h.attempts(60, func(i int) answer {
			return h.visit(visit{method: "POST", path: "/v1/sign-in", from: from, body: map[string]any{"email": fmt.Sprintf("p%d@example.com", i), "password": "guess"},
				header: map[string]string{"X-Forwarded-For": chain(i), "X-Real-Ip": chain(i), "Forwarded": "for=" + chain(i), "X-Client-Ip": chain(i), "True-Client-Ip": chain(i)}})
		})
		return tried
	}
	rotating := func(i int) string { return fmt.Sprintf("198.51.100.%d", i+1) }
	still(t, func(c *Config) { c.Limits = limited(1000, 7) }, func(t *testing.T, h *house) {
		if tried := spoof(h, strange, rotating); tried != 7 {
			t.Errorf("%d guesses from one address that claims to be many, want 7", tried)
		}
		h.person("ada@example.com")
		a := h.visit(visit{method: "POST", path: "/v1/sign-in", from: home, body: map[string]any{"email": "ada@example.com", "password": password},
			header: map[string]string{"X-Forwarded-For": "127.0.0.1"}})
		if ip := a.in("session").text("ip"); ip != "192.0.2.10" {
			t.Errorf("the session is said to come from %s", ip)
		}
	})
	still(t, func(c *Config) { c.Limits = limited(1000, 7); c.TrustedProxies = []string{"10.0.0.0/8"} }, func(t *testing.T, h *house) {
		behind := func(i int) string { return rotating(i) + ", 203.0.113.5" } // the proxy appends the true one
		if tried := spoof(h, "10.0.0.1:1", behind); tried != 7 {
			t.Errorf("%d guesses through a proxy by a client that claims to be many, want 7", tried)
		}
		if tried := spoof(h, strange, behind); tried != 0 {
			t.Errorf("%d more guesses from the same address without the proxy", tried)
		}
		if tried := spoof(h, "10.0.0.1:1", rotating); tried != 60 {
			t.Errorf("%d guesses by 60 clients behind the proxy, want all", tried)
		}
	})
}
