package e2e

import (
	"fmt"
	"html"
	"net/http"
	"strings"
	"testing"

	"tandem.example/tandem/e2e/browser"
	"tandem.example/tandem/e2e/site"
)

// strangers are hosts of pages that attack https://auth.example.test: a sibling, whose requests carry the cookies of
// SameSite=Lax, and another site.
var strangers = []string{"evil.example.test", "localhost"}

// forged is a page with a form that is sent elsewhere as soon as somebody clicks.
func forged(t *testing.T, host, action, kind string, fields map[string]string) string {
	var inputs strings.Builder
	for name, value := range fields {
		fmt.Fprintf(&inputs, `<input type=hidden name="%s" value="%s">`, html.EscapeString(name), html.EscapeString(value))
	}
	return site.Serve(t, host, site.Page(fmt.Sprintf(`<!doctype html><html lang=en><title>Prize</title><link rel=icon href=data:,>
		<form method=post action="%s" enctype="%s">%s<button>Win a prize</button></form>`, action, kind, inputs.String())))
}

// refused says whether what was sent led to a page of the server that says no.
func refused(tab *browser.Tab) bool { return tab.Document().Status == http.StatusForbidden }

// Login CSRF: a page of another origin signs its visitor in to the attacker's account, by the page's own form or by the
// API. It is refused, and no session cookie is stored.
func TestForeignPageCannotSignIn(t *testing.T) {
	t.Parallel()
	s := site.Start(t, site.Config{Host: secureHost})
	s.User("mallory@example.com", password)
	json := fmt.Sprintf(`{"email": "mallory@example.com", "password": %q, "x`, password)
	for _, host := range strangers {
		for name, page := range map[string]string{
			"page": forged(t, host, s.URL+"/sign-in", "application/x-www-form-urlencoded", map[string]string{"email": "mallory@example.com", "password": password}),
			"api":  forged(t, host, s.URL+"/v1/sign-in", "text/plain", map[string]string{json: `": 1}`}),
		} {
			t.Run(host+"/"+name, func(t *testing.T) {
				victim := chromium(t).Profile(t)
				tab := victim.Tab(t)
				tab.Visit(page + "/")
				tab.Follow("Win a prize")
				if !refused(tab) || !strings.HasPrefix(tab.URL(), s.URL) {
					t.Errorf("the forged form led to %s with %d", tab.URL(), tab.Document().Status)
				}
				if c := victim.Cookies(); len(c) != 0 {
					t.Errorf("the browser stored %+v", c)
				}
			})
		}
	}
}

// A page of another origin makes its visitor sign out, or end all other sessions: refused, and all sessions live.
func TestForeignPageCannotAct(t *testing.T) {
	t.Parallel()
	s := site.Start(t, site.Config{Host: secureHost})
	s.User("ada@example.com", password)
	for _, host := range strangers {
		person := chromium(t).Profile(t)
		tab := person.Tab(t)
		signInByAPI(t, tab, s.URL, "ada@example.com")
		before := person.Cookie("__Host-tandem_session")
		for _, path := range []string{"/sign-out", "/account/devices/end-others", "/account/password", "/v1/sign-out"} {
			tab.Visit(forged(t, host, s.URL+path, "application/x-www-form-urlencoded", map[string]string{"scope": "global", "current": password, "new": "something else entirely"}) + "/")
			tab.Follow("Win a prize")
			if !refused(tab) {
				t.Errorf("%s: the forged form led to %s with %d", host, tab.URL(), tab.Document().Status)
			}
			if after := person.Cookie("__Host-tandem_session"); after == nil || after.Value != before.Value {
				t.Errorf("%s%s: the cookie is now %+v", host, path, after)
			}
			tab.Visit(s.URL + site.Beside)
			if who := takenFor(tab); who != "ada@example.com" {
				t.Errorf("%s%s: the person is %s now", host, path, who)
			}
		}
	}
}

// Clickjacking: a page of another origin shows ours in a frame, of one who is signed in. The browser shows nothing.
func TestForeignPageCannotFrame(t *testing.T) {
	t.Parallel()
	s := site.Start(t, site.Config{Host: secureHost})
	s.User("ada@example.com", password, "admin")
	for _, host := range strangers {
		tab := chromium(t).Profile(t).Tab(t)
		signInByAPI(t, tab, s.URL, "ada@example.com")
		for _, path := range []string{"/sign-in", "/sign-up", "/account", "/sign-out", "/console", "/console/revoke", "/step-up"} {
			tab.Visit(site.Serve(t, host, site.Page(fmt.Sprintf(
				`<!doctype html><html lang=en><title>Prize</title><link rel=icon href=data:,><iframe title=prize src="%s"></iframe>`, s.URL+path))) + "/")
			if framed := tab.Frames(); len(framed) != 1 || !framed[0].Refused {
				t.Errorf("%s%s framed: %+v", host, path, framed)
			}
			if faults := strings.Join(tab.Faults(), "\n"); !strings.Contains(faults, "frame") {
				t.Errorf("%s%s: the browser complains only of %s", host, path, faults)
			}
		}
	}
}
