package tandem

import (
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/authelia/otp/totp"
	"github.com/descope/virtualwebauthn"

	"tandem.example/tandem/internal/lab/virtualkey"
)

// mailing opens a house whose messages can be read, at an address for which browsers make passkeys.
func mailing(t testing.TB, change func(*Config)) *house {
	t.Helper()
	mails := &heap{}
	h := furnish(t, func(c *Config) {
		c.Issuer = strings.Replace(c.Issuer, "127.0.0.1", "localhost", 1)
		if change != nil {
			change(c)
		}
	}, WithMailTo(mails))
	h.url, h.mails = h.server.Issuer(), mails
	return h
}

// letter answers the last message to the address that has the text in it.
func (h *house) letter(email, text string) string {
	h.Helper()
	h.delivered()
	all := strings.Split(h.mails.String(), "--- mail (")
	for _, one := range slices.Backward(all) {
		if strings.Contains(one, "\nTo: "+email+"\n") && strings.Contains(one, text) {
			return one
		}
	}
	h.Fatalf("no mail with %q to %s in:\n%s", text, email, h.mails)
	return ""
}

// delivered waits until no message waits to be carried.
func (h *house) delivered() {
	h.Helper()
	h.eventually("all mail was delivered", func() bool {
		n, _, err := h.server.store.MailQueue().Waiting(h.Context())
		return err == nil && n == 0
	})
}

// letters is how many messages went to the address.
func (h *house) letters(email string) int {
	return strings.Count(h.mails.String(), "\nTo: "+email+"\n")
}

var (
	sixDigits = regexp.MustCompile(`(?m)^\s*(\d{6})\s*$`)
	linkToken = regexp.MustCompile(`/link\?token=([A-Za-z0-9_-]+)`)
)

// code is the last that was mailed to the address, with the secret of its link.
func (h *house) code(email string) (code, link string) {
	h.Helper()
	text := h.letter(email, "/link?token=")
	found, at := sixDigits.FindStringSubmatch(text), linkToken.FindStringSubmatch(text)
	if found == nil || at == nil {
		h.Fatalf("no code or no link in:\n%s", text)
	}
	return found[1], at[1]
}

// guest is somebody at a browser that keeps cookies, follows redirects and runs no script.
type guest struct {
	*house
	jar    map[string]string
	from   string // the peer's address: requests are then served without a network
	header map[string]string
	seen   func(cookie, value string) // is told each cookie that is set
	invite string                     // the challenge by which it may bind its session
}

func (h *house) guest(from string) *guest {
	return &guest{house: h, jar: make(map[string]string), from: from}
}

// as is a browser that holds a session.
func (h *house) as(token string) *guest {
	b := h.guest("")
	b.jar["tandem_session"] = token
	return b
}

// twin is another browser with copies of all cookies.
func (b *guest) twin() *guest {
	other := *b
	other.jar = maps.Clone(b.jar)
	return &other
}

// shown is a page as it came.
type shown struct {
	code   int
	path   string // without the query
	body   string
	header http.Header
}

func (b *guest) get(path string) shown {
	b.Helper()
	return b.ask(http.MethodGet, path, nil)
}

// post sends a form: pairs of names and values.
func (b *guest) post(path string, pairs ...string) shown {
	b.Helper()
	form := url.Values{}
	for pair := range slices.Chunk(pairs, 2) {
		form.Set(pair[0], pair[1])
	}
	return b.ask(http.MethodPost, path, form)
}

// ask goes where it is told, and then where the answer sends it as long as that is here.
func (b *guest) ask(method, path string, form url.Values) shown {
	b.Helper()
	for range 8 {
		res := b.once(method, path, form)
		next := res.Header.Get("Location")
		if res.StatusCode != http.StatusSeeOther || !strings.HasPrefix(next, "/") {
			body, err := io.ReadAll(res.Body)
			if err != nil {
				b.Fatal(err)
			}
			res.Body.Close()
			path, _, _ = strings.Cut(path, "?")
			return shown{res.StatusCode, path, string(body), res.Header}
		}
		res.Body.Close()
		method, path, form = http.MethodGet, next, nil
	}
	b.Fatalf("sent around in circles: %s", path)
	return shown{}
}

// once sends one request and keeps the cookies of the answer.
func (b *guest) once(method, path string, form url.Values) *http.Response {
	b.Helper()
	req, err := http.NewRequestWithContext(b.Context(), method, b.url+path, strings.NewReader(form.Encode()))
	if err != nil {
		b.Fatal(err)
	}
	req.Header.Set("Accept", "text/html")
	req.Header.Set("User-Agent", "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0")
	if method == http.MethodPost {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.Header.Set("Sec-Fetch-Site", "same-origin")
	}
	for name, value := range b.header {
		if name == "Host" {
			req.Host = value
			continue
		}
		req.Header.Set(name, value)
	}
	for _, name := range slices.Sorted(maps.Keys(b.jar)) {
		req.AddCookie(&http.Cookie{Name: name, Value: b.jar[name]})
	}
	var res *http.Response
	if b.from != "" {
		w := httptest.NewRecorder()
		req.RemoteAddr = b.from
		b.server.ServeHTTP(w, req)
		res = w.Result()
	} else if res, err = b.client.Transport.RoundTrip(req); err != nil {
		b.Fatalf("%s %s: %v", method, path, err)
	}
	if _, said, ok := strings.Cut(res.Header.Get("Secure-Session-Registration"), `challenge="`); ok {
		b.invite, _, _ = strings.Cut(said, `"`)
	}
	for _, one := range res.Cookies() {
		if b.seen != nil {
			b.seen(one.Name, one.Value)
		}
		b.jar[one.Name] = one.Value
		if one.MaxAge < 0 {
			delete(b.jar, one.Name)
		}
	}
	return res
}

