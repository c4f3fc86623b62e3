package web_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"tandem.example/tandem/internal/secret"
	"tandem.example/tandem/internal/web"
)

func TestCookieAttributes(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for _, test := range []struct{ issuer, domain, session, device string }{
		{
			"https://auth.example.com", "",
			"__Host-tandem_session=tds_x; Path=/; Max-Age=3600; HttpOnly; Secure; SameSite=Lax",
			"__Host-tandem_device=dev; Path=/; Max-Age=31536000; HttpOnly; Secure; SameSite=Lax",
		},
		{
			"https://auth.example.com", "example.com",
			"__Secure-tandem_session=tds_x; Path=/; Domain=example.com; Max-Age=3600; HttpOnly; Secure; SameSite=Lax",
			"__Host-tandem_device=dev; Path=/; Max-Age=31536000; HttpOnly; Secure; SameSite=Lax",
		},
		{
			"http://localhost:8484", "",
			"tandem_session=tds_x; Path=/; Max-Age=3600; HttpOnly; SameSite=Lax",
			"tandem_device=dev; Path=/; Max-Age=31536000; HttpOnly; SameSite=Lax",
		},
		{
			"http://127.0.0.1:8484", "",
			"tandem_session=tds_x; Path=/; Max-Age=3600; HttpOnly; SameSite=Lax",
			"tandem_device=dev; Path=/; Max-Age=31536000; HttpOnly; SameSite=Lax",
		},
		{
			"http://[::1]:8484", "",
			"tandem_session=tds_x; Path=/; Max-Age=3600; HttpOnly; SameSite=Lax",
			"tandem_device=dev; Path=/; Max-Age=31536000; HttpOnly; SameSite=Lax",
		},
	} {
		c := cookies(t, test.issuer, test.domain)
		h := http.Header{"Cache-Control": {"public, max-age=60"}}
		c.SetSession(h, secret.NewText("tds_x"), now, now.Add(time.Hour))
		c.SetDevice(h, "dev")
		if got := h["Set-Cookie"]; len(got) != 2 || got[0] != test.session || got[1] != test.device {
			t.Errorf("%s: %q", test.issuer, got)
		}
		if h.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: a cookie may be cached", test.issuer)
		}
		cleared := http.Header{}
		c.ClearSession(cleared)
		line, err := http.ParseSetCookie(cleared.Get("Set-Cookie"))
		if err != nil || line.MaxAge != -1 || line.Value != "" || line.Name != c.Name() || line.Domain != test.domain || line.Path != "/" || line.Secure != c.Secure() {
			t.Errorf("%s: cleared by %q", test.issuer, cleared.Get("Set-Cookie"))
		}
	}
}

func TestCookieOfASessionThatIsOver(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	h := http.Header{}
	cookies(t, "https://auth.example.com", "").SetSession(h, secret.NewText("tds_x"), now, now)
	line, err := http.ParseSetCookie(h.Get("Set-Cookie"))
	if err != nil || line.MaxAge != -1 || line.Value != "" {
		t.Errorf("%q", h.Get("Set-Cookie"))
	}
}

func TestCookiesThatCannotBe(t *testing.T) {
	t.Parallel()
	for _, c := range [][2]string{
		{"http://auth.example.com", ""}, {"http://localhost:8484", "example.com"}, {"ftp://localhost", ""}, {"http://127.0.0.2", ""}, {"http://localhost.example.com", ""}, {"%", ""},
	} {
		if _, err := web.NewCookies(c[0], c[1]); err == nil {
			t.Errorf("issuer %s, domain %q: accepted", c[0], c[1])
		}
	}
}

func TestReadingCookies(t *testing.T) {
	t.Parallel()
	c := cookies(t, "https://auth.example.com", "")
	for line, want := range map[string][2]string{
		"__Host-tandem_session=tds_x; __Host-tandem_device=dev":                                                    {"tds_x", "dev"},
		"__Host-tandem_session=tds_x; __Host-tandem_session=tds_y; __Host-tandem_device=a; __Host-tandem_device=b": {"", ""},
		"__Host-tandem_session=eyJ; tandem_device=dev":                                                             {"", ""},
		"": {"", ""},
	} {
		r := httptest.NewRequest("GET", "/", nil)
		r.Header["Cookie"] = []string{line}
		if got := [2]string{c.Session(r).Reveal(), c.Device(r)}; got != want {
			t.Errorf("%q: %q", line, got)
		}
	}
}

// The session alone is shared with other hosts. What a sibling could plant would be its own: an attempt of somebody else,
// in which a person then proves who they are.
func TestNothingButTheSessionIsShared(t *testing.T) {
	t.Parallel()
	c := cookies(t, "https://auth.example.com", "example.com")
	h, now := http.Header{}, time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	c.SetAttempt(h, secret.NewText("tda_x"), time.Hour)
	c.SetRemembered(h, "r", now, now.Add(time.Hour))
	c.SetDevice(h, "dev")
	for _, text := range h["Set-Cookie"] {
		if line, err := http.ParseSetCookie(text); err != nil || !strings.HasPrefix(line.Name, "__Host-") || line.Domain != "" {
			t.Errorf("%q, %v", text, err)
		}
	}
	r := httptest.NewRequest("GET", "/", nil)
	r.Header.Set("Cookie", "__Secure-tandem_attempt=tda_x; __Secure-tandem_remembered=x; __Secure-tandem_device=x; tandem_attempt=tda_x")
	if c.Attempt(r).Reveal()+c.Remembered(r)+c.Device(r) != "" {
		t.Error("a cookie that a sibling can plant is read")
	}
}
