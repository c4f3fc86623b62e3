package main

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"encoding/base64"
	"errors"
	"fmt"
	"math/big"
	"strings"

	"tandem.example/tandem/verify/jws"
)

var errSignature = errors.New("the signature does not verify")

// privateOf takes the standard library's key out of a signer: *ecdsa.PrivateKey, ed25519.PrivateKey, *rsa.PrivateKey
// or []byte.
func privateOf(s jws.Signer) (any, error) {
	der, err := s.MarshalPrivate()
	if err != nil || s.Key().Algorithm() == jws.HS256 {
		return der, err
	}
	return x509.ParsePKCS8PrivateKey(der)
}

func publicOf(s jws.Signer) (any, error) {
	key, err := privateOf(s)
	if signer, ok := key.(crypto.Signer); ok {
		return signer.Public(), err
	}
	return key, err
}

// bareVerify is the standard library's check of one signature, with everything prepared that can be.
func bareVerify(s jws.Signer, compact string) (func() error, error) {
	dot := strings.LastIndexByte(compact, '.')
	signed := []byte(compact[:dot])
	signature, err := base64.RawURLEncoding.DecodeString(compact[dot+1:])
	if err != nil {
		return nil, err
	}
	key, err := publicOf(s)
	if err != nil {
		return nil, err
	}
	var check func() bool
	switch key := key.(type) {
	case *ecdsa.PublicKey:
		der, err := asn1.Marshal(struct{ R, S *big.Int }{new(big.Int).SetBytes(signature[:32]), new(big.Int).SetBytes(signature[32:])})
		if err != nil {
			return nil, err
		}
		check = func() bool {
			digest := sha256.Sum256(signed)
			return ecdsa.VerifyASN1(key, digest[:], der)
		}
	case ed25519.PublicKey:
		check = func() bool { return ed25519.Verify(key, signed, signature) }
	case *rsa.PublicKey:
		opts := rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash}
		check = func() bool {
			digest := sha256.Sum256(signed)
			if s.Key().Algorithm() == jws.PS256 {
				return rsa.VerifyPSS(key, crypto.SHA256, digest[:], signature, &opts) == nil
			}
			return rsa.VerifyPKCS1v15(key, crypto.SHA256, digest[:], signature) == nil
		}
	case []byte:
		check = func() bool { return hmac.Equal(mac(key, signed), signature) }
	default:
		return nil, fmt.Errorf("key of type %T", key)
	}
	return func() error {
		if !check() {
			return errSignature
		}
		return nil
	}, nil
}

// bareSign is the standard library's signing.
func bareSign(s jws.Signer) (func(signed []byte) ([]byte, error), error) {
	key, err := privateOf(s)
	if err != nil {
		return nil, err
	}
	switch key := key.(type) {
	case *ecdsa.PrivateKey:
		return func(signed []byte) ([]byte, error) {
			digest := sha256.Sum256(signed)
			return ecdsa.SignASN1(rand.Reader, key, digest[:])
		}, nil
	case ed25519.PrivateKey:
		return func(signed []byte) ([]byte, error) { return ed25519.Sign(key, signed), nil }, nil
	case *rsa.PrivateKey:
		opts := rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash}
		return func(signed []byte) ([]byte, error) {
			digest := sha256.Sum256(signed)
			if s.Key().Algorithm() == jws.PS256 {
				return rsa.SignPSS(rand.Reader, key, crypto.SHA256, digest[:], &opts)
			}
			return rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, digest[:])
		}, nil
	case []byte:
		return func(signed []byte) ([]byte, error) { return mac(key, signed), nil }, nil
	}
	return nil, fmt.Errorf("key of type %T", key)
}

func mac(key, signed []byte) []byte {
	h := hmac.New(sha256.New, key)
	h.Write(signed)
	return h.Sum(nil)
}
