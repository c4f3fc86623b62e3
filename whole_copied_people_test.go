package tandem

import (
	"bytes"
	"encoding/base32"
	"encoding/base64"
	"encoding/json"
	"html"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"tandem.example/tandem/internal/config"
	"tandem.example/tandem/internal/lab/provider"
	"tandem.example/tandem/internal/secret"
)

// befriend configures a mail server that wants a password, and a provider whose every answer is known.
func (c *copied) befriend() {
	c.Helper()
	c.relay = &relay{password: "gradient pelican " + base64.RawURLEncoding.EncodeToString(secret.Random(12)), told: &c.inbox}
	c.add("smtp password", c.relay.password)
	c.config.Mail = config.Mail{Server: c.relay.serve(c), From: "Example <no-reply@example.com>", TLS: config.TLSPlaintext,
		Username: "mailer", Password: secret.NewText(c.relay.password)}
	var there *provider.Provider
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		kept := httptest.NewRecorder()
		there.ServeHTTP(kept, r)
		c.overhear(kept)
		for name, values := range kept.Header() {
			w.Header()[name] = values
		}
		w.WriteHeader(kept.Code)
		w.Write(kept.Body.Bytes())
	}))
	c.Cleanup(s.Close)
	there = provider.New(s.URL)
	there.ClientSecret, there.Redirects = "provider "+base64.RawURLEncoding.EncodeToString(secret.Random(24)), []string{c.config.Issuer + "/callback/acme"}
	c.add("provider secret", there.ClientSecret)
	c.config.Providers = []config.Provider{{Name: "acme", Title: "Acme ID", Issuer: there.URL, ClientID: there.ClientID, ClientSecret: secret.NewText(there.ClientSecret)}}
	c.there = there
}

// overhear notes what the provider hands out.
func (c *copied) overhear(kept *httptest.ResponseRecorder) {
	var tokens map[string]any
	if json.Unmarshal(kept.Body.Bytes(), &tokens) == nil {
		for _, name := range []string{"access_token", "id_token", "refresh_token"} {
			if text, ok := tokens[name].(string); ok {
				c.add("provider "+name, text)
			}
		}
	}
	if to, err := url.Parse(kept.Header().Get("Location")); err == nil {
		for _, name := range []string{"code", "state"} {
			c.add("provider "+name, to.Query().Get(name))
		}
	}
}

// visitor is a guest whose every cookie is a secret.
func (c *copied) visitor() *guest {
	b := c.guest("")
	b.seen = func(name, value string) { c.add("cookie "+name, value) }
	return b
}

// mailed is the last code to the address, and the secret of its link: both are secrets from now on.
func (c *copied) mailed(email string) (code, link string) {
	c.Helper()
	code, link = c.code(email)
	c.remember(code, link)
	return code, link
}

func (c *copied) remember(code, link string) {
	c.short = append(c.short, code)
	c.add("mailed link", link)
	if random, err := base64.RawURLEncoding.DecodeString(link); err == nil {
		c.add("mailed link decoded", string(random))
	}
}

// register makes an account with a second factor on pages.
func (c *copied) register(email string) (*guest, *authenticator) {
	c.Helper()
	b := c.visitor()
	b.at(b.post("/sign-up", "email", email), 200, "/sign-in/code")
	code, _ := c.mailed(email)
	b.at(b.post("/sign-in/code", "code", code), 200, "/sign-in/choose")
	c.add("password on a page", password)
	b.at(b.post("/sign-in/choose", "name", "", "password", password), 200, "/account")
	a := b.addTOTP()
	c.add("totp seed", a.seed)
	raw, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(a.seed)
	if err != nil {
		c.Fatal(err)
	}
	c.add("totp seed decoded", string(raw))
	c.short = append(c.short, a.spent)
	for _, code := range a.recovery {
		c.add("recovery code", code)
		c.add("recovery code, typed without dashes", strings.ReplaceAll(code, "-", ""))
	}
	return b, a
}

