package secret

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"io"
	"log/slog"
)

// Random returns n bytes from crypto/rand. It does not fail: the operating
// system without randomness ends the process.
func Random(n int) []byte {
	b := make([]byte, n)
	rand.Read(b)
	return b
}

// Digest is the SHA-256 of a random value of at least 128 bits: enough to
// recognise the value, useless to whoever copies the store. Of anything that a
// person chose it would be a hash that can be guessed: those go through package
// credential.
//
// Stores write and read it as its 32 bytes (d[:], ParseDigest). It prints as
// "[redacted]" all the same, since a log has no use for it.
type Digest [sha256.Size]byte

// Sum returns the digest of b.
func Sum(b []byte) Digest { return sha256.Sum256(b) }

// ParseDigest reads a digest from the bytes a store kept.
func ParseDigest(b []byte) (Digest, error) {
	if len(b) != sha256.Size {
		return Digest{}, fmt.Errorf("secret: digest of %d bytes, want %d", len(b), sha256.Size)
	}
	return Digest(b), nil
}

// Equal compares in constant time.
func (d Digest) Equal(other Digest) bool {
	return subtle.ConstantTimeCompare(d[:], other[:]) == 1
}

// IsZero reports whether d is the zero Digest, which is the digest of nothing
// that can be found: a row without one has no secret.
func (d Digest) IsZero() bool { return d == Digest{} }

// String returns "[redacted]".
func (Digest) String() string { return redacted }

// Format implements fmt.Formatter: every verb prints "[redacted]".
func (Digest) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// LogValue implements slog.LogValuer.
func (Digest) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText implements encoding.TextMarshaler, which JSON uses.
func (Digest) MarshalText() ([]byte, error) { return []byte(redacted), nil }
