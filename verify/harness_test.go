package verify

import (
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"tandem.example/tandem/verify/verifytest"
)

// logs collects what a verifier logs.
type logs struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *logs) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *logs) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// configure is a configuration for a test's server.
func configure(s *verifytest.Server, edits ...func(*Config)) Config {
	c := Config{
		Issuer: s.Issuer(), Audience: s.Audience(), HTTPClient: s.Client(),
		Logger: slog.New(slog.DiscardHandler), CacheSize: 1000,
	}
	for _, edit := range edits {
		edit(&c)
	}
	return c
}

// start returns a verifier that ends with the test.
func start(t testing.TB, s *verifytest.Server, edits ...func(*Config)) *Verifier {
	t.Helper()
	v, err := New(t.Context(), configure(s, edits...))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(v.Close)
	return v
}

// accepts fails the test if the credential is refused.
func accepts(t testing.TB, v *Verifier, credential string, rules ...Rule) *Token {
	t.Helper()
	token, err := v.Verify(t.Context(), credential, rules...)
	if err != nil {
		t.Fatalf("refused: %v", err)
	}
	return token
}

// refuses fails the test if the credential is accepted, or refused otherwise.
func refuses(t testing.TB, v *Verifier, want error, credential string, rules ...Rule) *Refusal {
	t.Helper()
	token, err := v.Verify(t.Context(), credential, rules...)
	if err == nil {
		t.Fatalf("accepted %v, want %v", token, want)
	}
	if token != nil {
		t.Fatalf("refused with a token: %v", token)
	}
	if !errors.Is(err, want) {
		t.Fatalf("got %v, want %v", err, want)
	}
	var refused *Refusal
	if !errors.As(err, &refused) {
		t.Fatalf("%T is no Refusal", err)
	}
	return refused
}

// call sends a request with an Authorization header through a handler.
func call(h http.Handler, credential string) *httptest.ResponseRecorder {
	r := httptest.NewRequest("GET", "/", nil)
	if credential != "" {
		r.Header.Set("Authorization", "Bearer "+credential)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// distort is a clock that the test can set: offsets added to the real one.
type distort struct {
	mu         sync.Mutex
	real       func() reading
	mono, wall time.Duration
}

func newDistort() *distort { return &distort{real: localClock()} }

func (d *distort) read() reading {
	d.mu.Lock()
	defer d.mu.Unlock()
	r := d.real()
	return reading{Mono: r.Mono + d.mono, Wall: r.Wall + d.wall}
}

// add lets the clocks show so much more time to have passed than has.
func (d *distort) add(mono, wall time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.mono += mono
	d.wall += wall
}

func (d *distort) use(c *Config) { c.clock = d.read }
