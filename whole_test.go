package tandem

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"

	"tandem.example/tandem/internal/account"
	"tandem.example/tandem/internal/application"
	"tandem.example/tandem/internal/audit"
	"tandem.example/tandem/internal/config"
	"tandem.example/tandem/internal/credential"
	"tandem.example/tandem/internal/feed"
	"tandem.example/tandem/internal/session"
	"tandem.example/tandem/internal/signing"
	"tandem.example/tandem/verify"
)

// house is an installation in which everything can be looked at: the tests of the whole system live in it.
type house struct {
	*installation
	client *http.Client
	mails  *heap // what was mailed; nil if nothing can be
}

// furnish installs a server on SQLite. Rate limits are off unless change says otherwise.
func furnish(t testing.TB, change func(*Config), opts ...Option) *house {
	t.Helper()
	transport := &http.Transport{MaxIdleConnsPerHost: 256}
	h := &house{client: &http.Client{Transport: transport}}
	h.installation = install(t, func(c *Config) {
		c.Limits.Disabled = true
		if change != nil {
			change(c)
		}
	}, opts...)
	t.Cleanup(transport.CloseIdleConnections)
	return h
}

// limited are limits that a test can reach.
func limited(perAccount, perAddress int) config.Limits {
	return config.Limits{SignInPerAccount: perAccount, SignInPerAddress: perAddress}
}

// visit is a request as a browser, a program or an attacker sends it. What is empty is not sent.
type visit struct {
	method, path string
	bearer       string
	cookie       string // the whole header
	body         any    // JSON; a string is sent as it is
	header       map[string]string
	host         string
	from         string // the peer's address: the request is then served without a network
}

