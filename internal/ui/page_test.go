package ui_test

import (
	"crypto/sha256"
	"encoding/base64"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"tandem.example/tandem/internal/application"
	"tandem.example/tandem/internal/language"
	"tandem.example/tandem/internal/ui"
	"tandem.example/tandem/internal/web"
)

// stand serves one page of the templates, and the assets, under the issuer.
func stand(t *testing.T, issuer, templates string, page ui.Page) (get func(path string, header ...string) *http.Response) {
	t.Helper()
	kit, err := ui.New(ui.Config{Issuer: issuer, ServiceName: "Example <Bank>"})
	if err != nil {
		t.Fatal(err)
	}
	set, err := kit.Templates(fstest.MapFS{"one.html": {Data: []byte(templates)}}, "*.html")
	if err != nil {
		t.Fatal(err)
	}
	origins, err := web.NewOrigins("http://localhost", nil, nil, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	front := &web.Front{Origins: origins, Log: slog.New(slog.DiscardHandler), Problem: func(err error) *web.Problem {
		if p, ok := err.(*web.Problem); ok {
			return p
		}
		return web.NewProblem(500, web.CodeInternal, err.Error())
	}}
	mux := http.NewServeMux()
	kit.Register(web.Site{Front: front, Handle: func(pattern string, h web.Handler) { mux.Handle(pattern, front.Serve(h)) }})
	mux.Handle("GET /", front.Serve(func(x *web.Exchange, r *http.Request) error { return set.Render(x, r, 200, "one", page) }))
	served := front.Wrap(mux)
	return func(path string, header ...string) *http.Response {
		r := httptest.NewRequest("GET", path, nil)
		for i := 0; i+1 < len(header); i += 2 {
			r.Header.Set(header[i], header[i+1])
		}
		w := httptest.NewRecorder()
		served.ServeHTTP(w, r)
		return w.Result()
	}
}

func read(t *testing.T, r *http.Response) string {
	t.Helper()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestPolicyNamesTheStyles: each inline stylesheet of a page is in its policy by the hash of exactly what was sent, and
// there is no other inline style or script.
func TestPolicyNamesTheStyles(t *testing.T) {
	t.Parallel()
	app := application.Application{Name: "bank", Brand: application.Brand{Title: "Bank", Color: "#8a1c7c"}}
	get := stand(t, "http://localhost", `{{define "one"}}<h1>{{.Title}}</h1>{{end}}`, ui.Page{Title: "T", App: app})
	r := get("/")
	body, policy := read(t, r), r.Header.Get("Content-Security-Policy")
	styles := regexp.MustCompile(`(?s)<style>(.*?)</style>`).FindAllStringSubmatch(body, -1)
	if len(styles) != 2 {
		t.Fatalf("%d stylesheets, want the shared one and the brand's", len(styles))
	}
	for _, style := range styles {
		sum := sha256.Sum256([]byte(style[1]))
		if hash := "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"; !strings.Contains(policy, hash) {
			t.Errorf("the policy lacks %s: %s", hash, policy)
		}
	}
	if len(styles[0][1]) > 14<<10 {
		t.Errorf("the stylesheet has %d bytes, want at most 14 KiB", len(styles[0][1]))
	}
	for _, want := range []string{"default-src 'none'", "script-src 'self'", "form-action 'self'", "frame-ancestors 'none'", "base-uri 'none'", "trusted-types 'none'"} {
		if !strings.Contains(policy, want) {
			t.Errorf("the policy lacks %s", want)
		}
	}
	if strings.Contains(policy, "unsafe") || regexp.MustCompile(`<script(>| [^>]*>[^<])|\sstyle=|\son[a-z]+=`).MatchString(body) {
		t.Error("the page has something inline, or leave for it")
	}
	for name, want := range map[string]string{
		"Cache-Control": "no-store", "X-Frame-Options": "DENY", "X-Content-Type-Options": "nosniff", "Cross-Origin-Opener-Policy": "same-origin",
		"Referrer-Policy": "same-origin", "Content-Type": "text/html; charset=utf-8",
	} {
		if got := r.Header.Get(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	if !strings.Contains(r.Header.Get("Vary"), "Accept-Language") {
		t.Error("the answer differs by language and does not say so")
	}
}

// TestHostileBrand: nothing that an application is called, or has for a logo, gets out of where it is put.
func TestHostileBrand(t *testing.T) {
	t.Parallel()
	for _, logo := range []string{
		"javascript:alert(1)", "https://evil.example/x.png", "data:text/html;base64,PHNjcmlwdD4=", `data:image/png;base64,"><script>`,
		"data:image/svg+xml,<svg onload=alert(1)>", "data:image/gif;base64,R0lG",
	} {
		app := application.Application{Name: "x", Brand: application.Brand{Title: `"><script>alert(1)</script>`, Logo: logo, Color: "}</style><script>"}}
		get := stand(t, "http://localhost", `{{define "one"}}{{end}}`, ui.Page{Title: "<script>1</script>", App: app, User: "<img src=x onerror=1>"})
		body := read(t, get("/"))
		if strings.Contains(body, "<script>") || strings.Contains(body, "<img") || strings.Contains(body, "javascript:") {
			t.Errorf("logo %q: %s", logo, body[strings.Index(body, "<body"):])
		}
	}
	app := application.Application{Name: "x", Brand: application.Brand{Logo: "data:image/png;base64,iVBORw0KGgo="}}
	get := stand(t, "http://localhost", `{{define "one"}}{{end}}`, ui.Page{App: app})
	if !strings.Contains(read(t, get("/")), `<img src="data:image/png;base64,iVBORw0KGgo=" alt="" height="32">`) {
		t.Error("a proper logo is not shown")
	}
}

// TestAssets: they are found where pages say, may be kept for good, and have their type.
func TestAssets(t *testing.T) {
	t.Parallel()
	get := stand(t, "https://sign-in.example.com/auth/", `{{define "one"}}<a href="{{path "/account"}}">{{lang}}</a>{{end}}`, ui.Page{})
	body := read(t, get("/"))
	if !strings.Contains(body, `<a href="/auth/account">en</a>`) {
		t.Error("a link is not below the issuer's path")
	}
	found := regexp.MustCompile(`"/auth(/assets/page\.[0-9a-f]{16}\.js)"`).FindStringSubmatch(body)
	if found == nil {
		t.Fatalf("no script: %s", body)
	}
	r := get(found[1])
	if r.StatusCode != 200 || r.Header.Get("Content-Type") != "text/javascript; charset=utf-8" || r.Header.Get("Cache-Control") != "public, max-age=31536000, immutable" ||
		r.Header.Get("X-Content-Type-Options") != "nosniff" || len(read(t, r)) == 0 {
		t.Errorf("asset: %d %v", r.StatusCode, r.Header)
	}
	for _, path := range []string{"/assets/page.js", "/assets/page.0000000000000000.js", "/assets/..%2fstyle.css", "/assets/style.css"} {
		if r := get(path); r.StatusCode != 404 {
			t.Errorf("%s: %d", path, r.StatusCode)
		}
	}
}

// TestLanguageAndTimes: a page speaks its reader's language, and says in which zone its times are.
func TestLanguageAndTimes(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 3, 4, 23, 5, 6, 0, time.FixedZone("", -7200))
	get := stand(t, "http://localhost", `{{define "one"}}{{time .Data}}|{{ago .Data}}{{end}}`, ui.Page{Data: at})
	for accepted, want := range map[string]string{"de-AT": "5. März 2026, 01:05 UTC", "fr": "5 Mar 2026, 01:05 UTC"} {
		body := read(t, get("/", "Accept-Language", accepted))
		if !strings.Contains(body, `datetime="2026-03-05T01:05:06Z">`+want) {
			t.Errorf("%s: %s", accepted, body[strings.Index(body, "<main"):])
		}
		if tag := language.For(accepted).Tag(); !strings.Contains(body, `<html lang="`+tag+`">`) {
			t.Errorf("%s: the page does not say that it is in %s", accepted, tag)
		}
	}
}

// TestBrokenTemplateAnswersNothingHalf: a page that cannot be made is an error and no part of a page.
func TestBrokenTemplateAnswersNothingHalf(t *testing.T) {
	t.Parallel()
	get := stand(t, "http://localhost", `{{define "one"}}secret half {{.Data.Missing}}{{end}}`, ui.Page{Data: struct{}{}})
	if r := get("/"); r.StatusCode != 500 || strings.Contains(read(t, r), "secret half") {
		t.Errorf("answered %d", r.StatusCode)
	}
}

// A browser goes on by itself to where it is to go, query and all, and nothing in the address ends the attribute.
func TestGoesOn(t *testing.T) {
	for place, want := range map[string]string{
		"https://id.example.com/authorize?client_id=a&state=b%26c": `<meta http-equiv="refresh" content="0; url=https://id.example.com/authorize?client_id=a&amp;state=b%26c">`,
		`/account?a="><script>`: `<meta http-equiv="refresh" content="0; url=/account?a=&#34;&gt;&lt;script&gt;">`,
	} {
		get := stand(t, "http://localhost:8484", `{{define "one"}}<p>on{{end}}`, ui.Page{Title: "On", GoOn: place})
		if page := read(t, get("/")); !strings.Contains(page, want) {
			t.Errorf("going on to %s, the page has no %s:\n%s", place, want, page)
		}
	}
}

// TestGoOn: a browser is sent to places of the web alone, and nothing breaks out of where they stand.
func TestGoOn(t *testing.T) {
	t.Parallel()
	for place, want := range map[string]string{
		"https://app.example.com/in?a=1&b=2#c": `<meta http-equiv="refresh" content="0; url=https://app.example.com/in?a=1&amp;b=2#c">`,
		"/account":                             `<meta http-equiv="refresh" content="0; url=/account">`,
		`https://x/"><script>`:                 `content="0; url=https://x/&#34;&gt;&lt;script&gt;"`,
		"javascript:alert(1)":                  "", "data:text/html,x": "", "": "",
	} {
		get := stand(t, "http://localhost", `{{define "one"}}{{end}}`, ui.Page{GoOn: place})
		body := read(t, get("/"))
		if want != "" && !strings.Contains(body, want) || want == "" && strings.Contains(body, `http-equiv="refresh"`) || strings.Contains(body, "<script>") {
			t.Errorf("%q: %s", place, body[:600])
		}
	}
}
