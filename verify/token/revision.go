package token

import "strconv"

// EpochLength is how many characters of the revocation log's epoch a revision
// carries.
const EpochLength = 8

// MaxSeq is the largest position of the revocation log: positions travel as
// JSON integers too (RFC 7493 §2.2).
const MaxSeq = 1<<53 - 1

// Revision is the claim rv: the head of the revocation log when the token's
// content was read. Two revisions compare only within one epoch.
type Revision struct {
	Epoch string // the first EpochLength characters of the log's epoch
	Seq   uint64 // position in the log, at most MaxSeq
}

// RevisionAt returns the revision at position seq of the given epoch, which
// may be whole or already shortened.
func RevisionAt(epoch string, seq uint64) Revision {
	if len(epoch) > EpochLength {
		epoch = epoch[:EpochLength]
	}
	return Revision{Epoch: epoch, Seq: seq}
}

// ParseRevision reads "<epoch>.<position>" in its one spelling. The error is
// an *Error.
func ParseRevision(s string) (Revision, error) {
	if len(s) < EpochLength+2 || s[EpochLength] != '.' {
		return Revision{}, errRevision
	}
	digits := s[EpochLength+1:]
	seq, err := strconv.ParseUint(digits, 10, 64)
	if err != nil || digits[0] == '0' && len(digits) > 1 {
		return Revision{}, errRevision
	}
	r := Revision{Epoch: s[:EpochLength], Seq: seq}
	if !r.valid() {
		return Revision{}, errRevision
	}
	return r, nil
}

var errRevision = &Error{Claim: "rv", Rule: "must be 8 characters of the epoch, a dot and a position"}

// String returns the revision as the claim rv spells it.
func (r Revision) String() string {
	return r.Epoch + "." + strconv.FormatUint(r.Seq, 10)
}

func (r Revision) valid() bool {
	if len(r.Epoch) != EpochLength || r.Seq > MaxSeq {
		return false
	}
	for _, c := range []byte(r.Epoch) {
		alnum := '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
		if !alnum && c != '-' && c != '_' {
			return false
		}
	}
	return true
}
