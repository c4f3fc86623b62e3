package revocation

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
)

// Chain is the running hash of a log up to one position. Two logs with the same chain at the same position have
// the same history, so a log that was rolled back or edited is noticed.
type Chain [sha256.Size]byte

// chainLength is the length of a Chain in base64url.
const chainLength = 43

// Genesis returns the chain of a log at position 0.
func Genesis(epoch string) Chain {
	return sha256.Sum256([]byte("tandem revocation log " + epoch))
}

// Next returns the chain after e: SHA-256 of the previous chain, the position as 8 bytes big-endian, the kind, a
// zero byte, and the id as sent. Retention is not part of it, since what remains of it shrinks with time.
func (c Chain) Next(e Event) Chain {
	var buffer [sha256.Size + 8 + 16 + 1 + maxKeyID]byte // on the stack for every valid event
	b := append(buffer[:0], c[:]...)
	b = binary.BigEndian.AppendUint64(b, e.Seq)
	b = append(b, e.Kind...)
	b = append(b, 0)
	b = append(b, e.ID...)
	return sha256.Sum256(b)
}

// String returns the chain as the feed spells it: 43 characters of unpadded base64url.
func (c Chain) String() string { return base64url.EncodeToString(c[:]) }

// ParseChain reads the spelling that [Chain.String] writes, and no other.
func ParseChain(s string) (Chain, error) {
	var c Chain
	if len(s) != chainLength {
		return Chain{}, fmt.Errorf("parse chain: %d characters, want %d", len(s), chainLength)
	}
	if n, err := base64url.Decode(c[:], []byte(s)); err != nil || n != len(c) {
		return Chain{}, fmt.Errorf("parse chain: not base64url of %d bytes", len(c))
	}
	return c, nil
}
