package httpapi_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"tandem.example/tandem/internal/httpapi"
	"tandem.example/tandem/verify/jws"
)

func TestMetadataNamesOnlyWhatExists(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(c *httpapi.Config) { c.OpenSync = true })
	for _, path := range []string{"/.well-known/oauth-authorization-server", "/.well-known/openid-configuration"} {
		a := r.do(call{method: "GET", path: path}).want(t, 200)
		if a.str("issuer") != issuer || a.Header.Get("Content-Type") != "application/json" {
			t.Errorf("%s: %s", path, a.text)
		}
		for name, value := range a.json {
			if !strings.HasSuffix(name, "_uri") && !strings.HasSuffix(name, "_endpoint") {
				continue
			}
			at, ok := strings.CutPrefix(value.(string), issuer)
			if !ok {
				t.Errorf("%s is %v", name, value)
			}
			if got := r.do(call{method: "GET", path: at}); got.StatusCode == 404 {
				t.Errorf("%s: %v does not exist", name, value)
			}
		}
		for _, name := range []string{"jwks_uri", "tandem_revocation_endpoint", "tandem_feed_jwks_uri"} {
			if a.str(name) == "" {
				t.Errorf("%s lacks %s", path, name)
			}
		}
	}
}

func TestKeySets(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	tokens := must[jws.Set](t)(jws.ParseSet([]byte(r.do(call{method: "GET", path: "/.well-known/jwks.json"}).text)))
	feeds := must[jws.Set](t)(jws.ParseSet([]byte(r.do(call{method: "GET", path: "/.well-known/tandem-feed-jwks.json"}).text)))
	if len(tokens) != 2 || len(feeds) != 2 { // current and next
		t.Fatalf("%d token keys and %d feed keys", len(tokens), len(feeds))
	}
	for _, k := range feeds {
		if _, both := tokens.Find(k.ID()); both {
			t.Errorf("%s is a token key and a feed key", k.ID())
		}
	}
	r.admin(r.apiKey(), "POST", "/v1/admin/keys/"+tokens[0].ID()+"/revoke", nil).want(t, 200)
	after := r.do(call{method: "GET", path: "/.well-known/jwks.json"})
	if strings.Contains(after.text, tokens[0].ID()) {
		t.Error("a revoked key is still published")
	}
}

func TestIssuerWithAPath(t *testing.T) {
	t.Parallel()
	const tenant = issuer + "/tenant"
	r := newRig(t, func(c *httpapi.Config) { c.Issuer = tenant })
	for _, path := range []string{"/.well-known/oauth-authorization-server/tenant", "/tenant/.well-known/openid-configuration", "/tenant/.well-known/oauth-authorization-server"} {
		a := r.do(call{method: "GET", path: path}).want(t, 200)
		if a.str("issuer") != tenant || a.str("jwks_uri") != tenant+"/.well-known/jwks.json" {
			t.Errorf("%s: %s", path, a.text)
		}
	}
	for _, path := range []string{"/tenant/livez", "/livez"} {
		r.do(call{method: "GET", path: path}).want(t, 200)
	}
	r.do(call{method: "GET", path: "/tenants/livez"}).want(t, 404, "not_found")
}

func TestHealth(t *testing.T) {
	t.Parallel()
	var down error
	r := newRig(t, func(c *httpapi.Config) { c.Ready = func(context.Context) error { return down } })
	get := func(path string) answer { return r.do(call{method: "GET", path: path}) }
	get("/livez").want(t, 200)
	get("/readyz").want(t, 200)
	down = errors.New("canary: connection refused")
	for range 3 {
		a := get("/readyz").want(t, 503, "unavailable")
		if a.str("detail") != "the store is not ready" || a.Header.Get("Retry-After") == "" {
			t.Errorf("%s", a.text)
		}
	}
	get("/livez").want(t, 200)
	down = &httpapi.NotReadyError{Part: "the feed", Err: errors.New("canary")}
	if a := get("/readyz").want(t, 503); a.str("detail") != "the feed is not ready" {
		t.Errorf("%s", a.text)
	}
	down = nil
	get("/readyz").want(t, 200)
	if n := strings.Count(r.log.String(), "level=ERROR"); n != 1 || !strings.Contains(r.log.String(), "connection refused") {
		t.Errorf("logged %d times: %s", n, r.log)
	}
}

