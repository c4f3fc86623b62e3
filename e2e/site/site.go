package site

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"tandem.example/tandem"
	"tandem.example/tandem/internal/web"
)

// Config is how a Tandem is put up.
type Config struct {
	// Host is the name of the server: localhost if empty, on plain http; another one lies below example.test, on https.
	Host string
	// Change alters the configuration, whose Issuer, Listen and DataDir are set.
	Change func(*tandem.Config)
	// Options go with those for log and mail.
	Options []tandem.Option
}

// Site is a running Tandem.
type Site struct {
	URL    string // the issuer: without a slash at the end
	Mail   *Mailbox
	Server *tandem.Server
	Log    *Log

	t testing.TB
}

// Start puts up a Tandem on the embedded store that ends with the test. Limits on signing in are off.
func Start(t testing.TB, c Config) *Site {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &Site{t: t, Mail: &Mailbox{}, Log: &Log{}, URL: address(c.Host, l)}
	config := tandem.Config{Issuer: s.URL, Listen: l.Addr().String(), DataDir: filepath.Join(t.TempDir(), "data"), ServiceName: "Tandem"}
	config.Limits.Disabled = true
	if c.Change != nil {
		c.Change(&config)
	}
	options := append([]tandem.Option{tandem.WithLogger(slog.New(slog.NewTextHandler(s.Log, nil))), tandem.WithMailTo(s.Mail)}, c.Options...)
	if s.Server, err = tandem.Open(context.Background(), config, options...); err != nil {
		l.Close()
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Server.Close(); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			t.Logf("the server's log:\n%s", s.Log.String())
		}
	})
	mux := http.NewServeMux()
	mux.Handle("GET "+Beside, Page("<!doctype html><html lang=en><title>Beside</title><link rel=icon href=data:,><p>A page of the program that embeds the server."))
	mux.Handle("/", s.Server)
	serve(t, l, c.Host, mux)
	return s
}

// Beside is the path of a page that is not Tandem's but lies on its origin, as of a program that embeds it: its scripts may
// call the API with the visitor's cookies.
const Beside = "/beside"

// Serve puts up somebody else's site at https://HOST:PORT, or at http://localhost:PORT for an empty host, and answers
// its URL, without a slash at the end.
func Serve(t testing.TB, host string, h http.Handler) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	serve(t, l, host, h)
	return address(host, l)
}

// Page answers the same page to every request.
func Page(html string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = io.WriteString(w, html) // whoever is gone does not read it
	})
}

func address(host string, l net.Listener) string {
	port := l.Addr().(*net.TCPAddr).Port
	if host == "" {
		return fmt.Sprintf("http://localhost:%d", port)
	}
	return fmt.Sprintf("https://%s:%d", host, port)
}

// serve serves with the timeouts of the product, until the test ends.
func serve(t testing.TB, l net.Listener, host string, h http.Handler) {
	if host != "" {
		l = tls.NewListener(l, &tls.Config{Certificates: []tls.Certificate{certificate()}, NextProtos: []string{"http/1.1"}})
	}
	server := web.NewServer(h, nil)
	server.ReadHeaderTimeout = time.Minute // browsers open connections ahead of need
	var serving sync.WaitGroup
	serving.Go(func() { _ = server.Serve(l) }) // which ends when the server is closed
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
		serving.Wait()
	})
}

// Do calls the API as the operator of this machine and decodes the answer into res, unless that is nil.
func (s *Site) Do(method, path string, body, res any) {
	s.t.Helper()
	var sent bytes.Buffer
	if body != nil {
		if err := json.NewEncoder(&sent).Encode(body); err != nil {
			s.t.Fatal(err)
		}
	}
	r := httptest.NewRequest(method, s.URL+path, &sent)
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	w := httptest.NewRecorder()
	s.Server.Local().ServeHTTP(w, r)
	if w.Code >= 300 {
		s.t.Fatalf("%s %s answered %d: %s", method, path, w.Code, w.Body)
	}
	if res != nil {
		if err := json.Unmarshal(w.Body.Bytes(), res); err != nil {
			s.t.Fatalf("%s %s: %v", method, path, err)
		}
	}
}

// User makes a user and answers their id.
func (s *Site) User(email, password string, roles ...string) string {
	s.t.Helper()
	var made struct{ ID string }
	if roles == nil {
		roles = []string{}
	}
	s.Do("POST", "/v1/admin/users", map[string]any{"email": email, "password": password, "roles": roles}, &made)
	return made.ID
}

// Log keeps what is logged.
type Log struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write implements io.Writer.
func (l *Log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

// String answers all of it.
func (l *Log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}
