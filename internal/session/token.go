package session

import (
	"encoding/base64"
	"errors"
	"strings"

	"tandem.example/tandem/internal/id"
	"tandem.example/tandem/internal/secret"
)

// TokenPrefix marks session tokens, so that secret scanners find leaks.
const TokenPrefix = "tds_"

const (
	idLen     = 26 // of an id without its prefix
	secretLen = 32 // bytes
)

// ErrMalformed is answered for text that is not a token of the expected kind.
var ErrMalformed = errors.New("malformed token")

var strict = base64.RawURLEncoding.Strict()

// NewToken makes a session token for the session: `tds_`, the session's id without its prefix, 256 random bits. Only the digest
// may be stored.
func NewToken(session ID) (secret.Text, secret.Digest) {
	random := secret.Random(secretLen)
	text := TokenPrefix + strings.TrimPrefix(string(session), idPrefix) + strict.EncodeToString(random)
	return secret.NewText(text), secret.Sum(random)
}

// ParseToken takes a session token apart. ErrMalformed unless it is spelled exactly as NewToken does.
func ParseToken(text string) (ID, secret.Digest, error) {
	rest, ok := strings.CutPrefix(text, TokenPrefix)
	if !ok || len(rest) != idLen+strict.EncodedLen(secretLen) {
		return "", secret.Digest{}, ErrMalformed
	}
	session := ID(idPrefix + rest[:idLen])
	var random [secretLen]byte
	if !id.Valid(rest[:idLen]) || !decode(random[:], rest[idLen:]) {
		return "", secret.Digest{}, ErrMalformed
	}
	return session, secret.Sum(random[:]), nil
}

// decode fills dst from text, which must be its one spelling: the decoder of the standard library, even the strict one,
// skips line breaks.
func decode(dst []byte, text string) bool {
	n, err := strict.Decode(dst, []byte(text))
	return err == nil && n == len(dst) && strict.EncodeToString(dst) == text
}

// CheckID answers ErrMalformed for text that cannot be a session id.
func CheckID(text string) (ID, error) {
	if !id.Check(text, idPrefix) {
		return "", ErrMalformed
	}
	return ID(text), nil
}
