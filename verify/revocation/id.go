package revocation

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
)

// base64url is the only spelling of binary values in the feed. It is strict: one value has one spelling.
var base64url = base64.RawURLEncoding.Strict()

// ID names a session, user or application in the log: the first 16 bytes of the SHA-256 of its identifier, so
// that whoever reads the feed learns no identifiers. The zero ID names nothing and is in no event.
type ID [16]byte

// idLength is the length of an ID in base64url.
const idLength = 22

// Hash returns the ID of an identifier, such as the "sid", "sub" or "client_id" of a token, or a key's id.
func Hash(identifier string) ID {
	sum := sha256.Sum256([]byte(identifier))
	return ID(sum[:len(ID{})])
}

// String returns the ID as the feed spells it: 22 characters of unpadded base64url.
func (id ID) String() string { return base64url.EncodeToString(id[:]) }

// ParseID reads the spelling that [ID.String] writes, and no other.
func ParseID(s string) (ID, error) {
	var id ID
	if len(s) != idLength {
		return ID{}, fmt.Errorf("parse id: %d characters, want %d", len(s), idLength)
	}
	var text [idLength]byte
	copy(text[:], s)
	// The decoder skips line ends, even when strict; then fewer bytes come out than an ID has.
	if n, err := base64url.Decode(id[:], text[:]); err != nil || n != len(id) {
		return ID{}, fmt.Errorf("parse id: not base64url of %d bytes", len(id))
	}
	return id, nil
}

// ShortLength is how much of an epoch a token's revision carries.
const ShortLength = 8

// Short returns the part of an epoch that stands in a token's revision: its first 8 characters.
func Short(epoch string) string {
	return epoch[:min(len(epoch), ShortLength)]
}

// epochLength is the length of an epoch, in characters.
const epochLength = 26

// validEpoch reports whether s is spelled like an epoch: 26 letters and digits.
func validEpoch(s string) bool {
	if len(s) != epochLength {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') {
			return false
		}
	}
	return true
}
