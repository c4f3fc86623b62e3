package console

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/url"

	"tandem.example/tandem/internal/feed"
	"tandem.example/tandem/internal/mail"
	"tandem.example/tandem/internal/operator"
	"tandem.example/tandem/internal/signin"
	"tandem.example/tandem/internal/ui"
	"tandem.example/tandem/internal/web"
)

//go:embed assets templates console.css
var files embed.FS

// Config wires a Console. SignIn, Operator, Feed, Site, Issuer and Kit are required.
type Config struct {
	SignIn   *signin.Service
	Operator *operator.Service
	Feed     *feed.Service
	Site     web.Site
	// Issuer is the public URL of the server; the console lies below its path.
	Issuer string
	// Kit is what the pages are made with. Its assets are put up by whoever made it.
	Kit *ui.Kit
	// Ready answers nil if requests can be served; nil: not known.
	Ready func(ctx context.Context) error
	// Mail says how the mail goes; nil where no message waits in a queue.
	Mail func(ctx context.Context) (mail.Figures, error)
	// Log is silent if nil.
	Log *slog.Logger
}

// Console is the operator's console. Safe for concurrent use.
type Console struct {
	Config
	pages  *ui.Set
	orders orders
	last   memory
	routes []route

	running context.Context //nolint:containedctx // of the receipts that fill: they outlive the request that began them
	stop    context.CancelFunc
}

// New checks the configuration and makes a console.
func New(c Config) (*Console, error) {
	if c.SignIn == nil || c.Operator == nil || c.Feed == nil || c.Kit == nil || c.Site.Handle == nil || c.Site.Front == nil {
		return nil, errors.New("console: SignIn, Operator, Feed, Kit and Site are required")
	}
	issuer, err := url.Parse(c.Issuer)
	if err != nil || issuer.Host == "" {
		return nil, errors.New("console: Issuer must be an absolute URL")
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	k := &Console{Config: c}
	assets, err := fs.Sub(files, "assets")
	if err != nil {
		return nil, fmt.Errorf("console: %w", err)
	}
	if err := k.Kit.Publish(assets); err != nil {
		return nil, fmt.Errorf("console: %w", err)
	}
	sheet, err := files.ReadFile("console.css")
	if err != nil {
		return nil, fmt.Errorf("console: %w", err)
	}
	if k.pages, err = k.Kit.Templates(files, "templates/*.html"); err != nil {
		return nil, fmt.Errorf("console: %w", err)
	}
	k.pages.Wear(string(sheet))
	for name, data := range map[string]any{
		"types": types, "offline": nil, "entries-head": nil, "verifiers-head": nil, "users-head": nil, "sessions-head": map[string]any{"Users": true, "Acts": true},
	} {
		if err := k.pages.Fix(name, data); err != nil {
			return nil, fmt.Errorf("console: %w", err)
		}
	}
	k.running, k.stop = context.WithCancel(context.Background())
	k.routes = k.table()
	return k, nil
}

// Register puts the console up.
func (c *Console) Register() {
	for _, r := range c.routes {
		c.Site.Handle(r.pattern, c.serve(r))
	}
}

// Close gives up the receipts that still fill.
func (c *Console) Close() { c.stop() }

// route is a page, or what a form of one does.
type route struct {
	pattern string
	serve   handler
	// live is a piece of a page that asks for itself.
	live bool
	// acts says that it does something, or asks whether to: it takes a fresh proof.
	acts bool
}

// table lists all there is. Tests go through it.
func (c *Console) table() []route {
	routes := []route{
		{pattern: "GET /console", serve: c.overview},
		{pattern: "GET /console/live/overview", serve: c.overviewLive, live: true},
		{pattern: "GET /console/figures", serve: c.figuresTable},
		{pattern: "GET /console/now", serve: c.now},
		{pattern: "GET /console/live/now", serve: c.nowLive, live: true},
		{pattern: "GET /console/users", serve: c.users},
		{pattern: "GET /console/users/{id}", serve: c.user},
		{pattern: "GET /console/sessions", serve: c.sessions},
		{pattern: "GET /console/sessions/{id}", serve: c.session},
		{pattern: "GET /console/applications", serve: c.applications},
		{pattern: "GET /console/applications/{id}", serve: c.application},
		{pattern: "GET /console/keys", serve: c.keys},
		{pattern: "GET /console/revoke", serve: c.revoke},
		{pattern: "GET /console/receipts/{order}", serve: c.receipt},
		{pattern: "GET /console/live/receipts/{order}", serve: c.receiptLive, live: true},
		{pattern: "GET /console/verifiers", serve: c.verifiers},
		{pattern: "GET /console/live/verifiers", serve: c.verifiersLive, live: true},
		{pattern: "GET /console/audit", serve: c.trail},
		{pattern: "GET /console/audit/export", serve: c.export},
		{pattern: "GET /console/{rest...}", serve: c.nowhere},
	}
	for _, a := range c.acts() {
		routes = append(routes,
			route{pattern: "GET /console/acts/" + a.name, serve: c.ask(a), acts: true},
			route{pattern: "POST /console/acts/" + a.name, serve: c.do(a), acts: true})
	}
	return routes
}
