package verify

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"tandem.example/tandem/verify/verifytest"
)

func TestExtract(t *testing.T) {
	https := func(c *Config) { c.Issuer = "https://auth.example.com" }
	const host, secure, plain = "__Host-tandem_session", "__Secure-tandem_session", "tandem_session"
	tests := []struct {
		name    string
		headers [][2]string
		edit    func(*Config)
		want    string
		refused *Refusal
	}{
		{name: "nothing", refused: refusedMissing},
		{name: "bearer", headers: [][2]string{{"Authorization", "Bearer abc"}}, want: "abc"},
		{name: "bearer in other case", headers: [][2]string{{"Authorization", "bEARER abc"}}, want: "abc"},
		{name: "bearer with more spaces", headers: [][2]string{{"Authorization", "Bearer   abc "}}, want: "abc"},
		{name: "bearer without a token", headers: [][2]string{{"Authorization", "Bearer "}}, refused: refusedMalformed},
		{name: "bearer with two tokens", headers: [][2]string{{"Authorization", "Bearer abc def"}}, refused: refusedMalformed},
		{name: "bearer with a list", headers: [][2]string{{"Authorization", "Bearer abc,def"}}, refused: refusedMalformed},
		{name: "another scheme", headers: [][2]string{{"Authorization", "Basic abc"}}, refused: refusedMissing},
		{name: "another scheme is not overruled by a cookie", headers: [][2]string{{"Authorization", "Basic abc"}, {"Cookie", host + "=tds_c"}}, refused: refusedMissing},
		{name: "two headers", headers: [][2]string{{"Authorization", "Bearer abc"}, {"Authorization", "Bearer abc"}}, refused: refusedHeaders},
		{name: "two headers of which one is empty", headers: [][2]string{{"Authorization", "Bearer abc"}, {"Authorization", ""}}, refused: refusedHeaders},
		{name: "the header decides over the cookie", headers: [][2]string{{"Authorization", "Bearer abc"}, {"Cookie", host + "=tds_c"}}, want: "abc"},
		{name: "an empty header decides over the cookie", headers: [][2]string{{"Authorization", ""}, {"Cookie", host + "=tds_c"}}, refused: refusedMissing},
		{name: "the header decides over two cookies", headers: [][2]string{{"Authorization", "Bearer abc"}, {"Cookie", host + "=tds_c; " + host + "=tds_d"}}, want: "abc"},

		{name: "cookie", headers: [][2]string{{"Cookie", host + "=tds_c"}}, edit: https, want: "tds_c"},
		{name: "cookie among others", headers: [][2]string{{"Cookie", "a=b; " + host + "=tds_c; d=e"}}, edit: https, want: "tds_c"},
		{name: "cookie of a domain, which a sibling can plant", headers: [][2]string{{"Cookie", secure + "=tds_c"}}, edit: https, refused: refusedMissing},
		{name: "cookie of a domain, as configured", headers: [][2]string{{"Cookie", secure + "=tds_c"}}, edit: func(c *Config) { c.CookieNames = []string{secure} }, want: "tds_c"},
		{name: "a sibling's cookie beside ours", headers: [][2]string{{"Cookie", secure + "=tds_evil; " + host + "=tds_c"}}, edit: https, want: "tds_c"},
		{name: "cookie twice", headers: [][2]string{{"Cookie", host + "=tds_c; " + host + "=tds_d"}}, edit: https, refused: refusedCookies},
		{name: "the same cookie twice", headers: [][2]string{{"Cookie", host + "=tds_c; " + host + "=tds_c"}}, edit: https, refused: refusedCookies},
		{name: "cookie twice in two headers", headers: [][2]string{{"Cookie", host + "=tds_c"}, {"Cookie", host + "=tds_d"}}, edit: https, refused: refusedCookies},
		{name: "cookie in other case", headers: [][2]string{{"Cookie", strings.ToLower(host) + "=tds_c"}}, edit: https, refused: refusedMissing},
		{name: "cookie without the prefix", headers: [][2]string{{"Cookie", plain + "=tds_c"}}, edit: https, refused: refusedMissing},
		{name: "cookie without the prefix, issuer on this machine", headers: [][2]string{{"Cookie", plain + "=tds_c"}}, want: "tds_c"},
		{name: "an access token in the cookie", headers: [][2]string{{"Cookie", host + "=eyJ.eyJ.AAAA"}}, edit: https, refused: refusedMalformed},
		{name: "an empty cookie", headers: [][2]string{{"Cookie", host + "="}}, edit: https, refused: refusedMalformed},
		{name: "bound cookie", headers: [][2]string{{"Cookie", host + "=tds_c; __Host-tandem_bound=Ab-_9"}}, edit: https, want: "tds_c~Ab-_9"},
		{name: "bound cookie of another name", headers: [][2]string{{"Cookie", host + "=tds_c; tandem_bound=x; __Secure-tandem_bound=x"}}, edit: https, want: "tds_c"},
		{name: "bound cookie twice", headers: [][2]string{{"Cookie", host + "=tds_c; __Host-tandem_bound=x; __Host-tandem_bound=x"}}, edit: https, want: "tds_c"},
		{name: "bound cookie that is empty", headers: [][2]string{{"Cookie", host + "=tds_c; __Host-tandem_bound="}}, edit: https, want: "tds_c"},
		{name: "bound cookie that cannot be one", headers: [][2]string{{"Cookie", host + "=tds_c; __Host-tandem_bound=a.b"}}, edit: https, want: "tds_c"},
		{name: "bound cookie without end", headers: [][2]string{{"Cookie", host + "=tds_c; __Host-tandem_bound=" + strings.Repeat("x", 300)}}, edit: https, want: "tds_c"},
		{name: "bound cookie alone", headers: [][2]string{{"Cookie", "__Host-tandem_bound=x"}}, edit: https, refused: refusedMissing},
		{name: "bound cookie beside a header", headers: [][2]string{{"Authorization", "Bearer tds_c"}, {"Cookie", "__Host-tandem_bound=x"}}, edit: https, want: "tds_c"},
		{name: "bound cookie of a domain", headers: [][2]string{{"Cookie", secure + "=tds_c; __Secure-tandem_bound=x"}}, edit: func(c *Config) { c.CookieNames = []string{"sid", secure} }, want: "tds_c~x"},
		{name: "bound cookie beside a cookie with a name of its own", headers: [][2]string{{"Cookie", "sid=tds_c; tandem_bound=x"}}, edit: func(c *Config) { c.CookieNames = []string{"sid"} }, want: "tds_c"},
		{name: "a configured cookie", headers: [][2]string{{"Cookie", "sid=tds_c"}}, edit: func(c *Config) { c.CookieNames = []string{"sid"} }, want: "tds_c"},
		{name: "only the configured cookie", headers: [][2]string{{"Cookie", host + "=tds_c"}}, edit: func(c *Config) { c.CookieNames = []string{"sid"} }, refused: refusedMissing},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := Config{Issuer: "http://localhost:8484", Audience: "a"}
			if tt.edit != nil {
				tt.edit(&c)
			}
			c, err := c.complete()
			if err != nil {
				t.Fatal(err)
			}
			v := build(c)
			r := httptest.NewRequest("GET", "/?access_token=query", strings.NewReader("access_token=body"))
			for _, h := range tt.headers {
				r.Header.Add(h[0], h[1])
			}
			got, err := v.extract(r)
			if tt.refused != nil {
				if err != tt.refused || got != "" {
					t.Errorf("got %q, %v, want %v", got, err, tt.refused)
				}
			} else if err != nil || got != tt.want {
				t.Errorf("got %q, %v, want %q", got, err, tt.want)
			}
		})
	}
}

