package e2e

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"tandem.example/tandem/e2e/browser"
	"tandem.example/tandem/e2e/site"
)

// demoPage is a page that does what the harness has to see.
const demoPage = `<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content="width=device-width"><title>Demo</title><style>body{color:#111;background:#fff}@media (prefers-color-scheme:dark){body{color:#eee;background:#111}}</style>
<main><h1>Demo</h1><form method=post action=/sent><label>Email <input name=email type=email autocomplete=username></label><label>Password <input name=password type=password></label>
<button>Continue</button></form><a href=/next>Next page</a><noscript>no script here</noscript></main>`

func demo(t *testing.T, host string) string {
	t.Helper()
	mux := http.NewServeMux()
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		http.SetCookie(w, &http.Cookie{Name: "demo", Value: "1", Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode, Secure: host != ""})
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; script-src 'none'; img-src 'self'; form-action 'self'")
		switch r.URL.Path {
		case "/sent":
			_, _ = io.WriteString(w, "<!doctype html><title>Sent</title><p>got "+r.FormValue("email")+" "+r.FormValue("password")+" "+r.Header.Get("Accept-Language"))
		case "/next":
			_, _ = io.WriteString(w, "<!doctype html><title>Next</title><p>next")
		case "/wicked":
			_, _ = io.WriteString(w, "<!doctype html><title>Wicked</title><img src=/missing><img src='https://elsewhere.example/x.png'><script>alert(1)</script><input>")
		case "/missing":
			w.WriteHeader(http.StatusNotFound)
		case "/favicon.ico":
			w.WriteHeader(http.StatusNoContent)
		default:
			_, _ = io.WriteString(w, demoPage)
		}
	})
	return site.Serve(t, host, mux)
}

// The browser types, clicks, goes back, and keeps cookies by profile, with and without script and TLS.
func TestBrowserActsAsAPerson(t *testing.T) {
	for _, host := range []string{"", "auth.example.test"} {
		t.Run(host, func(t *testing.T) {
			url := demo(t, host)
			person, other := chromium(t).Profile(t), chromium(t).Profile(t)
			tab := person.Tab(t)
			tab.Speak("de")
			tab.Visit(url + "/")
			tab.Fill("Email", "someone@example.com")
			tab.Fill("Email", "ada@example.com")
			tab.Fill("Password", "correct horse")
			tab.Follow("Continue")
			if got := tab.Text(); got != "got ada@example.com correct horse de" {
				t.Errorf("the form sent %q", got)
			}
			tab.Back()
			tab.Follow("Next page")
			if tab.URL() != url+"/next" {
				t.Errorf("the link leads to %s", tab.URL())
			}
			c := person.Cookie("demo")
			if c == nil || !c.HTTPOnly || c.SameSite != "Lax" || c.Secure != (host != "") {
				t.Errorf("the cookie was stored as %+v", c)
			}
			if stored := other.Cookies(); len(stored) != 0 {
				t.Errorf("another profile has %v", stored)
			}
			tab.WithoutScript()
			tab.Visit(url + "/")
			if !strings.Contains(tab.Text(), "no script here") {
				t.Errorf("without script there is %q", tab.Text())
			}
			tab.Fill("Email", "bob@example.com")
			tab.Follow("Continue")
			tab.AwaitText("got bob@example.com")
		})
	}
}

// What a page must never do is seen.
func TestBrowserSeesFaults(t *testing.T) {
	url := demo(t, "")
	tab := chromium(t).Profile(t).Tab(t)
	tab.Visit(url + "/wicked")
	faults := strings.Join(tab.Faults(), "\n")
	for _, want := range []string{"Image of " + url + "/missing answered 404", "csp: script-src", "csp: img-src"} {
		if !strings.Contains(faults, want) {
			t.Errorf("not seen: %s; only:\n%s", want, faults)
		}
	}
	if found := strings.Join(tab.Axe(), "\n"); !strings.Contains(found, "image-alt") || !strings.Contains(found, "label:") {
		t.Errorf("axe found only %s", found)
	}
	tab.Visit(site.Serve(t, "evil.example.test", site.Page("<!doctype html><title>x</title><img alt='' src='https://elsewhere.example/x.png'>")))
	faults = strings.Join(tab.Faults(), "\n")
	if !strings.Contains(faults, "left for another host") || !strings.Contains(faults, "ERR_NAME_NOT_RESOLVED") {
		t.Errorf("a request to another host is only %q", faults)
	}
}