func (h *house) visit(v visit) answer {
	h.Helper()
	var body io.Reader
	switch b := v.body.(type) {
	case nil:
	case string:
		body = strings.NewReader(b)
	default:
		text, err := json.Marshal(b)
		if err != nil {
			h.Fatal(err)
		}
		body = bytes.NewReader(text)
	}
	req, err := http.NewRequestWithContext(h.Context(), v.method, h.url+v.path, body)
	if err != nil {
		h.Fatalf("%s %s: %v", v.method, v.path, err)
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if v.bearer != "" {
		req.Header.Set("Authorization", "Bearer "+v.bearer)
	}
	if v.cookie != "" {
		req.Header.Set("Cookie", v.cookie)
	}
	for name, value := range v.header {
		req.Header.Set(name, value)
	}
	if v.host != "" {
		req.Host = v.host
	}
	if v.from != "" {
		w := httptest.NewRecorder()
		req.RemoteAddr = v.from
		h.server.ServeHTTP(w, req)
		return h.decode(w.Code, w.Header(), w.Body)
	}
	res, err := h.client.Do(req)
	if err != nil {
		h.Fatalf("%s %s: %v", v.method, v.path, err)
	}
	defer res.Body.Close()
	return h.decode(res.StatusCode, res.Header, res.Body)
}

// post is a visit with a credential and JSON.
func (h *house) post(path, bearer string, body any) answer {
	h.Helper()
	return h.visit(visit{method: "POST", path: path, bearer: bearer, body: body})
}

// get is a visit that reads.
func (h *house) get(path, bearer string) answer {
	h.Helper()
	return h.visit(visit{method: "GET", path: path, bearer: bearer})
}

// must fails the test unless the answer has the status.
func (h *house) must(status int, a answer) answer {
	h.Helper()
	if a.Code != status {
		h.Fatalf("answered %d %v, want %d", a.Code, a.Body, status)
	}
	return a
}

// refused fails the test unless the answer has the status and the code of a problem.
func (h *house) refused(what string, status int, code string, a answer) answer {
	h.Helper()
	if a.Code != status || a.text("code") != code {
		h.Errorf("%s: answered %d %s (%s), want %d %s", what, a.Code, a.text("code"), a.text("detail"), status, code)
	}
	return a
}

// signIn starts another session of somebody.
func (h *house) signIn(email, app string) answer {
	h.Helper()
	return h.must(200, h.post("/v1/sign-in", "", map[string]any{"email": email, "password": password, "app": app, "delivery": "body"}))
}

// app registers an application and answers its id.
func (h *house) app(name, mode string) string {
	h.Helper()
	return h.must(201, h.operate("POST", "/v1/admin/apps", map[string]any{"name": name, "mode": mode})).in("app").text("id")
}

// apiKey makes an API key and answers its id and text.
func (h *house) apiKey() (id, text string) {
	h.Helper()
	a := h.must(201, h.operate("POST", "/v1/admin/api-keys", map[string]any{"name": "machine"}))
	return a.in("api_key").text("id"), a.text("secret")
}

// cookieOf is the Cookie header that sends a session token.
func cookieOf(token string) string { return "tandem_session=" + token }

// jar is the Cookie header that a browser sends after the answer.
func (a answer) jar() string {
	var all []string
	for _, one := range (&http.Response{Header: a.Header}).Cookies() {
		if one.MaxAge >= 0 {
			all = append(all, one.Name+"="+one.Value)
		}
	}
	return strings.Join(all, "; ")
}

// cookie is the value of a cookie that the answer sets, empty if it sets none of that name.
func (a answer) cookie(name string) string {
	for _, one := range (&http.Response{Header: a.Header}).Cookies() {
		if one.Name == name {
			return one.Value
		}
	}
	return ""
}

func (a answer) user() string    { return a.in("user").text("id") }
func (a answer) session() string { return a.in("session").text("id") }

// facts are all that a server knows, but for the audit trail.
type facts struct {
	Head      feed.Head
	Users     []account.User
	Passwords map[account.ID]string
	Sessions  []session.View
	Apps      []application.Application
	APIKeys   []credential.APIKey
	Signing   []signing.Stored
}

func (h *house) facts() facts {
	h.Helper()
	var f facts
	ctx, st := h.Context(), h.server.store
	load := func(err error) {
		h.Helper()
		if err != nil {
			h.Fatal(err)
		}
	}
	var err error
	f.Head, err = st.Log().Head(ctx)
	load(err)
	f.Users, err = st.Accounts().List(ctx, account.Query{Limit: 10_000})
	load(err)
	f.Passwords = make(map[account.ID]string)
	for _, u := range f.Users {
		phc, _, err := st.SignIn().Password(ctx, u.ID)
		if !errors.Is(err, account.ErrNotFound) { // a user without a password
			load(err)
		}
		f.Passwords[u.ID] = phc.Reveal()
	}
	f.Sessions, err = st.Sessions().List(ctx, session.Query{Limit: 10_000})
	load(err)
	f.Apps, err = st.Applications().List(ctx)
	load(err)
	f.APIKeys, err = st.APIKeys().List(ctx)
	load(err)
	f.Signing = h.server.parts.ring.Keys()
	return f
}

func (h *house) trail() []audit.Entry {
	h.Helper()
	entries, err := h.server.store.Audit().List(h.Context(), audit.Query{Limit: 100_000})
	if err != nil {
		h.Fatal(err)
	}
	return entries
}

// harmless runs an attack and fails unless all is as it was before, and the audit trail tells of exactly these
// refusals.
func (h *house) harmless(what string, attack func(), want ...audit.Type) {
	h.Helper()
	before, told := h.facts(), make(map[string]bool)
	for _, e := range h.trail() {
		told[e.ID] = true
	}
	attack()
	if after := h.facts(); !reflect.DeepEqual(before, after) {
		h.Errorf("%s: something changed:\nbefore %+v\nafter  %+v", what, before, after)
	}
	got := make(map[audit.Type]int)
	for _, e := range h.trail() {
		if told[e.ID] {
			continue
		}
		if e.Outcome != audit.Refused {
			h.Errorf("%s: the audit trail says %s was done", what, e.Type)
		}
		got[e.Type]++
	}
	for _, t := range want {
		got[t]--
	}
	maps.DeleteFunc(got, func(_ audit.Type, n int) bool { return n == 0 })
	if len(got) > 0 {
		h.Errorf("%s: the audit trail differs from what was expected by %v", what, got)
	}
}

// follow starts a verifier of the house.
func (h *house) follow() *verify.Verifier {
	h.Helper()
	return h.verifier(nil)
}

// abreast waits until the verifier has applied the whole log under a lease that holds.
func (h *house) abreast(v *verify.Verifier) {
	h.Helper()
	head, err := h.server.store.Log().Head(h.Context())
	if err != nil {
		h.Fatal(err)
	}
	h.eventually("the verifier is abreast of the log", func() bool {
		s := v.Status()
		return s.Ready && s.Position >= head.Position
	})
}

// eventually waits for what must come about. The limit only ends a test that has failed.
func (h *house) eventually(what string, true func() bool) {
	h.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(time.Minute)
	for !true() {
		select {
		case <-tick.C:
		case <-deadline:
			h.Fatalf("a minute went by before it came about that %s", what)
		}
	}
}

// guard serves a handler behind the verifier; it answers whom it was called for.
func (h *house) guard(v *verify.Verifier, rules ...verify.Rule) string {
	h.Helper()
	s := httptest.NewServer(v.Protect(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		token, _ := verify.FromContext(r.Context())
		io.WriteString(w, `{"sub":"`+token.Subject()+`"}`)
	}), rules...))
	h.Cleanup(s.Close)
	return s.URL
}

// at sends a visit to a guarded handler.
func (h *house) at(url string, v visit) answer {
	h.Helper()
	there := *h
	inside := *h.installation
	inside.url = url
	there.installation = &inside
	return there.visit(v)
}
