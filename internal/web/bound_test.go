package web_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"tandem.example/tandem/internal/secret"
	"tandem.example/tandem/internal/session"
	"tandem.example/tandem/internal/signin"
)

func TestBoundCookieAttributes(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	c := cookies(t, "https://auth.example.com", "")
	for left, age := range map[time.Duration]string{8 * time.Minute: "465", 40 * time.Second: "30"} {
		h := http.Header{}
		c.SetBound(h, secret.NewText("x"), now, now.Add(left))
		name, attributes := c.BoundTerms()
		want := name + "=x; " + strings.Replace(attributes, "Path=/; ", "Path=/; Max-Age="+age+"; ", 1)
		if got := h.Get("Set-Cookie"); got != want || name != "__Host-tandem_bound" || attributes != "Path=/; HttpOnly; Secure; SameSite=Lax" || h.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %q, want %q", left, got, want)
		}
	}
	h := http.Header{}
	c.ClearSession(h)
	if got := strings.Join(h["Set-Cookie"], "\n"); !strings.Contains(got, "__Host-tandem_bound=; Path=/; Max-Age=0") || !strings.Contains(got, "__Host-tandem_session=; Path=/; Max-Age=0") {
		t.Errorf("cleared by %q", got)
	}
	h = http.Header{}
	cookies(t, "http://localhost:8484", "").ClearSession(h)
	if len(h["Set-Cookie"]) != 1 {
		t.Errorf("without https cleared by %q", h["Set-Cookie"])
	}
}

func TestInvitation(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	view := session.View{Session: session.Session{ExpiresAt: now.Add(time.Hour)}}
	for _, c := range []struct {
		issuer   string
		grant    signin.Grant
		expected string
	}{
		{"https://auth.example.com", signin.Grant{Delivery: signin.Cookie, View: view, Invite: "abc"}, `(ES256 RS256);path="/dbsc/register";challenge="abc"`},
		{"https://example.com/auth/", signin.Grant{Delivery: signin.Cookie, View: view, Invite: "abc"}, `(ES256 RS256);path="/auth/dbsc/register";challenge="abc"`},
		{"https://auth.example.com", signin.Grant{Delivery: signin.Cookie, View: view}, ""},
		{"http://localhost:8484", signin.Grant{Delivery: signin.Cookie, View: view, Invite: "abc"}, ""},
	} {
		h := http.Header{}
		cookies(t, c.issuer, "").Deliver(h, c.grant, now)
		if got := h.Get("Secure-Session-Registration"); got != c.expected {
			t.Errorf("%s, %q: %q", c.issuer, c.grant.Invite, got)
		}
	}
}

func TestFindTheBoundCookie(t *testing.T) {
	t.Parallel()
	c := cookies(t, "https://auth.example.com", "")
	const token, bound = "__Host-tandem_session=tds_x", "__Host-tandem_bound=b"
	for name, r := range map[string]struct{ authorization, cookie, text, bound string }{
		"both cookies":              {"", token + "; " + bound, "tds_x", "b"},
		"the other way round":       {"", bound + "; " + token, "tds_x", "b"},
		"one":                       {"", token, "tds_x", ""},
		"two bound cookies":         {"", token + "; " + bound + "; __Host-tandem_bound=c", "tds_x", ""},
		"one of another name":       {"", token + "; tandem_bound=b", "tds_x", ""},
		"one header":                {"Bearer tds_x~b", "", "tds_x", "b"},
		"a header and a cookie":     {"Bearer tds_x", bound, "tds_x", ""},
		"a header before the other": {"Bearer tds_x~c", token + "; " + bound, "tds_x", "c"},
		"nothing behind the mark":   {"Bearer tds_x~", "", "tds_x", ""},
		"an access token":           {"Bearer eyJ.a~b", bound, "eyJ.a~b", ""},
	} {
		req := httptest.NewRequest("GET", "/", nil)
		if r.authorization != "" {
			req.Header.Set("Authorization", r.authorization)
		}
		if r.cookie != "" {
			req.Header.Set("Cookie", r.cookie)
		}
		found, err := c.Find(req)
		if err != nil || found.Text.Reveal() != r.text || found.Bound.Reveal() != r.bound {
			t.Errorf("%s: %q and %q, %v", name, found.Text.Reveal(), found.Bound.Reveal(), err)
		}
	}
}
