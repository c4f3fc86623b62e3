package e2e

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"tandem.example/tandem/e2e/site"
)

// Nobody is sent by a sign-in to where the application is not at home, however the address is spelled; and to its home
// they are, query and all.
func TestReturnsToRegisteredOriginsOnly(t *testing.T) {
	t.Parallel()
	s := home(t)
	evil := site.Serve(t, "", site.Page("<!doctype html><title>evil</title><link rel=icon href=data:,><p>evil"))
	app := site.Serve(t, "", site.Page("<!doctype html><title>app</title><link rel=icon href=data:,><p>at home"))
	s.Do("POST", "/v1/admin/apps", map[string]any{"name": "bank", "kind": "user", "mode": "hybrid", "allowed_origins": []string{app}}, nil)
	host := strings.TrimPrefix(evil, "http://")
	p := visitor(t, s)
	p.signIn(ada, password) // so that each link would lead away at once
	for i, to := range []string{
		evil + "/", "//" + host + "/", `\\` + host + "/", `/\` + host + "/", `/\/` + host, "http:" + host, "http:/" + host, "http:///" + host, "https:" + host,
		app + "@" + host + "/", app + "." + host, "http://user@" + strings.TrimPrefix(app, "http://") + "/", "/%09/" + host, "/\t/" + host, "\t//" + host, " //" + host, "/\n/" + host,
		"javascript:alert(1)", "JaVaScRiPt:alert(1)", "data:text/html,<script>alert(1)</script>", "vbscript:x", "//" + host + "%2f@" + app,
		strings.Replace(app, "http", "HTTP", 1) + "0/", app + "0/", "/..//" + host, "/.//" + host, "///" + host, "////" + host, "?//" + host, "#" + evil, "ftp://" + host,
	} {
		// The rule is the same one for all; each spelling is tried with one of the doors.
		for _, path := range []string{"/sign-in?app=bank&return_to=", "/sign-in?return_to=", "/step-up?return_to="}[i%3:][:1] {
			p.goTo(path + url.QueryEscape(to))
			p.Await("the page is where it is to be", func() bool { return p.Eval("document.readyState") == "complete" })
			if at := p.URL(); !strings.HasPrefix(at, s.URL+"/") {
				t.Errorf("%s%q led to %s", path, to, at)
			}
			if p.Eval(fmt.Sprintf(`[...document.querySelectorAll("meta[http-equiv=refresh], a, form")].some(e =>
				URL.parse((e.content ? e.content.replace(/^.*url=/i, "") : e.href || e.action), document.baseURI)?.host === %q)`, host)) == true {
				t.Errorf("%s%q is answered with a page that leads to %s", path, to, host)
			}
		}
	}
	for _, q := range p.Requests() {
		if strings.HasPrefix(q.URL, evil) {
			t.Errorf("the browser asked for %s", q.URL)
		}
	}
	p.goTo("/sign-in?app=bank&return_to=" + url.QueryEscape(app+"/inbox?a=b&c=d%26e"))
	p.giveEmailHere(ada)
	p.givePassword(password)
	p.AwaitURL(app + "/inbox?a=b&c=d%26e")
	p.AwaitText("at home")
}

// giveEmailHere goes on from the page that asks for the address.
func (p *person) giveEmailHere(email string) {
	p.t.Helper()
	p.fill("pages.email", email)
	p.follow("pages.continue")
	p.at("/sign-in/password")
}

// A link from elsewhere cannot have a page say that something happened.
func TestForeignLinkSaysNothing(t *testing.T) {
	t.Parallel()
	s := home(t)
	p := visitor(t, s)
	for _, notice := range []string{"user_locked", "refresh_token_reused", "password_saved"} {
		p.Visit(site.Serve(t, "", site.Page(fmt.Sprintf(`<!doctype html><title>mail</title><link rel=icon href=data:,><a href="%s/sign-in?notice=%s">Look</a>`, s.URL, notice))) + "/")
		p.Follow("Look")
		p.at("/sign-in")
		if strings.Contains(p.Text(), p.say("pages.notice."+notice)) {
			t.Errorf("a link from elsewhere has the page say %q", p.say("pages.notice."+notice))
		}
	}
}

// The address of a message's links is the configured one, whatever host a request names.
func TestLinksAreOfTheIssuer(t *testing.T) {
	t.Parallel()
	s := home(t)
	p := visitor(t, s)
	p.goTo("/recover")
	cookie := p.Profile.Cookie("tandem_attempt")
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL+"/recover", strings.NewReader("email="+url.QueryEscape(ada)))
	if err != nil {
		t.Fatal(err)
	}
	r.Host = "evil.example.test"
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("X-Forwarded-Host", "evil.example.test")
	r.Header.Set("Cookie", cookie.Name+"="+cookie.Value)
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	answer, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	if to := answer.Header.Get("Location"); strings.Contains(to, "evil") {
		t.Errorf("the answer leads to %s", to)
	}
	if answer.StatusCode >= 400 {
		return // it was refused: no message
	}
	if link := p.code(ada, 0).Link(); !strings.HasPrefix(link, s.URL+"/") {
		t.Errorf("the message has the link %s", link)
	}
}

// Somebody signs in with the keyboard alone: the first field has the focus, Enter sends, and each thing that has the
// focus shows it.
func TestKeyboardAlone(t *testing.T) {
	t.Parallel()
	s := home(t)
	p := visitor(t, s)
	p.goTo("/sign-in")
	p.Type(ada)
	p.Enter()
	p.at("/sign-in/password")
	seen := map[string]bool{}
	for range 12 {
		p.Press("Tab")
		if p.Eval(`document.activeElement === document.body`) == true {
			break
		}
		seen[fmt.Sprint(p.Eval(`document.activeElement.innerText || document.activeElement.name`))] = true
		if p.Eval(`(s => s.outlineStyle !== "none" && parseFloat(s.outlineWidth) > 0 || s.boxShadow !== "none")(getComputedStyle(document.activeElement))`) != true {
			t.Errorf("nothing shows that %v has the focus", p.Eval(`document.activeElement.outerHTML.slice(0, 100)`))
		}
	}
	for _, name := range []string{p.say("pages.sign_in.do"), p.say("pages.password.forgotten"), p.say("pages.way.email_code")} {
		if !seen[name] {
			t.Errorf("%q cannot be reached with the keyboard, only %v", name, seen)
		}
	}
	p.Reload()
	p.Type(password)
	p.Enter()
	p.at("/account")
	p.Press("Tab")
	if p.Eval(`document.activeElement.className`) != "skip" {
		t.Errorf("the first thing on the account page is %v", p.Eval(`document.activeElement.outerHTML.slice(0, 100)`))
	}
}
