package pages_test

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"tandem.example/tandem"
	"tandem.example/tandem/internal/pages"
)

// concrete fills the blanks of a route.
func concrete(pattern string) (method, path string) {
	method, path, _ = strings.Cut(pattern, " ")
	path = strings.ReplaceAll(path, "{$}", "")
	return method, regexp.MustCompile(`\{[a-z]+\}`).ReplaceAllString(path, "none")
}

// TestEveryPageIsGuarded: whatever is asked for, signed in or not, and whatever becomes of it, the answer has the headers
// of a page and is one that can be used (both are looked at for each page that a test sees), and no POST is taken from a
// page of another origin.
func TestEveryPageIsGuarded(t *testing.T) {
	t.Parallel()
	w := found(t, nil)
	alice, nobody := w.browser(), w.browser()
	alice.signUp("alice@example.com")
	posts := 0
	for _, pattern := range pages.Patterns() {
		method, path := concrete(pattern)
		if path == "/.well-known/passkey-endpoints" {
			continue // for programs
		}
		if method == http.MethodGet {
			for _, b := range []*browser{alice, nobody} {
				if p := b.get(path); p.status >= 500 || !strings.HasPrefix(p.header.Get("Content-Type"), "text/html") {
					t.Errorf("GET %s: %d %s", path, p.status, p.header.Get("Content-Type"))
				}
			}
			continue
		}
		posts++
		before := alice.cookie("tandem_session")
		for _, foreign := range []map[string]string{
			{"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"},
			{"Sec-Fetch-Site": "same-site", "Origin": "http://sibling.localhost"},
			{"Origin": "https://evil.example"},
			{"Origin": "null"},
			{"Sec-Fetch-Site": "cross-site"},
		} {
			if p := alice.send(path, foreign, "email", "mallory@example.com"); p.status != http.StatusForbidden || len(p.header["Set-Cookie"]) > 0 {
				t.Errorf("POST %s of %v: %d, sets %v", path, foreign, p.status, p.header["Set-Cookie"])
			}
		}
		if alice.cookie("tandem_session") != before {
			t.Errorf("POST %s: the session was changed", path)
		}
		if p := nobody.post(path); p.status >= 500 {
			t.Errorf("POST %s by nobody: %d", path, p.status)
		}
	}
	if posts < 20 {
		t.Errorf("only %d routes take a POST: the list is not whole", posts)
	}
	alice.at(alice.get("/account"), 200, "/account", "Alice Example")
}

// TestReturnTo: after signing in nobody is sent to a place that the application has not registered.
func TestReturnTo(t *testing.T) {
	t.Parallel()
	w := found(t, nil)
	w.operate("POST", "/v1/admin/apps", `{"name":"bank","mode":"hybrid","allowed_origins":["https://bank.example.com"]}`)
	w.operate("POST", "/v1/admin/apps", `{"name":"shop","mode":"hybrid","allowed_origins":["https://shop.example.com"]}`)
	w.operate("POST", "/v1/admin/apps", `{"name":"phone","mode":"jwt"}`)
	w.browser().signUp("alice@example.com")
	for _, place := range []string{
		"//evil.example", "///evil.example", `/\evil.example`, `\\evil.example`, "/\t/evil.example", "/\n/evil.example", "\thttps://evil.example",
		"https://evil.example", "https://bank.example.com@evil.example", "https://bank.example.com.evil.example", "https://evil.example/https://bank.example.com",
		"https:evil.example", "https:/evil.example", "javascript:alert(1)", "data:text/html,x", "http://bank.example.com/", "https://bank.example.com:444/",
		"https://shop.example.com/", "https://bank.example.com\\@evil.example", "account", "?x", "https://BANK.example.com.", " /account", "//\x00",
	} {
		for _, entrance := range []string{"/sign-in", "/sign-up", "/recover"} {
			b := w.browser()
			p := b.get(entrance + "?app=bank&return_to=" + url.QueryEscape(place))
			if p.status != http.StatusBadRequest || strings.Contains(p.body, "evil.example") {
				t.Errorf("%s to %q: %d", entrance, place, p.status)
			}
			p = b.post(entrance, "app", "bank", "return_to", place, "email", "alice@example.com")
			if p.status != http.StatusBadRequest || p.path != entrance {
				t.Errorf("POST %s to %q: %d %s", entrance, place, p.status, p.path)
			}
		}
		if p := w.browser().get("/signed-out?app=bank&return_to=" + url.QueryEscape(place)); p.status != 200 || strings.Contains(p.body, "Back to") || strings.Contains(p.body, "evil") {
			t.Errorf("signed out, to %q: %d", place, p.status)
		}
	}
	b := w.browser()
	b.at(b.get("/sign-in?app=bank&return_to="+url.QueryEscape("https://bank.example.com/in?a=1&b=2")), 200, "/sign-in?app=bank&return_to=https%3A%2F%2Fbank.example.com%2Fin%3Fa%3D1%26b%3D2", ">bank<")
	b.post("/sign-in", "email", "alice@example.com")
	p := b.at(b.post("/sign-in/password", "password", password), 200, "/sign-in/password", `<meta http-equiv="refresh" content="0; url=https://bank.example.com/in?a=1&amp;b=2">`, `href="https://bank.example.com/in?a=1&amp;b=2"`)
	if p.header.Get("Location") != "" || b.cookie("tandem_session") == "" {
		t.Error("another origin is reached by a page, with a session")
	}
	b.at(b.get("/sign-in?app=bank&return_to=/account/devices"), 200, "/account/devices") // signed in already
	b.at(b.get("/sign-in?app=shop&return_to=/account/devices"), 200, "/sign-in?app=shop&return_to=/account/devices", "E-mail address")
	b.at(b.get("/sign-in?app=phone"), 400, "/sign-in?app=phone")
	b.at(b.get("/sign-in?app=none"), 400, "/sign-in?app=none", "is not known")
}

