package account

import (
	"errors"
	"net/mail"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Rules that input breaks. They are matched by transports to name the field.
var (
	ErrEmail = errors.New("must be an e-mail address of at most 254 characters")
	ErrName  = errors.New("must be at most 200 characters, without control characters")
	ErrRole  = errors.New("must be 1 to 64 characters of a-z, 0-9, _ . : -")
)

// NormalizeEmail is the form under which e-mail addresses are unique: trimmed and lower case. No letter outside of ASCII
// becomes one within it, as the sign for kelvin would: that is an address of somebody else.
func NormalizeEmail(email string) string {
	return strings.Map(func(r rune) rune {
		if low := unicode.ToLower(r); low >= utf8.RuneSelf || r < utf8.RuneSelf {
			return low
		}
		return r
	}, strings.TrimSpace(email))
}

// CheckEmail answers ErrEmail if the address cannot be one.
func CheckEmail(email string) error {
	email = strings.TrimSpace(email)
	if len(email) > 254 || strings.ContainsAny(email, "\r\n\t <>\"") {
		return ErrEmail
	}
	a, err := mail.ParseAddress(email)
	if err != nil || a.Address != email {
		return ErrEmail
	}
	return nil
}

// CheckName answers ErrName if the name is too long or holds control characters.
func CheckName(name string) error {
	if utf8.RuneCountInString(name) > 200 || !utf8.ValidString(name) {
		return ErrName
	}
	for _, r := range name {
		if r < 0x20 || r == 0x7f {
			return ErrName
		}
	}
	return nil
}

// Roles sorts the roles and drops duplicates; ErrRole if one of them is malformed.
func Roles(roles []string) ([]string, error) {
	out := slices.Clone(roles)
	for _, r := range out {
		if !validRole(r) {
			return nil, ErrRole
		}
	}
	slices.Sort(out)
	return slices.Compact(out), nil
}

func validRole(role string) bool {
	if len(role) < 1 || len(role) > 64 {
		return false
	}
	for i := range len(role) {
		c := role[i]
		ok := c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '_' || c == '.' || c == ':' || c == '-'
		if !ok {
			return false
		}
	}
	return true
}
