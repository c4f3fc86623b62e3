package jws

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"fmt"
	"slices"
)

// GeneratedRSABits is the size of the RSA keys that Generate makes.
const GeneratedRSABits = 3072

// maxType bounds the header typ that is signed.
const maxType = 64

// Signer signs with one key and one algorithm. It is safe for concurrent use
// if its crypto.Signer is, as those of the standard library are. Printing it
// shows algorithm and id only.
type Signer struct {
	key     Key
	private *private // nil for HS256, whose secret is the key's material
	header  string   // `{"alg":"...","kid":"...","typ":"`, the part that never changes
}

// private hides the private key from fmt as secret does, and is behind a
// pointer so that signers can be compared.
type private struct{ signer func() crypto.Signer }

// NewSigner returns a signer for alg. The material is a crypto.Signer
// whose public key NewKey accepts (an external one may do the signing
// elsewhere), or a []byte for HS256. Errors are ErrKey or ErrAlgorithm.
func NewSigner(kid string, alg Algorithm, material any) (Signer, error) {
	var half *private
	public := material
	if alg != HS256 {
		s, ok := material.(crypto.Signer)
		if !ok || broken(s) {
			return Signer{}, &fault{ErrKey, "a signing key must be a whole crypto.Signer, or a []byte for HS256"}
		}
		half, public = &private{func() crypto.Signer { return s }}, s.Public()
	}
	key, err := NewKey(kid, alg, public)
	if err != nil {
		return Signer{}, err
	}
	header := append([]byte(`{"alg":"`+string(alg)+`","kid":`), quote(kid)...)
	return Signer{key: key, private: half, header: string(append(header, `,"typ":"`...))}, nil
}

// broken reports whether a private key of the standard library would panic or
// sign for another public key than its own.
func broken(s crypto.Signer) bool {
	switch private := s.(type) {
	case *ecdsa.PrivateKey:
		if private == nil {
			return true
		}
		_, err := private.Bytes()
		return err != nil
	case *rsa.PrivateKey:
		return private == nil || private.Validate() != nil
	case ed25519.PrivateKey:
		return len(private) != ed25519.PrivateKeySize || !private.Equal(ed25519.NewKeyFromSeed(private.Seed()))
	}
	return false
}

// Generate returns a signer with a new random key: P-256, Ed25519, RSA of 3072
// bits, or a secret of 32 bytes.
func Generate(kid string, alg Algorithm) (Signer, error) {
	material, err := generate(alg)
	if err != nil {
		return Signer{}, fmt.Errorf("generate %s key: %w", alg, err)
	}
	return NewSigner(kid, alg, material)
}

func generate(alg Algorithm) (any, error) {
	switch alg {
	case ES256:
		return ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case EdDSA:
		_, private, err := ed25519.GenerateKey(rand.Reader)
		return private, err
	case RS256, PS256:
		return rsa.GenerateKey(rand.Reader, GeneratedRSABits)
	case HS256:
		b := make([]byte, MinSecret)
		_, err := rand.Read(b)
		return b, err
	}
	return nil, errUnknownAlgorithm
}

// ParseSigner returns the signer whose MarshalPrivate gave der.
func ParseSigner(kid string, alg Algorithm, der []byte) (Signer, error) {
	if alg == HS256 {
		return NewSigner(kid, alg, der)
	}
	material, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		// The cause could describe the key; the rule is enough.
		return Signer{}, &fault{ErrKey, "the private key is not PKCS #8"}
	}
	return NewSigner(kid, alg, material)
}

// Key returns the key that checks this signer's signatures. For HS256 it holds
// the secret.
func (s Signer) Key() Key { return s.key }

