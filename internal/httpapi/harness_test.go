package httpapi_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"tandem.example/tandem/internal/account"
	"tandem.example/tandem/internal/application"
	"tandem.example/tandem/internal/audit"
	"tandem.example/tandem/internal/credential"
	"tandem.example/tandem/internal/feed"
	"tandem.example/tandem/internal/httpapi"
	"tandem.example/tandem/internal/limit"
	"tandem.example/tandem/internal/mail"
	"tandem.example/tandem/internal/memory"
	"tandem.example/tandem/internal/operator"
	"tandem.example/tandem/internal/secret"
	"tandem.example/tandem/internal/session"
	"tandem.example/tandem/internal/signin"
	"tandem.example/tandem/internal/signing"
	"tandem.example/tandem/internal/sqlite"
	"tandem.example/tandem/internal/web"
	"tandem.example/tandem/verify/jws"
)

const (
	issuer   = "https://auth.example.com"
	password = "violet anchor tumbles 93"
)

// stores is what every adapter answers.
type stores interface {
	Audit() audit.Store
	Accounts() account.Store
	Applications() application.Store
	Log() feed.Log
	Leases() feed.Leases
	Sessions() session.Store
	Bindings() session.Bindings
	Keys() signing.Store
	SignIn() signin.Store
	APIKeys() credential.APIKeys
	Attempts() signin.Attempts
	Passkeys() credential.Passkeys
	Codes() credential.OneTimeCodes
	Connections() credential.Connections
	Ping(ctx context.Context) error
}

// rig is an API over the real services.
type rig struct {
	t        testing.TB
	api      *httpapi.API
	store    *memory.Store
	signIn   *signin.Service
	operator *operator.Service
	feed     *feed.Service
	log      *syncBuffer
	level    slog.LevelVar // of the log: all, but for benchmarks

	mu  sync.Mutex
	now time.Time
}

func (r *rig) clock() time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.now
}

// pass lets time go by.
func (r *rig) pass(d time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.now = r.now.Add(d)
}

// syncBuffer collects what is logged.
type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *syncBuffer) String() string {
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

// newRig makes an API with limits of 5 attempts per account; change adjusts its configuration.
func newRig(t testing.TB, change ...func(*httpapi.Config)) *rig {
	t.Helper()
	r := &rig{t: t, now: time.Now().UTC().Truncate(time.Second), log: &syncBuffer{}}
	r.store = memory.Open(memory.Options{Now: r.now})
	r.open(r.store, change...)
	return r
}

// onEveryStore runs a test on each adapter.
func onEveryStore(t *testing.T, test func(t *testing.T, r *rig)) {
	t.Parallel()
	t.Run("memory", func(t *testing.T) {
		t.Parallel()
		test(t, newRig(t))
	})
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		r := &rig{t: t, now: time.Now().UTC().Truncate(time.Second), log: &syncBuffer{}}
		store := must[*sqlite.Store](t)(sqlite.Open(t.Context(), sqlite.Config{Dir: t.TempDir(), Now: r.clock}))
		t.Cleanup(func() {
			if err := store.Close(); err != nil {
				t.Error(err)
			}
		})
		r.open(store)
		test(t, r)
	})
}

// open builds services and API upon a store.
func (r *rig) open(store stores, change ...func(*httpapi.Config)) {
	r.t.Helper()
	log := slog.New(slog.NewTextHandler(r.log, &slog.HandlerOptions{Level: &r.level}))
	r.level.Set(slog.LevelDebug)
	c := r.services(store, log)
	for _, f := range change {
		f(&c)
	}
	r.api = must[*httpapi.API](r.t)(httpapi.New(c))
}