// TestHostIsNotBelieved: whatever host a request names, every link stays on this server, on the page and in the mail.
func TestHostIsNotBelieved(t *testing.T) {
	t.Parallel()
	w := found(t, nil)
	b := w.browser()
	for _, path := range []string{"/sign-in", "/sign-up", "/nowhere", "/account", "/sign-in/password"} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, w.url+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Host = "evil.example"
		r.Header.Set("X-Forwarded-Host", "evil.example")
		r.Header.Set("Forwarded", "host=evil.example")
		r.Header.Set("Accept", "text/html")
		res, err := (&http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}).Do(r)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if strings.Contains(res.Header.Get("Location"), "evil") {
			t.Errorf("%s leads to %s", path, res.Header.Get("Location"))
		}
	}
	b.get("/sign-up")
	b.send("/sign-up", map[string]string{"X-Forwarded-Host": "evil.example", "Forwarded": "host=evil.example"}, "email", "alice@example.com")
	if letter := w.letter("alice@example.com"); strings.Contains(letter, "evil.example") || !strings.Contains(letter, w.url+"/link?token=") {
		t.Errorf("the mail says %s", letter)
	}
}

// TestPlantedCookies: two session cookies cannot be told apart and are refused, with what to do; a header is no way to be
// somebody on a page.
func TestPlantedCookies(t *testing.T) {
	t.Parallel()
	w := found(t, nil)
	b := w.browser()
	b.signUp("alice@example.com")
	token := b.cookie("tandem_session")
	ask := func(cookie, authorization string) shown {
		t.Helper()
		bare := w.browser()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, w.url+"/account", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Cookie", cookie)
		if authorization != "" {
			r.Header.Set("Authorization", authorization)
		}
		return bare.do(r)
	}
	b.at(ask("tandem_session="+token, ""), 200, "/account")
	b.at(ask("tandem_session="+token+"; tandem_session=tds_planted", ""), 400, "/account", "Delete the cookies of this site")
	b.at(ask("tandem_session=rubbish", ""), 200, "/sign-in?return_to=%2Faccount")
	b.at(ask("", "Bearer "+token), 200, "/sign-in?return_to=%2Faccount")
}

