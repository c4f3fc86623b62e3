package config

import (
	"net/url"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"tandem.example/tandem/internal/secret"
)

// The values of Provider.Kind.
const (
	ProviderGoogle = "google"
	ProviderGitHub = "github"
	ProviderOIDC   = "oidc" // any OpenID Connect provider
)

// Provider is another provider of identities, with whom people may sign in.
type Provider struct {
	Name string // [a-z0-9-]{1,32}; part of its redirect URI, ISSUER/callback/NAME
	// Kind is ProviderGoogle, ProviderGitHub or ProviderOIDC; empty means the Name if that is google or github, else
	// ProviderOIDC.
	Kind string
	// Issuer is the URL of an OpenID Connect provider, as its tokens have it; of a GitHub Enterprise server its own, and
	// empty for github.com.
	Issuer       string
	Title        string // for people; a fitting one if empty
	ClientID     string
	ClientSecret secret.Text
}

// providersSection is the section under which each provider is a section of its own.
const providersSection = "providers"

var providerName = regexp.MustCompile(`^[a-z0-9-]{1,32}$`)

// providerKeys are the keys below providers.NAME.
var providerKeys = []struct {
	key    string
	at     func(*Provider) value
	secret bool
	doc    string
}{
	{"kind", func(p *Provider) value { return textValue{&p.Kind} }, false,
		"google, github or oidc; NAME if that is google or github, else oidc."},
	{"issuer", func(p *Provider) value { return textValue{&p.Issuer} }, false,
		"URL of an OpenID Connect provider, or of a GitHub Enterprise server."},
	{"title", func(p *Provider) value { return textValue{&p.Title} }, false,
		"What the button says, such as Example ID."},
	{"client_id", func(p *Provider) value { return textValue{&p.ClientID} }, false,
		"Client id that the provider gave for the redirect URI ISSUER/callback/NAME."},
	{"client_secret", func(p *Provider) value { return secretValue{&p.ClientSecret} }, true,
		"Client secret that the provider gave; client_secret_file names a file with it."},
}

// provider finds the provider of that name, or makes one.
func (c *Config) provider(name string) *Provider {
	i := slices.IndexFunc(c.Providers, func(p Provider) bool { return p.Name == name })
	if i < 0 {
		i = len(c.Providers)
		c.Providers = append(c.Providers, Provider{Name: name})
	}
	return &c.Providers[i]
}

// lookupProvider finds the field of a key such as providers.google.client_id.
func lookupProvider(name string) (field, bool) {
	parts := strings.Split(name, ".")
	if len(parts) != 3 || !isProvider(parts[0]+"."+parts[1]) {
		return field{}, false
	}
	for _, k := range providerKeys {
		if k.key == parts[2] {
			return field{name: name, doc: k.doc, secret: k.secret, at: func(c *Config) value { return k.at(c.provider(parts[1])) }}, true
		}
	}
	return field{}, false
}

// isProvider reports whether name is that of a provider's section.
func isProvider(name string) bool {
	name, below := strings.CutPrefix(name, providersSection+".")
	return below && providerName.MatchString(name)
}

// providerKeyNames are the keys of the provider whose section a mistaken key stands in.
func providerKeyNames(mistaken string) (names []string) {
	section := mistaken[:max(0, strings.LastIndexByte(mistaken, '.'))]
	if isProvider(section) {
		for _, k := range providerKeys {
			names = append(names, section+"."+k.key)
		}
	}
	return names
}

const providersEnv = envPrefix + "PROVIDERS_"

// providerVariable finds what a variable such as TANDEM_PROVIDERS_GOOGLE_CLIENT_SECRET_FILE sets. A name's hyphens are
// underscores there, which names do not have.
func providerVariable(name string) (variable, bool) {
	rest, ok := strings.CutPrefix(name, providersEnv)
	rest, asFile := strings.CutSuffix(rest, "_FILE")
	if !ok {
		return variable{}, false
	}
	for _, k := range providerKeys {
		provider, is := strings.CutSuffix(rest, "_"+strings.ToUpper(k.key))
		provider = strings.ReplaceAll(strings.ToLower(provider), "_", "-")
		if f, ok := lookupProvider(providersSection + "." + provider + "." + k.key); is && ok && (k.secret || !asFile) {
			return variable{field: f, asFile: asFile}, true
		}
	}
	return variable{}, false
}

// kind is the provider's, with the default filled in.
func (p Provider) kind() string {
	switch {
	case p.Kind != "":
		return p.Kind
	case p.Name == ProviderGoogle || p.Name == ProviderGitHub:
		return p.Name
	}
	return ProviderOIDC
}

// withDefaults fills in what a provider of its kind has.
func (p Provider) withDefaults() Provider {
	p.Kind = p.kind()
	switch p.Kind {
	case ProviderGoogle:
		setDefault(&p.Title, "Google")
	case ProviderGitHub:
		setDefault(&p.Title, "GitHub")
	}
	setDefault(&p.Title, p.Name)
	return p
}

func (c Config) checkProviders(ps *problems) {
	seen := map[string]bool{}
	for _, p := range c.Providers {
		section := providersSection + "." + p.Name
		if !providerName.MatchString(p.Name) || seen[p.Name] {
			ps.add(providersSection, "must have names of their own, of a-z, 0-9 and -, at most 32 characters", "write a name such as google")
			continue
		}
		seen[p.Name] = true
		p.check(ps, section)
	}
}

// maxTitle bounds what is shown on a button, in characters.
const maxTitle = 60

func (p Provider) check(ps *problems, section string) {
	// Only the section says which line a key that is missing should have been in.
	add := func(key, rule, remedy string) { ps.add(section+"."+key, rule, remedy, section) }
	oneOf(ps, section+".kind", p.Kind, ProviderGoogle, ProviderGitHub, ProviderOIDC)
	switch {
	case p.Kind == ProviderGoogle && p.Issuer != "":
		add("issuer", "is Google's own where kind is google", "leave it out")
	case p.Kind == ProviderOIDC && p.Issuer == "":
		add("issuer", "is missing", "write the provider's URL, as its tokens have it")
	case p.Issuer != "" && !isProviderURL(p.Issuer):
		add("issuer", "must be an https URL without query or fragment; http only for this machine", "write a URL such as https://id.example.com")
	case p.Kind == ProviderGitHub && strings.HasSuffix(p.Issuer, "/"):
		add("issuer", "must not end in a slash", "take it off")
	}
	if p.ClientID == "" {
		add("client_id", "is missing", "register Tandem at the provider, and write the client id that it gives")
	}
	if p.ClientSecret.Empty() {
		add("client_secret", "is missing", "write client_secret_file, or set "+field{name: section + ".client_secret"}.env())
	}
	if n := utf8.RuneCountInString(p.Title); n > maxTitle {
		add("title", "has more than 60 characters", "write what fits on a button")
	}
}

func isProviderURL(text string) bool {
	u, err := url.Parse(text)
	return err == nil && u.Host != "" && u.User == nil && u.RawQuery == "" && !u.ForceQuery && u.Fragment == "" &&
		(u.Scheme == "https" || u.Scheme == "http" && isLocal(u.Hostname()))
}
