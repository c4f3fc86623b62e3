package archtest

// layer is a row of the import table of docs/architecture.md. An import that no
// rule of the file's layer allows is a violation.
type layer struct {
	name string
	// dirs are the directories of its packages; one that ends in "/..." means
	// all below it too.
	dirs []string
	// may names the layers whose packages it may import. Packages of one
	// layer import each other only if it names itself.
	may []string
	// external are prefixes of the modules it may import from elsewhere; "*"
	// is all.
	external []string
	// never are prefixes of packages of the standard library it must not
	// import, although the rest of it is free.
	never []string
}

// Prefixes of the standard library that a layer stays clear of.
var (
	transportStd = []string{"net/http"}
	storeStd     = []string{"database/sql"}
	outsideStd   = []string{"net", "os", "database/sql", "log", "syscall"} // all that is not computing
)

// layers is ordered: a layer of the domain names only layers above it.
var layers = []layer{
	// The SDK, a module of its own. These are pure: they compute.
	{name: "json", dirs: []string{"verify/internal/strictjson"}, never: outsideStd},
	{name: "token", dirs: []string{"verify/token"}, may: []string{"json"}, never: outsideStd},
	{name: "jws", dirs: []string{"verify/jws"}, may: []string{"json", "token"}, never: outsideStd},
	{name: "revocation", dirs: []string{"verify/revocation"}, may: []string{"json"}, never: outsideStd},
	{name: "verify", dirs: []string{"verify"}, may: []string{"json", "token", "jws", "revocation"}, never: storeStd},
	{name: "verifytest", dirs: []string{"verify/verifytest"}, may: []string{"json", "token", "jws", "revocation", "verify"}, never: storeStd},

	// The domain, from what everybody needs to what joins everything.
	{name: "ground", dirs: domain("id", "secret", "clock", "limit", "outage", "joint"), never: domainNever},
	{name: "language", dirs: domain("language"), never: domainNever, external: []string{"github.com/nicksnyder/go-i18n/v2", "golang.org/x/text"}},
	{name: "mail", dirs: domain("mail"), may: with("ground", "language"), never: domainNever, external: []string{"github.com/wneessen/go-mail"}},
	{name: "audit", dirs: domain("audit"), may: []string{"ground"}, never: domainNever},
	{name: "feed", dirs: domain("feed"), may: with("ground", "audit"), never: domainNever},
	{name: "account", dirs: domain("account", "application"), may: with("ground", "audit", "feed"), never: domainNever},
	{name: "credential", dirs: domain("credential"), may: with("ground", "audit", "feed", "account"), never: domainNever,
		external: []string{"golang.org/x/crypto", "github.com/go-crypt/crypt", "github.com/go-webauthn/webauthn", "github.com/authelia/otp"}},
	{name: "federate", dirs: domain("federate"), may: with("ground"), never: storeStd,
		external: []string{"github.com/coreos/go-oidc/v3", "golang.org/x/oauth2"}},
	{name: "session", dirs: domain("session", "signing"), may: with("ground", "audit", "feed", "account"), never: domainNever,
		external: []string{"github.com/go-jose/go-jose/v4"}},
	{name: "signin", dirs: domain("signin"), may: with("ground", "language", "audit", "feed", "account", "credential", "federate", "session", "mail"), never: domainNever},
	{name: "operator", dirs: domain("operator"), may: with(domainLayers...), never: domainNever},

	// Adapters know the domain and their driver; not each other.
	{name: "memory", dirs: domain("memory"), may: with(domainLayers...), never: domainNever},
	{name: "sqlite", dirs: domain("sqlite"), may: with(domainLayers...), never: transportStd,
		external: []string{"modernc.org/sqlite", "github.com/pressly/goose/v3"}},
	{name: "postgres", dirs: domain("postgres"), may: with(domainLayers...), never: transportStd,
		external: []string{"github.com/jackc/pgx/v5", "github.com/pressly/goose/v3"}},
	{name: "redis", dirs: domain("redis"), may: with(domainLayers...), never: transportStd,
		external: []string{"github.com/redis/rueidis"}},
	{name: "storetest", dirs: domain("storetest"), may: with(domainLayers...), never: domainNever,
		external: []string{"github.com/google/go-cmp", "pgregory.net/rapid", "github.com/anishathalye/porcupine"}},

	// Transports know the domain and what all HTTP shares; not each other.
	{name: "web", dirs: domain("web"), may: with(domainLayers...), never: storeStd,
		external: []string{"github.com/rs/cors", "github.com/mileusna/useragent"}},
	{name: "httpapi", dirs: domain("httpapi"), may: with(append(domainLayers, "web")...), never: storeStd,
		external: []string{"github.com/danielgtaylor/huma/v2", "github.com/prometheus/client_golang", "github.com/rs/cors", "github.com/mileusna/useragent"}},
	{name: "ui", dirs: domain("ui"), may: with(append(domainLayers, "web")...), never: storeStd},
	{name: "pages", dirs: domain("pages"), may: with(append(domainLayers, "web", "ui")...), never: storeStd},
	{name: "console", dirs: domain("console"), may: with(append(domainLayers, "web", "ui")...), never: storeStd},
	{name: "relay", dirs: domain("relay"), may: with("ground", "feed", "web"), never: storeStd,
		external: []string{"github.com/prometheus/client_golang"}},

	// What is put together from all of it.
	{name: "config", dirs: domain("config"), may: with("ground", "session"), never: transportStd,
		external: []string{"go.yaml.in/yaml/v3"}},
	{name: "archtest", dirs: domain("archtest"), never: transportStd},
	{name: "tandem", dirs: []string{"."},
		may:      with(append(domainLayers, "memory", "sqlite", "postgres", "redis", "web", "httpapi", "ui", "pages", "console", "config", "verify")...),
		external: []string{"github.com/prometheus/client_golang"}},
	{name: "examples", dirs: []string{"examples/..."}, may: with("verify", "verifytest", "tandem", "examples")},
	{name: "cmd", dirs: []string{"cmd/..."}, may: with("ground", "config", "tandem", "relay", "verify", "verifytest", "examples", "lab", "cmd"),
		external: []string{"*"}},
	{name: "lab", dirs: domain("lab/..."), may: []string{"*"}, external: []string{"*"}},
	{name: "e2e", dirs: []string{"e2e/..."}, may: []string{"*"}, external: []string{"*"}},
	{name: "tools", dirs: []string{"tools/..."}, external: []string{"*"}},
}

var (
	domainLayers = []string{"ground", "language", "mail", "audit", "feed", "account", "credential", "federate", "session", "signin", "operator"}
	domainNever  = []string{"net/http", "database/sql"}
)

// domain puts names below internal/.
func domain(names ...string) []string {
	dirs := make([]string, len(names))
	for i, name := range names {
		dirs[i] = "internal/" + name
	}
	return dirs
}

// with adds the wire vocabulary, which all of the server shares with the SDK,
// to the layers that one may import.
func with(names ...string) []string {
	return append([]string{"token", "jws", "revocation"}, names...)
}
