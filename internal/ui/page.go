package ui

import (
	"bytes"
	"fmt"
	"html"
	"html/template"
	"io/fs"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"tandem.example/tandem/internal/application"
	"tandem.example/tandem/internal/language"
	"tandem.example/tandem/internal/web"
)

// Layout is how a page is laid out.
type Layout string

// The layouts.
const (
	Task  Layout = "task"  // one thing to do, in a narrow column
	Sheet Layout = "sheet" // things to read and manage, with a menu beside them
	Wide  Layout = "wide"  // tables and charts, with a menu beside them
)

// Page is what a template is rendered with. It finds its own part in Data.
type Page struct {
	Title  string // what the page is, in the reader's language; the frame adds whose it is
	Layout Layout // Task if empty
	// App is whose page it is, shown with its brand; zero for the server's own.
	App application.Application
	// Menu is the same for all readers of a language.
	Menu []Link
	// User is who is signed in, as they know themselves; empty for nobody.
	User string
	// Notice is what came of the last thing that was done.
	Notice Notice
	// Scripts are the assets to load, by name.
	Scripts []string
	// Swaps says that a script puts pieces of HTML from this server into the page, as htmx does: by the one policy for
	// Trusted Types that is named "swap". Without it the browser is told to let no script make HTML of text.
	Swaps bool
	// Reload is after how many seconds a browser that runs no script loads the page again; 0: never.
	Reload int
	// GoOn is where the browser goes on by itself at once; empty: nowhere.
	GoOn string
	Data any
}

// Link is an entry of the menu.
type Link struct {
	Label string // in the reader's language
	Path  string // on this server
	Icon  string
	// Current marks where the reader is.
	Current bool
}

// Tone is how a Notice is meant.
type Tone string

// The tones.
const (
	Info    Tone = "info"
	Success Tone = "success"
	Warning Tone = "warning"
	Danger  Tone = "danger"
)

// Notice is a message above the page's content, told to screen readers when the page has loaded.
type Notice struct {
	Tone Tone
	Text string // in the reader's language; empty: none
}

// Set is a set of templates in every language. Safe for concurrent use.
type Set struct {
	kit   *Kit
	style string // the stylesheet
	fixed fixed
	said  map[string]*template.Template // by language
	same  map[string][]packed           // pieces of pages that are the same for all readers, by language
}

// Templates parses templates, each of which can be rendered by the name that its {{define}} gives it. Beside what
// html/template knows, they have the functions of funcs.
func (k *Kit) Templates(fsys fs.FS, patterns ...string) (*Set, error) {
	s := &Set{kit: k, style: k.style, said: make(map[string]*template.Template), same: make(map[string][]packed)}
	for _, tag := range language.Tags() {
		t := template.New("").Funcs(k.funcs(language.For(tag))).Option("missingkey=error")
		if _, err := t.ParseFS(files, "frame.html"); err != nil {
			return nil, fmt.Errorf("ui: parse frame: %w", err)
		}
		if _, err := t.ParseFS(fsys, patterns...); err != nil {
			return nil, fmt.Errorf("ui: parse templates: %w", err)
		}
		s.said[tag] = t
	}
	return s, nil
}

// Wear gives these pages a stylesheet of their own beside the one that all share. It is called before anything is served.
func (s *Set) Wear(sheet string) { s.style = s.kit.style + compact(sheet) }

// Fix says that the template, rendered with the data, is the same for all readers of a language, so that pages which hold
// just that are sent with it compressed. It is called before anything is served. Nothing that is secret, and nothing that
// anybody typed, may be in the data.
func (s *Set) Fix(name string, data any) error {
	for tag, t := range s.said {
		text, err := execute(t, name, data)
		if err != nil {
			return err
		}
		s.same[tag] = append(s.same[tag], pack(text))
	}
	return nil
}

// Speaker answers the language of whoever sent a request.
func Speaker(r *http.Request) language.Speaker {
	return language.For(strings.Join(r.Header["Accept-Language"], ","))
}

// framed is what the frame is rendered with.
type framed struct {
	Page
	Head, Nav, Foot template.HTML // the same for all readers
	Content         template.HTML
	Brand           string // the title
	Logo            template.URL
	BrandStyle      template.CSS
	GoesOn          template.HTMLAttr
}

// heading is what the head of a page is rendered with: nothing of its reader.
type heading struct {
	Style   template.CSS
	Scripts []string
}

