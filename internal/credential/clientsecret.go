package credential

import (
	"fmt"
	"strings"

	"tandem.example/tandem/internal/secret"
)

// ClientSecretPrefix begins every client secret, so that secret scanners find
// leaks.
const ClientSecretPrefix = "tdx_"

// NewClientSecret makes the secret with which an application authenticates: the
// text to show once, "tdx_" and 256 random bits (47 characters), and the digest
// to store with the application.
func NewClientSecret() (secret.Text, secret.Digest) {
	random := secret.Random(randomSize)
	return secret.NewText(ClientSecretPrefix + keyBase64.EncodeToString(random)), secret.Sum(random)
}

// CheckClientSecret says whether text is the secret of which stored is the
// digest: nil, ErrMalformedKey or ErrWrongKey. An application without a secret
// has the zero Digest, which is the SHA-256 of nothing known.
func CheckClientSecret(text secret.Text, stored secret.Digest) error {
	rest, ok := strings.CutPrefix(text.Reveal(), ClientSecretPrefix)
	if !ok {
		return fmt.Errorf("checking a client secret: %w", ErrMalformedKey)
	}
	digest, err := parseRandom(rest)
	if err != nil {
		return fmt.Errorf("checking a client secret: %w", err)
	}
	if !digest.Equal(stored) {
		return fmt.Errorf("checking a client secret: %w", ErrWrongKey)
	}
	return nil
}
