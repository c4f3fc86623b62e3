package main

import (
	"net"
	"net/url"
	"strings"

	"tandem.example/tandem/internal/config"
)

// browsers looks at what decides whether a browser keeps the cookie, and which pages may use it.
func (r *report) browsers(c config.Config) {
	u, err := url.Parse(c.Issuer)
	if err != nil {
		return // the configuration was checked
	}
	switch {
	case u.Scheme == "http":
		r.note("cookie", "set issuer to an https URL before others use it", "tandem_session without Secure, as plain http on this machine needs")
	case c.Cookies.Domain != "":
		r.note("cookie", "leave out cookies.domain unless pages on other hosts need the cookie",
			"__Secure-tandem_session is sent to every host under %s: whoever runs one of them can use it, and no session is bound to its device", c.Cookies.Domain)
	case c.Cookies.NoDeviceBinding:
		r.note("cookie", "leave out cookies.device_binding unless versions differ among nodes", "__Host-tandem_session, bound to no device: whoever copies it can use it")
	default:
		r.ok("cookie", "__Host-tandem_session: Secure, HttpOnly, SameSite=Lax, for %s alone, bound to the device in browsers that can", u.Host)
	}
	healthy := true
	for _, origin := range c.AllowedOrigins {
		o, err := url.Parse(origin)
		if err != nil {
			continue
		}
		switch {
		case o.Scheme == "http" && u.Scheme == "https":
			healthy = false
			r.wrong("origin", "serve it over https, or remove it from allowed_origins",
				"%s is plain http: browsers do not send it the cookie of an https server, and its pages can be changed on the way", origin)
		case !sameSite(u.Hostname(), o.Hostname()):
			healthy = false
			r.wrong("origin", "serve the pages and this server under one domain, such as app.example.com and auth.example.com, or sign in with delivery: body",
				"%s lies on another site than %s: browsers do not send a SameSite=Lax cookie from there", origin, u.Host)
		}
	}
	if healthy && len(c.AllowedOrigins) > 0 {
		r.ok("origin", "%s may act with the user's cookie", listed(c.AllowedOrigins))
	}
	if len(c.AllowedOrigins) == 0 {
		r.ok("origin", "only pages of %s may act with the user's cookie", c.Issuer)
	}
}

// sameSite reports whether two hosts may belong to one site (RFC 6265bis §5.2). Without the list of public suffixes
// the last two labels stand for the site, so for hosts under suffixes like co.uk it may miss a difference; it never
// sees one that is not there.
func sameSite(a, b string) bool {
	return site(a) == site(b)
}

func site(host string) string {
	if net.ParseIP(host) != nil {
		return host
	}
	labels := strings.Split(host, ".")
	return strings.Join(labels[max(0, len(labels)-2):], ".")
}

// proxy looks at whether the addresses that rate limits and the audit trail go by can be true.
func (r *report) proxy(c config.Config) {
	u, err := url.Parse(c.Issuer)
	if err != nil {
		return
	}
	host, _, err := net.SplitHostPort(c.Listen)
	if err != nil {
		return
	}
	ip := net.ParseIP(host)
	here := host == "localhost" || ip != nil && ip.IsLoopback()
	switch {
	case u.Scheme == "https" && len(c.TrustedProxies) == 0:
		r.wrong("proxy", "set trusted_proxies to the proxy's network, such as [127.0.0.0/8] for one on this machine",
			"the issuer is https, so a proxy stands in front; its X-Forwarded-For is not believed, so every user seems to come from its address and shares one rate limit")
	case u.Scheme == "https" && !here:
		r.note("proxy", "listen on 127.0.0.1, or keep the port behind a firewall", "listen %s takes plain http from other machines, past the proxy", c.Listen)
	case u.Scheme == "http" && len(c.TrustedProxies) > 0:
		r.note("proxy", "leave out trusted_proxies unless a proxy stands in front", "the issuer is plain http on this machine, yet X-Forwarded-For of %s is believed", listed(c.TrustedProxies))
	case u.Scheme == "https":
		r.ok("proxy", "X-Forwarded-For is believed from %s", listed(c.TrustedProxies))
	default:
		r.ok("proxy", "none is expected, and none is believed")
	}
	if host, _, err := net.SplitHostPort(c.AdminListen); err == nil {
		if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
			r.note("proxy", "listen on 127.0.0.1, or let only operators reach the port", "admin_listen %s shows metrics and profiles to whoever reaches it", c.AdminListen)
		}
	}
}
