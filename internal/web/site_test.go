package web_test

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"

	"tandem.example/tandem/internal/web"
)

// What changes something on this server's own pages takes a request from one of them, even where another origin may act
// with the user's cookie.
func TestCheckOwn(t *testing.T) {
	t.Parallel()
	origins, err := web.NewOrigins("https://auth.example.com", []string{"https://trusted.example.com"}, nil, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, method, site, origin string
		ok                         bool
	}{
		{"own page", "POST", "same-origin", "https://auth.example.com", true},
		{"typed or reloaded", "POST", "none", "", true},
		{"no browser", "POST", "", "", true},
		{"old browser, own page", "POST", "", "https://auth.example.com", true},
		{"old browser, other page", "POST", "", "https://evil.example.com", false},
		{"a trusted origin", "POST", "same-site", "https://trusted.example.com", false},
		{"a sibling", "POST", "same-site", "https://evil.example.com", false},
		{"another site", "POST", "cross-site", "https://evil.example", false},
		{"a sandboxed frame", "POST", "cross-site", "null", false},
		{"by a link", "GET", "cross-site", "", true},
		{"read by a script of its own", "GET", "same-origin", "https://auth.example.com", true},
		{"read by a script of a trusted origin", "GET", "same-site", "https://trusted.example.com", false},
		{"read by a script, old browser", "GET", "", "https://trusted.example.com", false},
	} {
		r := httptest.NewRequest(c.method, "https://auth.example.com/sign-in", nil)
		for name, value := range map[string]string{"Sec-Fetch-Site": c.site, "Origin": c.origin} {
			if value != "" {
				r.Header.Set(name, value)
			}
		}
		if err := origins.CheckOwn(r); (err == nil) != c.ok {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

// A person is shown a page where a program is told a problem.
func TestWantsPage(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		path, accept string
		want         bool
	}{
		{"/account", "text/html,application/xhtml+xml,*/*;q=0.8", true}, {"/account", "*/*", false}, {"/account", "", false},
		{"/v1/session", "text/html", false}, {"/nowhere", "text/html", true},
	} {
		r := httptest.NewRequest(http.MethodGet, c.path, nil)
		r.Header.Set("Accept", c.accept)
		if got := web.WantsPage(r); got != c.want {
			t.Errorf("%s with Accept %q: %v", c.path, c.accept, got)
		}
	}
}
