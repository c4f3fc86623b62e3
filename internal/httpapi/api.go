package httpapi

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"tandem.example/tandem/internal/application"
	"tandem.example/tandem/internal/feed"
	"tandem.example/tandem/internal/mail"
	"tandem.example/tandem/internal/operator"
	"tandem.example/tandem/internal/signin"
	"tandem.example/tandem/internal/signing"
	"tandem.example/tandem/internal/web"
)

// Config wires an API. SignIn, Operator, Feed, Ring and Issuer are required.
type Config struct {
	SignIn   *signin.Service
	Operator *operator.Service
	Feed     *feed.Service
	Ring     *signing.Ring

	// Issuer is the public URL of this server, without a trailing slash.
	Issuer string
	// CookieDomain shares the cookies with the subdomains of a domain; empty keeps them to the issuer's host.
	CookieDomain string
	// TrustedProxies are the networks whose X-Forwarded-For is believed.
	TrustedProxies []string
	// AllowedOrigins may act here with any user's cookie. Those of an application may act with its own users' only,
	// and never administer.
	AllowedOrigins []string
	// OpenSync lets verifiers sync without a credential. For development only.
	OpenSync bool
	// Ready answers nil if requests can be served. A *NotReadyError says what is not ready; nil: always ready.
	Ready func(ctx context.Context) error
	// Metrics collects figures; nil for one of its own.
	Metrics *Metrics
	// Mail answers how the mail goes; nil where none is queued.
	Mail func(ctx context.Context) (mail.Figures, error)
	// Version of the server, for the OpenAPI document.
	Version string
	// Log is silent if nil.
	Log *slog.Logger
}

// API is the JSON API. Safe for concurrent use; it has nothing to close.
type API struct {
	Config
	front   *web.Front
	cookies web.Cookies
	routes  *routes
	huma    huma.API
	handler http.Handler
	path    string // of the issuer, without a slash at its end
	ready   readiness
}

// New checks the configuration and makes an API.
func New(c Config) (*API, error) {
	if c.SignIn == nil || c.Operator == nil || c.Feed == nil || c.Ring == nil || c.Issuer == "" {
		return nil, errors.New("http api: SignIn, Operator, Feed, Ring and Issuer are required")
	}
	issuer, err := url.Parse(c.Issuer)
	if err != nil {
		return nil, fmt.Errorf("http api: issuer: %w", err)
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Metrics == nil {
		c.Metrics = NewMetrics()
	}
	if c.Ready == nil {
		c.Ready = func(context.Context) error { return nil }
	}
	a := &API{Config: c, routes: newRoutes(), path: strings.TrimSuffix(issuer.Path, "/")}
	if a.cookies, err = web.NewCookies(c.Issuer, c.CookieDomain); err != nil {
		return nil, fmt.Errorf("http api: %w", err)
	}
	addresses, err := web.NewAddresses(c.TrustedProxies)
	if err != nil {
		return nil, fmt.Errorf("http api: %w", err)
	}
	origins, err := web.NewOrigins(c.Issuer, c.AllowedOrigins, a.applicationOrigins, c.Log)
	if err != nil {
		return nil, fmt.Errorf("http api: %w", err)
	}
	if !a.cookies.Secure() {
		c.Log.Warn("cookies are not Secure, since the issuer is plain http on this machine", "issuer", c.Issuer)
	}
	a.front = &web.Front{
		Addresses: addresses, Origins: origins, Secure: strings.HasPrefix(c.Issuer, "https:"),
		Log: c.Log, Problem: problemOf, Served: c.Metrics.served,
	}
	if err := c.Metrics.watch(a); err != nil {
		return nil, fmt.Errorf("http api: metrics: %w", err)
	}
	a.register()
	a.handler = a.below(a.front.Wrap(a.routes.mux))
	return a, nil
}

// below serves an issuer that has a path: requests come with it, unless a proxy has taken it off.
func (a *API) below(h http.Handler) http.Handler {
	if a.path == "" {
		return h
	}
	stripped := http.StripPrefix(a.path, h)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, a.path+"/") {
			stripped.ServeHTTP(w, r)
			return
		}
		h.ServeHTTP(w, r)
	})
}

// Handler is the public API.
func (a *API) Handler() http.Handler { return a.handler }

// register fills the route table.
func (a *API) register() {
	a.huma = a.newHuma()
	a.registerEntrance()
	a.registerSession()
	a.registerDevices()
	a.registerBound()
	a.registerMe()
	a.registerUsers()
	a.registerOperations()
	a.registerKeys()
	a.registerApplications()
	a.registerAPIKeys()
	a.registerSync()
	a.registerWellKnown()
	a.registerHealth()
	a.publishOpenAPI()
	a.routes.mux.Handle("/", a.front.Serve(a.nowhere))
}

// Site lets other transports be put up beside the API, before it serves.
func (a *API) Site() web.Site {
	return web.Site{
		Front: a.front, Cookies: a.cookies, Entered: a.Metrics.entered,
		Handle: func(pattern string, h web.Handler) {
			a.routes.HandleFunc(pattern, a.front.Serve(func(x *web.Exchange, r *http.Request) error {
				if err := a.front.Origins.CheckOwn(r); err != nil {
					return err
				}
				return h(x, r)
			}).ServeHTTP)
		},
	}
}

// applicationOrigins is the union of what the applications allow at which people sign in. Others have no pages.
func (a *API) applicationOrigins(ctx context.Context) ([]string, error) {
	apps, err := a.Operator.ListApplications(ctx)
	if err != nil {
		return nil, fmt.Errorf("list allowed origins: %w", err)
	}
	var all []string
	for _, app := range apps {
		if app.Kind == application.User {
			all = append(all, app.AllowedOrigins...)
		}
	}
	return all, nil
}

// nowhere answers for what is not in the route table.
func (a *API) nowhere(x *web.Exchange, r *http.Request) error {
	if allowed := a.routes.methodsOf(r); len(allowed) > 0 {
		x.Header().Set("Allow", strings.Join(allowed, ", "))
		return web.NewProblem(http.StatusMethodNotAllowed, web.CodeInvalidRequest, "this path takes "+strings.Join(allowed, ", "))
	}
	return web.NewProblem(http.StatusNotFound, web.CodeNotFound, "there is nothing at this path")
}

// client is what the other end is known by.
func (a *API) client(x *web.Exchange) signin.Client {
	return signin.Client{
		IP: x.Address, Device: web.DeviceName(x.Request), RequestID: x.ID,
		DeviceToken: a.cookies.Device(x.Request), Remembered: a.cookies.Remembered(x.Request),
		Languages: x.Request.Header.Get("Accept-Language"),
	}
}
