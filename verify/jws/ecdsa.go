package jws

// An ES256 signature is r and s, 32 bytes each, big-endian (RFC 7518 §3.4);
// the standard library speaks ASN.1 DER. Both directions are so short that they
// are written out here instead of going through big integers.

const (
	scalarSize    = 32
	es256Size     = 2 * scalarSize
	maxDERSize    = 2 + 2*(2+1+scalarSize)
	derInteger    = 0x02
	derSequence   = 0x30
	derHeaderSize = 2
)

// appendDER appends the DER form of raw, which has es256Size bytes.
func appendDER(out []byte, raw []byte) []byte {
	start := len(out)
	out = append(out, derSequence, 0)
	out = appendInteger(out, raw[:scalarSize])
	out = appendInteger(out, raw[scalarSize:])
	out[start+1] = byte(len(out) - start - derHeaderSize)
	return out
}

func appendInteger(out []byte, scalar []byte) []byte {
	for len(scalar) > 1 && scalar[0] == 0 {
		scalar = scalar[1:]
	}
	if scalar[0]&0x80 != 0 {
		out = append(out, derInteger, byte(len(scalar)+1), 0)
	} else {
		out = append(out, derInteger, byte(len(scalar)))
	}
	return append(out, scalar...)
}

// appendRaw appends the fixed-length form of a DER signature. It reports false
// for anything that is not two integers of at most 32 bytes in their one
// spelling.
func appendRaw(out []byte, der []byte) ([]byte, bool) {
	if len(der) < derHeaderSize || der[0] != derSequence || int(der[1]) != len(der)-derHeaderSize {
		return nil, false
	}
	rest := der[derHeaderSize:]
	for range 2 {
		scalar, after, ok := cutInteger(rest)
		if !ok {
			return nil, false
		}
		var fixed [scalarSize]byte
		copy(fixed[scalarSize-len(scalar):], scalar)
		out, rest = append(out, fixed[:]...), after
	}
	return out, len(rest) == 0
}

// cutInteger takes a non-negative integer off the front of der.
func cutInteger(der []byte) (scalar, rest []byte, ok bool) {
	if len(der) < derHeaderSize || der[0] != derInteger {
		return nil, nil, false
	}
	n := int(der[1])
	der = der[derHeaderSize:]
	if n == 0 || n > len(der) || der[0]&0x80 != 0 {
		return nil, nil, false
	}
	scalar, rest = der[:n], der[n:]
	if n > 1 && scalar[0] == 0 {
		scalar = scalar[1:]
		if scalar[0]&0x80 == 0 {
			return nil, nil, false
		}
	}
	return scalar, rest, len(scalar) <= scalarSize
}
