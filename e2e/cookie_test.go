package e2e

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"tandem.example/tandem/e2e/browser"
	"tandem.example/tandem/e2e/site"
)

const (
	secureHost = "auth.example.test"
	password   = "a horse that staples batteries"
)

// signInByAPI signs in as a script of the server's own origin does, and answers the session's id.
func signInByAPI(t *testing.T, tab *browser.Tab, url, email string) string {
	t.Helper()
	tab.Visit(url + site.Beside)
	id, _ := tab.Eval(fmt.Sprintf(`fetch("/v1/sign-in", {method: "POST", headers: {"Content-Type": "application/json"},
		body: JSON.stringify({email: %q, password: %q})}).then(r => r.json()).then(a => a.session.id)`, email, password)).(string)
	if !strings.HasPrefix(id, "ses_") {
		t.Fatalf("signing in gave the session %q", id)
	}
	return id
}

// takenFor answers who the server takes a script of its own origin for: an address, or the code of the refusal.
func takenFor(tab *browser.Tab) string {
	who, _ := tab.Eval(`fetch("/v1/session").then(r => r.json()).then(a => a.user ? a.user.email : a.code)`).(string)
	return who
}

// The browser stores the session cookie out of reach of scripts, for this host alone and, on https, under a name that no
// other host can use.
func TestCookieAsStored(t *testing.T) {
	t.Parallel()
	for host, name := range map[string]string{"": "tandem_session", secureHost: "__Host-tandem_session"} {
		t.Run("host="+host, func(t *testing.T) {
			s := site.Start(t, site.Config{Host: host})
			s.User("ada@example.com", password)
			person := chromium(t).Profile(t)
			tab := person.Tab(t)
			signInByAPI(t, tab, s.URL, "ada@example.com")
			c := person.Cookie(name)
			if c == nil {
				t.Fatalf("stored: %+v", person.Cookies())
			}
			wantHost := host
			if host == "" {
				wantHost = "localhost"
			}
			if !c.HTTPOnly || c.Secure != (host != "") || c.SameSite != "Lax" || c.Path != "/" || c.Domain != wantHost || c.Session || !strings.HasPrefix(c.Value, "tds_") {
				t.Errorf("stored as %+v", c)
			}
			for _, other := range person.Cookies() {
				if !other.HTTPOnly || other.Secure != (host != "") || other.SameSite != "Lax" || other.Domain != wantHost {
					t.Errorf("stored as %+v", other)
				}
			}
			if seen := tab.Eval("document.cookie"); seen != "" {
				t.Errorf("scripts can read %q", seen)
			}
			if who := takenFor(tab); who != "ada@example.com" {
				t.Errorf("signed in as %s", who)
			}
		})
	}
}

