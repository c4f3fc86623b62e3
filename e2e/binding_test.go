package e2e

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"tandem.example/tandem/e2e/browser"
	"tandem.example/tandem/e2e/site"
)

// Cookies of a session, as they are named on https.
const (
	heldSession = "__Host-tandem_session"
	heldBound   = "__Host-tandem_bound"
)

const boundPassword = "violet anchor tumbles 93"

// keeper is a browser that can keep keys, in software, since machines that run tests have no chip for it.
func keeper(t *testing.T) *browser.Browser {
	return browser.Start(t, browser.Config{
		Certificates: []string{site.KeyHash()},
		Features:     []string{"DeviceBoundSessions", "EnableBoundSessionCredentialsSoftwareKeysForManualTesting"},
	})
}

// enter signs in by a script on a page of the issuer.
func enter(t *testing.T, s *site.Site, p *browser.Profile) *browser.Tab {
	t.Helper()
	tab := p.Tab(t)
	tab.Visit(s.URL + site.Beside)
	if got := tab.Eval(`fetch("/v1/sign-in", {method: "POST", headers: {"Content-Type": "application/json"},
		body: JSON.stringify({email: "ada@example.com", password: "` + boundPassword + `"})}).then(r => r.status)`); got != 200.0 {
		t.Fatalf("signing in answers %v", got)
	}
	return tab
}

// boundWhoami asks from the page, and answers what came: "200 true" if the session is bound, "401 unbound" and the like.
func boundWhoami(tab *browser.Tab) string {
	said, _ := tab.Eval(`fetch("/v1/session").then(async r => { const b = await r.json(); return r.status + " " + (b.session ? b.session.bound === true : b.reason || b.code); })`).(string)
	return said
}

// ask asks from another machine with nothing but these cookies.
func ask(t *testing.T, s *site.Site, method, path string, cookies ...*browser.Cookie) (int, string) {
	t.Helper()
	at, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Transport: &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: site.Trust()}, DisableKeepAlives: true,
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, network, "127.0.0.1:"+at.Port())
		},
	}}
	r, err := http.NewRequestWithContext(t.Context(), method, s.URL+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range cookies {
		r.AddCookie(&http.Cookie{Name: c.Name, Value: c.Value})
	}
	res, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(body)
}

// lose takes the bound cookie out of the browser, as its end does.
func lose(t *testing.T, s *site.Site, tab *browser.Tab) {
	t.Helper()
	tab.Command("Network.deleteCookies", map[string]any{"name": heldBound, "url": s.URL}, nil)
	if tab.Profile.Cookie(heldBound) != nil {
		t.Fatal("the bound cookie is still there")
	}
}

// A browser binds the session to its device by itself. A copy of its session cookie is refused, while the browser goes on
// and gets itself another bound cookie whenever it has none.
func TestBrowserBindsItsSession(t *testing.T) {
	s := site.Start(t, site.Config{Host: secureHost})
	s.User("ada@example.com", boundPassword)
	device := keeper(t)
	p := device.Profile(t)
	tab := enter(t, s, p)
	tab.Await("the browser to bind its session", func() bool { return p.Cookie(heldBound) != nil })
	if got := boundWhoami(tab); got != "200 true" {
		t.Fatalf("the browser is answered %s", got)
	}
	held, bound := p.Cookie(heldSession), p.Cookie(heldBound)
	if !bound.HTTPOnly || !bound.Secure || bound.SameSite != "Lax" || bound.Path != "/" || strings.HasPrefix(bound.Domain, ".") {
		t.Errorf("the bound cookie was stored as %+v", bound)
	}
	if left := time.Until(time.Unix(int64(bound.Expires), 0)); left > 8*time.Minute || left < 5*time.Minute {
		t.Errorf("the bound cookie lives for %s", left)
	}

	// Requests that were on their way when the session was bound are let through for some seconds.
	tab.Await("a copied session cookie to be refused", func() bool {
		status, _ := ask(t, s, "GET", "/v1/session", held)
		return status == http.StatusUnauthorized
	})
	if status, said := ask(t, s, "GET", "/v1/session", held); status != 401 || !strings.Contains(said, `"unbound"`) {
		t.Errorf("a copied session cookie is answered %d %s", status, said)
	}
	if status, said := ask(t, s, "POST", "/v1/session/token", held); status != 401 {
		t.Errorf("a copied session cookie mints: %d %s", status, said)
	}
	if status, _ := ask(t, s, "GET", "/v1/session", held, bound); status != 200 {
		t.Errorf("both cookies together are answered %d", status)
	}
	thief := device.Profile(t)
	thief.SetCookies(map[string]any{"name": heldSession, "value": held.Value, "url": s.URL, "path": "/", "secure": true, "httpOnly": true})
	stolen := thief.Tab(t)
	stolen.Visit(s.URL + site.Beside)
	if got := boundWhoami(stolen); got != "401 unbound" {
		t.Errorf("a browser with the copied cookie is answered %s", got)
	}

	for range 2 {
		before := p.Cookie(heldBound)
		lose(t, s, tab)
		if got := boundWhoami(tab); got != "200 true" {
			t.Fatalf("without its bound cookie the browser is answered %s", got)
		}
		if after := p.Cookie(heldBound); after == nil || before == nil || after.Value == before.Value {
			t.Errorf("the browser has the bound cookie %v after %v", after, before)
		}
	}

	// The copy opens no page, but it can sign out.
	stolen.Visit(s.URL + "/account")
	if got := stolen.URL(); !strings.HasPrefix(got, s.URL+"/sign-in") {
		t.Errorf("the copied cookie opens %s", got)
	}
	stolen.Visit(s.URL + "/sign-out")
	stolen.Follow("Sign out")
	if got := boundWhoami(tab); got != "401 revoked" {
		t.Errorf("after the copy has signed out, the browser is answered %s", got)
	}
}

