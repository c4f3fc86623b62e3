package jws

import (
	"crypto/ecdsa"
	"crypto/rsa"
	"math/big"
)

// Set is a set of keys with distinct ids, as a JWK Set (RFC 7517 §5).
type Set []Key

// Find returns the key of that id.
func (s Set) Find(kid string) (Key, bool) {
	for _, k := range s {
		if k.id == kid {
			return k, true
		}
	}
	return Key{}, false
}

// Marshal returns the set as a JWK Set of public keys, each with use, alg and
// kid. HS256 keys are secrets and are left out. A zero Key or an id used twice
// is ErrKey.
func (s Set) Marshal() ([]byte, error) {
	out := append(make([]byte, 0, 64+256*len(s)), `{"keys":[`...)
	first := true
	for i, k := range s {
		if k.mat == nil {
			return nil, errZeroKey
		}
		if _, twice := s[:i].Find(k.id); twice {
			return nil, errTwice
		}
		if k.alg == HS256 {
			continue
		}
		if !first {
			out = append(out, ',')
		}
		first = false
		out = k.appendJWK(out)
	}
	return append(out, `]}`...), nil
}

var errTwice = &fault{ErrKey, "two keys have the same id"}

// appendJWK writes a public key (RFC 7518 §6, RFC 8037 §2).
func (k Key) appendJWK(out []byte) []byte {
	switch pub := k.mat.(type) {
	case *ecdsa.PublicKey:
		point, err := pub.Bytes()
		if err != nil {
			panic("jws: a point left its curve: " + err.Error())
		}
		out = append(out, `{"kty":"EC","crv":"P-256","x":"`...)
		out = encoding.AppendEncode(out, point[1:1+scalarSize])
		out = append(out, `","y":"`...)
		out = encoding.AppendEncode(out, point[1+scalarSize:])
	case *edPublic:
		out = append(out, `{"kty":"OKP","crv":"Ed25519","x":"`...)
		out = encoding.AppendEncode(out, pub[:])
	case *rsa.PublicKey:
		out = append(out, `{"kty":"RSA","n":"`...)
		out = encoding.AppendEncode(out, pub.N.Bytes())
		out = append(out, `","e":"`...)
		out = encoding.AppendEncode(out, big.NewInt(int64(pub.E)).Bytes())
	}
	out = append(out, `","use":"sig","alg":"`...)
	out = append(out, k.alg...)
	out = append(out, `","kid":`...)
	return append(append(out, quote(k.id)...), '}')
}
