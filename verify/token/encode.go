package token

import "strconv"

// Encode returns the claims as JSON in their one canonical spelling: fixed
// order, no white space, aud as a string when there is one audience, empty
// optional claims left out. Decode of the result gives the claims back. Claims
// that Decode would refuse are not encoded: the error is an *Error.
func (c Claims) Encode() ([]byte, error) {
	if err := c.encodable(); err != nil {
		return nil, err
	}
	out := make([]byte, 0, 640)
	out = appendString(append(out, `{"iss":`...), c.Issuer)
	out = appendString(append(out, `,"sub":`...), c.Subject)
	out = append(out, `,"aud":`...)
	if len(c.Audience) == 1 {
		out = appendString(out, c.Audience[0])
	} else {
		out = appendList(out, c.Audience)
	}
	out = appendString(append(out, `,"client_id":`...), c.ClientID)
	out = strconv.AppendInt(append(out, `,"iat":`...), c.IssuedAt, 10)
	out = strconv.AppendInt(append(out, `,"exp":`...), c.ExpiresAt, 10)
	out = appendString(append(out, `,"jti":`...), c.ID)
	if c.SessionID != "" {
		out = appendString(append(out, `,"sid":`...), c.SessionID)
	}
	out = append(append(out, `,"rv":"`...), c.Revision.Epoch...)
	out = strconv.AppendUint(append(out, '.'), c.Revision.Seq, 10)
	out = append(out, '"')
	if c.AuthTime != 0 {
		out = strconv.AppendInt(append(out, `,"auth_time":`...), c.AuthTime, 10)
	}
	if c.ACR != "" {
		out = appendString(append(out, `,"acr":`...), c.ACR)
	}
	if len(c.AMR) > 0 {
		out = appendList(append(out, `,"amr":`...), c.AMR)
	}
	if c.Scope != "" {
		out = appendString(append(out, `,"scope":`...), c.Scope)
	}
	if len(c.Roles) > 0 {
		out = appendList(append(out, `,"roles":`...), c.Roles)
	}
	out = append(out, '}')
	if len(out) > MaxPayload {
		return nil, errTooLong
	}
	return out, nil
}

var errTooLong = &Error{Rule: "must not be longer than 8 KiB"}

func appendList(out []byte, list []string) []byte {
	out = append(out, '[')
	for i, s := range list {
		if i > 0 {
			out = append(out, ',')
		}
		out = appendString(out, s)
	}
	return append(out, ']')
}

// appendString writes s, which is valid UTF-8, in the spelling of RFC 8785
// §3.2.2.2, the shortest: only what JSON makes one escape is escaped.
func appendString(out []byte, s string) []byte {
	out = append(out, '"')
	from := 0
	for i := range len(s) {
		c := s[i]
		if c >= ' ' && c != '"' && c != '\\' {
			continue
		}
		out = appendEscape(append(out, s[from:i]...), c)
		from = i + 1
	}
	out = append(out, s[from:]...)
	return append(out, '"')
}

func appendEscape(out []byte, c byte) []byte {
	const hex = "0123456789abcdef"
	switch c {
	case '\b':
		c = 'b'
	case '\t':
		c = 't'
	case '\n':
		c = 'n'
	case '\f':
		c = 'f'
	case '\r':
		c = 'r'
	case '"', '\\':
	default:
		return append(out, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
	}
	return append(out, '\\', c)
}
