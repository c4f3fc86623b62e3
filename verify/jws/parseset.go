package jws

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"math/big"
	"strings"

	"tandem.example/tandem/verify/internal/strictjson"
)

// MaxSetSize is the longest JWK Set that is read, in bytes.
const MaxSetSize = 64 << 10

// ParseSet reads a JWK Set. Keys that are not for checking signatures with an
// algorithm of the set, do not say which, lack an id or have values out of
// range are skipped, as RFC 7517 §5 asks. A set that holds private material
// or a symmetric key, or uses an id twice, is refused whole with ErrKey: it
// is not what a server publishes. Other errors are ErrTooLarge and
// ErrMalformed.
func ParseSet(jwks []byte) (Set, error) {
	if len(jwks) > MaxSetSize {
		return nil, &fault{ErrTooLarge, "a key set has at most 64 KiB"}
	}
	p := setParser{set: Set{}}
	err := strictjson.Read(&p.reader, string(jwks), func(name string) error {
		if name != "keys" {
			return nil
		}
		p.found = true
		return p.reader.Array(p.key)
	})
	if rule, ok := err.(strictjson.Error); ok {
		return nil, &fault{ErrMalformed, "the key set " + string(rule)}
	}
	if err != nil {
		return nil, err
	}
	if !p.found {
		return nil, &fault{ErrMalformed, "the key set has no member keys"}
	}
	return p.set, nil
}

type setParser struct {
	reader strictjson.Reader
	found  bool
	set    Set
}

// jwk is one key's members, as sent. A member of the wrong type reads as
// absent, which makes the key be skipped.
type jwk struct {
	kty, alg, use, kid, crv, x, y, n, e string
	otherOps                            bool // key_ops without "verify"
}

func (p *setParser) key() error {
	var j jwk
	if err := p.reader.Object(func(name string) error { return p.member(&j, name) }); err != nil {
		return err
	}
	if j.kty == "oct" {
		return errPrivate
	}
	k, ok := j.publicKey()
	if !ok {
		return nil
	}
	if _, twice := p.set.Find(k.id); twice {
		return errTwice
	}
	p.set = append(p.set, k)
	return nil
}

var errPrivate = &fault{ErrKey, "the key set holds secret material"}

func (p *setParser) member(j *jwk, name string) error {
	var field *string
	switch name {
	case "kty":
		field = &j.kty
	case "alg":
		field = &j.alg
	case "use":
		// Absent is fine, so a use that is no string must not read as absent.
		j.use = "unknown"
		field = &j.use
	case "kid":
		field = &j.kid
	case "crv":
		field = &j.crv
	case "x":
		field = &j.x
	case "y":
		field = &j.y
	case "n":
		field = &j.n
	case "e":
		field = &j.e
	case "key_ops":
		return p.operations(j)
	case "d", "k", "p", "q", "dp", "dq", "qi", "oth":
		return errPrivate
	default:
		return nil
	}
	if p.reader.Peek() != '"' {
		return nil
	}
	var err error
	*field, err = p.reader.String()
	return err
}

func (p *setParser) operations(j *jwk) error {
	j.otherOps = true
	if p.reader.Peek() != '[' {
		return nil
	}
	return p.reader.Array(func() error {
		if p.reader.Peek() != '"' {
			return nil
		}
		op, err := p.reader.String()
		if op == "verify" {
			j.otherOps = false
		}
		return err
	})
}

// publicKey returns the key, or false if it is to be skipped.
func (j *jwk) publicKey() (Key, bool) {
	if j.use != "" && j.use != "sig" || j.otherOps {
		return Key{}, false
	}
	alg, err := ParseAlgorithm(j.alg)
	if err != nil {
		return Key{}, false
	}
	var public any
	switch {
	case alg == ES256 && j.kty == "EC" && j.crv == "P-256":
		public = j.ecPoint()
	case alg == EdDSA && j.kty == "OKP" && j.crv == "Ed25519":
		x, _ := decode(j.x)
		public = ed25519.PublicKey(x)
	case (alg == RS256 || alg == PS256) && j.kty == "RSA":
		public = j.modulus()
	default:
		return Key{}, false
	}
	k, err := NewKey(j.kid, alg, public)
	return k, err == nil
}

func (j *jwk) ecPoint() *ecdsa.PublicKey {
	x, okX := decode(j.x)
	y, okY := decode(j.y)
	if !okX || !okY || len(x) != scalarSize || len(y) != scalarSize {
		return nil
	}
	point := bytes.Join([][]byte{{4}, x, y}, nil)
	pub, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), point)
	if err != nil {
		return nil
	}
	return pub
}

// modulus reads n and e, each without leading zero bytes (RFC 7518 §6.3.1).
func (j *jwk) modulus() *rsa.PublicKey {
	n, okN := decode(j.n)
	e, okE := decode(j.e)
	if !okN || !okE || n[0] == 0 || e[0] == 0 || len(n) > MaxRSABits/8 || len(e) > 4 {
		return nil
	}
	return &rsa.PublicKey{N: new(big.Int).SetBytes(n), E: int(new(big.Int).SetBytes(e).Int64())}
}

// decode returns the bytes of canonical base64url, at least one.
func decode(s string) ([]byte, bool) {
	if strings.IndexByte(s, '\n') >= 0 || strings.IndexByte(s, '\r') >= 0 {
		return nil, false
	}
	b, err := encoding.DecodeString(s)
	return b, err == nil && len(b) > 0
}
