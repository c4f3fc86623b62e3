package credential

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"unique"
)

// ErrMalformedHash is wrapped by the error for text that is no password hash of
// a supported form within the bounds on its cost.
var ErrMalformedHash = errors.New("not a supported password hash")

// PHC is the stored hash of a password, in the form that the Password Hashing
// Competition gave it ("$argon2id$v=19$...") or the older modular form
// ("$2b$..."). It prints as "[redacted]" everywhere, since it can be guessed
// against offline; stores call Reveal and ParsePHC.
//
// The zero PHC is that of a user without a password, and matches none. Two are
// == exactly if their text is the same, so a conditional update may compare
// them.
type PHC struct {
	// A handle is comparable by content, but fmt sees only a pointer in it,
	// also where it cannot call methods (an unexported field).
	text unique.Handle[string]
}

// ParsePHC reads a hash from a store: "" gives the zero PHC. It checks form and
// cost, so that a hash which cannot be verified is found when it is read.
func ParsePHC(s string) (PHC, error) {
	if s == "" {
		return PHC{}, nil
	}
	if _, err := parseHash(s); err != nil {
		return PHC{}, err
	}
	return newPHC(s), nil
}

func newPHC(s string) PHC { return PHC{text: unique.Make(s)} }

// Empty reports whether p is the zero PHC.
func (p PHC) Empty() bool { return p == PHC{} }

// Reveal returns the text of the hash, for storing it.
func (p PHC) Reveal() string {
	if p.Empty() {
		return ""
	}
	return p.text.Value()
}

// String returns "[redacted]".
func (PHC) String() string { return redacted }

// Format implements fmt.Formatter: every verb prints "[redacted]".
func (PHC) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// LogValue implements slog.LogValuer.
func (PHC) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText implements encoding.TextMarshaler, which JSON uses.
func (PHC) MarshalText() ([]byte, error) { return []byte(redacted), nil }

const redacted = "[redacted]"

// maxHashText bounds the text of a hash, which for every supported form stays
// below 300 bytes.
const maxHashText = 512

// hash is a parsed password hash.
type hash interface {
	// matches computes the hash of password and compares in constant time.
	matches(password []byte) (bool, error)
	// atLeast reports whether guessing this hash costs no less than one made
	// by Argon2id at cost c.
	atLeast(c Cost) bool
}

// parseHash reads every supported form. The error never quotes the text.
func parseHash(s string) (hash, error) {
	if len(s) > maxHashText {
		return nil, fmt.Errorf("reading a password hash: longer than %d bytes: %w", maxHashText, ErrMalformedHash)
	}
	if strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' }) {
		// Base64 decoders skip line breaks.
		return nil, fmt.Errorf("reading a password hash: white space or characters beyond ASCII: %w", ErrMalformedHash)
	}
	// $name$..., so the first part is empty.
	parts := strings.Split(s, "$")
	if len(parts) < 4 || parts[0] != "" {
		return nil, fmt.Errorf("reading a password hash: not of the form $name$...: %w", ErrMalformedHash)
	}
	var h hash
	var err error
	switch name := parts[1]; name {
	case "argon2id", "argon2i":
		h, err = parseArgon2(parts)
	case "2a", "2b", "2y", "bcrypt-sha256":
		h, err = parseBcrypt(s, parts)
	case "scrypt":
		h, err = parseScrypt(s, parts)
	case "pbkdf2", "pbkdf2-sha1", "pbkdf2-sha256", "pbkdf2-sha512":
		h, err = parsePBKDF2(s, parts)
	default:
		err = errors.New("unknown algorithm")
	}
	if err != nil {
		return nil, fmt.Errorf("reading a password hash: %w: %w", err, ErrMalformedHash)
	}
	return h, nil
}

var phcBase64 = base64.RawStdEncoding.Strict()

// number reads a decimal number within bounds in its one spelling, without sign
// or leading zeros.
func number(s, name string, least, most int) (int, error) {
	n := 0
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' || n > most {
			return 0, fmt.Errorf("%s is no number from %d to %d", name, least, most)
		}
		n = n*10 + int(s[i]-'0')
	}
	if s == "" || (s[0] == '0' && s != "0") || n < least || n > most {
		return 0, fmt.Errorf("%s is no number from %d to %d", name, least, most)
	}
	return n, nil
}

// parameters reads "m=1,t=2,p=3": exactly the named ones in their order.
func parameters(s string, want ...parameter) error {
	for i, w := range want {
		field, rest, more := strings.Cut(s, ",")
		value, ok := strings.CutPrefix(field, w.name+"=")
		if !ok || more != (i < len(want)-1) {
			return fmt.Errorf("parameter %s is not where it belongs", w.name)
		}
		n, err := number(value, w.name, w.least, w.most)
		if err != nil {
			return err
		}
		*w.into, s = n, rest
	}
	return nil
}

type parameter struct {
	name        string
	into        *int
	least, most int
}
