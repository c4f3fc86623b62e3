// Package virtualkey makes keys for the virtual authenticators of tests.
package virtualkey

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"

	"github.com/descope/virtualwebauthn"
)

// coordinate is the size of a coordinate on P-256, in bytes.
const coordinate = 32

// New makes a key on P-256. virtualwebauthn writes coordinates without their leading zeros, which COSE does not allow
// (RFC 9053 §7.1.1), so about one of its own keys in 128 is refused; keys that begin with a zero are passed over here.
func New() virtualwebauthn.Credential {
	for {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			panic(err) // of randomness and of P-256 there is enough
		}
		point, err := key.PublicKey.Bytes() // 0x04, X, Y
		if err != nil {
			panic(err) // of randomness and of P-256 there is enough
		}
		if point[1] == 0 || point[1+coordinate] == 0 {
			continue
		}
		text, err := x509.MarshalPKCS8PrivateKey(key)
		if err != nil {
			panic(err) // of randomness and of P-256 there is enough
		}
		return virtualwebauthn.NewCredentialWithImportedKey(virtualwebauthn.KeyTypeEC2, text)
	}
}
