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

// maxSessionToken bounds what is sent to the server as a session token.
const maxSessionToken = 256

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
	for _, name := range v.config.CookieNames {
		switch found := r.CookiesNamed(name); {
		case len(found) > 1:
			return "", refusedCookies
		case len(found) == 1 && !strings.HasPrefix(found[0].Value, sessionPrefix):
			return "", refusedMalformed // an access token has no business in a cookie
		case len(found) == 1:
			return found[0].Value, nil
		}
	}
	return "", refusedMissing
}

// plausibleSession reports whether a session token is worth asking about: it
// travels to the server in a header.
func plausibleSession(s string) bool {
	if len(s) <= len(sessionPrefix) || len(s) > maxSessionToken {
		return false
	}
	for _, c := range []byte(s) {
		if (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && c != '-' && c != '_' {
			return false
		}
	}
	return true
}
