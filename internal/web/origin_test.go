package web_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"tandem.example/tandem/internal/web"
)

func origins(t testing.TB, list func(context.Context) ([]string, error)) *web.Origins {
	t.Helper()
	o, err := web.NewOrigins("https://auth.example.com/path", []string{"https://app.example.com"}, list, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func fromOrigin(method, site, origin string) *http.Request {
	r := httptest.NewRequest(method, "https://auth.example.com/v1/sign-in", nil)
	for name, value := range map[string]string{"Sec-Fetch-Site": site, "Origin": origin} {
		if value != "" {
			r.Header.Set(name, value)
		}
	}
	return r
}

func TestOriginCheck(t *testing.T) {
	t.Parallel()
	o := origins(t, func(context.Context) ([]string, error) { return []string{"https://shop.example.net"}, nil })
	for _, test := range []struct {
		name, method, site, origin string
		passes                     bool
	}{
		{"no browser", "POST", "", "", true},
		{"own page", "POST", "same-origin", "https://auth.example.com", true},
		{"typed in", "POST", "none", "", true},
		{"foreign page", "POST", "cross-site", "https://evil.example", false},
		{"foreign page that hides its origin", "POST", "cross-site", "null", false},
		{"foreign page without origin", "POST", "cross-site", "", false},
		{"sibling", "POST", "same-site", "https://blog.example.com", false},
		{"old browser, foreign page", "POST", "", "https://evil.example", false},
		{"old browser, own page", "POST", "", "https://auth.example.com", true},
		{"old browser, own page without encryption", "POST", "", "http://auth.example.com", false},
		{"configured", "POST", "same-site", "https://app.example.com", true},
		{"configured, but http", "POST", "cross-site", "http://app.example.com", false},
		{"configured, but another port", "POST", "cross-site", "https://app.example.com:8443", false},
		{"configured, prefix", "POST", "cross-site", "https://app.example.com.evil.example", false},
		{"application's", "DELETE", "cross-site", "https://shop.example.net", true},
		{"foreign PATCH", "PATCH", "cross-site", "https://evil.example", false},
		{"foreign DELETE", "DELETE", "cross-site", "https://evil.example", false},
		{"foreign PUT", "PUT", "cross-site", "https://evil.example", false},
		{"foreign unknown method", "BREW", "cross-site", "https://evil.example", false},
		{"reading", "GET", "cross-site", "https://evil.example", true},
	} {
		err := o.Check(fromOrigin(test.method, test.site, test.origin))
		var p *web.Problem
		if test.passes != (err == nil) || err != nil && (!errors.As(err, &p) || p.Status != 403 || p.Code != web.CodeForbidden) {
			t.Errorf("%s: %v", test.name, err)
		}
	}
}

// TestForeign tells the pages of applications from those that may act with any user's cookie.
func TestForeign(t *testing.T) {
	t.Parallel()
	o := origins(t, func(context.Context) ([]string, error) { return []string{"https://shop.example.net"}, nil })
	for _, test := range []struct{ name, site, origin, want string }{
		{"no page", "", "", ""},
		{"own page", "same-origin", "https://auth.example.com", ""},
		{"own page, old browser", "", "https://auth.example.com", ""},
		{"own page under another name", "same-origin", "https://10.0.0.7", ""},
		{"configured", "cross-site", "https://app.example.com", ""},
		{"application's", "cross-site", "https://shop.example.net", "https://shop.example.net"},
		{"application's, old browser", "", "https://shop.example.net", "https://shop.example.net"},
		{"own host without TLS", "cross-site", "http://auth.example.com", "http://auth.example.com"},
		{"nobody's", "cross-site", "null", "null"},
	} {
		for _, method := range []string{"GET", "POST"} {
			if got := o.Foreign(fromOrigin(method, test.site, test.origin)); got != test.want {
				t.Errorf("%s, %s: %q, want %q", test.name, method, got, test.want)
			}
		}
	}
}

// TestOriginsAreReadAgain shows that an origin comes and goes with its application.
func TestOriginsAreReadAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var listed []string
		var broken error
		asked := 0
		o := origins(t, func(ctx context.Context) ([]string, error) {
			asked++
			return listed, errors.Join(broken, ctx.Err())
		})
		shop := func() error { return o.Check(fromOrigin("POST", "cross-site", "https://shop.example.net")) }
		if shop() == nil {
			t.Fatal("passed before it was allowed")
		}
		listed = []string{"https://shop.example.net"}
		if shop() == nil {
			t.Fatal("looked up for each request")
		}
		o.Forget()
		if err := shop(); err != nil {
			t.Fatalf("after Forget: %v", err)
		}
		broken = errors.New("store down")
		time.Sleep(time.Minute)
		if err := shop(); err != nil {
			t.Fatalf("while the store is down: %v", err)
		}
		before := asked
		for range 100 {
			_ = shop()
		}
		if asked > before {
			t.Fatalf("a failing store was asked %d times more", asked-before)
		}
		listed, broken = nil, nil
		time.Sleep(time.Minute)
		gone, hangUp := context.WithCancel(t.Context())
		hangUp()
		if o.Check(fromOrigin("POST", "cross-site", "https://shop.example.net").WithContext(gone)) == nil {
			t.Fatal("who hangs up keeps an origin that was taken back")
		}
		if shop() == nil {
			t.Fatal("passed after it was taken back")
		}
	})
}

func TestOriginsThatCannotBe(t *testing.T) {
	t.Parallel()
	list := func(context.Context) ([]string, error) { return nil, nil }
	for _, origin := range []string{"*", "null", "app.example.com", "https://app.example.com/path"} {
		if _, err := web.NewOrigins("https://auth.example.com", []string{origin}, list, slog.New(slog.DiscardHandler)); err == nil {
			t.Errorf("%q was accepted", origin)
		}
	}
}

func TestCORS(t *testing.T) {
	t.Parallel()
	o := origins(t, func(context.Context) ([]string, error) { return []string{"https://shop.example.net"}, nil })
	h := o.CORS().Handler(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	for origin, allowed := range map[string]bool{
		"https://app.example.com": true, "https://shop.example.net": true, "https://auth.example.com": true,
		"https://evil.example": false, "null": false, "https://APP.example.com": false,
	} {
		for _, preflight := range []bool{false, true} {
			r := fromOrigin("GET", "cross-site", origin)
			if preflight {
				r = fromOrigin("OPTIONS", "cross-site", origin)
				r.Header.Set("Access-Control-Request-Method", "PATCH")
				r.Header.Set("Access-Control-Request-Headers", "authorization,content-type")
			}
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			got := w.Header()
			if allowed && (got.Get("Access-Control-Allow-Origin") != origin || got.Get("Access-Control-Allow-Credentials") != "true") {
				t.Errorf("%s, preflight %t: %v", origin, preflight, got)
			}
			if !allowed && (got.Get("Access-Control-Allow-Origin") != "" || got.Get("Access-Control-Allow-Credentials") != "") {
				t.Errorf("%s, preflight %t, has leave: %v", origin, preflight, got)
			}
			if got.Get("Vary") == "" {
				t.Errorf("%s, preflight %t: a cache may answer another origin", origin, preflight)
			}
		}
	}
	w := httptest.NewRecorder()
	web.PublicCORS().Handler(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})).ServeHTTP(w, fromOrigin("GET", "cross-site", "https://evil.example"))
	if w.Header().Get("Access-Control-Allow-Origin") != "*" || w.Header().Get("Access-Control-Allow-Credentials") != "" {
		t.Errorf("what is public: %v", w.Header())
	}
}
