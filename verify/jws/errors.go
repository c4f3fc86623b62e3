package jws

import "errors"

// Errors to match with errors.Is. What is returned wraps one of them with the
// rule that was broken and never holds token, key or header content.
var (
	// ErrMalformed: not a well-formed token, detached signature or key set.
	ErrMalformed = errors.New("malformed")
	// ErrAlgorithm: an algorithm outside the set, or not the key's.
	ErrAlgorithm = errors.New("algorithm not accepted")
	// ErrSignature: the signature is not the key's over these bytes.
	ErrSignature = errors.New("signature does not match")
	// ErrKey: key material that is unfit, or another key than the token names.
	ErrKey = errors.New("key not accepted")
	// ErrTooLarge: longer than the limit, and therefore not read at all.
	ErrTooLarge = errors.New("too large")
)

// fault is an error that carries its sentinel and the rule that was broken.
// Those met on the way of a token are made once, so that refusing is cheap.
type fault struct {
	sentinel error
	rule     string
}

func (f *fault) Error() string { return "jws: " + f.sentinel.Error() + ": " + f.rule }
func (f *fault) Unwrap() error { return f.sentinel }
