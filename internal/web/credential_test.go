package web_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"tandem.example/tandem/internal/web"
)

func cookies(t testing.TB, issuer, domain string) web.Cookies {
	t.Helper()
	c, err := web.NewCookies(issuer, domain)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestFind(t *testing.T) {
	t.Parallel()
	c := cookies(t, "https://auth.example.com", "")
	for _, test := range []struct {
		name          string
		authorization []string
		cookie        []string
		kind          web.Kind
		text          string
		status        int // of the problem; 0 if there is none
	}{
		{name: "nothing"},
		{name: "session token", authorization: []string{"Bearer tds_abc"}, kind: web.SessionToken, text: "tds_abc"},
		{name: "access token", authorization: []string{"bearer eyJ.e-_.x"}, kind: web.AccessToken, text: "eyJ.e-_.x"},
		{name: "api key", authorization: []string{"BEARER  tdk_abc "}, kind: web.APIKey, text: "tdk_abc"},
		{name: "cookie", cookie: []string{"a=b; __Host-tandem_session=tds_abc; c=d"}, kind: web.SessionToken, text: "tds_abc"},
		{name: "header before cookie", authorization: []string{"Bearer eyJ.e.x"}, cookie: []string{"__Host-tandem_session=tds_abc"}, kind: web.AccessToken, text: "eyJ.e.x"},
		{name: "header of another scheme before cookie", authorization: []string{"Basic abc"}, cookie: []string{"__Host-tandem_session=tds_abc"}},
		{name: "bad header before cookie", authorization: []string{"Bearer"}, cookie: []string{"__Host-tandem_session=tds_abc"}, status: 401},
		{name: "two headers", authorization: []string{"Bearer tds_a", "Bearer tds_b"}, status: 400},
		{name: "two headers alike", authorization: []string{"Bearer tds_a", "Bearer tds_a"}, status: 400},
		{name: "two tokens in one header", authorization: []string{"Bearer tds_a, Bearer tds_b"}, status: 401},
		{name: "strange characters", authorization: []string{"Bearer tds_\x01"}, status: 401},
		{name: "too long", authorization: []string{"Bearer " + strings.Repeat("x", 9000)}, status: 401},
		{name: "two cookies", cookie: []string{"__Host-tandem_session=tds_a; __Host-tandem_session=tds_b"}, status: 400},
		{name: "two cookies in two headers", cookie: []string{"__Host-tandem_session=tds_a", "__Host-tandem_session=tds_b"}, status: 400},
		{name: "two cookies, one malformed", cookie: []string{`__Host-tandem_session=tds_a; __Host-tandem_session="t d s`}, status: 400},
		{name: "two cookies, one with spaces about its name", cookie: []string{"__Host-tandem_session =tds_a; __Host-tandem_session=tds_b"}, status: 400},
		{name: "two cookies and a header", authorization: []string{"Bearer tds_c"}, cookie: []string{"__Host-tandem_session=tds_a; __Host-tandem_session=tds_b"}, kind: web.SessionToken, text: "tds_c"},
		{name: "empty cookie", cookie: []string{"__Host-tandem_session="}},
		{name: "look-alikes", cookie: []string{"tandem_session=tds_a; __Secure-tandem_session=tds_b; __host-tandem_session=tds_c; __Host-tandem_session2=tds_d"}},
		{name: "access token in a cookie", cookie: []string{"__Host-tandem_session=eyJ.e.x"}, status: 401},
		{name: "api key in a cookie", cookie: []string{"__Host-tandem_session=tdk_abc"}, status: 401},
	} {
		r := httptest.NewRequest("GET", "/?access_token=eyJ.query.x", nil)
		if test.authorization != nil {
			r.Header["Authorization"] = test.authorization
		}
		r.Header["Cookie"] = test.cookie
		found, err := c.Find(r)
		var p *web.Problem
		switch {
		case errors.As(err, &p):
			if p.Status != test.status {
				t.Errorf("%s: %d %s", test.name, p.Status, p.Detail)
			}
		case test.status != 0 || err != nil:
			t.Errorf("%s: %v, want status %d", test.name, err, test.status)
		case found.Kind != test.kind || found.Text.Reveal() != test.text:
			t.Errorf("%s: kind %d, %q", test.name, found.Kind, found.Text.Reveal())
		case found.Cookie != (test.authorization == nil && found.Kind != web.NoCredential):
			t.Errorf("%s: cookie %t", test.name, found.Cookie)
		}
	}
}

// FuzzFind looks for panics, and for a request in which a second cookie goes unnoticed.
func FuzzFind(f *testing.F) {
	for _, seed := range []string{"tds_a", "a=b; __Host-tandem_session=tds_a", "__Host-tandem_session=x;;; =", "Bearer tds_a", `"`, "Basic YTpi"} {
		f.Add(seed, seed, true)
	}
	c := cookies(f, "https://auth.example.com", "")
	f.Fuzz(func(t *testing.T, authorization, cookie string, sent bool) {
		r := httptest.NewRequest("GET", "/", nil)
		if sent {
			r.Header["Authorization"] = []string{authorization}
		}
		r.Header["Cookie"] = []string{cookie}
		found, err := c.Find(r)
		if err == nil && found.Kind == web.NoCredential && !found.Text.Empty() {
			t.Fatalf("no credential, but %q", found.Text.Reveal())
		}
		if err != nil && found.Kind != web.NoCredential {
			t.Fatalf("both an error and a credential: %v", err)
		}
		if strings.ContainsAny(found.Text.Reveal(), "\r\n ;") {
			t.Fatalf("a credential with %q", found.Text.Reveal())
		}
		standard := (&http.Request{Header: http.Header{"Cookie": {cookie}}}).CookiesNamed("__Host-tandem_session")
		if !sent && len(standard) > 1 && err == nil {
			t.Fatalf("%d session cookies passed: %q", len(standard), cookie)
		}
		_ = c.Device(r)
		_ = c.Session(r)
	})
}
