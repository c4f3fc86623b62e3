package jws

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/rsa"
	"crypto/sha256"
)

// pssOptions fixes the salt to the hash's length (RFC 7518 §3.5), both ways.
var pssOptions = &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: crypto.SHA256}

// check verifies signature over signed. Every rule is a constant of the key's
// algorithm; nothing comes from the token.
func (k Key) check(signed, signature []byte) error {
	ok := false
	switch k.alg {
	case ES256:
		ok = k.checkES256(signed, signature)
	case EdDSA:
		ok = len(signature) == ed25519.SignatureSize && ed25519.Verify(k.mat.(*edPublic)[:], signed, signature)
	case RS256:
		digest := sha256.Sum256(signed)
		ok = rsa.VerifyPKCS1v15(k.mat.(*rsa.PublicKey), crypto.SHA256, digest[:], signature) == nil
	case PS256:
		digest := sha256.Sum256(signed)
		ok = rsa.VerifyPSS(k.mat.(*rsa.PublicKey), crypto.SHA256, digest[:], signature, pssOptions) == nil
	case HS256:
		ok = hmac.Equal(k.mat.(*secret).sum(signed), signature)
	default:
		return errZeroKey
	}
	if !ok {
		return errSignature
	}
	return nil
}

var errSignature = &fault{ErrSignature, "it was not made by this key over these bytes"}

func (k Key) checkES256(signed, signature []byte) bool {
	if len(signature) != es256Size {
		return false
	}
	digest := sha256.Sum256(signed)
	var buf [maxDERSize]byte
	return ecdsa.VerifyASN1(k.mat.(*ecdsa.PublicKey), digest[:], appendDER(buf[:0], signature))
}