// Render answers a request with a page. Nothing is sent if the template fails.
func (s *Set) Render(x *web.Exchange, r *http.Request, status int, name string, page Page) error {
	if page.Layout == "" {
		page.Layout = Task
	}
	tag := Speaker(r).Tag()
	content, err := execute(s.said[tag], name, page)
	if err != nil {
		return err
	}
	f := framed{
		Page: page, Content: template.HTML(content), Brand: s.kit.title(page.App), Logo: logo(page.App.Brand.Logo), //nolint:gosec // made by a template
		BrandStyle: template.CSS(brandStyle(page.App.Brand.Color)), GoesOn: goesOn(page.GoOn), //nolint:gosec // of a colour that was parsed
	}
	same, err := s.surround(tag, &f)
	if err != nil {
		return err
	}
	body, err := execute(s.said[tag], "frame", f)
	if err != nil {
		return err
	}
	setHeaders(x.Header(), page.Swaps, s.style, string(f.BrandStyle))
	x.Header().Add("Vary", "Accept-Encoding")
	if takesGzip(r.Header["Accept-Encoding"]) {
		x.Header().Set("Content-Encoding", "gzip")
		body = shorten(body, same)
	}
	x.Header().Set("Content-Length", strconv.Itoa(len(body)))
	x.WriteHeader(status)
	_, _ = x.Write(body) // the client is gone if this fails
	return nil
}

// surround renders what stands around the content and is the same for all readers, and answers all that is.
func (s *Set) surround(tag string, f *framed) ([]packed, error) {
	same := slices.Clone(s.same[tag])
	render := func(name string, data any) (template.HTML, error) {
		text, err := execute(s.said[tag], name, data)
		if err != nil {
			return "", err
		}
		same = append(same, s.fixed.pack(text))
		return template.HTML(text), nil //nolint:gosec // made by a template
	}
	var err error
	if f.Head, err = render("head", heading{template.CSS(s.style), f.Scripts}); err != nil { //nolint:gosec // ours
		return nil, err
	}
	if len(f.Menu) > 0 {
		if f.Nav, err = render("menu", f.Page); err != nil {
			return nil, err
		}
	}
	f.Foot, err = render("foot", nil)
	return same, err
}

// Part answers a request with a template alone, without the frame: a piece of a page that is there already.
func (s *Set) Part(x *web.Exchange, r *http.Request, status int, name string, page Page) error {
	body, err := execute(s.said[Speaker(r).Tag()], name, page)
	if err != nil {
		return err
	}
	setHeaders(x.Header(), true, s.style)
	x.Header().Set("Content-Length", strconv.Itoa(len(body)))
	x.WriteHeader(status)
	_, _ = x.Write(body) // the client is gone if this fails
	return nil
}

// goesOn is the attribute by which a browser goes on at once. html/template would escape what stands behind `url=` as a
// part of an URL, and so lose its query. It is empty for what is neither an URL of http or https nor a path.
func goesOn(place string) template.HTMLAttr {
	if !strings.HasPrefix(place, "https://") && !strings.HasPrefix(place, "http://") && !strings.HasPrefix(place, "/") {
		return ""
	}
	return template.HTMLAttr(`content="0; url=` + html.EscapeString(place) + `"`) //nolint:gosec // escaped
}

func execute(t *template.Template, name string, data any) ([]byte, error) {
	var b bytes.Buffer
	if err := t.ExecuteTemplate(&b, name, data); err != nil {
		return nil, fmt.Errorf("render %s: %w", name, err)
	}
	return b.Bytes(), nil
}

// title is the name of whose page it is. The default application is the server itself.
func (k *Kit) title(app application.Application) string {
	switch {
	case app.Brand.Title != "":
		return app.Brand.Title
	case app.Name == "" || app.Name == application.DefaultName:
		return k.service
	}
	return app.Name
}

// logo passes an image on only in the form in which one may be set; in an <img>, an SVG image runs no script.
func logo(text string) template.URL {
	for _, kind := range []string{"png", "jpeg", "webp", "svg+xml"} {
		if rest, ok := strings.CutPrefix(text, "data:image/"+kind); ok && strings.Trim(rest, base64Chars) == "" {
			return template.URL(text) //nolint:gosec // an image, and of these characters
		}
	}
	return ""
}

// base64Chars are what may stand in a data: URI behind its media type.
const base64Chars = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=;,%-_.~!*'()@:$&"

// permissions are what a page may use of the browser: passkeys, and copying.
const permissions = "publickey-credentials-get=(self), publickey-credentials-create=(self), clipboard-write=(self), camera=(), microphone=(), geolocation=(), " +
	"payment=(), usb=(), serial=(), hid=(), display-capture=(), midi=(), clipboard-read=(), browsing-topics=()"

// setHeaders sets what every page carries. The policy names the inline stylesheets by their hashes, and allows no inline
// script whatsoever.
func setHeaders(h http.Header, swaps bool, sheets ...string) {
	styles := ""
	for _, sheet := range sheets {
		if sheet != "" {
			styles += " " + source(sheet)
		}
	}
	policy := "default-src 'none'; style-src" + styles + "; script-src 'self'; img-src 'self' data:; connect-src 'self'; " +
		"form-action 'self'; frame-ancestors 'none'; base-uri 'none'; require-trusted-types-for 'script'; trusted-types "
	if swaps {
		policy += "swap"
	} else {
		policy += "'none'"
	}
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", policy)
	h.Set("Cache-Control", "no-store")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Permissions-Policy", permissions)
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	// Not "no-referrer", with which a browser calls the origin of a form "null".
	h.Set("Referrer-Policy", "same-origin")
	h.Add("Vary", "Accept-Language")
}
