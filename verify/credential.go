package verify

import (
	"net/http"
	"strings"
)

// Kind says which credential a Token was made from.
type Kind uint8

// The kinds of credential that are accepted.
const (
	AccessToken  Kind = iota + 1 // a JWT (RFC 9068)
	SessionToken                 // opaque, "tds_..."
)

// String returns the kind in words.
func (k Kind) String() string {
	switch k {
	case AccessToken:
		return "access token"
	case SessionToken:
		return "session token"
	}
	return "no credential"
}

// sessionPrefix marks session tokens.
const sessionPrefix = "tds_"

// maxSessionToken bounds what is sent to the server as a session token, with
// the bound cookie that it came with.
const maxSessionToken = 256

// boundMark joins a session token to the bound cookie it came with (W3C, Device
// Bound Session Credentials): to the server, and to what is remembered here, the
// two are one credential. A session that is bound to a device is accepted by
// both together only.
const boundMark = "~"

// extract finds the one credential of a request. The Authorization header
// decides over the cookie, whatever it holds: a client that sends one means it.
// Credentials in the query or the body are not looked for (RFC 9700 §4.3.2).
func (v *Verifier) extract(r *http.Request) (credential string, refused error) {
	if headers := r.Header["Authorization"]; len(headers) > 1 {
		return "", refusedHeaders
	} else if len(headers) == 1 {
		return bearer(headers[0])
	}
	credential, refused = v.sessionCookie(r)
	if refused != nil {
		return "", refused
	}
	if err := v.origins.Check(r); err != nil {
		return "", refusedOrigin
	}
	return credential, nil
}

// bearer returns the token of an Authorization header (RFC 6750 §2.1). Another
// scheme is no credential that is known here.
func bearer(header string) (string, error) {
	scheme, credential, _ := strings.Cut(header, " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return "", refusedMissing
	}
	credential = strings.Trim(credential, " ")
	if credential == "" || strings.ContainsAny(credential, " ,\t") {
		return "", refusedMalformed
	}
	return credential, nil
}

// sessionCookie returns the session token of the request's cookies. Two of one
// name cannot be told apart: one of them may have been planted by a sibling
// domain, so neither counts. Of two names the first decides, since no sibling
// can plant one with the prefix __Host-.
func (v *Verifier) sessionCookie(r *http.Request) (string, error) {
	if len(r.Header["Cookie"]) == 0 {
		return "", refusedMissing
	}
	for i, name := range v.config.CookieNames {
		switch found := r.CookiesNamed(name); {
		case len(found) > 1:
			return "", refusedCookies
		case len(found) == 1 && !strings.HasPrefix(found[0].Value, sessionPrefix):
			return "", refusedMalformed // an access token has no business in a cookie
		case len(found) == 1:
			return withBound(r, found[0].Value, v.config.boundNames[i]), nil
		}
	}
	return "", refusedMissing
}

// withBound adds the bound cookie of that name to a session token. One that is
// there twice, or cannot be one, is left out: then it is for the server to say
// whether the session needs it.
func withBound(r *http.Request, credential, name string) string {
	if name == "" || !mentions(r.Header["Cookie"], name) {
		return credential
	}
	found := r.CookiesNamed(name)
	if len(found) != 1 || found[0].Value == "" {
		return credential
	}
	if joined := credential + boundMark + found[0].Value; plausibleSession(joined) {
		return joined
	}
	return credential
}

// mentions spares requests without the cookie that it is looked for.
func mentions(headers []string, name string) bool {
	for _, h := range headers {
		if strings.Contains(h, name) {
			return true
		}
	}
	return false
}

// boundName is the name of the bound cookie that goes with a session cookie, empty
// if that has a name of the application's own.
func boundName(session string) string {
	prefix, ok := strings.CutSuffix(session, "tandem_session")
	if !ok {
		return ""
	}
	return prefix + "tandem_bound"
}

// plausibleSession reports whether a session token is worth asking about: it
// travels to the server in a header.
func plausibleSession(s string) bool {
	if len(s) <= len(sessionPrefix) || len(s) > maxSessionToken {
		return false
	}
	for _, c := range []byte(s) {
		if (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && c != '-' && c != '_' && c != boundMark[0] {
			return false
		}
	}
	return true
}
