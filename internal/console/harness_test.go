package console_test

import (
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"tandem.example/tandem/internal/account"
	"tandem.example/tandem/internal/application"
	"tandem.example/tandem/internal/audit"
	"tandem.example/tandem/internal/console"
	"tandem.example/tandem/internal/credential"
	"tandem.example/tandem/internal/feed"
	"tandem.example/tandem/internal/httpapi"
	"tandem.example/tandem/internal/limit"
	"tandem.example/tandem/internal/mail"
	"tandem.example/tandem/internal/memory"
	"tandem.example/tandem/internal/operator"
	"tandem.example/tandem/internal/outage"
	"tandem.example/tandem/internal/secret"
	"tandem.example/tandem/internal/session"
	"tandem.example/tandem/internal/signin"
	"tandem.example/tandem/internal/signing"
	"tandem.example/tandem/internal/ui"
	"tandem.example/tandem/verify"
	"tandem.example/tandem/verify/jws"
)

// lease is long, so that a test tells an acknowledgement from a lapse on any machine.
const lease = 30 * time.Second

// room is a console over the real services, which listens.
type room struct {
	testing.TB
	url      string
	base     string // path of the issuer
	store    *memory.Store
	signIn   *signin.Service
	operator *operator.Service
	feed     *feed.Service
	console  *console.Console
	app      application.Application
	log      *buffer
	ahead    atomic.Int64 // of the clock
	mail     mail.Figures
}

func (r *room) now() time.Time { return time.Now().Add(time.Duration(r.ahead.Load())) }

// pass lets time go by for all but leases.
func (r *room) pass(d time.Duration) { r.ahead.Add(int64(d)) }

type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

