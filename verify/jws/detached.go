package jws

// SignDetached returns a signature over body that does not carry it:
// header..signature (RFC 7515 appendix F). It is what Sign would return for
// body with the payload taken out; body may be of any length. Errors are those
// of Sign.
func (s Signer) SignDetached(typ string, body []byte) (string, error) {
	signed, err := s.begin(typ, body)
	if err != nil {
		return "", err
	}
	signature, err := s.sign(signed)
	if err != nil {
		return "", err
	}
	header := signed[:len(signed)-encoding.EncodedLen(len(body))]
	out := make([]byte, 0, len(header)+1+encoding.EncodedLen(len(signature)))
	out = append(append(out, header...), '.')
	return string(encoding.AppendEncode(out, signature)), nil
}

// VerifyDetached checks a signature made by SignDetached over exactly the
// bytes of body, by k, with exactly that typ. Errors are ErrTooLarge and
// ErrMalformed for the signature's form, ErrKey, ErrAlgorithm, ErrSignature.
func VerifyDetached(signature string, body []byte, typ string, k Key) error {
	header, h, err := parseDetached(signature)
	if err != nil {
		return err
	}
	if err := h.names(k); err != nil {
		return err
	}
	if typ == "" || h.Type != typ {
		return errOtherType
	}
	raw, err := encoding.DecodeString(signature[len(header)+2:])
	if err != nil {
		return errBase64
	}
	signed := make([]byte, 0, len(header)+1+encoding.EncodedLen(len(body)))
	signed = append(append(signed, header...), '.')
	return k.check(encoding.AppendEncode(signed, body), raw)
}

var errOtherType = &fault{ErrMalformed, "the header has another typ"}

// DetachedHeader returns the header of a detached signature, NOT verified: it
// says which key to look for. Errors are ErrTooLarge, ErrMalformed and
// ErrAlgorithm.
func DetachedHeader(signature string) (Header, error) {
	_, h, err := parseDetached(signature)
	return h, err
}

func parseDetached(signature string) (string, Header, error) {
	header, payload, _, err := split(signature)
	if err != nil {
		return "", Header{}, err
	}
	if payload != "" {
		return "", Header{}, errAttached
	}
	h, err := parseHeader(header)
	return header, h, err
}

var errAttached = &fault{ErrMalformed, "a detached signature carries no payload"}