// A page in a frame is told from one that the browser refused to show there, be it of this site or of another.
func TestBrowserSeesFrames(t *testing.T) {
	open := demo(t, secureHost)
	for _, host := range strangers {
		tab := chromium(t).Profile(t).Tab(t)
		tab.Visit(site.Serve(t, host, site.Page("<!doctype html><title>x</title><link rel=icon href=data:,><iframe src='"+open+"/next'></iframe>")) + "/")
		if framed := tab.Frames(); len(framed) != 1 || framed[0].Refused || framed[0].URL != open+"/next" {
			t.Errorf("%s framed %+v", host, framed)
		}
	}
}

// What is measured of a page is right.
func TestBrowserMeasures(t *testing.T) {
	url := demo(t, "")
	tab := chromium(t).Profile(t).Tab(t)
	tab.Visit(url + "/")
	w := tab.Weigh()
	if w.Document < len(demoPage) || w.Document > len(demoPage)+1000 || w.All < w.Document || len(w.Blocking)+len(w.Foreign) != 0 || len(w.Shifts) != 0 {
		t.Errorf("the page weighs %+v", w)
	}
	if found := tab.Axe(); len(found) != 0 {
		t.Errorf("axe found %v", found)
	}
	light := tab.Screenshot()
	tab.Dark(true)
	tab.Eval(`document.body.style.color = "#333"`)
	if found := strings.Join(tab.AxeColors(), "\n"); !strings.Contains(found, "color-contrast") {
		t.Errorf("axe found no wrong colours, but %q", found)
	}
	tab.Eval(`document.body.style.color = ""`)
	if dark := tab.Screenshot(); string(light) == string(dark) || len(dark) < 1000 {
		t.Error("dark looks like light")
	}
	tab.Size(320, 640)
	if got := tab.Eval("innerWidth"); got != 320.0 {
		t.Errorf("the page is %v wide", got)
	}
}

// A virtual authenticator makes and proves passkeys.
func TestBrowserHoldsPasskeys(t *testing.T) {
	url := demo(t, "")
	tab := chromium(t).Profile(t).Tab(t)
	a := tab.Authenticator()
	tab.Visit(url + "/")
	kind := tab.Eval(`navigator.credentials.create({publicKey: {challenge: new Uint8Array(16), rp: {name: "x"}, user: {id: new Uint8Array([1]), name: "ada", displayName: "Ada"},
		pubKeyCredParams: [{type: "public-key", alg: -7}, {type: "public-key", alg: -257}], authenticatorSelection: {residentKey: "required"}}}).then(c => c.type)`)
	if held := a.Passkeys(); kind != "public-key" || len(held) != 1 || held[0].RpID != "localhost" {
		t.Fatalf("made %v, holds %v", kind, held)
	}
	elsewhere := chromium(t).Profile(t).Tab(t)
	b := elsewhere.Authenticator()
	b.Take(a.Passkeys()[0])
	elsewhere.Visit(url + "/")
	if got := elsewhere.Eval(`navigator.credentials.get({publicKey: {challenge: new Uint8Array(16)}}).then(c => c.type)`); got != "public-key" {
		t.Errorf("the synced passkey answers %v", got)
	}
}

// A browser that is started for one test, with features of its own, ends with it.
func TestBrowserEnds(t *testing.T) {
	b := browser.Start(t, browser.Config{Features: []string{"DeviceBoundSessions"}})
	b.Profile(t).Tab(t).Visit(demo(t, "") + "/")
}
