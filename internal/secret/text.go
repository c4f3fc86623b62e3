package secret

import (
	"crypto/subtle"
	"fmt"
	"io"
	"log/slog"
)

// Text is a secret that the program must be able to read: a password as typed,
// a token on its way to its owner. Every way of printing it (each verb of fmt,
// slog, JSON and other text encodings) writes "[redacted]", also for an empty
// one, so that a log does not tell which secrets are missing. Reveal is the one
// way out, and easy to search for.
//
// The zero Text is empty. A Text may be copied. Compare with Equal: == compares
// identity, not content.
type Text struct {
	// A pointer, because fmt cannot call methods on a Text in an unexported
	// field of another struct: there it prints an address, and never the
	// secret.
	value *string
}

// NewText wraps s.
func NewText(s string) Text { return Text{value: &s} }

// Reveal returns the secret itself.
func (t Text) Reveal() string {
	if t.value == nil {
		return ""
	}
	return *t.value
}

// Empty reports whether the secret is the empty string.
func (t Text) Empty() bool { return t.Reveal() == "" }

// Equal compares two secrets in time that depends on their lengths only.
func (t Text) Equal(other Text) bool {
	return subtle.ConstantTimeCompare([]byte(t.Reveal()), []byte(other.Reveal())) == 1
}

// String returns "[redacted]".
func (Text) String() string { return redacted }

// Format implements fmt.Formatter: every verb prints "[redacted]".
func (Text) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// LogValue implements slog.LogValuer.
func (Text) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText implements encoding.TextMarshaler, which JSON and YAML use:
// "[redacted]". Code that must send a secret to its owner calls Reveal.
func (Text) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// UnmarshalText implements encoding.TextUnmarshaler, so that a request or a
// configuration can be parsed straight into a Text.
func (t *Text) UnmarshalText(b []byte) error {
	*t = NewText(string(b))
	return nil
}