// at fails the test unless the page is the one of the path, with the status.
func (b *guest) at(p shown, code int, path string) shown {
	b.Helper()
	if p.code != code || p.path != path {
		_, main, _ := strings.Cut(p.body, "<main")
		main, _, _ = strings.Cut(main, "</main>")
		b.Fatalf("came to %d %s, want %d %s\n%s", p.code, p.path, code, path, main)
	}
	return p
}

// session is the session token that the browser has, empty if it has none.
func (b *guest) session() string {
	if token := b.jar["__Host-tandem_session"]; token != "" {
		return token
	}
	return b.jar["tandem_session"]
}

// enrol signs up by mail.
func (b *guest) enrol(email string) *guest {
	b.Helper()
	b.at(b.post("/sign-up", "email", email), 200, "/sign-in/code")
	code, _ := b.code(email)
	b.at(b.post("/sign-in/code", "code", code), 200, "/sign-in/choose")
	b.at(b.post("/sign-in/choose", "name", "", "password", password), 200, "/account")
	return b
}

// password signs in with one, up to the second factor if there is one.
func (b *guest) password(email, word string) shown {
	b.Helper()
	b.at(b.post("/sign-in", "email", email), 200, "/sign-in/password")
	return b.post("/sign-in/password", "password", word)
}

var seedForm = regexp.MustCompile(`id="seed"[^>]*>([A-Z2-7 ]+)<`)

// authenticator is an app with a seed.
type authenticator struct {
	testing.TB
	seed     string
	spent    string   // the code with which it was set up
	recovery []string // what the person wrote down
}

// code is the one of now, or some steps from now.
func (a *authenticator) code(steps int) string {
	a.Helper()
	code, err := totp.GenerateCode(a.seed, time.Now().Add(time.Duration(steps)*30*time.Second))
	if err != nil {
		a.Fatal(err)
	}
	return code
}

var recoveryForm = regexp.MustCompile(`<li>([a-z0-9-]+)</li>`)

// addTOTP sets one-time codes up on the account page.
func (b *guest) addTOTP() *authenticator {
	b.Helper()
	p := b.at(b.post("/account/totp/begin"), 200, "/account/totp")
	found := seedForm.FindStringSubmatch(p.body)
	if found == nil {
		b.Fatalf("no seed: %s", p.body)
	}
	a := &authenticator{TB: b, seed: strings.ReplaceAll(found[1], " ", "")}
	a.spent = a.code(0)
	p = b.at(b.post("/account/totp", "code", a.spent), 200, "/account/totp")
	for _, m := range recoveryForm.FindAllStringSubmatch(p.body, -1) {
		a.recovery = append(a.recovery, m[1])
	}
	if len(a.recovery) != 10 {
		b.Fatalf("%d recovery codes: %s", len(a.recovery), p.body)
	}
	return a
}

// passkey is one on a device, as passkey.js would use it.
type passkey struct {
	testing.TB
	site virtualwebauthn.RelyingParty
	auth virtualwebauthn.Authenticator
	key  virtualwebauthn.Credential
}

func (h *house) newPasskey() *passkey {
	origin := h.server.Issuer()
	at, err := url.Parse(origin)
	if err != nil {
		h.Fatal(err)
	}
	return &passkey{
		TB: h, site: virtualwebauthn.RelyingParty{ID: at.Hostname(), Name: at.Hostname(), Origin: origin},
		auth: virtualwebauthn.NewAuthenticator(), key: virtualkey.New(),
	}
}

// create is navigator.credentials.create.
func (k *passkey) create(options string) string {
	k.Helper()
	asked, err := virtualwebauthn.ParseAttestationOptions(options)
	if err != nil {
		k.Fatalf("%v: %s", err, options)
	}
	k.auth.Options.UserHandle = []byte(asked.UserID)
	k.auth.AddCredential(k.key)
	return virtualwebauthn.CreateAttestationResponse(k.site, k.auth, k.key, *asked)
}

// get is navigator.credentials.get.
func (k *passkey) get(options string) string {
	k.Helper()
	asked, err := virtualwebauthn.ParseAssertionOptions(options)
	if err != nil {
		k.Fatalf("%v: %s", err, options)
	}
	k.key.Counter++
	return virtualwebauthn.CreateAssertionResponse(k.site, k.auth, k.key, *asked)
}

// addPasskey registers one on the account page.
func (b *guest) addPasskey() *passkey {
	b.Helper()
	k := b.newPasskey()
	options := b.at(b.post("/account/passkeys/options"), 200, "/account/passkeys/options").body
	b.at(b.post("/account/passkeys/add", "response", k.create(options), "name", "key"), 200, "/account/security")
	return k
}
