package jws_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/asn1"
	"encoding/base64"
	"io"
	"math/big"
	"strings"
	"sync"
	"testing"

	"tandem.example/tandem/verify/jws"
	"tandem.example/tandem/verify/token"
)

// claims are those of a usual access token.
func claims() token.Claims {
	return token.Claims{
		Issuer:    "https://auth.example.com",
		Subject:   "usr_01jh0000000000000000000000",
		Audience:  []string{"https://api.example.com"},
		ClientID:  "app_01jh0000000000000000000000",
		IssuedAt:  1767225600,
		ExpiresAt: 1767225900,
		ID:        "tok_01jh0000000000000000000000",
		SessionID: "ses_01jh0000000000000000000000",
		Revision:  token.Revision{Epoch: "01jh0000", Seq: 4711},
		AuthTime:  1767225000,
		ACR:       "1",
		AMR:       []string{"pwd"},
		Scope:     "accounts payments",
		Roles:     []string{"customer", "beta"},
	}
}

// testKey is a private key, by the standard library, and what is ours of it.
type testKey struct {
	alg     jws.Algorithm
	private any
	signer  jws.Signer
}

// testKeys are made once: es, es2, ed, rs, ps, hs, with the ids es-1 and so
// on. rs and ps share one RSA key, which is the hardest case to keep apart.
var testKeys = sync.OnceValue(func() map[string]testKey {
	rsaKey := must(rsa.GenerateKey(rand.Reader, 2048))
	_, edKey, err := ed25519.GenerateKey(rand.Reader)
	must(edKey, err)
	secret := make([]byte, 32)
	must(rand.Read(secret))
	keys := map[string]testKey{
		"es":  {alg: jws.ES256, private: must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))},
		"es2": {alg: jws.ES256, private: must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))},
		"ed":  {alg: jws.EdDSA, private: edKey},
		"rs":  {alg: jws.RS256, private: rsaKey},
		"ps":  {alg: jws.PS256, private: rsaKey},
		"hs":  {alg: jws.HS256, private: secret},
	}
	for name, k := range keys {
		k.signer = must(jws.NewSigner(name+"-1", k.alg, k.private))
		keys[name] = k
	}
	return keys
})

// names are the test keys, one per algorithm.
var names = []string{"es", "ed", "rs", "ps", "hs"}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// bareSignature signs with the standard library alone and puts the signature
// into the form that JWS wants.
func (k testKey) bareSignature(tb testing.TB, signed []byte) []byte {
	tb.Helper()
	signature, err := bareSign(k.private, k.alg)(signed)
	if err != nil {
		tb.Fatal(err)
	}
	if k.alg == jws.ES256 {
		return rawOf(tb, signature)
	}
	return signature
}

// token returns a compact token made without our code.
func (k testKey) token(tb testing.TB, header, payload string) string {
	tb.Helper()
	signed := b64(header) + "." + b64(payload)
	return signed + "." + b64(string(k.bareSignature(tb, []byte(signed))))
}

// check parses and verifies.
func check(compact string, k jws.Key) error {
	m, err := jws.Parse(compact)
	if err != nil {
		return err
	}
	return m.Verify(k)
}

func b64(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }

func unb64(tb testing.TB, s string) []byte {
	tb.Helper()
	b, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

// parts splits a compact token.
func parts(compact string) (header, payload, signature string) {
	p := strings.Split(compact, ".")
	return p[0], p[1], p[2]
}

type scalars struct{ R, S *big.Int }

// derOf returns the DER form of an ES256 signature, by the standard library.
func derOf(raw []byte) []byte {
	return must(asn1.Marshal(scalars{new(big.Int).SetBytes(raw[:32]), new(big.Int).SetBytes(raw[32:])}))
}

// rawOf is the other direction.
func rawOf(tb testing.TB, der []byte) []byte {
	tb.Helper()
	var s scalars
	if rest, err := asn1.Unmarshal(der, &s); err != nil || len(rest) > 0 {
		tb.Fatalf("not a DER signature: %v", err)
	}
	raw := make([]byte, 64)
	s.R.FillBytes(raw[:32])
	s.S.FillBytes(raw[32:])
	return raw
}

// external is a crypto.Signer of a type the package does not know, as of a key
// held by hardware.
type external struct {
	crypto.Signer
	spoil func([]byte) []byte
}

func (e external) Sign(random io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	signature, err := e.Signer.Sign(random, digest, opts)
	if e.spoil != nil {
		signature = e.spoil(signature)
	}
	return signature, err
}