func must[T any](t testing.TB) func(v T, err error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// open makes a console. The issuer has a path if base is not empty.
func open(t testing.TB, base string) *room {
	t.Helper()
	l := must[net.Listener](t)(net.Listen("tcp", "127.0.0.1:0"))
	r := &room{TB: t, url: "http://" + l.Addr().String() + base, base: base, log: &buffer{}}
	r.store = memory.Open(memory.Options{})
	ring := r.services(slog.New(slog.NewTextHandler(r.log, nil)))
	api := must[*httpapi.API](t)(httpapi.New(httpapi.Config{SignIn: r.signIn, Operator: r.operator, Feed: r.feed, Ring: ring, Issuer: r.url, OpenSync: true,
		Ready: r.store.Ping, Log: slog.New(slog.NewTextHandler(r.log, nil))}))
	kit := must[*ui.Kit](t)(ui.New(ui.Config{Issuer: r.url}))
	r.console = must[*console.Console](t)(console.New(console.Config{SignIn: r.signIn, Operator: r.operator, Feed: r.feed, Site: api.Site(), Issuer: r.url, Kit: kit,
		Ready: r.store.Ping, Mail: func(context.Context) (mail.Figures, error) { return r.mail, nil }, Log: slog.New(slog.NewTextHandler(r.log, nil))}))
	r.console.Register()
	kit.Register(api.Site())
	server := httptest.NewUnstartedServer(api.Handler())
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	server.Listener.Close()
	server.Listener = l
	server.Start()
	t.Cleanup(func() {
		r.console.Close()
		r.feed.Close()
		server.CloseClientConnections()
		server.Close()
	})
	return r
}

func (r *room) services(log *slog.Logger) *signing.Ring {
	t, ctx, st := r.TB, r.Context(), r.store
	key := func(purpose string) []byte { d := secret.Sum([]byte(purpose)); return d[:] }
	box := must[*secret.Box](t)(secret.NewBox(bytes.Repeat([]byte{7}, secret.MasterKeySize)))
	ring := must[*signing.Ring](t)(signing.Open(ctx, signing.Config{Store: st.Keys(), Box: box, Algorithm: jws.ES256, Schedule: signing.DefaultSchedule,
		MaxToken: func() time.Duration { return 15 * time.Minute }, Now: r.now}))
	hasher := must[*credential.Hasher](t)(credential.NewHasher(credential.HasherConfig{Cost: credential.Cost{MemoryKiB: 64, Passes: 1, Lanes: 1}, InsecureAllowCheap: true}))
	sightings := session.NewSightings(st.Sessions(), log)
	t.Cleanup(sightings.Close)
	r.feed = must[*feed.Service](t)(feed.Open(ctx, feed.Config{Log: st.Log(), Leases: st.Leases(), Lease: lease, Sign: ring.SignReply, Now: r.now}))
	r.signIn = signin.New(signin.Config{
		Store: st.SignIn(), Accounts: st.Accounts(), Applications: st.Applications(), Sessions: st.Sessions(), Audit: st.Audit(), Sightings: sightings, Ring: ring,
		Bindings: st.Bindings(), Binder: session.NewBinder(key("bound"), session.BoundLifetime), Hasher: hasher, Tokens: session.NewRefreshTokens(key("refresh")),
		DeviceTokens: signin.NewDeviceTokens(key("devices")), Limits: limit.NewMemory(0), Mail: mail.Discard{}, Issuer: r.url,
		Attempts: st.Attempts(), Passkeys: st.Passkeys(), Codes: st.Codes(), Connections: st.Connections(), Box: box,
		Defaults: signin.Defaults{Audiences: []string{r.url}, AccessTokenTTL: 5 * time.Minute, Session: session.Standard, Refresh: session.Standard},
		Now:      r.now, Log: log,
	})
	r.operator = operator.New(operator.Config{Accounts: st.Accounts(), Applications: st.Applications(), Sessions: st.Sessions(), SignIn: st.SignIn(),
		APIKeys: st.APIKeys(), Audit: st.Audit(), Log: st.Log(), Feed: r.feed, Ring: ring, Hasher: hasher,
		Bounds: operator.Bounds{AccessTokenTTL: 15 * time.Minute, DefaultTTL: 5 * time.Minute}, Now: r.now, Logger: log})
	var err error
	if r.app, _, err = r.operator.CreateApplication(ctx, application.Application{Name: application.DefaultName}, operator.By{Actor: "system"}); err != nil {
		t.Fatal(err)
	}
	return ring
}

// person is somebody who is signed in, at a browser.
type person struct {
	*room
	user    account.User
	session session.ID
	cookie  string
}

// enter makes somebody with these roles and signs them in.
func (r *room) enter(email string, roles ...string) *person {
	r.Helper()
	u := must[account.User](r)(r.operator.CreateUser(r.Context(), operator.NewUser{Email: email, Roles: roles}, operator.By{Actor: "system"}))
	return r.again(u)
}

// again signs somebody in once more, on another device.
func (r *room) again(u account.User) *person {
	r.Helper()
	now := r.now()
	s := session.Session{ID: session.NewID(now), User: u.ID, Application: r.app.ID, CreatedAt: now, AuthenticatedAt: now, LastSeenAt: now,
		IdleExpiresAt: now.Add(24 * time.Hour), ExpiresAt: now.Add(48 * time.Hour), Idle: 24 * time.Hour, ACR: "1", AMR: []string{"pwd"}, Device: "Firefox on Linux", IP: "192.0.2.7"}
	token, digest := session.NewToken(s.ID)
	s.Token = digest
	entry := audit.New(audit.SignedIn, now)
	entry.User, entry.Actor, entry.Target = string(u.ID), string(u.ID), string(s.ID)
	if _, err := r.store.Sessions().Start(r.Context(), session.Start{Session: s, AccountRevision: u.Revision, Audit: entry}); err != nil {
		r.Fatal(err)
	}
	return &person{room: r, user: u, session: s.ID, cookie: "tandem_session=" + token.Reveal()}
}

// page is what came back.
type page struct {
	*http.Response
	text string
}

// want fails unless the page has the status.
func (p page) want(t testing.TB, status int) page {
	t.Helper()
	if p.StatusCode != status {
		t.Fatalf("%s %s answered %d, want %d:\n%s", p.Request.Method, p.Request.URL.Path, p.StatusCode, status, p.text)
	}
	return p
}

// leads answers where it redirects to, on this server.
func (p page) leads(t testing.TB) string {
	t.Helper()
	if p.StatusCode != http.StatusSeeOther {
		t.Fatalf("%s %s answered %d, want a redirect:\n%s", p.Request.Method, p.Request.URL, p.StatusCode, p.text)
	}
	return p.Header.Get("Location")
}

// says fails unless the page holds the texts.
func (p page) says(t testing.TB, texts ...string) page {
	t.Helper()
	for _, text := range texts {
		if !strings.Contains(p.text, text) {
			t.Errorf("%s does not say %q:\n%s", p.Request.URL, text, p.text)
		}
	}
	return p
}

var client = &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}

