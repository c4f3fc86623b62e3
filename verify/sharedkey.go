package verify

import (
	"fmt"

	"tandem.example/tandem/verify/jws"
)

// SharedKey makes the key for Config.SharedKeys of the secret that the server
// has as hs256_secret (TANDEM_HS256_SECRET): exactly its bytes, at least 32 of
// them, without the line break that ends a file. They are copied.
//
// Whoever holds the secret can make access tokens, not just check them. Share it
// only with services that may act as the issuer; the others use a published
// algorithm. It is replaced by giving verifiers the old and the new key, then
// the server the new secret, and by taking the old key away once its tokens have
// expired. Revoking a key over the feed does not reach it.
//
// The error matches jws.ErrKey and does not hold the secret.
func SharedKey(secret []byte) (jws.Key, error) {
	key, err := jws.NewKey(jws.SharedID(secret), jws.HS256, secret)
	if err != nil {
		return jws.Key{}, fmt.Errorf("make shared key: %w", err)
	}
	return key, nil
}