// Whoever follows a link from another site is recognised, though the bound cookie has expired meanwhile.
func TestBoundSessionIsFoundByALink(t *testing.T) {
	s := site.Start(t, site.Config{Host: secureHost})
	s.User("ada@example.com", boundPassword)
	p := keeper(t).Profile(t)
	tab := enter(t, s, p)
	tab.Await("the browser to bind its session", func() bool { return p.Cookie(heldBound) != nil })
	held := p.Cookie(heldSession)
	tab.Await("the session to need its bound cookie", func() bool {
		status, _ := ask(t, s, "GET", "/v1/session", held)
		return status == http.StatusUnauthorized
	})
	elsewhere := site.Serve(t, "localhost", site.Page("<!doctype html><title>x</title><link rel=icon href=data:,><a href='"+s.URL+"/v1/session'>My session</a>"))
	lose(t, s, tab)
	tab.Visit(elsewhere + "/")
	tab.Follow("My session")
	if got := tab.Text(); !strings.Contains(got, `"bound":true`) {
		t.Errorf("the link led to %s", got)
	}
}

// A session that has ended is over in the browser too: it is told so when it asks for another bound cookie.
func TestBoundSessionEnds(t *testing.T) {
	s := site.Start(t, site.Config{Host: secureHost})
	user := s.User("ada@example.com", boundPassword)
	p := keeper(t).Profile(t)
	tab := enter(t, s, p)
	tab.Await("the browser to bind its session", func() bool { return p.Cookie(heldBound) != nil })
	s.Do("PATCH", "/v1/admin/users/"+user, map[string]any{"status": "locked"}, nil)
	lose(t, s, tab)
	if got := boundWhoami(tab); got != "401 revoked" {
		t.Errorf("the browser of a locked user is answered %s", got)
	}
	if p.Cookie(heldBound) != nil {
		t.Error("a session that has ended was given a bound cookie")
	}
	s.Do("PATCH", "/v1/admin/users/"+user, map[string]any{"status": "active"}, nil)
	tab = enter(t, s, p)
	tab.Await("the browser to bind its next session", func() bool { return p.Cookie(heldBound) != nil })
	if got := tab.Eval(`fetch("/v1/sign-out", {method: "POST"}).then(r => r.status)`); got != 204.0 {
		t.Errorf("signing out is answered %v", got)
	}
	if p.Cookie(heldBound) != nil || p.Cookie(heldSession) != nil {
		t.Errorf("signing out leaves %v", p.Cookies())
	}
	if got := boundWhoami(tab); got != "401 unauthenticated" {
		t.Errorf("whoever has signed out is answered %s", got)
	}
}

// A browser that keeps no keys signs in as ever.
func TestBrowserWithoutKeys(t *testing.T) {
	s := site.Start(t, site.Config{Host: secureHost})
	s.User("ada@example.com", boundPassword)
	p := chromium(t).Profile(t)
	tab := enter(t, s, p)
	for range 2 {
		if got := boundWhoami(tab); got != "200 false" {
			t.Errorf("the browser is answered %s", got)
		}
	}
	if status, _ := ask(t, s, "GET", "/v1/session", p.Cookie(heldSession)); status != 200 {
		t.Errorf("its session cookie alone is answered %d", status)
	}
}
