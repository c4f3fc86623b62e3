package web_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"tandem.example/tandem/internal/web"
)

// door is a front over handlers by path, with its log.
type door struct {
	http.Handler
	log    bytes.Buffer
	served []string
}

func newDoor(t testing.TB, level slog.Level, handlers map[string]web.Handler) *door {
	t.Helper()
	d := &door{}
	log := slog.New(slog.NewTextHandler(&d.log, &slog.HandlerOptions{Level: level}))
	f := &web.Front{
		Origins: origins(t, func(context.Context) ([]string, error) { return nil, nil }), Secure: true, Log: log,
		Problem: func(err error) *web.Problem {
			var p *web.Problem
			if errors.As(err, &p) {
				return p
			}
			p = web.NewProblem(500, web.CodeInternal, "an internal error occurred")
			p.Err, p.Fault = err, true
			return p
		},
		Served: func(x *web.Exchange, route string, _ time.Duration) {
			d.served = append(d.served, fmt.Sprint(route, " ", x.Status()))
		},
	}
	mux := http.NewServeMux()
	for path, h := range handlers {
		mux.Handle(path, f.Serve(h))
	}
	d.Handler = f.Wrap(mux)
	return d
}

func (d *door) ask(r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	d.ServeHTTP(w, r)
	return w
}

func problem(t testing.TB, w *httptest.ResponseRecorder) web.Problem {
	t.Helper()
	var p web.Problem
	if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil || w.Header().Get("Content-Type") != "application/problem+json" {
		t.Fatalf("%d %s %q is no problem", w.Code, w.Header().Get("Content-Type"), w.Body)
	}
	return p
}

func TestEveryAnswerCarriesTheHeaders(t *testing.T) {
	t.Parallel()
	d := newDoor(t, slog.LevelInfo, map[string]web.Handler{
		"/ok":  func(x *web.Exchange, _ *http.Request) error { _, err := x.Write([]byte("ok")); return err },
		"/bad": func(*web.Exchange, *http.Request) error { return web.Invalid("name", "must be short") },
	})
	for _, path := range []string{"/ok", "/bad", "/missing"} {
		w := d.ask(httptest.NewRequest("GET", path, nil))
		for name, want := range map[string]string{
			"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer",
			"Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'", "Strict-Transport-Security": "max-age=31536000",
		} {
			if got := w.Header().Get(name); got != want {
				t.Errorf("%s: %s is %q", path, name, got)
			}
		}
	}
}

func TestRequestID(t *testing.T) {
	t.Parallel()
	seen := ""
	d := newDoor(t, slog.LevelInfo, map[string]web.Handler{
		"/": func(x *web.Exchange, _ *http.Request) error { seen = x.ID; return web.Invalid("name", "must be short") },
	})
	made := map[string]bool{}
	for sent, kept := range map[string]bool{
		"abc-123_X.y": true, strings.Repeat("a", 64): true, strings.Repeat("a", 65): false, "": false, "a b": false, "a\nb": false, `"`: false, "ü": false,
	} {
		r := httptest.NewRequest("GET", "/", nil)
		r.Header["X-Request-Id"] = []string{sent}
		w := d.ask(r)
		id := w.Header().Get("X-Request-Id")
		if kept != (id == sent) || id != seen || id != problem(t, w).RequestID {
			t.Errorf("sent %q: header %q, handler %q, problem %q", sent, id, seen, problem(t, w).RequestID)
		}
		if !kept && (made[id] || !strings.HasPrefix(id, "req_")) {
			t.Errorf("made %q", id)
		}
		made[id] = true
	}
}

func TestPanicIsAnOpaque500LoggedOnce(t *testing.T) {
	t.Parallel()
	d := newDoor(t, slog.LevelInfo, map[string]web.Handler{"/": func(*web.Exchange, *http.Request) error { panic("the inside") }})
	w := d.ask(httptest.NewRequest("GET", "/", nil))
	if p := problem(t, w); w.Code != 500 || p.Code != web.CodeInternal || strings.Contains(w.Body.String(), "inside") {
		t.Errorf("answered %d %s", w.Code, w.Body)
	}
	if n := strings.Count(d.log.String(), "the inside"); n != 1 || !strings.Contains(d.log.String(), w.Header().Get("X-Request-Id")) {
		t.Errorf("logged %d times: %s", n, &d.log)
	}
}

func TestPanicInTheMiddleOfAnAnswerBreaksIt(t *testing.T) {
	t.Parallel()
	d := newDoor(t, slog.LevelInfo, map[string]web.Handler{"/": func(x *web.Exchange, _ *http.Request) error {
		_, _ = x.Write([]byte("half"))
		panic("the inside")
	}})
	s := httptest.NewServer(d)
	defer s.Close()
	res, err := http.Get(s.URL)
	if err == nil {
		defer res.Body.Close()
		_, err = io.ReadAll(res.Body)
	}
	if err == nil {
		t.Error("a broken answer looks whole")
	}
}

func TestFaultIsLoggedOnceAndNotTold(t *testing.T) {
	t.Parallel()
	d := newDoor(t, slog.LevelInfo, map[string]web.Handler{"GET /a": func(x *web.Exchange, _ *http.Request) error {
		x.UserID, x.SessionID = "usr_1", "ses_1"
		return errors.New("disk full at /var/lib")
	}})
	w := d.ask(httptest.NewRequest("GET", "/a", nil))
	if p := problem(t, w); p.Status != 500 || strings.Contains(w.Body.String(), "disk") {
		t.Errorf("answered %s", w.Body)
	}
	log := d.log.String()
	for _, want := range []string{"disk full", "request_id=" + w.Header().Get("X-Request-Id"), "user_id=usr_1", "session_id=ses_1", `route="GET /a"`, "level=ERROR"} {
		if strings.Count(log, want) != 1 {
			t.Errorf("log lacks %q, or has it twice: %s", want, log)
		}
	}
	if len(d.served) != 1 || d.served[0] != "GET /a 500" {
		t.Errorf("served %v", d.served)
	}
}

