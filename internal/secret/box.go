package secret

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"log/slog"
)

// ErrSealed is returned by Box.Open when the sealed bytes were not sealed by
// this master key for this row, or were altered since. It does not say which.
var ErrSealed = errors.New("secret: sealed data does not open under this master key and row")

const (
	// sealVersion is the first byte of everything sealed, and is covered by
	// the authentication, so that a later format cannot be passed off as this.
	sealVersion = 1

	salt          = "tandem master key v1"
	sealPurpose   = "tandem/seal"
	derivePurpose = "tandem/derive/"
)

// Box seals values at rest under the master key: AES-256-GCM with a random
// 96-bit nonce, the row's id as associated data, so that swapping the sealed
// bytes of two rows is noticed. The random nonce bounds a key to 2^32 seals
// (NIST SP 800-38D §8.3); what is sealed here is sealed once per key or factor,
// far below that.
//
// The master key itself encrypts nothing: each use has a key of its own,
// derived by HKDF-SHA256 (RFC 5869). A Box is immutable and safe for concurrent
// use. It prints as "[redacted]".
type Box struct {
	aead cipher.AEAD
	prk  []byte
}

// NewBox makes a Box from a master key of exactly MasterKeySize bytes, which
// the caller may overwrite afterwards.
func NewBox(master []byte) (*Box, error) {
	if len(master) != MasterKeySize {
		return nil, fmt.Errorf("secret: master key of %d bytes, want %d", len(master), MasterKeySize)
	}
	prk, err := hkdf.Extract(sha256.New, master, []byte(salt))
	if err != nil {
		return nil, fmt.Errorf("secret: extracting from the master key: %w", err)
	}
	box := &Box{prk: prk}
	block, err := aes.NewCipher(box.expand(sealPurpose))
	if err != nil {
		return nil, fmt.Errorf("secret: making the cipher: %w", err)
	}
	if box.aead, err = cipher.NewGCMWithRandomNonce(block); err != nil {
		return nil, fmt.Errorf("secret: making the cipher: %w", err)
	}
	return box, nil
}

// Seal encrypts plaintext for the row named row, which must be unique in the
// store and must not be empty: "key:k1", not "k1", where two tables could share
// an id. The result is 29 bytes longer than plaintext.
func (b *Box) Seal(plaintext []byte, row string) ([]byte, error) {
	if row == "" {
		return nil, errors.New("secret: sealing without the name of a row")
	}
	out := make([]byte, 1, 1+len(plaintext)+b.aead.Overhead())
	out[0] = sealVersion
	return b.aead.Seal(out, nil, plaintext, associated(row)), nil
}

// Open decrypts what Seal made for the same row, or returns ErrSealed.
func (b *Box) Open(sealed []byte, row string) ([]byte, error) {
	if row == "" || len(sealed) < 1+b.aead.Overhead() || sealed[0] != sealVersion {
		return nil, ErrSealed
	}
	plaintext, err := b.aead.Open(nil, nil, sealed[1:], associated(row))
	if err != nil {
		return nil, ErrSealed
	}
	return plaintext, nil
}

// Derive returns a key of 32 bytes for one purpose, the same for the same
// master key and purpose. Keys of different purposes tell nothing of each
// other, of the master key or of the key that seals.
func (b *Box) Derive(purpose string) []byte { return b.expand(derivePurpose + purpose) }

// Format implements fmt.Formatter: every verb prints "[redacted]".
func (*Box) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// LogValue implements slog.LogValuer.
func (*Box) LogValue() slog.Value { return slog.StringValue(redacted) }

func (b *Box) expand(info string) []byte {
	key, err := hkdf.Expand(sha256.New, b.prk, info, 32)
	if err != nil {
		// HKDF fails for outputs over 255 hashes and weak keys under FIPS
		// rules only; both are constants here.
		panic("secret: deriving a key: " + err.Error())
	}
	return key
}

func associated(row string) []byte { return append([]byte{sealVersion}, row...) }