// people goes through all flows of the pages, and leaves some of each kind under way.
func (c *copied) people() {
	c.Helper()
	eve, phone := c.register("eve@example.com")
	key := eve.addPasskey()
	back := c.visitor()
	back.at(back.password("eve@example.com", password), 200, "/sign-in/totp")
	back.at(back.post("/sign-in/totp", "code", phone.code(1), "remember", "1"), 200, "/account")
	c.short = append(c.short, phone.code(1))
	back = c.visitor()
	back.password("eve@example.com", password)
	back.at(back.post("/sign-in/recovery-code", "code", phone.recovery[0]), 200, "/account")
	back = c.visitor()
	back.get("/sign-in")
	options := back.post("/sign-in/passkey/options").body
	back.at(back.post("/sign-in/passkey", "response", key.get(options)), 200, "/account")
	eve.at(eve.post("/account/password", "current", password, "password", "orange lantern in a loud attic"), 200, "/account/security")
	c.add("password on a page", "orange lantern in a loud attic")

	lost := c.visitor()
	lost.at(lost.post("/recover", "email", "eve@example.com"), 200, "/sign-in/code")
	_, link := c.mailed("eve@example.com")
	lost.at(lost.get("/link?token="+link), 200, "/link")
	lost.at(lost.post("/link", "token", link), 200, "/sign-in/totp")
	lost.post("/sign-in/recovery-code", "code", phone.recovery[1])
	lost.at(lost.post("/sign-in/choose", "password", "third lantern in a quiet attic"), 200, "/account")
	c.add("password on a page", "third lantern in a quiet attic")

	abroad := c.visitor()
	page := abroad.post("/sign-in/provider/acme")
	if page.path == "/sign-in" || !strings.Contains(page.body, c.there.URL) {
		abroad.get("/sign-in")
		page = abroad.post("/sign-in/provider/acme")
	}
	abroad.at(abroad.get(c.consent(page)), 200, "/account")

	// What people type where it does not belong.
	for _, text := range []string{password, phone.recovery[2], phone.seed, eve.session(), link} {
		b := c.visitor()
		for _, path := range []string{"/sign-in", "/sign-up", "/recover"} {
			b.post(path, "email", text)
			b.get(path + "?return_to=/" + url.QueryEscape(text) + "&app=" + url.QueryEscape(text))
		}
		b.post("/sign-in", "email", text+"@example.com")
		b.post("/sign-in/password", "password", text)
		b.post("/sign-in/code", "code", text)
		b.post("/link", "token", text)
		b.get("/link?token=" + url.QueryEscape(text))
		b.get("/callback/acme?code=" + url.QueryEscape(text) + "&state=" + url.QueryEscape(text))
		eve.post("/account/totp", "code", text)
		eve.post("/account/email", "email", text)
	}
	c.delivered()
	c.unfinished()
}

var leadsTo = regexp.MustCompile(`http-equiv="refresh" content="0; url=([^"]+)"`)

// consent says yes at the provider, and answers where it sends the browser.
func (c *copied) consent(page shown) string {
	c.Helper()
	to := leadsTo.FindStringSubmatch(page.body)
	if to == nil {
		c.Fatalf("leads nowhere: %d %s", page.code, page.body)
	}
	there := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, err := there.PostForm(html.UnescapeString(to[1]), url.Values{"answer": {"yes"}})
	if err != nil {
		c.Fatal(err)
	}
	res.Body.Close()
	path, ok := strings.CutPrefix(res.Header.Get("Location"), c.config.Issuer)
	if !ok {
		c.Fatalf("sent back to %q", res.Header.Get("Location"))
	}
	return path
}

// unfinished begins attempts and leaves them, and mail that is not taken.
func (c *copied) unfinished() {
	c.Helper()
	_, c.phone = c.register("mia@example.com")
	for range 2 {
		b := c.visitor()
		b.at(b.password("mia@example.com", password), 200, "/sign-in/totp")
		c.waiting = append(c.waiting, b)
	}
	c.delivered()
	c.relay.full.Store(true)
	for _, email := range []string{"eve@example.com", "mia@example.com"} {
		b := c.visitor()
		b.at(b.post("/recover", "email", email), 200, "/sign-in/code")
	}
	if n, _, err := c.server.store.MailQueue().Waiting(c.Context()); n != 2 || err != nil {
		c.Fatalf("%d messages wait, %v", n, err)
	}
}

// addPeopleSealed adds what is sealed of attempts, one-time codes and mail, as whoever has the master key reads it.
func (c *copied) addPeopleSealed(box *secret.Box) {
	c.Helper()
	l := c.steal()
	read := func(what, query, row string) (out [][]byte) {
		for _, r := range l.rows(query, 2) {
			text, err := box.Open(r[1], row+string(r[0]))
			if err != nil {
				c.Errorf("%s %s: %v", what, r[0], err)
			}
			c.add(what, string(text))
			out = append(out, text)
		}
		return out
	}
	read("attempt state", "SELECT id, state FROM attempts", "attempt:")
	read("seed in the store", "SELECT u.id, t.sealed FROM totps t JOIN users u ON u.n = t.user", "totp:")
	for _, text := range read("queued mail", "SELECT id, sealed FROM mails", "mail:") {
		link := linkToken.FindSubmatch(text)
		code := regexp.MustCompile(`\b(\d{6})\b`).FindSubmatch(text)
		if link == nil || code == nil {
			c.Fatalf("no link or no code in %s", text)
		}
		c.remember(string(code[1]), string(link[1]))
	}
}

// searchShort looks for codes of six digits, which are nothing but digits: they stand alone, or it is chance.
func (s *secrets) searchShort(heap []byte) (found []string) {
	slices.Sort(s.short)
	for _, code := range slices.Compact(s.short) {
		for at := bytes.Index(heap, []byte(code)); at >= 0; {
			if !partOfANumber(heap, at-1) && !partOfANumber(heap, at+len(code)) {
				found = append(found, "a code of six digits")
				break
			}
			next := bytes.Index(heap[at+1:], []byte(code))
			if next < 0 {
				break
			}
			at += 1 + next
		}
	}
	return found
}

func partOfANumber(heap []byte, at int) bool {
	if at < 0 || at >= len(heap) {
		return false
	}
	b := heap[at]
	return b == '.' || b >= '0' && b <= '9' || b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z'
}
