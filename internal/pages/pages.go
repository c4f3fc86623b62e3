package pages

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"net/url"

	"tandem.example/tandem/internal/signin"
	"tandem.example/tandem/internal/ui"
	"tandem.example/tandem/internal/web"
)

//go:embed templates assets pages.css
var files embed.FS

// Config wires the pages. All of it is required.
type Config struct {
	SignIn *signin.Service
	Site   web.Site
	Kit    *ui.Kit
	Issuer string // the public URL of the server
}

// Pages are the pages that people sign in on and manage their account on. Safe for concurrent use.
type Pages struct {
	Config
	set    *ui.Set
	origin string // of the issuer
}

// New makes the pages. Register puts them up.
func New(c Config) (*Pages, error) {
	if c.SignIn == nil || c.Site.Front == nil || c.Site.Handle == nil || c.Kit == nil {
		return nil, errors.New("pages: SignIn, Site and Kit are required")
	}
	issuer, err := url.Parse(c.Issuer)
	if err != nil || issuer.Host == "" {
		return nil, errors.New("pages: the issuer must be an absolute URL")
	}
	assets, err := fs.Sub(files, "assets")
	if err != nil {
		return nil, fmt.Errorf("pages: read assets: %w", err)
	}
	if err := c.Kit.Publish(assets); err != nil {
		return nil, fmt.Errorf("pages: %w", err)
	}
	p := &Pages{Config: c, origin: issuer.Scheme + "://" + issuer.Host}
	if p.set, err = c.Kit.Templates(files, "templates/*.html"); err != nil {
		return nil, fmt.Errorf("pages: %w", err)
	}
	sheet, err := files.ReadFile("pages.css")
	if err != nil {
		return nil, fmt.Errorf("pages: read stylesheet: %w", err)
	}
	p.set.Wear(string(sheet))
	if c.Site.Entered == nil {
		p.Site.Entered = func(string, error) {}
	}
	return p, nil
}

// handler serves a visit or says why not.
type handler func(v *visit) error

// route is a row of the route table.
type route struct {
	pattern string
	serve   handler
}

// Register puts the pages up, and has problems shown as pages to whoever asked for one.
func (p *Pages) Register() {
	for _, r := range p.routes() {
		p.Site.Handle(r.pattern, p.visited(r.serve))
	}
	p.Site.Front.ShowProblems(p.showProblem)
}

func (p *Pages) routes() []route {
	return append([]route{
		{"GET /{$}", (*visit).home},
		{"GET /sign-in", entrance(signin.ToSignIn)},
		{"POST /sign-in", enter(signin.ToSignIn)},
		{"GET /sign-up", entrance(signin.ToSignUp)},
		{"POST /sign-up", enter(signin.ToSignUp)},
		{"GET /recover", entrance(signin.ToRecover)},
		{"POST /recover", enter(signin.ToRecover)},
		{"GET /step-up", (*visit).stepUp},
		{"GET /sign-in/next", (*visit).showNext},
		{"GET /sign-in/password", (*visit).showPassword},
		{"POST /sign-in/password", (*visit).provePassword},
		{"GET /sign-in/code", (*visit).showCode},
		{"POST /sign-in/code", (*visit).proveCode},
		{"POST /sign-in/code/send", (*visit).sendCode},
		{"GET " + signin.LinkPath, (*visit).showLink},
		{"POST " + signin.LinkPath, (*visit).proveLink},
		{"GET /sign-in/passkey", (*visit).showPasskey},
		{"POST /sign-in/passkey", (*visit).provePasskey},
		{"POST /sign-in/passkey/options", (*visit).askPasskey},
		{"GET /sign-in/totp", (*visit).showTOTP},
		{"POST /sign-in/totp", (*visit).proveTOTP},
		{"GET /sign-in/recovery-code", (*visit).showRecoveryCode},
		{"POST /sign-in/recovery-code", (*visit).proveRecoveryCode},
		{"POST /sign-in/provider/{name}", (*visit).askProvider},
		{"GET " + signin.CallbackPath("{name}"), (*visit).proveProvider},
		{"GET /sign-in/enrol", (*visit).showEnrol},
		{"GET /sign-in/enrol/totp", (*visit).showEnrolTOTP},
		{"POST /sign-in/enrol/totp", (*visit).confirmTOTP},
		{"GET /sign-in/enrol/passkey", (*visit).showEnrolPasskey},
		{"POST /sign-in/enrol/passkey", (*visit).confirmPasskey},
		{"POST /sign-in/enrol/passkey/options", (*visit).enrolPasskey},
		{"GET /sign-in/choose", (*visit).showChoose},
		{"POST /sign-in/choose", (*visit).choose},
		{"GET /sign-out", (*visit).showSignOut},
		{"POST /sign-out", (*visit).signOut},
		{"GET /signed-out", (*visit).signedOut},
	}, accountRoutes()...)
}
