package jws

import (
	"strings"

	"tandem.example/tandem/verify/internal/strictjson"
)

// Header is the protected header of a message: what the sender says about it.
type Header struct {
	Algorithm Algorithm // alg; one of the set
	KeyID     string    // kid; 1 to 128 bytes of printable ASCII
	Type      string    // typ as sent, "" if absent; compare with HasType
}

// HasType reports whether the header's typ is typ, with or without the prefix
// "application/" that RFC 7515 §4.1.9 lets a sender leave out. Nothing else is
// equal to it: RFC 9068 §4 names these two spellings.
func (h Header) HasType(typ string) bool {
	rest, _ := strings.CutPrefix(h.Type, "application/")
	return typ != "" && (h.Type == typ || rest == typ)
}

// names says whether the header names k.
func (h Header) names(k Key) error {
	if h.KeyID != k.id {
		return errOtherKey
	}
	if h.Algorithm != k.alg {
		return errOtherAlgorithm
	}
	return nil
}

var (
	errZeroKey        = &fault{ErrKey, "no key"}
	errOtherKey       = &fault{ErrKey, "the header names another key"}
	errOtherAlgorithm = &fault{ErrAlgorithm, "the header names another algorithm than the key's"}
)

// parseHeader decodes and reads one header part.
func parseHeader(part string) (Header, error) {
	var stack [256]byte
	raw, err := encoding.AppendDecode(stack[:0], []byte(part))
	if err != nil {
		return Header{}, errBase64
	}
	var p headerParser
	err = strictjson.Read(&p.reader, string(raw), p.member)
	if err != nil {
		if rule, ok := err.(strictjson.Error); ok {
			return Header{}, &fault{ErrMalformed, "the header " + string(rule)}
		}
		return Header{}, err
	}
	if p.header.Algorithm == "" {
		return Header{}, errNoAlgorithm
	}
	if !validKeyID(p.header.KeyID) {
		return Header{}, errHeaderKeyID
	}
	return p.header, nil
}

var (
	errNoAlgorithm  = &fault{ErrAlgorithm, "the header names none"}
	errHeaderKeyID  = &fault{ErrMalformed, "the header needs a kid of 1 to 128 bytes of printable ASCII"}
	errHeaderType   = &fault{ErrMalformed, "typ must be printable ASCII"}
	errHeaderMember = &fault{ErrMalformed, "the header has a parameter that is never honoured"}
)

type headerParser struct {
	reader strictjson.Reader
	header Header
}

func (p *headerParser) member(name string) (err error) {
	switch name {
	case "alg":
		var alg string
		if alg, err = p.reader.String(); err == nil {
			p.header.Algorithm, err = ParseAlgorithm(alg)
		}
	case "kid":
		p.header.KeyID, err = p.reader.String()
	case "typ":
		if p.header.Type, err = p.reader.String(); err == nil && !printable(p.header.Type) {
			err = errHeaderType
		}
	// Those that change how the token is read, and those that bring or point
	// to a key (RFC 7515 §4.1, RFC 7516 §4.1.3, RFC 7797 §3).
	case "crit", "zip", "b64", "jwk", "jku", "x5u", "x5c", "x5t", "x5t#S256":
		err = errHeaderMember
	}
	return err
}