// MarshalPrivate returns the private key to be sealed: PKCS #8 DER, or the
// bare secret for HS256. A signer whose private key is elsewhere has none:
// ErrKey.
func (s Signer) MarshalPrivate() ([]byte, error) {
	if sec, ok := s.key.mat.(*secret); ok {
		return slices.Clone(sec.raw()), nil
	}
	if s.private == nil {
		return nil, errZeroKey
	}
	switch private := s.private.signer().(type) {
	case *ecdsa.PrivateKey, ed25519.PrivateKey, *rsa.PrivateKey:
		der, err := x509.MarshalPKCS8PrivateKey(private)
		if err != nil {
			return nil, &fault{ErrKey, "the private key cannot be marshalled"}
		}
		return der, nil
	}
	return nil, &fault{ErrKey, "the private key is held elsewhere"}
}

// String returns algorithm and id.
func (s Signer) String() string { return string(s.key.alg) + " signer " + s.key.id }

// Format prints String whatever the verb, so that no format shows the key.
func (s Signer) Format(f fmt.State, _ rune) { fmt.Fprint(f, s.String()) }

// Sign returns the compact token over payload with the header alg, kid and
// typ. Errors are ErrTooLarge over MaxSize, ErrMalformed for a typ that is not
// 1 to 64 bytes of printable ASCII or an empty payload, ErrKey from a zero or
// failing signer.
func (s Signer) Sign(typ string, payload []byte) (string, error) {
	if len(payload) == 0 {
		return "", errEmptyPart
	}
	token, err := s.begin(typ, payload)
	if err != nil {
		return "", err
	}
	signature, err := s.sign(token)
	if err != nil {
		return "", err
	}
	token = encoding.AppendEncode(append(token, '.'), signature)
	if len(token) > MaxSize {
		return "", errSize
	}
	return string(token), nil
}

// begin returns header.payload, with room for the signature.
func (s Signer) begin(typ string, payload []byte) ([]byte, error) {
	if s.key.mat == nil {
		return nil, errZeroKey
	}
	if typ == "" || len(typ) > maxType || !printable(typ) {
		return nil, errHeaderType
	}
	var stack [320]byte
	header := append(stack[:0], s.header...)
	header = append(header, quote(typ)[1:]...)
	header = append(header, '}')
	size := encoding.EncodedLen(len(header)) + 1 + encoding.EncodedLen(len(payload)) + 1 + s.signatureLen()
	out := encoding.AppendEncode(make([]byte, 0, size), header)
	return encoding.AppendEncode(append(out, '.'), payload), nil
}

// signatureLen is how long the encoded signature will be.
func (s Signer) signatureLen() int {
	switch pub := s.key.mat.(type) {
	case *rsa.PublicKey:
		return encoding.EncodedLen(pub.Size())
	case *secret:
		return encoding.EncodedLen(sha256.Size)
	}
	return encoding.EncodedLen(es256Size)
}

// sign returns the signature over signed in the form of the algorithm.
func (s Signer) sign(signed []byte) ([]byte, error) {
	if s.key.alg == HS256 {
		return s.key.mat.(*secret).sum(signed), nil
	}
	digest := sha256.Sum256(signed)
	message, opts := digest[:], crypto.SignerOpts(crypto.SHA256)
	switch s.key.alg {
	case EdDSA:
		message, opts = signed, crypto.Hash(0)
	case PS256:
		opts = pssOptions
	}
	signature, err := s.private.signer().Sign(rand.Reader, message, opts)
	if err != nil {
		return nil, fmt.Errorf("jws: sign with %s: %w", s, err)
	}
	if s.key.alg == ES256 {
		raw, ok := appendRaw(make([]byte, 0, es256Size), signature)
		if !ok {
			return nil, &fault{ErrKey, "the signer gave no ECDSA signature on P-256"}
		}
		return raw, nil
	}
	return signature, nil
}

// quote writes printable ASCII as a JSON string.
func quote(s string) []byte {
	out := make([]byte, 0, len(s)+2)
	out = append(out, '"')
	for i := range len(s) {
		if s[i] == '"' || s[i] == '\\' {
			out = append(out, '\\')
		}
		out = append(out, s[i])
	}
	return append(out, '"')
}
