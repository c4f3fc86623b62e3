package jws

import (
	"encoding/base64"
	"strings"
)

// MaxSize is the longest compact token and the longest detached signature, in
// bytes. Longer ones are refused before anything is decoded.
const MaxSize = 8 << 10

// encoding ignores CR and LF even when strict, so decode looks for them first.
var encoding = base64.RawURLEncoding.Strict()

// Message is a compact token that was taken apart and NOT verified: Header and
// Payload are claims of whoever sent it until Verify has returned nil.
type Message struct {
	Header  Header
	Payload []byte

	signed    []byte // what the signature is over: header.payload
	signature []byte
}

// Parse takes a compact token apart: exactly three non-empty parts of
// canonical base64url and a strict header. It allocates in proportion to the
// token, at most MaxSize. Errors are ErrTooLarge, ErrMalformed and, for an
// algorithm outside the set, ErrAlgorithm.
func Parse(compact string) (Message, error) {
	header, payload, signature, err := split(compact)
	if err != nil {
		return Message{}, err
	}
	if payload == "" {
		return Message{}, errEmptyPart
	}
	h, err := parseHeader(header)
	if err != nil {
		return Message{}, err
	}
	// One allocation for the three: they live and die together.
	signed := len(header) + 1 + len(payload)
	body := signed + encoding.DecodedLen(len(payload))
	buf := make([]byte, body+encoding.DecodedLen(len(signature)))
	copy(buf, compact[:signed])
	if _, err := encoding.Decode(buf[signed:], buf[len(header)+1:signed]); err != nil {
		return Message{}, errBase64
	}
	if _, err := encoding.Decode(buf[body:], []byte(signature)); err != nil {
		return Message{}, errBase64
	}
	return Message{
		Header:    h,
		Payload:   buf[signed:body:body],
		signed:    buf[:signed:signed],
		signature: buf[body:],
	}, nil
}

// Verify checks the signature with k. The key must be the one the header
// names, by id and by algorithm: ErrKey, ErrAlgorithm or ErrSignature if not.
func (m Message) Verify(k Key) error {
	if err := m.Header.names(k); err != nil {
		return err
	}
	return k.check(m.signed, m.signature)
}

// split cuts s at its dots. Header and signature are not empty; the payload
// is when s is detached.
func split(s string) (header, payload, signature string, err error) {
	if len(s) > MaxSize {
		return "", "", "", errSize
	}
	header, rest, ok := strings.Cut(s, ".")
	if !ok {
		return "", "", "", errParts
	}
	payload, signature, ok = strings.Cut(rest, ".")
	if !ok || strings.IndexByte(signature, '.') >= 0 {
		return "", "", "", errParts
	}
	if header == "" || signature == "" {
		return "", "", "", errEmptyPart
	}
	if strings.IndexByte(s, '\n') >= 0 || strings.IndexByte(s, '\r') >= 0 {
		return "", "", "", errBase64
	}
	return header, payload, signature, nil
}

var (
	errSize      = &fault{ErrTooLarge, "a token has at most 8 KiB"}
	errParts     = &fault{ErrMalformed, "a token has three parts"}
	errEmptyPart = &fault{ErrMalformed, "a part is empty"}
	errBase64    = &fault{ErrMalformed, "a part is not canonical base64url"}
)