// A page on a sibling host plants cookies for the common domain: the browser or the server refuses each, and nobody is
// ever taken for the attacker.
func TestSiblingCannotPlantCookies(t *testing.T) {
	t.Parallel()
	s := site.Start(t, site.Config{Host: secureHost})
	s.User("ada@example.com", password)
	s.User("mallory@example.com", password)
	attacker := chromium(t).Profile(t)
	signInByAPI(t, attacker.Tab(t), s.URL, "mallory@example.com")
	planted := attacker.Cookie("__Host-tandem_session").Value

	cookies := []string{
		"tandem_session=%s; Domain=example.test; Path=/",
		"__Host-tandem_session=%s; Domain=example.test; Path=/; Secure",
		"__Host-tandem_session=%s; Domain=example.test; Path=/v1; Secure",
		"__Secure-tandem_session=%s; Domain=example.test; Path=/; Secure",
		"__host-tandem_session=%s; Domain=example.test; Path=/; Secure",
		"=__Host-tandem_session=%s; Domain=example.test; Path=/; Secure",
		" __Host-tandem_session =%s; Domain=example.test; Path=/; Secure",
		"x=1,__Host-tandem_session=%s; Domain=example.test; Path=/; Secure",
	}
	evil := site.Serve(t, "evil.example.test", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		for _, c := range cookies {
			w.Header().Add("Set-Cookie", fmt.Sprintf(c, planted))
		}
		_, _ = fmt.Fprintf(w, "<!doctype html><title>evil</title><link rel=icon href=data:,><script>for (const c of %s) document.cookie = c</script>", jsonList(cookies, planted))
	}))
	for _, name := range []string{"signed out", "signed in"} {
		t.Run(name, func(t *testing.T) {
			victim := chromium(t).Profile(t)
			tab := victim.Tab(t)
			want := map[string]bool{"unauthenticated": true, "invalid_request": true}
			if name == "signed in" {
				signInByAPI(t, tab, s.URL, "ada@example.com")
				want = map[string]bool{"ada@example.com": true}
			}
			tab.Visit(evil + "/")
			if planted := victim.Cookies(); len(planted) < 2 {
				t.Fatalf("nothing was planted: %+v", planted)
			}
			tab.Visit(s.URL + site.Beside)
			if who := takenFor(tab); !want[who] {
				t.Errorf("with planted cookies the person is taken for %q", who)
			}
			for _, c := range victim.Cookies() {
				if c.Name == "__Host-tandem_session" && (c.Domain != secureHost || c.Value == planted) {
					t.Errorf("the browser stored %+v", c)
				}
			}
		})
	}
}

func jsonList(formats []string, value string) string {
	var list []string
	for _, f := range formats {
		list = append(list, fmt.Sprintf("%q", fmt.Sprintf(f, value)))
	}
	return "[" + strings.Join(list, ", ") + "]"
}

// Two tabs that refresh at the same moment, many times over, both stay signed in: by minting from the cookie, and by the
// refresh token of a client that has one.
func TestTwoTabsRefreshAtOnce(t *testing.T) {
	t.Parallel()
	s := site.Start(t, site.Config{})
	s.User("ada@example.com", password)
	person := chromium(t).Profile(t)
	one, two := person.Tab(t), person.Tab(t)
	signInByAPI(t, one, s.URL, "ada@example.com")
	two.Visit(s.URL + site.Beside)

	both := func(script string) {
		t.Helper()
		var done [2]chan any
		for i, tab := range []*browser.Tab{one, two} {
			done[i] = make(chan any, 1)
			go func() { done[i] <- tab.Eval(script) }()
		}
		for _, d := range done {
			if answers := <-d; answers != strings.TrimSuffix(strings.Repeat("200,", 20), ",") {
				t.Errorf("at the same moment the answers are %v", answers)
			}
		}
	}
	both(`Promise.all(Array.from({length: 20}, () => fetch("/v1/session/token", {method: "POST", headers: {"Content-Type": "application/json"}, body: "{}"}).then(r => r.status))).then(a => a.join())`)

	s.Do("POST", "/v1/admin/apps", map[string]any{"name": "mobile", "kind": "user", "mode": "jwt"}, nil)
	token := one.Eval(fmt.Sprintf(`fetch("/v1/sign-in", {method: "POST", credentials: "omit", headers: {"Content-Type": "application/json"},
		body: JSON.stringify({email: "ada@example.com", password: %q, app: "mobile"})}).then(r => r.json()).then(a => a.refresh_token || JSON.stringify(a))`, password))
	refresh := fmt.Sprintf(`fetch("/v1/token/refresh", {method: "POST", credentials: "omit", headers: {"Content-Type": "application/json"}, body: JSON.stringify({refresh_token: %q})})`, token)
	both(`Promise.all(Array.from({length: 20}, () => ` + refresh + `.then(r => r.status))).then(a => a.join())`)
	for _, tab := range []*browser.Tab{one, two} {
		if who := takenFor(tab); who != "ada@example.com" {
			t.Errorf("signed in as %s", who)
		}
	}
}
