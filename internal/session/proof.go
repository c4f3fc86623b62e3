package session

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"

	jose "github.com/go-jose/go-jose/v4"
)

// ErrProof is answered for what is no proof by a device: malformed, of another kind, or signed by another key.
var ErrProof = errors.New("not a valid proof of a device key")

// Proof is what a device has signed.
type Proof struct {
	Key       []byte // PKIX in DER
	Challenge string
	// Audience and Subject are empty if the browser says none: the URL that the proof is for, and the session.
	Audience, Subject string
}

// What proofs look like (W3C, Device Bound Session Credentials, "DBSC Proof JWT Syntax").
const (
	proofType   = "dbsc+jwt"
	maxProof    = 8 << 10 // bytes; one with an RSA key of 4096 bits has less than 3 KiB
	leastRSA    = 2048    // bits
	greatestRSA = 4096
)

// proofAlgorithms are all that the draft knows.
var proofAlgorithms = []jose.SignatureAlgorithm{jose.ES256, jose.RS256}

// ReadProof reads the first proof of a device, which brings its own key in the header: it shows that whoever sent it
// holds the private key, and nothing else. ErrProof.
func ReadProof(text string) (Proof, error) {
	signed, header, err := parseProof(text)
	if err != nil {
		return Proof{}, err
	}
	if header.JSONWebKey == nil {
		return Proof{}, fmt.Errorf("%w: it brings no key", ErrProof)
	}
	key, err := deviceKey(header)
	if err != nil {
		return Proof{}, err
	}
	return verifyProof(signed, header, key)
}

// ReadProofBy reads a further proof of the device that holds the key. A key that the proof brings itself must be the
// same. ErrProof.
func ReadProofBy(key []byte, text string) (Proof, error) {
	signed, header, err := parseProof(text)
	if err != nil {
		return Proof{}, err
	}
	if header.JSONWebKey != nil {
		brought, err := deviceKey(header)
		if err != nil {
			return Proof{}, err
		}
		if !bytes.Equal(brought, key) {
			return Proof{}, fmt.Errorf("%w: it is of another key", ErrProof)
		}
	}
	return verifyProof(signed, header, key)
}

func parseProof(text string) (*jose.JSONWebSignature, jose.Header, error) {
	if len(text) > maxProof {
		return nil, jose.Header{}, fmt.Errorf("%w: it is too long", ErrProof)
	}
	signed, err := jose.ParseSignedCompact(text, proofAlgorithms)
	if err != nil {
		return nil, jose.Header{}, fmt.Errorf("%w: %w", ErrProof, err)
	}
	header := signed.Signatures[0].Protected
	if kind, _ := header.ExtraHeaders[jose.HeaderType].(string); kind != proofType {
		return nil, jose.Header{}, fmt.Errorf("%w: its type is not %s", ErrProof, proofType)
	}
	return signed, header, nil
}

// deviceKey answers the key in the header, in its one spelling.
func deviceKey(header jose.Header) ([]byte, error) {
	if !header.JSONWebKey.IsPublic() {
		return nil, fmt.Errorf("%w: the key is not a public one", ErrProof)
	}
	der, err := x509.MarshalPKIXPublicKey(header.JSONWebKey.Key)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrProof, err)
	}
	return der, nil
}

// verifyProof checks the signature. The algorithm is that of the key: what the header says must be the same.
func verifyProof(signed *jose.JSONWebSignature, header jose.Header, der []byte) (Proof, error) {
	key, err := x509.ParsePKIXPublicKey(der)
	if err != nil {
		return Proof{}, fmt.Errorf("%w: %w", ErrProof, err)
	}
	if want, err := algorithmOf(key); err != nil || header.Algorithm != string(want) {
		return Proof{}, errors.Join(fmt.Errorf("%w: the algorithm is not that of the key", ErrProof), err)
	}
	payload, err := signed.Verify(key)
	if err != nil {
		return Proof{}, fmt.Errorf("%w: %w", ErrProof, err)
	}
	var claims struct {
		Challenge string `json:"jti"`
		Audience  string `json:"aud"`
		Subject   string `json:"sub"`
	}
	if err := json.Unmarshal(payload, &claims); err != nil {
		return Proof{}, fmt.Errorf("%w: its claims are malformed", ErrProof)
	}
	return Proof{Key: der, Challenge: claims.Challenge, Audience: claims.Audience, Subject: claims.Subject}, nil
}

func algorithmOf(key any) (jose.SignatureAlgorithm, error) {
	switch key := key.(type) {
	case *ecdsa.PublicKey:
		if key.Curve == elliptic.P256() {
			return jose.ES256, nil
		}
	case *rsa.PublicKey:
		if n := key.N.BitLen(); n >= leastRSA && n <= greatestRSA && key.E >= 3 && key.E&1 == 1 {
			return jose.RS256, nil
		}
	}
	return "", errors.New("the key is neither on P-256 nor RSA of 2048 to 4096 bits")
}
