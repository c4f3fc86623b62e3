package jws

import "encoding/hex"

// smallOrder reports whether pub is one of the encodings of the eight points
// whose order divides the cofactor. A signature that holds for any message can
// be made for such a "public key" by anybody; an all-zero key, the likeliest
// accident, is one of them. The sign bit is left out of the comparison, and
// y = p and y = p+1 are the non-canonical spellings of 0 and 1 (RFC 8032 §8.9).
func smallOrder(pub []byte) bool {
	y := [32]byte(pub)
	y[31] &= 0x7f
	for _, point := range smallOrderPoints {
		if y == point {
			return true
		}
	}
	return false
}

var smallOrderPoints = [...][32]byte{
	point("0000000000000000000000000000000000000000000000000000000000000000"), // y = 0
	point("0100000000000000000000000000000000000000000000000000000000000000"), // y = 1
	point("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"), // order 8
	point("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"), // order 8
	point("ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"), // y = -1
	point("edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"), // y = p
	point("eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"), // y = p+1
}

func point(s string) [32]byte {
	b, err := hex.DecodeString(s)
	if err != nil {
		panic("jws: bad constant: " + err.Error())
	}
	return [32]byte(b)
}
