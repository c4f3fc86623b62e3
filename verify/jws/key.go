package jws

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"fmt"
	"math/big"
	"slices"
)

// Limits of key material and names.
const (
	// MaxKeyID is the longest key id in bytes.
	MaxKeyID = 128
	// MinRSABits is the smallest RSA modulus accepted (RFC 7518 §3.3).
	MinRSABits = 2048
	// MaxRSABits bounds what a check may cost.
	MaxRSABits = 8192
	// MinSecret is the shortest HS256 secret in bytes (RFC 7518 §3.2).
	MinSecret = 32
)

// Key checks signatures of exactly one algorithm: a public key, or for HS256
// the shared secret. The zero Key accepts nothing. Printing a Key, in whatever
// format, shows its algorithm and id only.
type Key struct {
	id  string
	alg Algorithm
	mat material
}

// material is one of *ecdsa.PublicKey, *edPublic, *rsa.PublicKey and *secret,
// copied from the caller and valid for the key's algorithm. All are pointers,
// so that keys can be compared.
type material any

// edPublic is an Ed25519 public key.
type edPublic [ed25519.PublicKeySize]byte

// NewKey returns the key of that id for alg. The material is an
// *ecdsa.PublicKey on P-256 for ES256, an ed25519.PublicKey for EdDSA, an
// *rsa.PublicKey of 2048 to 8192 bits for RS256 and PS256, a []byte of at
// least 32 bytes for HS256; it is copied. The id is 1 to 128 bytes of printable
// ASCII without spaces. Errors are ErrKey or ErrAlgorithm.
func NewKey(kid string, alg Algorithm, material any) (Key, error) {
	if !validKeyID(kid) {
		return Key{}, errKeyID
	}
	mat, err := accept(alg, material)
	if err != nil {
		return Key{}, err
	}
	return Key{id: kid, alg: alg, mat: mat}, nil
}

// ID returns the key's id, the header kid.
func (k Key) ID() string { return k.id }

// Algorithm returns the only algorithm the key is good for.
func (k Key) Algorithm() Algorithm { return k.alg }

// String returns algorithm and id.
func (k Key) String() string { return string(k.alg) + " key " + k.id }

// Format prints String whatever the verb, so that no format shows a secret.
func (k Key) Format(f fmt.State, _ rune) { fmt.Fprint(f, k.String()) }

var errKeyID = &fault{ErrKey, "the id must be 1 to 128 bytes of printable ASCII without spaces"}

func validKeyID(kid string) bool {
	return len(kid) > 0 && len(kid) <= MaxKeyID && printable(kid)
}

// printable reports whether s is visible ASCII: nothing that could break a
// log line, a path or a terminal by being invisible.
func printable(s string) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

// accept checks material against the rules of alg and copies it.
func accept(alg Algorithm, given any) (material, error) {
	switch alg {
	case ES256:
		if pub, ok := given.(*ecdsa.PublicKey); ok && pub != nil {
			return acceptEC(pub)
		}
		return nil, &fault{ErrKey, "ES256 needs an *ecdsa.PublicKey"}
	case EdDSA:
		if pub, ok := given.(ed25519.PublicKey); ok {
			return acceptEd25519(pub)
		}
		return nil, &fault{ErrKey, "EdDSA needs an ed25519.PublicKey"}
	case RS256, PS256:
		if pub, ok := given.(*rsa.PublicKey); ok && pub != nil && pub.N != nil {
			return acceptRSA(pub)
		}
		return nil, &fault{ErrKey, string(alg) + " needs an *rsa.PublicKey"}
	case HS256:
		if b, ok := given.([]byte); ok {
			return acceptSecret(b)
		}
		return nil, &fault{ErrKey, "HS256 needs a []byte"}
	}
	return nil, errUnknownAlgorithm
}

func acceptEC(pub *ecdsa.PublicKey) (material, error) {
	if pub.Curve != elliptic.P256() {
		return nil, &fault{ErrKey, "ES256 needs a key on P-256"}
	}
	point, err := pub.Bytes()
	if err != nil {
		return nil, &fault{ErrKey, "the point is not on P-256"}
	}
	clone, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), point)
	if err != nil {
		return nil, &fault{ErrKey, "the point is not on P-256"}
	}
	return clone, nil
}

func acceptEd25519(pub ed25519.PublicKey) (material, error) {
	if len(pub) != ed25519.PublicKeySize {
		return nil, &fault{ErrKey, "an Ed25519 key is 32 bytes"}
	}
	if smallOrder(pub) {
		return nil, &fault{ErrKey, "the point has small order: anyone could sign for it"}
	}
	return (*edPublic)(slices.Clone(pub)), nil
}

func acceptRSA(pub *rsa.PublicKey) (material, error) {
	if bits := pub.N.BitLen(); bits < MinRSABits || bits > MaxRSABits {
		return nil, &fault{ErrKey, "an RSA modulus has 2048 to 8192 bits"}
	}
	if pub.N.Sign() < 0 || pub.N.Bit(0) == 0 {
		return nil, &fault{ErrKey, "an RSA modulus is odd and positive"}
	}
	if pub.E < 65537 || pub.E&1 == 0 || pub.E > 1<<31-1 {
		return nil, &fault{ErrKey, "an RSA exponent is odd, from 65537 to 2^31-1"}
	}
	return &rsa.PublicKey{N: new(big.Int).Set(pub.N), E: pub.E}, nil
}
