// Package federate owns sign-in through other providers of identities: it sends a browser to one and reads what it
// brings back. OpenID Connect providers are spoken to through go-oidc with PKCE, state, nonce and the issuer check of
// RFC 9207; GitHub, which is none, through OAuth 2.0 and its API.
//
// It does not know users: whom an Identity stands for, and whether an address may be believed, is decided in signin.
package federate

import (
	"crypto/subtle"
	"errors"
	"time"
)

// Named is a provider as pages offer it.
type Named struct {
	Name  string // as configured: [a-z0-9-]{1,32}
	Title string // for people
	Again bool   // it can be told to ask whoever is signed in there again, and says that it did
}

// Handshake is what has to be kept, out of reach of others, between sending a browser away and reading what it brings
// back.
type Handshake struct {
	State    string `json:"state"`
	Nonce    string `json:"nonce"`
	Verifier string `json:"verifier"` // PKCE, RFC 7636
}

// Carried reports whether what a browser came back with carries the state of the handshake, once: else it was not asked
// for by this browser, and says nothing (RFC 6749 §10.12).
func (h Handshake) Carried(query map[string][]string) bool {
	state := query["state"]
	return h.State != "" && len(state) == 1 && subtle.ConstantTimeCompare([]byte(state[0]), []byte(h.State)) == 1
}

// Identity is who somebody is, says a provider.
type Identity struct {
	Provider      string
	Subject       string // never reused by the provider
	Email         string // may be empty
	EmailVerified bool   // the provider says that the address is theirs
	Name          string
	AuthTime      time.Time // when they signed in there, by its clock; zero if it does not say
}

// Errors of the package.
var (
	ErrUnknownProvider = errors.New("there is no such provider")
	// ErrNeverAgain is answered for a provider that cannot be told to ask somebody again, see Named.Again.
	ErrNeverAgain = errors.New("the provider cannot be told to ask again")
	// ErrDenied: the person said no at the provider.
	ErrDenied = errors.New("the sign-in was cancelled at the provider")
	// ErrAnswer is wrapped by what is wrong with a provider's answer: state, issuer, code, signature, nonce.
	ErrAnswer = errors.New("the provider's answer is not valid")
	// ErrUnreachable is wrapped if a provider does not answer.
	ErrUnreachable = errors.New("the provider cannot be reached")
)
