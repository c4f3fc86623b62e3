package jws

import (
	"crypto/sha256"
	"encoding/base64"
)

// SharedID is the kid of the HS256 key made of a secret that issuer and
// verifiers share by configuration: both derive it, so nobody has to configure
// a name, and a verifier that was given another secret does not know the key
// rather than find a wrong signature. The name says nothing of the secret that
// a signature under it does not.
func SharedID(secret []byte) string {
	named := append([]byte("tandem hs256 kid "), secret...)
	sum := sha256.Sum256(named)
	return "hs256-" + base64.RawURLEncoding.EncodeToString(sum[:])[:8]
}
