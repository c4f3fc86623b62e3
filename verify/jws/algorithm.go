package jws

// Algorithm is the name of a signature algorithm as in the header alg. The
// zero value is no algorithm.
type Algorithm string

// The closed set (RFC 7518 §3.1, RFC 8037 §3.1).
const (
	ES256 Algorithm = "ES256" // ECDSA on P-256 with SHA-256; the default
	EdDSA Algorithm = "EdDSA" // Ed25519 only
	RS256 Algorithm = "RS256" // RSASSA-PKCS1-v1_5 with SHA-256
	PS256 Algorithm = "PS256" // RSASSA-PSS with SHA-256, salt of 32 bytes
	HS256 Algorithm = "HS256" // HMAC with SHA-256; for a secret shared by one issuer and its verifiers, never published
)

// ParseAlgorithm returns the algorithm of that exact name, or ErrAlgorithm.
func ParseAlgorithm(name string) (Algorithm, error) {
	switch name {
	case "ES256":
		return ES256, nil
	case "EdDSA":
		return EdDSA, nil
	case "RS256":
		return RS256, nil
	case "PS256":
		return PS256, nil
	case "HS256":
		return HS256, nil
	}
	return "", errUnknownAlgorithm
}

var errUnknownAlgorithm = &fault{ErrAlgorithm, "must be ES256, EdDSA, RS256, PS256 or HS256"}
