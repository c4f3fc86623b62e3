package pages_test

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // RFC 6238
	"encoding/base32"
	"encoding/binary"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"tandem.example/tandem"
)

const password = "violet kettle under seven moons"

// town is a whole server that listens, with the mail that it sends.
type town struct {
	testing.TB
	server *tandem.Server
	url    string
	mail   *post
	log    *post
}

// post is what was mailed, and what was logged.
type post struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (p *post) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.text.Write(b)
}

func (p *post) String() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.text.String()
}

// found opens a server in memory, which prints its mail.
func found(t testing.TB, change func(*tandem.Config)) *town {
	t.Helper()
	mail := &post{}
	return open(t, mail, change, tandem.WithMailTo(mail))
}

// foundSilent opens a server that cannot send mail.
func foundSilent(t testing.TB) *town {
	t.Helper()
	return open(t, nil, nil)
}

func open(t testing.TB, mail *post, change func(*tandem.Config), opts ...tandem.Option) *town {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &town{TB: t, url: "http://" + l.Addr().String(), mail: mail, log: &post{}}
	c := tandem.Config{Dev: true, Store: "memory", Listen: l.Addr().String(), Issuer: w.url, DataDir: t.TempDir()}
	c.Limits.Disabled = true
	if change != nil {
		change(&c)
	}
	log := slog.New(slog.NewTextHandler(w.log, nil))
	if w.server, err = tandem.Open(t.Context(), c, append(opts, tandem.WithLogger(log))...); err != nil {
		t.Fatal(err)
	}
	s := httptest.NewUnstartedServer(w.server)
	s.Listener.Close()
	s.Listener = l
	s.Start()
	t.Cleanup(func() {
		s.CloseClientConnections()
		s.Close()
		if err := w.server.Close(); err != nil {
			t.Error(err)
		}
	})
	return w
}

// operate calls the API as the operator of the machine.
func (w *town) operate(method, path, body string) string {
	w.Helper()
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	out := httptest.NewRecorder()
	w.server.Local().ServeHTTP(out, r)
	if out.Code >= 300 {
		w.Fatalf("%s %s: %d %s", method, path, out.Code, out.Body)
	}
	return out.Body.String()
}

var mailedCode = regexp.MustCompile(`\b\d{6}\b`)

// code waits for the next code that is mailed to the address, after those that were there before.
func (w *town) code(email string) string {
	w.Helper()
	message := w.letter(email)
	codes := mailedCode.FindAllString(message, -1)
	if len(codes) == 0 {
		w.Fatalf("no code in %s", message)
	}
	return codes[len(codes)-1]
}

// letter answers the last message to the address.
func (w *town) letter(email string) string {
	w.Helper()
	for range 200 {
		if text := w.mail.String(); strings.Contains(text, email) {
			return text[strings.LastIndex(text, email):]
		}
		time.Sleep(5 * time.Millisecond)
	}
	w.Fatalf("no mail to %s in:\n%s", email, w.mail)
	return ""
}

// browser is one person's: it keeps cookies and follows redirects, and runs no script.
type browser struct {
	*town
	client *http.Client
	lang   string
	agent  string
}

func (w *town) browser() *browser {
	w.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		w.Fatal(err)
	}
	b := &browser{town: w, lang: "en", agent: "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"}
	b.client = &http.Client{Jar: jar, CheckRedirect: func(r *http.Request, via []*http.Request) error {
		if len(via) > 8 {
			return fmt.Errorf("sent around in circles: %s", r.URL)
		}
		if r.URL.Host != via[0].URL.Host {
			return http.ErrUseLastResponse
		}
		return nil
	}}
	return b
}

// shown is a page as it came.
type shown struct {
	status int
	path   string // with the query
	body   string
	header http.Header
}

