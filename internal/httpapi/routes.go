package httpapi

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"tandem.example/tandem/internal/operator"
	"tandem.example/tandem/internal/signin"
	"tandem.example/tandem/internal/web"
)

// routes is the route table.
type routes struct {
	mux      *http.ServeMux
	patterns []string // "METHOD /path"
}

func newRoutes() *routes { return &routes{mux: http.NewServeMux()} }

// HandleFunc implements humago.Mux.
func (t *routes) HandleFunc(pattern string, h func(http.ResponseWriter, *http.Request)) {
	t.patterns = append(t.patterns, pattern)
	t.mux.HandleFunc(pattern, h)
}

// ServeHTTP implements humago.Mux.
func (t *routes) ServeHTTP(w http.ResponseWriter, r *http.Request) { t.mux.ServeHTTP(w, r) }

// methodsOf answers the methods that the path of a request takes.
func (t *routes) methodsOf(r *http.Request) []string {
	var methods []string
	probe := *r
	for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodPatch, http.MethodDelete} {
		probe.Method = method
		if _, pattern := t.mux.Handler(&probe); pattern != "/" {
			methods = append(methods, method)
		}
	}
	return methods
}

// operation is what a route is to a client.
type operation struct {
	id, method, path string
	summary          string
	description      string // what the summary has no room for
	tag              string
	status           int // of success; 0 for 200, or 204 without a body
}

// The tags of operations.
const (
	tagSignIn   = "sign-in"
	tagSession  = "session"
	tagAdmin    = "administration"
	tagVerifier = "verifiers"
	tagServer   = "server"
)

func (a *API) newHuma() huma.API {
	c := huma.DefaultConfig("Tandem", a.Version)
	c.Info.Description = "Sign-in, sessions, access tokens, and revocation with a stated bound."
	c.OpenAPIPath, c.DocsPath, c.SchemasPath = "", "", ""
	c.CreateHooks = nil
	c.Transformers = []huma.Transformer{a.retell}
	c.RejectUnknownQueryParameters = true
	c.Formats = map[string]huma.Format{"application/json": strictJSON, "json": strictJSON}
	c.Servers = []*huma.Server{{URL: a.Issuer}}
	c.Components.SecuritySchemes = map[string]*huma.SecurityScheme{
		"bearer": {Type: "http", Scheme: "bearer", Description: "A session token (tds_...), an access token, or for the administration API an API key (tdk_...)."},
		"cookie": {Type: "apiKey", In: "cookie", Name: a.cookies.Name(), Description: "The session cookie."},
		"client": {Type: "http", Scheme: "basic", Description: "Client id and secret of an application of kind resource."},
	}
	return humago.New(a.routes, c)
}

// describe makes the description of an operation for huma. Every operation may answer a problem.
func (a *API) describe(op operation, security ...string) huma.Operation {
	d := huma.Operation{
		OperationID: op.id, Method: op.method, Path: op.path, Summary: op.summary, Description: op.description, Tags: []string{op.tag}, DefaultStatus: op.status,
		MaxBodyBytes: web.MaxBody + 1, // huma refuses a body that reaches this
		Responses:    map[string]*huma.Response{"default": a.problemResponse()},
		Security:     []map[string][]string{},
	}
	for _, scheme := range security {
		d.Security = append(d.Security, map[string][]string{scheme: {}})
	}
	return d
}

// public registers a route that needs no credential.
func public[I, O any](a *API, op operation, h func(context.Context, *I) (*O, error)) {
	huma.Register(a.huma, a.describe(op), func(ctx context.Context, in *I) (*O, error) {
		out, err := h(ctx, in)
		if err != nil {
			return nil, a.front.Explain(ctx, err)
		}
		return out, nil
	})
}

// personal registers a route for whoever is signed in. They are known before anything else of the request is read.
func personal[I, O any](a *API, op operation, h func(context.Context, signin.Identity, *I) (*O, error)) {
	registerGuarded(a, a.describe(op, "bearer", "cookie"), a.identify, h)
}

// registerGuarded is personal with a way of its own to find out who calls.
func registerGuarded[I, O any](a *API, d huma.Operation, find func(*web.Exchange) (caller, error), h func(context.Context, signin.Identity, *I) (*O, error)) {
	d.Middlewares = huma.Middlewares{a.guard(find)}
	huma.Register(a.huma, d, func(ctx context.Context, in *I) (*O, error) {
		out, err := h(ctx, callerOf(ctx).identity, in)
		if err != nil {
			return nil, a.front.Explain(ctx, err)
		}
		return out, nil
	})
}

// administrative registers a route for administrators.
func administrative[I, O any](a *API, op operation, h func(context.Context, operator.By, *I) (*O, error)) {
	d := a.describe(op, "bearer", "cookie")
	d.Middlewares = huma.Middlewares{a.guard(a.authorize)}
	huma.Register(a.huma, d, func(ctx context.Context, in *I) (*O, error) {
		by, err := a.by(ctx, in)
		if err != nil {
			return nil, a.front.Explain(ctx, err)
		}
		out, err := h(ctx, by, in)
		if err != nil {
			return nil, a.front.Explain(ctx, err)
		}
		return out, nil
	})
}

// guard finds out who calls before huma reads the request.
func (a *API) guard(find func(*web.Exchange) (caller, error)) func(huma.Context, func(huma.Context)) {
	return func(c huma.Context, next func(huma.Context)) {
		x := web.Of(c.Context())
		who, err := find(x)
		if err != nil {
			a.front.Refuse(x, x.Request, err)
			return
		}
		next(huma.WithValue(c, callerKey{}, who))
	}
}

// plain registers a route that is served by hand, and describes it.
func (a *API) plain(d huma.Operation, h web.Handler) {
	a.huma.OpenAPI().AddOperation(&d)
	a.routes.HandleFunc(d.Method+" "+d.Path, a.front.Serve(h).ServeHTTP)
}
