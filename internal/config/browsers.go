package config

import (
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strings"
)

// checkIssuer applies RFC 8414 §2: an issuer is an https URL without query or
// fragment. Spellings that mean the same are refused too, since verifiers
// compare the text.
func (c Config) checkIssuer(ps *problems) {
	const example = "write a URL such as https://auth.example.com"
	if c.Issuer == "" {
		ps.add("issuer", "must be given, since it does not follow from listen: other machines can reach that, or its port is not fixed", example, "listen")
		return
	}
	u, err := url.Parse(c.Issuer)
	if err != nil || u.Host == "" || u.Hostname() == "" {
		ps.add("issuer", "must be a URL", example)
		return
	}
	start := strings.ToLower(u.Scheme + "://" + u.Host)
	switch {
	case u.User != nil:
		ps.add("issuer", "must not hold a user name or password", example)
	case strings.ContainsAny(c.Issuer, "?#"):
		ps.add("issuer", "must have no query and no fragment", example)
	case strings.HasSuffix(c.Issuer, "/"):
		ps.add("issuer", "must not end in a slash, since verifiers compare it letter by letter", "remove the slash")
	case u.Scheme != "https" && u.Scheme != "http":
		ps.add("issuer", "must be an https URL", example)
	case !strings.HasPrefix(c.Issuer, start):
		ps.add("issuer", "must be in lower case up to the path", "write "+start)
	case u.Scheme == "http" && !mayUseHTTP(u.Hostname()):
		ps.add("issuer", "must be https, since credentials would cross the network readable: http is for localhost, 127.0.0.1 and [::1]", example)
	case c.Dev && !mayUseHTTP(u.Hostname()):
		ps.add("issuer", "is not this machine, and a server that runs with --dev is open", "leave it out, or run without --dev")
	}
}

// checkBrowsers checks what decides which pages may use a user's cookie.
func (c Config) checkBrowsers(ps *problems) {
	for i, origin := range c.AllowedOrigins {
		rule, remedy := originProblem(origin)
		if rule == "" && slices.Contains(c.AllowedOrigins[:i], origin) {
			rule, remedy = "is there twice", "keep one"
		}
		if rule != "" {
			ps.add("allowed_origins", fmt.Sprintf("entry %d %s", i+1, rule), remedy)
		}
	}
	if c.Cookies.Domain != "" {
		c.checkCookieDomain(ps)
	}
}

// originProblem says what is wrong with a web origin (RFC 6454 §6.2), which
// must be spelled as browsers send it, or "".
func originProblem(origin string) (rule, remedy string) {
	const example = "write an origin such as https://app.example.com"
	if origin == "*" || origin == "null" {
		return "would let any page act with the user's cookie", "list the origins one by one"
	}
	u, err := url.Parse(origin)
	if err != nil || u.Hostname() == "" {
		return "is not an origin", example
	}
	exact := strings.ToLower(u.Scheme + "://" + u.Host)
	switch {
	case strings.Contains(u.Host, "*"):
		return "is a pattern, and origins are compared exactly", "list the origins one by one"
	case u.Scheme != "https" && u.Scheme != "http":
		return "must be https", example
	case origin != exact:
		return "is more than scheme, host and port in lower case", "write " + exact
	case u.Scheme == "https" && u.Port() == "443" || u.Scheme == "http" && u.Port() == "80":
		return "names the default port, which browsers leave out", "write it without the port"
	case u.Scheme == "http" && !mayUseHTTP(u.Hostname()):
		return "must be https, since anyone on the network could change its pages", example
	}
	return "", ""
}

// checkCookieDomain applies RFC 6265 §5.3: a browser takes a cookie for a domain
// only from a host within it.
func (c Config) checkCookieDomain(ps *problems) {
	const key, example = "cookies.domain", "leave it out, or write a domain such as example.com for https://auth.example.com"
	domain := c.Cookies.Domain
	u, err := url.Parse(c.Issuer)
	if err != nil {
		return // checkIssuer says so
	}
	_, addrErr := netip.ParseAddr(domain)
	switch host := u.Hostname(); {
	case strings.HasPrefix(domain, "."):
		ps.add(key, "must not begin with a dot", "write it without the dot")
	case addrErr == nil || !strings.Contains(strings.Trim(domain, "."), ".") || domain != strings.ToLower(domain):
		ps.add(key, "must be a domain name of two parts or more, in lower case", example)
	case host != domain && !strings.HasSuffix(host, "."+domain):
		ps.add(key, "must be a parent of the issuer's host, else browsers drop the cookie", example, "issuer")
	}
}

// mayUseHTTP reports whether plain http is safe for a host since it never
// leaves this machine. Browsers treat just these as secure.
func mayUseHTTP(host string) bool {
	return host == "localhost" || host == "127.0.0.1" || host == "::1"
}