// TestFixation: the session token is a new one after each proof, and the old one is dead; the attempt's cookie is gone.
func TestFixation(t *testing.T) {
	t.Parallel()
	w := found(t, nil)
	b := w.browser()
	b.signUp("alice@example.com")
	first := b.cookie("tandem_session")
	if b.cookie("tandem_attempt") != "" {
		t.Error("the attempt is left behind")
	}
	b.at(b.get("/step-up?return_to=/account/security"), 200, "/sign-in/password", "Confirm it’s you")
	b.at(b.post("/sign-in/password", "password", password), 200, "/account/security")
	second := b.cookie("tandem_session")
	if first == second || second == "" {
		t.Error("step-up left the token as it was")
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, w.url+"/account", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Cookie", "tandem_session="+first)
	if p := w.browser().do(r); p.path == "/account" {
		t.Error("the old token still opens the account")
	}
}

// TestSpoofedNotice: a link from elsewhere cannot make a page say something.
func TestSpoofedNotice(t *testing.T) {
	t.Parallel()
	w := found(t, nil)
	b := w.browser()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, w.url+"/sign-in?notice=password_changed", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Sec-Fetch-Site", "cross-site")
	if p := b.do(r); strings.Contains(p.body, "password was changed") {
		t.Error("a foreign link made the page say something")
	}
	b.at(b.get("/sign-in?notice=password_changed"), 200, "/sign-in?notice=password_changed", "password was changed")
	if p := b.get("/sign-in?notice=%3Cb%3Eowned"); strings.Contains(p.body, "owned") {
		t.Error("a notice that nobody wrote is shown")
	}
}

// TestBelowAPath: an issuer with a path has its pages, links, assets and redirects below it.
func TestBelowAPath(t *testing.T) {
	t.Parallel()
	w := found(t, func(c *tandem.Config) { c.Issuer += "/auth" })
	w.url += "/auth"
	b := w.browser()
	b.signUpBelow("alice@example.com")
	p := b.get("/account")
	for _, m := range regexp.MustCompile(`(?:href|src|action)="(/[^"]*)"`).FindAllStringSubmatch(p.body, -1) {
		if !strings.HasPrefix(m[1], "/auth/") {
			t.Errorf("a link leads to %s", m[1])
		}
	}
	if !strings.Contains(w.letter("alice@example.com"), w.url+"/link?token=") {
		t.Error("the mailed link is not below the path")
	}
	b.at(b.post("/sign-out"), 200, "/auth/signed-out")
	b.at(b.get("/account/devices"), 200, "/auth/sign-in?return_to=%2Faccount%2Fdevices")
	b.post("/sign-in", "email", "alice@example.com")
	b.at(b.post("/sign-in/password", "password", password), 200, "/auth/account/devices")
}

// signUpBelow is signUp where the issuer has a path.
func (b *browser) signUpBelow(email string) {
	b.Helper()
	b.get("/sign-up")
	b.at(b.post("/sign-up", "email", email), 200, "/auth/sign-in/code")
	b.at(b.post("/sign-in/code", "code", b.code(email)), 200, "/auth/sign-in/choose")
	b.at(b.post("/sign-in/choose", "name", "", "password", password), 200, "/auth/account")
}

// TestTheAttemptAloneChangesNothing: what is under way for somebody who is signed in goes on with their session cookie
// only. Else a copy of the other cookie would do what a session that is bound to its device forbids.
func TestTheAttemptAloneChangesNothing(t *testing.T) {
	t.Parallel()
	w := found(t, nil)
	b := w.browser()
	b.signUp("alice@example.com")
	p := b.at(b.post("/account/totp/begin"), 200, "/account/totp")
	seed := seedForm.FindStringSubmatch(p.body)[1]
	ask := func(method, path, cookies string, pairs ...string) shown {
		t.Helper()
		form := url.Values{}
		for i := 0; i+1 < len(pairs); i += 2 {
			form.Set(pairs[i], pairs[i+1])
		}
		r, err := http.NewRequestWithContext(t.Context(), method, w.url+path, strings.NewReader(form.Encode()))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Cookie", cookies)
		if method == http.MethodPost {
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		}
		return w.browser().do(r)
	}
	other := w.browser()
	other.signUp("mallory@example.com")
	attempt := "tandem_attempt=" + b.cookie("tandem_attempt")
	for _, cookies := range []string{attempt, attempt + "; tandem_session=" + other.cookie("tandem_session"), attempt + "; tandem_session=tds_forged"} {
		if p := ask(http.MethodGet, "/sign-in/enrol/totp", cookies); strings.Contains(p.body, seed) {
			t.Error("the seed is shown to whoever holds the attempt")
		}
		if p := ask(http.MethodPost, "/sign-in/enrol/totp", cookies, "code", totp(t, seed, 0)); p.status != http.StatusGone || strings.Contains(strings.Join(p.header["Set-Cookie"], " "), "tds_") {
			t.Errorf("one-time codes were set up by whoever holds the attempt: %d %v", p.status, p.header["Set-Cookie"])
		}
	}
	b.at(b.post("/account/totp", "code", totp(t, seed, 0)), 200, "/account/totp", "Keep your recovery codes")
}
