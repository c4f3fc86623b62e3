package tandem

import (
	"html"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"tandem.example/tandem/verify"
)

// browser is somebody at a browser: it keeps cookies and follows redirects.
type browser struct {
	*installation
	cookies map[string]string
}

// open loads a page, or sends a form, and answers its text and where it was found.
func (b *browser) open(path string, form url.Values) (text string, at *url.URL) {
	b.Helper()
	for range 5 {
		method, body := http.MethodGet, io.Reader(nil)
		if form != nil {
			method, body = http.MethodPost, strings.NewReader(form.Encode())
		}
		req, err := http.NewRequestWithContext(b.Context(), method, b.url+path, body)
		if err != nil {
			b.Fatal(err)
		}
		req.Header.Set("Accept", "text/html")
		req.Header.Set("Sec-Fetch-Site", "same-origin")
		if form != nil {
			req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		}
		for name, value := range b.cookies {
			req.AddCookie(&http.Cookie{Name: name, Value: value})
		}
		res, err := http.DefaultTransport.RoundTrip(req)
		if err != nil {
			b.Fatal(err)
		}
		raw, err := io.ReadAll(res.Body)
		res.Body.Close()
		if err != nil {
			b.Fatal(err)
		}
		for _, c := range res.Cookies() {
			b.cookies[c.Name] = c.Value
		}
		if res.StatusCode != http.StatusSeeOther {
			return string(raw), req.URL
		}
		path, form = res.Header.Get("Location"), nil
	}
	b.Fatal("redirected again and again")
	return "", nil
}

var hidden = regexp.MustCompile(`<input type="hidden" name="([^"]*)" value="([^"]*)">`)

// fields are those that a form sends by itself.
func fields(text string) url.Values {
	form := url.Values{}
	for _, m := range hidden.FindAllStringSubmatch(text, -1) {
		form.Set(m[1], html.UnescapeString(m[2]))
	}
	return form
}

// An operator signs in on the way to a page of the console, locks somebody there, and sees it reach three verifiers.
func TestALockInTheConsoleReachesThreeVerifiers(t *testing.T) {
	in := install(t, nil)
	for _, name := range []string{"orders", "payments", "search"} {
		in.verifier(func(c *verify.Config) { c.Name = name })
	}
	if made := in.operate("POST", "/v1/admin/users", map[string]any{"email": "root@example.com", "password": password, "roles": []string{"admin"}}); made.Code != 201 {
		t.Fatalf("make an operator: %d %v", made.Code, made.Body)
	}
	ada, bob := in.signUp("ada@example.com", ""), in.signUp("bob@example.com", "")
	root := &browser{in, map[string]string{}}

	page, at := root.open("/console/acts/lock?id="+ada.in("user").text("id"), nil)
	if at.Path != "/sign-in" {
		t.Fatalf("nobody is sent to %s", at)
	}
	form := fields(page)
	form.Set("email", "root@example.com")
	page, at = root.open("/sign-in", form)
	form = fields(page)
	form.Set("password", password)
	page, at = root.open(at.Path, form)
	if at.Path != "/console/acts/lock" || !strings.Contains(page, "1 session of ada@example.com on 1 device") || strings.Contains(page, "bob@example.com") {
		t.Fatalf("whoever signed in is at %s, which says\n%s", at, page)
	}
	form = fields(page)
	form.Set("reason", "phone call")
	page, at = root.open("/console/acts/lock", form)
	place := at.RequestURI()
	enforced := regexp.MustCompile(`Enforced on 3 of 3 verifiers after ([0-9.]+) ms`)
	for end := time.Now().Add(20 * time.Second); enforced.FindString(page) == "" && time.Now().Before(end); {
		page, _ = root.open(place, nil) // a browser without script loads it again
	}
	m := enforced.FindStringSubmatch(page)
	if m == nil || !strings.Contains(page, "Each has acknowledged it.") {
		t.Fatalf("the receipt at %s says\n%s", place, page)
	}
	if ms, err := strconv.ParseFloat(m[1], 64); err != nil || ms >= 10_000 {
		t.Errorf("enforced after %s ms, with a lease of 10 s", m[1])
	}
	if got := in.call("GET", "/v1/session", ada.text("session_token"), nil).Code; got != 401 {
		t.Errorf("the locked user's session answers %d", got)
	}
	if got := in.call("GET", "/v1/session", bob.text("session_token"), nil).Code; got != 200 {
		t.Errorf("somebody else's session answers %d", got)
	}
}
