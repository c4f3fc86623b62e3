package web

import (
	"net/http"
	"strings"

	"tandem.example/tandem/internal/secret"
)

// Kind says what kind of credential was sent, going by its prefix. Whether it is any good is not known yet.
type Kind uint8

// The kinds of credential.
const (
	NoCredential Kind = iota
	SessionToken      // "tds_"
	AccessToken       // anything else: a JWT has no prefix
	APIKey            // "tdk_"
)

// Credential is what a request was sent with.
type Credential struct {
	Kind   Kind
	Text   secret.Text
	Cookie bool // it came as a cookie rather than in Authorization
	// Bound is the short-lived cookie of a session that is bound to a device, if one was sent: as a cookie, or behind the
	// session token in Authorization.
	Bound secret.Text
}

const (
	sessionPrefix = "tds_"
	apiKeyPrefix  = "tdk_"
	// boundMark stands between a session token and its bound cookie, where a service sends on in one header what it was
	// sent in two cookies. No token holds it.
	boundMark = "~"
)

// maxCredential bounds what is looked at: an access token has 8 KiB at most.
const maxCredential = 8 << 10

// Find finds the one credential of a request. Authorization decides over the cookie, whatever it holds: a client
// that sends one means it. The credential is never looked for in the query or the body (RFC 9700 §4.3.2).
//
// The error is a *Problem: 400 where it cannot be told which credential is meant.
func (c Cookies) Find(r *http.Request) (Credential, error) {
	found, err := c.find(r)
	if found.Kind == SessionToken && found.Cookie {
		found.Bound = c.Bound(r)
	}
	return found, err
}

func (c Cookies) find(r *http.Request) (Credential, error) {
	switch headers := r.Header["Authorization"]; len(headers) {
	case 0:
	case 1:
		return bearer(headers[0])
	default:
		return Credential{}, NewProblem(http.StatusBadRequest, CodeInvalidRequest, "more than one Authorization header was sent")
	}
	value, n := cookie(r.Header["Cookie"], c.session)
	switch {
	case n > 1:
		// One of them may have been planted by a sibling domain, and they cannot be told apart.
		return Credential{}, NewProblem(http.StatusBadRequest, CodeInvalidRequest, "more than one session cookie was sent")
	case n == 0 || value == "":
		return Credential{}, nil
	case !strings.HasPrefix(value, sessionPrefix) || len(value) > maxCredential:
		return Credential{}, malformed("the session cookie holds no session token")
	}
	return Credential{Kind: SessionToken, Text: secret.NewText(value), Cookie: true}, nil
}

// bearer reads an Authorization header (RFC 6750 §2.1). Another scheme is no credential that is known here.
func bearer(header string) (Credential, error) {
	scheme, text, _ := strings.Cut(header, " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return Credential{}, nil
	}
	text = strings.Trim(text, " ")
	if text == "" || len(text) > maxCredential || strings.ContainsFunc(text, notInToken) {
		return Credential{}, malformed("the Authorization header holds no token")
	}
	c := Credential{Kind: AccessToken, Text: secret.NewText(text)}
	switch {
	case strings.HasPrefix(text, sessionPrefix):
		c.Kind = SessionToken
		if token, bound, ok := strings.Cut(text, boundMark); ok {
			c.Text, c.Bound = secret.NewText(token), secret.NewText(bound)
		}
	case strings.HasPrefix(text, apiKeyPrefix):
		c.Kind = APIKey
	}
	return c, nil
}

// notInToken reports characters outside of b64token (RFC 6750 §2.1).
func notInToken(c rune) bool {
	alnum := '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
	return !alnum && !strings.ContainsRune("-._~+/=", c)
}

func malformed(detail string) *Problem {
	p := NewProblem(http.StatusUnauthorized, CodeInvalidToken, detail)
	p.Reason = "malformed"
	return p
}

// cookie answers the value of the cookie of that name and how many there are. It counts what a browser sent, also
// those that a stricter parser would pass over: a planted cookie must not hide by being malformed.
func cookie(headers []string, name string) (value string, n int) {
	for _, header := range headers {
		for len(header) > 0 {
			var one string
			one, header, _ = strings.Cut(header, ";")
			key, text, _ := strings.Cut(strings.Trim(one, " \t"), "=")
			if strings.Trim(key, " \t") == name {
				value = strings.Trim(text, " \t")
				n++
			}
		}
	}
	return value, n
}