func TestRefusalsAndGoneClientsAreNotLoggedAsFaults(t *testing.T) {
	t.Parallel()
	d := newDoor(t, slog.LevelInfo, map[string]web.Handler{
		"/refused": func(*web.Exchange, *http.Request) error { return web.Invalid("name", "must be short") },
		"/gone":    func(_ *web.Exchange, r *http.Request) error { return r.Context().Err() },
	})
	d.ask(httptest.NewRequest("GET", "/refused", nil))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	d.ask(httptest.NewRequest("GET", "/gone", nil).WithContext(ctx))
	if d.log.Len() > 0 {
		t.Errorf("logged: %s", &d.log)
	}
}

func TestRequestsAreLoggedAtDebugWithoutCredentials(t *testing.T) {
	t.Parallel()
	d := newDoor(t, slog.LevelDebug, map[string]web.Handler{"POST /a": func(*web.Exchange, *http.Request) error { return web.Invalid("name", "must be short") }})
	r := httptest.NewRequest("POST", "/a?token=canary-query", strings.NewReader(`"canary-body"`))
	r.Header = http.Header{"Authorization": {"Bearer canary-token"}, "Cookie": {"x=canary-cookie"}, "Content-Type": {"application/json"}, "User-Agent": {"canary-agent"}}
	d.ask(r)
	log := d.log.String()
	if !strings.Contains(log, "level=DEBUG") || !strings.Contains(log, "code=invalid_request") || strings.Contains(log, "canary") {
		t.Errorf("logged: %s", log)
	}
}

func TestBodies(t *testing.T) {
	t.Parallel()
	read := 0
	d := newDoor(t, slog.LevelInfo, map[string]web.Handler{"/": func(_ *web.Exchange, r *http.Request) error {
		body, err := io.ReadAll(r.Body)
		read = len(body)
		if err != nil {
			return web.TooLarge()
		}
		return nil
	}})
	at := "/v1/x"
	post := func(kind string, size int, announced bool) *http.Request {
		r := httptest.NewRequest("POST", at, strings.NewReader(strings.Repeat("x", size)))
		if !announced {
			r.ContentLength = -1
		}
		r.Header["Content-Type"] = []string{kind}
		return r
	}
	for _, c := range []struct {
		name   string
		r      *http.Request
		status int
	}{
		{"json", post("application/json", 10, true), 200},
		{"with charset", post("application/json; charset=UTF-8", 10, true), 200},
		{"of unknown length", post("application/json", 10, false), 200},
		{"just the limit", post("application/json", 64<<10, true), 200},
		{"announced too large", post("application/json", 64<<10+1, true), 413},
		{"too large", post("application/json", 64<<10+2, false), 413},
		{"no type", post("", 10, true), 415},
		{"form", post("application/x-www-form-urlencoded", 10, true), 415},
		{"text", post("text/plain", 10, true), 415},
		{"json in disguise", post("text/plain; application/json", 10, true), 415},
		{"derived from json", post("application/problem+json", 10, true), 415},
		{"other charset", post("application/json; charset=utf-16", 10, true), 415},
		{"nothing", httptest.NewRequest("POST", "/", nil), 200},
	} {
		if w := d.ask(c.r); w.Code != c.status {
			t.Errorf("%s: %d %s", c.name, w.Code, w.Body)
		}
		if read > 64<<10+1 {
			t.Fatalf("%s: %d bytes were read", c.name, read)
		}
	}
	at = "/page"
	for kind, status := range map[string]int{"application/x-www-form-urlencoded": 200, "text/plain": 415, "multipart/form-data; boundary=x": 415} {
		if w := d.ask(post(kind, 10, true)); w.Code != status {
			t.Errorf("%s to a page: %d, want %d", kind, w.Code, status)
		}
	}
	twice := post("application/json", 10, true)
	twice.Header["Content-Type"] = []string{"application/json", "text/plain"}
	if w := d.ask(twice); w.Code != 415 {
		t.Errorf("two types: %d", w.Code)
	}
}

func TestForeignPagesAreRefusedBeforeAnythingRuns(t *testing.T) {
	t.Parallel()
	ran := false
	d := newDoor(t, slog.LevelInfo, map[string]web.Handler{"/": func(*web.Exchange, *http.Request) error { ran = true; return nil }})
	w := d.ask(fromOrigin("POST", "cross-site", "https://evil.example"))
	if p := problem(t, w); p.Status != 403 || p.Code != web.CodeForbidden || ran {
		t.Errorf("answered %s, ran %t", w.Body, ran)
	}
	if w := d.ask(fromOrigin("POST", "cross-site", "https://app.example.com")); w.Code != 200 || !ran {
		t.Errorf("an allowed page: %d", w.Code)
	}
}

func TestLocalOperator(t *testing.T) {
	t.Parallel()
	if web.IsLocalOperator(t.Context()) || !web.IsLocalOperator(web.WithLocalOperator(t.Context())) {
		t.Error("the mark of the local socket is wrong")
	}
}
