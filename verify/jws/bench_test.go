package jws_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"strings"
	"testing"

	"tandem.example/tandem/verify/jws"
	"tandem.example/tandem/verify/token"
)

// Budgets 2 and 9 are ratios of ours to floor within one run: the floor is the
// bare standard-library operation over the same bytes.

const benchTokenSize = 900

// private returns a private key and the matching signer.
func private(tb testing.TB, alg jws.Algorithm, rsaBits int) (any, jws.Signer) {
	tb.Helper()
	var key any
	var err error
	switch alg {
	case jws.ES256:
		key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case jws.EdDSA:
		_, key, err = ed25519.GenerateKey(rand.Reader)
	case jws.RS256, jws.PS256:
		key, err = rsa.GenerateKey(rand.Reader, rsaBits)
	case jws.HS256:
		secret := make([]byte, 32)
		_, err = rand.Read(secret)
		key = secret
	}
	if err != nil {
		tb.Fatal(err)
	}
	signer, err := jws.NewSigner("key-2026-01", alg, key)
	if err != nil {
		tb.Fatal(err)
	}
	return key, signer
}

// benchToken returns claims whose token by signer is as near to
// benchTokenSize as base64 allows.
func benchToken(tb testing.TB, signer jws.Signer) (token.Claims, string) {
	tb.Helper()
	c := claims()
	for {
		payload, err := c.Encode()
		if err != nil {
			tb.Fatal(err)
		}
		compact, err := signer.Sign(token.Type, payload)
		if err != nil {
			tb.Fatal(err)
		}
		if len(compact) >= benchTokenSize {
			return c, compact
		}
		c.Scope += "x"
	}
}

type benchCase struct {
	name string
	alg  jws.Algorithm
	bits int
}

var benchCases = []benchCase{
	{"ES256", jws.ES256, 0},
	{"EdDSA", jws.EdDSA, 0},
	{"RS256-2048", jws.RS256, 2048},
	{"RS256-3072", jws.RS256, 3072},
	{"PS256-2048", jws.PS256, 2048},
	{"HS256", jws.HS256, 0},
}

// BenchmarkCheck is the cold check of an access token: parse, verify, decode.
func BenchmarkCheck(b *testing.B) {
	for _, c := range benchCases {
		b.Run(c.name, func(b *testing.B) {
			key, signer := private(b, c.alg, c.bits)
			_, compact := benchToken(b, signer)
			dot := strings.LastIndexByte(compact, '.')
			signed := []byte(compact[:dot])
			signature, err := base64.RawURLEncoding.DecodeString(compact[dot+1:])
			if err != nil {
				b.Fatal(err)
			}
			bare := bareVerify(key, c.alg, signature)
			b.Run("floor", func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					if !bare(signed) {
						b.Fatal("refused")
					}
				}
			})
			verifier := signer.Key()
			b.Run("ours", func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					m, err := jws.Parse(compact)
					if err != nil || !m.Header.HasType(token.Type) {
						b.Fatal(err)
					}
					if err := m.Verify(verifier); err != nil {
						b.Fatal(err)
					}
					if _, err := token.Decode(m.Payload); err != nil {
						b.Fatal(err)
					}
				}
			})
		})
	}
}

// bareVerify returns the standard library's check of one signature, with
// everything that can be prepared outside of it prepared.
func bareVerify(key any, alg jws.Algorithm, signature []byte) func(signed []byte) bool {
	switch key := key.(type) {
	case *ecdsa.PrivateKey:
		der := derOf(signature)
		return func(signed []byte) bool {
			digest := sha256.Sum256(signed)
			return ecdsa.VerifyASN1(&key.PublicKey, digest[:], der)
		}
	case ed25519.PrivateKey:
		public := key.Public().(ed25519.PublicKey)
		return func(signed []byte) bool { return ed25519.Verify(public, signed, signature) }
	case *rsa.PrivateKey:
		return func(signed []byte) bool {
			digest := sha256.Sum256(signed)
			if alg == jws.PS256 {
				opts := rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash}
				return rsa.VerifyPSS(&key.PublicKey, crypto.SHA256, digest[:], signature, &opts) == nil
			}
			return rsa.VerifyPKCS1v15(&key.PublicKey, crypto.SHA256, digest[:], signature) == nil
		}
	default:
		return func(signed []byte) bool {
			mac := hmac.New(sha256.New, key.([]byte))
			mac.Write(signed)
			return hmac.Equal(mac.Sum(nil), signature)
		}
	}
}

// BenchmarkMint is the making of an access token: encode, sign.
func BenchmarkMint(b *testing.B) {
	for _, c := range benchCases {
		b.Run(c.name, func(b *testing.B) {
			key, signer := private(b, c.alg, c.bits)
			claims, compact := benchToken(b, signer)
			signed := []byte(compact[:strings.LastIndexByte(compact, '.')])
			bare := bareSign(key, c.alg)
			b.Run("floor", func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					if _, err := bare(signed); err != nil {
						b.Fatal(err)
					}
				}
			})
			b.Run("ours", func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					payload, err := claims.Encode()
					if err != nil {
						b.Fatal(err)
					}
					if _, err := signer.Sign(token.Type, payload); err != nil {
						b.Fatal(err)
					}
				}
			})
		})
	}
}

// bareSign returns the standard library's signing.
func bareSign(key any, alg jws.Algorithm) func(signed []byte) ([]byte, error) {
	switch key := key.(type) {
	case *ecdsa.PrivateKey:
		return func(signed []byte) ([]byte, error) {
			digest := sha256.Sum256(signed)
			return ecdsa.SignASN1(rand.Reader, key, digest[:])
		}
	case ed25519.PrivateKey:
		return func(signed []byte) ([]byte, error) { return ed25519.Sign(key, signed), nil }
	case *rsa.PrivateKey:
		return func(signed []byte) ([]byte, error) {
			digest := sha256.Sum256(signed)
			if alg == jws.PS256 {
				opts := rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash}
				return rsa.SignPSS(rand.Reader, key, crypto.SHA256, digest[:], &opts)
			}
			return rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, digest[:])
		}
	default:
		return func(signed []byte) ([]byte, error) {
			mac := hmac.New(sha256.New, key.([]byte))
			mac.Write(signed)
			return mac.Sum(nil), nil
		}
	}
}