func (r *rig) services(store stores, log *slog.Logger) httpapi.Config {
	t, ctx := r.t, r.t.Context()
	key := func(purpose string) []byte { d := secret.Sum([]byte(purpose)); return d[:] }
	ring := must[*signing.Ring](t)(signing.Open(ctx, signing.Config{
		Store: store.Keys(), Box: testBox(t), Algorithm: jws.ES256, Schedule: signing.DefaultSchedule,
		MaxToken: func() time.Duration { return 15 * time.Minute }, Now: r.clock,
	}))
	hasher := must[*credential.Hasher](t)(credential.NewHasher(credential.HasherConfig{
		Cost: credential.Cost{MemoryKiB: 64, Passes: 1, Lanes: 1}, InsecureAllowCheap: true,
	}))
	sightings := session.NewSightings(store.Sessions(), log)
	t.Cleanup(sightings.Close)
	r.feed = must[*feed.Service](t)(feed.Open(ctx, feed.Config{
		Log: store.Log(), Leases: store.Leases(), Lease: 10 * time.Second, Sign: ring.SignReply, Now: r.clock,
	}))
	t.Cleanup(r.feed.Close)
	r.signIn = signin.New(signin.Config{
		Store: store.SignIn(), Accounts: store.Accounts(), Applications: store.Applications(), Sessions: store.Sessions(),
		Audit: store.Audit(), Sightings: sightings, Ring: ring,
		Bindings: store.Bindings(), Binder: session.NewBinder(key("bound"), session.BoundLifetime), Hasher: hasher, Tokens: session.NewRefreshTokens(key("refresh")),
		DeviceTokens: signin.NewDeviceTokens(key("devices")), Limits: limit.NewMemory(0), Mail: mail.Discard{}, Issuer: issuer,
		Attempts: store.Attempts(), Passkeys: store.Passkeys(), Codes: store.Codes(), Connections: store.Connections(), Box: testBox(t),
		Defaults: signin.Defaults{
			Audiences: []string{issuer}, AccessTokenTTL: 5 * time.Minute, Session: session.Standard, Refresh: session.Standard,
			PerAccount: limit.Policy{Burst: 5, Period: time.Minute}, PerAddress: limit.Policy{Burst: 1000, Period: time.Minute},
		},
		Now: r.clock, Log: log,
	})
	r.operator = operator.New(operator.Config{
		Accounts: store.Accounts(), Applications: store.Applications(), Sessions: store.Sessions(), SignIn: store.SignIn(),
		APIKeys: store.APIKeys(), Audit: store.Audit(), Log: store.Log(), Feed: r.feed, Ring: ring, Hasher: hasher,
		Bounds: operator.Bounds{AccessTokenTTL: 15 * time.Minute, DefaultTTL: 5 * time.Minute,
			Methods: []application.Method{application.Password, application.Passkey}}, Now: r.clock, Logger: log,
	})
	by := operator.By{Actor: "system"}
	for _, app := range []application.Application{
		{Name: application.DefaultName},
		{Name: "mobile", Mode: application.ModeJWT, Audiences: []string{"https://api.example.com", issuer}},
		{Name: "pages", Mode: application.ModeSession},
	} {
		if _, _, err := r.operator.CreateApplication(ctx, app, by); err != nil {
			t.Fatal(err)
		}
	}
	return httpapi.Config{SignIn: r.signIn, Operator: r.operator, Feed: r.feed, Ring: ring, Issuer: issuer, Ready: store.Ping, Log: log, Version: "test"}
}

func testBox(t testing.TB) *secret.Box {
	t.Helper()
	return must[*secret.Box](t)(secret.NewBox(bytes.Repeat([]byte{7}, secret.MasterKeySize)))
}

// call is a request to be sent.
type call struct {
	method, path string
	body         any // marshalled, unless it is a string
	bearer       string
	basic        [2]string // client id and secret, as a form encodes them
	cookies      []*http.Cookie
	header       map[string]string
	local        bool
}

// answer is what came back.
type answer struct {
	*http.Response
	text string
	json map[string]any
}

func (r *rig) do(c call) answer {
	r.t.Helper()
	var body io.Reader
	switch b := c.body.(type) {
	case nil:
	case string:
		body = strings.NewReader(b)
	default:
		text, err := json.Marshal(b)
		if err != nil {
			r.t.Fatal(err)
		}
		body = bytes.NewReader(text)
	}
	req := httptest.NewRequest(c.method, issuer+c.path, body)
	req.RemoteAddr = "192.0.2.7:4711"
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if c.bearer != "" {
		req.Header.Set("Authorization", "Bearer "+c.bearer)
	}
	if c.basic != [2]string{} {
		req.SetBasicAuth(c.basic[0], c.basic[1])
	}
	for _, cookie := range c.cookies {
		req.AddCookie(&http.Cookie{Name: cookie.Name, Value: cookie.Value})
	}
	for name, value := range c.header {
		req.Header.Set(name, value)
	}
	if c.local {
		req = req.WithContext(web.WithLocalOperator(req.Context()))
	}
	return r.send(req)
}

func (r *rig) send(req *http.Request) answer {
	r.t.Helper()
	w := httptest.NewRecorder()
	r.api.Handler().ServeHTTP(w, req)
	a := answer{Response: w.Result(), text: w.Body.String()}
	if strings.Contains(a.Header.Get("Content-Type"), "json") && a.text != "" {
		if err := json.Unmarshal([]byte(a.text), &a.json); err != nil {
			r.t.Fatalf("%s %s answered %q, which is no JSON object: %v", req.Method, req.URL.Path, a.text, err)
		}
	}
	return a
}

// get walks into the answer: get("user", "email").
func (a answer) get(path ...string) any {
	var at any = a.json
	for _, name := range path {
		object, ok := at.(map[string]any)
		if !ok {
			return nil
		}
		at = object[name]
	}
	return at
}

func (a answer) str(path ...string) string {
	s, _ := a.get(path...).(string)
	return s
}

// want fails unless the answer has the status, and the code if it is a problem.
func (a answer) want(t testing.TB, status int, code ...string) answer {
	t.Helper()
	if a.StatusCode != status || len(code) > 0 && a.str("code") != code[0] {
		t.Fatalf("answered %d %s, want %d %v", a.StatusCode, a.text, status, code)
	}
	return a
}

type fields = map[string]any