func (b *browser) do(r *http.Request) shown {
	b.Helper()
	r.Header.Set("Accept", "text/html")
	r.Header.Set("Accept-Language", b.lang)
	r.Header.Set("User-Agent", b.agent)
	res, err := b.client.Do(r)
	if err != nil {
		b.Fatalf("%s %s: %v", r.Method, r.URL, err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		b.Fatal(err)
	}
	p := shown{res.StatusCode, res.Request.URL.RequestURI(), string(body), res.Header}
	if strings.HasPrefix(res.Header.Get("Content-Type"), "text/html") {
		what := r.Method + " " + r.URL.Path + " in " + b.lang
		examine(b, what, p.body)
		examineHeaders(b, what, res.Header)
	}
	return p
}

func (b *browser) get(path string) shown {
	b.Helper()
	r, err := http.NewRequestWithContext(b.context(), http.MethodGet, b.url+path, nil)
	if err != nil {
		b.Fatal(err)
	}
	return b.do(r)
}

// post sends a form: pairs of names and values.
func (b *browser) post(path string, pairs ...string) shown {
	b.Helper()
	return b.send(path, nil, pairs...)
}

func (b *browser) send(path string, header map[string]string, pairs ...string) shown {
	b.Helper()
	form := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		form.Set(pairs[i], pairs[i+1])
	}
	r, err := http.NewRequestWithContext(b.context(), http.MethodPost, b.url+path, strings.NewReader(form.Encode()))
	if err != nil {
		b.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	for name, value := range header {
		r.Header.Set(name, value)
	}
	return b.do(r)
}

func (b *browser) context() context.Context { return b.Context() }

// at fails the test unless the page is the one of the path, with the status.
func (b *browser) at(p shown, status int, path string, texts ...string) shown {
	b.Helper()
	if p.status != status || p.path != path {
		b.Fatalf("came to %d %s, want %d %s\n%s", p.status, p.path, status, path, mainPart(p.body))
	}
	for _, text := range texts {
		if !strings.Contains(p.body, text) {
			b.Errorf("%s does not say %q:\n%s", path, text, mainPart(p.body))
		}
	}
	return p
}

func mainPart(body string) string {
	_, rest, _ := strings.Cut(body, "<main")
	rest, _, _ = strings.Cut(rest, "</main>")
	return rest
}

// signUp makes an account whose address is verified.
func (b *browser) signUp(email string) {
	b.Helper()
	b.at(b.get("/sign-up"), 200, "/sign-up", `autocomplete="email"`)
	b.at(b.post("/sign-up", "email", email), 200, "/sign-in/code", `autocomplete="one-time-code"`, `inputmode="numeric"`)
	b.at(b.post("/sign-in/code", "code", b.code(email)), 200, "/sign-in/choose", `autocomplete="new-password"`, "At least 12 characters")
	b.at(b.post("/sign-in/choose", "name", "Alice Example", "password", password), 200, "/account", "Alice Example")
}

// signIn signs in by password, up to the second factor if there is one.
func (b *browser) signIn(email string) shown {
	b.Helper()
	b.get("/sign-in")
	b.at(b.post("/sign-in", "email", email), 200, "/sign-in/password", `autocomplete="current-password"`)
	return b.post("/sign-in/password", "password", password)
}

// cookie is the value of the browser's cookie, empty if it has none.
func (b *browser) cookie(name string) string {
	b.Helper()
	at, err := url.Parse(b.url)
	if err != nil {
		b.Fatal(err)
	}
	for _, one := range b.client.Jar.Cookies(at) {
		if one.Name == name {
			return one.Value
		}
	}
	return ""
}

// totp is the code of the seed now, or some steps from now (RFC 6238).
func totp(t testing.TB, seed string, steps int64) string {
	t.Helper()
	key, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(strings.ReplaceAll(seed, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	var count [8]byte
	binary.BigEndian.PutUint64(count[:], uint64(time.Now().Unix()/30+steps))
	mac := hmac.New(sha1.New, key)
	mac.Write(count[:])
	sum := mac.Sum(nil)
	at := sum[len(sum)-1] & 15
	return fmt.Sprintf("%06d", binary.BigEndian.Uint32(sum[at:at+4])&0x7fffffff%1_000_000)
}

var seedForm = regexp.MustCompile(`id="seed"[^>]*>([A-Z2-7 ]+)<`)

// addTOTP sets one-time codes up on the account page and answers the seed, the code that is spent by that, and the
// recovery codes.
func (b *browser) addTOTP() (seed, spent string, codes []string) {
	b.Helper()
	p := b.at(b.post("/account/totp/begin"), 200, "/account/totp", "data:image/png;base64,")
	found := seedForm.FindStringSubmatch(p.body)
	if found == nil {
		b.Fatalf("no seed: %s", mainPart(p.body))
	}
	b.at(b.post("/account/totp", "code", "000 00"), 422, "/account/totp", found[1]) // the same seed again
	spent = totp(b, found[1], 0)
	p = b.at(b.post("/account/totp", "code", spent), 200, "/account/totp", "Keep your recovery codes")
	for _, m := range regexp.MustCompile(`<li>([a-z0-9-]+)</li>`).FindAllStringSubmatch(p.body, -1) {
		codes = append(codes, m[1])
	}
	return found[1], spent, codes
}

// back goes to a provider, answers there, and tells where it sends the browser: a path of this server.
func back(t testing.TB, address, answer, home string) string {
	t.Helper()
	away := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, err := away.PostForm(address, url.Values{"answer": {answer}})
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	path, ok := strings.CutPrefix(res.Header.Get("Location"), home)
	if !ok {
		t.Fatalf("sent back to %q (%s)", res.Header.Get("Location"), res.Status)
	}
	return path
}