// TestOpenAPI checks that the description is whole: each route, each reference, nothing of huma's own.
func TestOpenAPI(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	a := r.do(call{method: "GET", path: "/openapi.json"}).want(t, 200)
	var doc struct {
		OpenAPI string
		Info    struct{ Title, Version string }
		Paths   map[string]map[string]struct {
			OperationID string
			Summary     string
			Parameters  []struct{ Name, In string }
			Responses   map[string]struct {
				Description string
				Content     map[string]json.RawMessage
			}
		}
		Components struct {
			Schemas         map[string]json.RawMessage
			SecuritySchemes map[string]json.RawMessage
		}
	}
	if err := json.Unmarshal([]byte(a.text), &doc); err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(doc.OpenAPI, "3.1.") || doc.Info.Title != "Tandem" || doc.Info.Version != "test" {
		t.Errorf("%s %+v", doc.OpenAPI, doc.Info)
	}
	ids := map[string]bool{}
	for _, pattern := range r.api.Patterns() {
		method, path, _ := strings.Cut(pattern, " ")
		if strings.HasPrefix(path, "/dbsc/") {
			continue // only browsers call these, and by themselves
		}
		op, ok := doc.Paths[path][strings.ToLower(method)]
		if !ok {
			t.Errorf("%s is not described", pattern)
			continue
		}
		if op.OperationID == "" || ids[op.OperationID] || op.Summary == "" {
			t.Errorf("%s: operation id %q, summary %q", pattern, op.OperationID, op.Summary)
		}
		ids[op.OperationID] = true
		if _, ok := op.Responses["default"].Content["application/problem+json"]; !ok {
			t.Errorf("%s: problems are not described", pattern)
		}
		success := false
		for status := range op.Responses {
			success = success || strings.HasPrefix(status, "2")
		}
		if !success {
			t.Errorf("%s: no answer is described", pattern)
		}
		named := false
		for _, p := range op.Parameters {
			named = named || p.In == "path" && p.Name == "id"
		}
		if named != strings.Contains(path, "{id}") {
			t.Errorf("%s: the id in the path is not described", pattern)
		}
		delete(doc.Paths[path], strings.ToLower(method))
	}
	for path, left := range doc.Paths {
		for method := range left {
			t.Errorf("%s %s is described, but does not exist", method, path)
		}
	}
	for _, ref := range regexp.MustCompile(`"\$ref":"([^"]*)"`).FindAllStringSubmatch(a.text, -1) {
		name, ok := strings.CutPrefix(ref[1], "#/components/schemas/")
		if _, there := doc.Components.Schemas[name]; !ok || !there {
			t.Errorf("reference to %s leads nowhere", ref[1])
		}
	}
	for _, name := range []string{"ErrorModel", "ErrorDetail"} {
		if _, there := doc.Components.Schemas[name]; there {
			t.Errorf("%s is described, though nothing answers it", name)
		}
	}
	for _, name := range []string{"User", "Session", "Grant", "Problem", "Whoami", "Receipt", "App"} {
		if _, there := doc.Components.Schemas[name]; !there {
			t.Errorf("%s is not described", name)
		}
	}
}

func TestAdminListener(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(c *httpapi.Config) { c.OpenSync = true })
	ada := r.ada()
	r.whoami(ada.token)
	r.whoami("garbage")
	r.sync(call{}).want(t, 200)
	r.do(call{method: "GET", path: "/no/such/path/canary"})
	r.do(call{method: "POST", path: "/v1/sign-in", body: fields{"email": ada.email, "password": "wrong phrase here"}})
	get := func(path string) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		r.api.AdminListener().ServeHTTP(w, httptest.NewRequest("GET", path, nil))
		return w
	}
	metrics := get("/metrics").Body.String()
	for _, want := range []string{
		`tandem_http_requests_total{code="200",route="GET /v1/session"} 1`, `tandem_http_requests_total{code="401",route="GET /v1/session"} 1`,
		`tandem_http_requests_total{code="404",route="none"} 1`, `tandem_entries_total{flow="sign_in",outcome="ok"} 1`,
		`tandem_entries_total{flow="sign_in",outcome="invalid_credentials"} 1`, `tandem_refusals_total{code="invalid_token",reason="unknown"} 1`,
		`tandem_log_position 0`, `tandem_verifier_staleness_seconds{verifier="bank"}`, `tandem_verifier_instances{lease="held",verifier="bank"} 1`,
		`tandem_hash_running 0`, `tandem_hash_waiting 0`, `tandem_hash_total{outcome="done"} 3`, "go_goroutines",
	} {
		if !strings.Contains(metrics, want) {
			t.Errorf("metrics lack %s", want)
		}
	}
	if strings.Contains(metrics, "canary") || strings.Contains(metrics, ada.id) {
		t.Error("metrics hold what a client sent, or who a user is")
	}
	for path, status := range map[string]int{"/debug/pprof/": 200, "/debug/pprof/cmdline": 200, "/livez": 200, "/readyz": 200, "/v1/session": 404} {
		if w := get(path); w.Code != status {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
}

func TestConfigurationThatCannotBe(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	whole := r.api.Config
	for name, change := range map[string]func(*httpapi.Config){
		"no services":   func(c *httpapi.Config) { c.SignIn = nil },
		"no issuer":     func(c *httpapi.Config) { c.Issuer = "" },
		"http issuer":   func(c *httpapi.Config) { c.Issuer = "http://auth.example.com" },
		"proxies":       func(c *httpapi.Config) { c.TrustedProxies = []string{"proxy"} },
		"origins":       func(c *httpapi.Config) { c.AllowedOrigins = []string{"*"} },
		"metrics twice": func(*httpapi.Config) {},
	} {
		c := whole
		if name != "metrics twice" {
			c.Metrics = nil
		}
		change(&c)
		if _, err := httpapi.New(c); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}
