package token

import (
	"slices"
	"strings"
	"unicode/utf8"

	"tandem.example/tandem/verify/internal/strictjson"
)

// Type is the header typ of an access token (RFC 9068 §2.1).
const Type = "at+jwt"

// MaxPayload is the longest payload, in bytes, that is written or read.
const MaxPayload = 8 << 10

// maxTime keeps times exact in every JSON implementation and differences of
// times free of overflow.
const maxTime = strictjson.MaxInteger

// Claims is what an access token says. Issuer, Subject, Audience, ClientID,
// IssuedAt, ExpiresAt, ID and Revision are always there; the others are left
// out of the token when they have their zero value.
type Claims struct {
	Issuer    string   // iss: the issuer's URL
	Subject   string   // sub: "usr_..." or "app_..."
	Audience  []string // aud: whom the token is for; never empty
	ClientID  string   // client_id: the application it was issued to
	IssuedAt  int64    // iat: Unix seconds
	ExpiresAt int64    // exp: Unix seconds
	ID        string   // jti: the token's own name
	SessionID string   // sid: the session it was derived from; "" for a machine
	Revision  Revision // rv: head of the revocation log when this was read
	AuthTime  int64    // auth_time: Unix seconds of the last authentication; 0 if none
	ACR       string   // acr: "1" for one factor, "2" for two
	AMR       []string // amr: how the subject authenticated (RFC 8176)
	Scope     string   // scope: names separated by single spaces
	Roles     []string // roles
}

// HasScope reports whether s is one of the names in Scope.
func (c Claims) HasScope(s string) bool {
	if s == "" {
		return false
	}
	for name := range strings.SplitSeq(c.Scope, " ") {
		if name == s {
			return true
		}
	}
	return false
}

// HasRole reports whether s is one of Roles.
func (c Claims) HasRole(s string) bool { return slices.Contains(c.Roles, s) }

// HasAudience reports whether s is one of Audience, compared byte by byte.
func (c Claims) HasAudience(s string) bool { return slices.Contains(c.Audience, s) }

// check applies the rules that hold for claims written and read alike.
func (c *Claims) check() error {
	required := [...]struct{ name, value string }{
		{"iss", c.Issuer}, {"sub", c.Subject}, {"client_id", c.ClientID}, {"jti", c.ID},
	}
	for _, r := range required {
		if r.value == "" {
			return &Error{r.name, ruleRequired}
		}
	}
	if len(c.Audience) == 0 {
		return &Error{"aud", ruleRequired}
	}
	lists := [...]struct {
		name   string
		values []string
	}{{"aud", c.Audience}, {"amr", c.AMR}, {"roles", c.Roles}}
	for _, l := range lists {
		if slices.Contains(l.values, "") {
			return &Error{l.name, ruleEmptyElement}
		}
	}
	return nil
}

const (
	ruleRequired     = "is required and must not be empty"
	ruleEmptyElement = "must not hold an empty string"
)

// encodable applies the rules that decoding enforces while it reads.
func (c *Claims) encodable() error {
	times := [...]struct {
		name  string
		value int64
	}{{"iat", c.IssuedAt}, {"exp", c.ExpiresAt}, {"auth_time", c.AuthTime}}
	for _, t := range times {
		if t.value < 0 || t.value > maxTime {
			return &Error{t.name, strictjson.ErrInteger.Error()}
		}
	}
	if !c.Revision.valid() {
		return errRevision
	}
	for _, s := range [...]string{c.Issuer, c.Subject, c.ClientID, c.ID, c.SessionID, c.ACR, c.Scope} {
		if !utf8.ValidString(s) {
			return &Error{"", strictjson.ErrUTF8.Error()}
		}
	}
	for _, list := range [...][]string{c.Audience, c.AMR, c.Roles} {
		for _, s := range list {
			if !utf8.ValidString(s) {
				return &Error{"", strictjson.ErrUTF8.Error()}
			}
		}
	}
	return c.check()
}