// A form on another site cannot act with somebody's cookie.
func TestForgedForms(t *testing.T) {
	s := verifytest.NewServer(t)
	v := start(t, s, func(c *Config) { c.AllowedOrigins = []string{"https://app.example.com"} })
	session := s.SignIn(verifytest.User{})
	acted := 0
	h := v.Protect(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { acted++ }))
	tests := []struct {
		name, method   string
		header         [2]string
		cookie, bearer bool
		want           int
	}{
		{"same origin", "POST", [2]string{"Sec-Fetch-Site", "same-origin"}, true, false, 200},
		{"no browser", "POST", [2]string{}, true, false, 200},
		{"another site", "POST", [2]string{"Sec-Fetch-Site", "cross-site"}, true, false, 403},
		{"a sibling", "DELETE", [2]string{"Sec-Fetch-Site", "same-site"}, true, false, 403},
		{"an old browser on another site", "PUT", [2]string{"Origin", "https://evil.example"}, true, false, 403},
		{"an allowed origin", "POST", [2]string{"Origin", "https://app.example.com"}, true, false, 200},
		{"reading from another site", "GET", [2]string{"Sec-Fetch-Site", "cross-site"}, true, false, 200},
		{"a bearer token is nobody's by accident", "POST", [2]string{"Sec-Fetch-Site", "cross-site"}, true, true, 200},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			acted = 0
			r := httptest.NewRequest(tt.method, "http://api.example.com/", nil)
			if tt.header[0] != "" {
				r.Header.Set(tt.header[0], tt.header[1])
			}
			if tt.cookie {
				r.AddCookie(&http.Cookie{Name: "tandem_session", Value: session.Token()})
			}
			if tt.bearer {
				r.Header.Set("Authorization", "Bearer "+session.AccessToken())
			}
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			if w.Code != tt.want || acted != map[int]int{200: 1, 403: 0}[tt.want] {
				t.Errorf("%d, handler called %d times, want %d", w.Code, acted, tt.want)
			}
		})
	}
}

func FuzzBearer(f *testing.F) {
	for _, seed := range []string{"Bearer abc", "bearer  a.b.c ", "Basic x", "", "Bearer", "Bearer a b", "Bearer\ta"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, header string) {
		got, err := bearer(header)
		if (err == nil) == (got == "") {
			t.Errorf("%q: %q, %v", header, got, err)
		}
		if err == nil && strings.ContainsAny(got, " ,\t") {
			t.Errorf("%q: %q has a separator in it", header, got)
		}
	})
}

func FuzzCookies(f *testing.F) {
	c, err := (Config{Issuer: "http://localhost", Audience: "a"}).complete()
	if err != nil {
		f.Fatal(err)
	}
	v := build(c)
	for _, seed := range []string{"tandem_session=tds_a", "a=b; tandem_session=tds_a", "tandem_session=tds_a; tandem_session=tds_b", "=tandem_session=x", ";;;", `tandem_session="tds_a"`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, header string) {
		r := &http.Request{Method: "GET", Header: http.Header{"Cookie": {header}}}
		got, err := v.sessionCookie(r)
		if (err == nil) == (got == "") {
			t.Errorf("%q: %q, %v", header, got, err)
		}
		if err == nil && !strings.Contains(header, got) {
			t.Errorf("%q: %q is not what was sent", header, got)
		}
	})
}
