package token

import "errors"

// ErrMalformed matches every error of this package.
var ErrMalformed = errors.New("malformed token claims")

// Error says which claim breaks which rule. It never holds the claim's value,
// so it may be logged and shown.
type Error struct {
	Claim string // the claim's name, or "" where the payload as a whole is meant
	Rule  string // the rule, in words: "must be a string"
}

// Error joins the claim and the rule.
func (e *Error) Error() string {
	if e.Claim == "" {
		return "token claims: payload " + e.Rule
	}
	return "token claims: " + e.Claim + " " + e.Rule
}

// Unwrap makes every Error match ErrMalformed.
func (e *Error) Unwrap() error { return ErrMalformed }
