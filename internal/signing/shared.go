package signing

import (
	"errors"
	"fmt"

	"tandem.example/tandem/verify/jws"
)

// ErrNoShared is answered where HS256 is asked for and the ring was given no secret: one that it made up could be
// shared with no verifier, since it is never published.
var ErrNoShared = errors.New("no secret for HS256 that verifiers share: set hs256_secret (TANDEM_HS256_SECRET) at the server, or use ES256")

// share makes the shared secret the key that signs and verifies HS256. It has no place in the store nor a schedule:
// whoever configured it replaces it, here and at the verifiers.
func (st *state) share(secret []byte) error {
	l := lane{ForTokens, jws.HS256}
	delete(st.current, l) // a random key of a ring of before, which no verifier has
	if len(secret) == 0 {
		return nil
	}
	signer, err := jws.NewSigner(jws.SharedID(secret), jws.HS256, secret)
	if err != nil {
		return fmt.Errorf("read shared secret: %w", err)
	}
	st.current[l], st.public[signer.Key().ID()] = signer, signer.Key()
	return nil
}
