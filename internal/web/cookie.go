package web

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"tandem.example/tandem/internal/secret"
	"tandem.example/tandem/internal/signin"
)

// Cookies sets and reads the cookies of one deployment. Exactly one name of each is in use, and only that is read:
// a cookie under another name proves nothing.
type Cookies struct {
	session, device, remembered, attempt, bound string

	domain string
	secure bool
	path   string // of the issuer, without a slash at its end
}

// deviceAge is for how long a device is recognised.
const deviceAge = 365 * 24 * time.Hour

// NewCookies decides how cookies are named and scoped, from the issuer's URL and the domain they may be shared with
// (empty: only the issuer's own host).
//
// On https the name begins with __Host-, so no page on a sibling host and none that was tampered with on the way can
// plant one (RFC 6265bis §4.1.3). With a domain that of the session begins with __Secure-, and it alone is shared: a
// sibling that could plant an attempt would have people prove who they are in one that it holds too. Plain http is for
// this machine only, where browsers refuse those names.
func NewCookies(issuer, domain string) (Cookies, error) {
	u, err := url.Parse(issuer)
	if err != nil {
		return Cookies{}, fmt.Errorf("cookies: issuer: %w", err)
	}
	prefix, own := "__Host-", "__Host-"
	switch {
	case u.Scheme == "http" && isLocal(u.Hostname()) && domain == "":
		prefix, own = "", ""
	case u.Scheme == "http" && isLocal(u.Hostname()):
		return Cookies{}, errors.New("cookies: a domain needs an https issuer")
	case u.Scheme != "https":
		return Cookies{}, errors.New("cookies: the issuer must be https, or http on localhost, 127.0.0.1 or [::1]")
	case domain != "":
		prefix = "__Secure-"
	}
	return Cookies{
		session: prefix + "tandem_session", bound: prefix + "tandem_bound",
		device: own + "tandem_device", remembered: own + "tandem_remembered", attempt: own + "tandem_attempt",
		domain: domain, secure: u.Scheme == "https", path: strings.TrimSuffix(u.Path, "/"),
	}, nil
}

func isLocal(host string) bool {
	return host == "localhost" || host == "127.0.0.1" || host == "::1"
}

// Secure reports whether the cookies travel over https only.
func (c Cookies) Secure() bool { return c.secure }

// SetSession hands out a session token until the session's absolute deadline.
func (c Cookies) SetSession(h http.Header, token secret.Text, now, expires time.Time) {
	c.set(h, c.session, token.Reveal(), expires.Sub(now))
}

// ClearSession takes the session cookie away, and what binds it to the device.
func (c Cookies) ClearSession(h http.Header) {
	c.set(h, c.session, "", -1)
	if c.secure {
		c.set(h, c.bound, "", -1)
	}
}

// SetDevice lets the device be recognised at its next sign-in.
func (c Cookies) SetDevice(h http.Header, token string) { c.set(h, c.device, token, deviceAge) }

// Device answers what SetDevice left, empty if there is nothing or it is not clear what.
func (c Cookies) Device(r *http.Request) string { return only(r, c.device) }

// SetRemembered spares the device a second factor until it expires.
func (c Cookies) SetRemembered(h http.Header, token string, now, expires time.Time) {
	c.set(h, c.remembered, token, expires.Sub(now))
}

// Remembered answers what SetRemembered left, empty if there is nothing or it is not clear what.
func (c Cookies) Remembered(r *http.Request) string { return only(r, c.remembered) }

// SetAttempt ties an attempt to prove oneself to the browser; an empty token takes the cookie away.
func (c Cookies) SetAttempt(h http.Header, token secret.Text, age time.Duration) {
	c.set(h, c.attempt, token.Reveal(), age)
}

// Attempt answers what SetAttempt left, empty if there is nothing or it is not clear what.
func (c Cookies) Attempt(r *http.Request) secret.Text { return secret.NewText(only(r, c.attempt)) }

// Bound answers the short-lived cookie of a session that is bound to a device, empty if there is none or it is not clear
// which.
func (c Cookies) Bound(r *http.Request) secret.Text { return secret.NewText(only(r, c.bound)) }

// SetBound hands out the bound cookie. A browser is to renew it a little before it expires, so that no request which
// takes its time arrives with one that has expired meanwhile.
func (c Cookies) SetBound(h http.Header, value secret.Text, now, expires time.Time) {
	left := expires.Sub(now)
	c.set(h, c.bound, value.Reveal(), left-min(left/4, sendTime))
}

// sendTime is what a request may take until it is checked.
const sendTime = 15 * time.Second

// BoundTerms are the name of the bound cookie and its attributes, as a browser is told what to look for.
func (c Cookies) BoundTerms() (name, attributes string) {
	one := http.Cookie{Name: c.bound, Value: "x", Path: "/", Domain: c.domain, Secure: c.secure, HttpOnly: true, SameSite: http.SameSiteLaxMode}
	_, attributes, _ = strings.Cut(one.String(), "; ")
	return c.bound, attributes
}

// The paths at which a browser binds a session to its device, and renews the bound cookie.
const (
	RegisterPath = "/dbsc/register"
	RefreshPath  = "/dbsc/refresh"
)

// invite asks the browser to bind the session that the answer hands out to its device. Those that cannot pass over it
// (W3C, Device Bound Session Credentials, "Secure-Session-Registration").
func (c Cookies) invite(h http.Header, challenge string) {
	h.Set("Secure-Session-Registration", `(ES256 RS256);path="`+c.path+RegisterPath+`";challenge="`+challenge+`"`)
}

// only answers the value of the one cookie of that name; empty if there is none, or more than one.
func only(r *http.Request, name string) string {
	value, n := cookie(r.Header["Cookie"], name)
	if n != 1 || len(value) > maxCredential {
		return ""
	}
	return value
}

// Deliver hands out the cookies of a grant: the session token, if that is how it is delivered, and what lets the device
// be recognised.
func (c Cookies) Deliver(h http.Header, g signin.Grant, now time.Time) {
	if g.DeviceToken != "" {
		c.SetDevice(h, g.DeviceToken)
	}
	if g.Remembered.Token != "" {
		c.SetRemembered(h, g.Remembered.Token, now, g.Remembered.Until)
	}
	if g.Delivery == signin.Cookie {
		c.SetSession(h, g.SessionToken, now, g.View.Session.ExpiresAt)
	}
	if g.Invite != "" && c.secure {
		c.invite(h, g.Invite)
	}
}

// Session answers the session token in the cookie, whatever else the request was sent with; empty if there is none
// or more than one.
func (c Cookies) Session(r *http.Request) secret.Text {
	value := only(r, c.session)
	if !strings.HasPrefix(value, sessionPrefix) {
		return secret.Text{}
	}
	return secret.NewText(value)
}

func (c Cookies) set(h http.Header, name, value string, age time.Duration) {
	one := http.Cookie{Name: name, Value: value, Path: "/", Secure: c.secure, HttpOnly: true, SameSite: http.SameSiteLaxMode}
	if name == c.session || name == c.bound {
		one.Domain = c.domain
	}
	one.MaxAge = int(age / time.Second)
	if one.MaxAge <= 0 {
		one.Value, one.MaxAge = "", -1
	}
	h.Add("Set-Cookie", one.String())
	h.Set("Cache-Control", "no-store") // no shared cache may hand one user to another
}

// Name is the name of the session cookie in use.
func (c Cookies) Name() string { return c.session }