// visit sends a request as a browser of this server's own pages does. A nil form is a GET.
func (r *room) visit(path, cookie string, form url.Values, header ...string) page {
	r.Helper()
	method, body := http.MethodGet, io.Reader(nil)
	if form != nil {
		method, body = http.MethodPost, strings.NewReader(form.Encode())
	}
	req := must[*http.Request](r)(http.NewRequestWithContext(r.Context(), method, r.url+path, body))
	req.Header.Set("Accept", "text/html")
	if form != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.Header.Set("Sec-Fetch-Site", "same-origin")
	}
	if cookie != "" {
		req.Header.Set("Cookie", cookie)
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	res := must[*http.Response](r)(client.Do(req))
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		r.Fatal(err)
	}
	return page{res, string(text)}
}

func (p *person) get(path string, header ...string) page {
	p.Helper()
	return p.visit(path, p.cookie, nil, header...)
}

func (p *person) post(path string, form url.Values) page {
	p.Helper()
	return p.visit(path, p.cookie, form)
}

var input = regexp.MustCompile(`<input type="hidden" name="([^"]*)" value="([^"]*)">`)

// form is what the confirmation page would send, with a reason.
func (p page) form(reason string) url.Values {
	form := url.Values{"reason": {reason}}
	for _, m := range input.FindAllStringSubmatch(p.text, -1) {
		form.Set(m[1], strings.NewReplacer("&amp;", "&", "&#34;", `"`, "&#39;", "'", "&#43;", "+").Replace(m[2]))
	}
	return form
}

// act does something: looks at whom it touches, says why, and answers where it leads.
func (p *person) act(name string, about url.Values, reason string) string {
	p.Helper()
	asked := p.get("/console/acts/"+name+"?"+about.Encode()).want(p, http.StatusOK)
	return strings.TrimPrefix(p.post("/console/acts/"+name, asked.form(reason)).leads(p), p.base)
}

// fail has the store be out of reach for the verbs that begin so.
func (r *room) fail(verbs ...string) {
	r.store.Fault(func(verb string) (before, after error) {
		for _, v := range verbs {
			if strings.HasPrefix(verb, v) {
				return &outage.Error{Store: "PostgreSQL", Err: errors.New("connection refused")}, nil
			}
		}
		return nil, nil
	})
}

// verifier follows the feed over the network.
func (r *room) verifier(name string) *verify.Verifier {
	r.Helper()
	v := must[*verify.Verifier](r)(verify.New(r.Context(), verify.Config{Issuer: r.url, Audience: r.url, Name: name, Logger: slog.New(slog.DiscardHandler)}))
	r.Cleanup(func() { v.Close() })
	return v
}

// element is a tag that a browser would see.
type element struct {
	name  string
	attrs map[string]string
}

// elements reads a page as markup. It fails if the page is not well formed, but for what HTML lets pass.
func elements(t testing.TB, where, text string) (all []element) {
	t.Helper()
	d := xml.NewDecoder(strings.NewReader(text))
	d.Strict, d.AutoClose, d.Entity = false, xml.HTMLAutoClose, xml.HTMLEntity
	for {
		token, err := d.Token()
		if err == io.EOF {
			return all
		}
		if err != nil {
			t.Fatalf("%s: %v\n%s", where, err, text)
		}
		if start, ok := token.(xml.StartElement); ok {
			e := element{strings.ToLower(start.Name.Local), map[string]string{}}
			for _, a := range start.Attr {
				e.attrs[strings.ToLower(a.Name.Local)] = a.Value
			}
			all = append(all, e)
		}
	}
}
