// Package provider is a provider of identities for tests: a real OpenID Connect provider, and a GitHub, over HTTP, with
// a page on which one click says yes. It checks what is asked of it as strictly as good ones do, and makes the mistakes
// and attacks that a client has to stand, when told to.
//
// It is for tests of package federate and of whole servers in a browser, and keeps everything in memory. It is no
// provider for people: whoever comes is the Person that it was told.
package provider

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
)

// Person is who signs in.
type Person struct {
	Subject  string // of GitHub a number
	Email    string // empty: the provider tells none
	Verified bool
	Name     string
}

// Fault is something that the provider does wrong.
type Fault string

// The faults. None of them may end in an identity.
const (
	None          Fault = ""
	WrongState    Fault = "wrong state"
	WrongNonce    Fault = "wrong nonce"
	WrongIssuer   Fault = "wrong iss in the ID token"
	WrongAudience Fault = "wrong aud"
	WrongParty    Fault = "wrong azp"
	WrongHash     Fault = "wrong at_hash"
	NoSubject     Fault = "no sub"
	AlgNone       Fault = "alg none"
	SharedKey     Fault = "HS256 with the client secret"
	OtherKey      Fault = "signed by another key"
	Expired       Fault = "expired"
	NoIDToken     Fault = "no ID token"
	Denied        Fault = "access denied" // as by the button Cancel
	OtherError    Fault = "an error in the answer"
	MixUp         Fault = "iss of another provider" // RFC 9207: the answer comes from another one
	NoIss         Fault = "no iss, although promised"
	TwoCodes      Fault = "two codes"
	BadCode       Fault = "the code is refused"
	Broken        Fault = "status 500"
	Huge          Fault = "long answers"
	Elsewhere     Fault = "redirects to another host"
	OtherUserinfo Fault = "userinfo of another subject"
	Misnamed      Fault = "discovery names another issuer"
)

// The faults of a provider that is told to ask somebody again who is signed in there. They end in an identity, which is
// no proof that the person is there.
const (
	AsksNobody Fault = "does not ask again, and says so by auth_time"
	SaysNever  Fault = "does not say when it asked"
	SaysLater  Fault = "says that it asked tomorrow"
	SaysWords  Fault = "says in words when it asked"
)

// signedInBefore is how long ago whoever comes has signed in at the provider.
const signedInBefore = 72 * time.Hour

// Provider is one. Its fields are set before it is asked; Set changes them afterwards.
type Provider struct {
	URL          string // where it is, without a slash at the end; its issuer
	ClientID     string
	ClientSecret string
	Redirects    []string // registered redirect URIs, compared exactly
	// InParams takes the client's secret in the body instead of the header.
	InParams bool
	// BareToken leaves the address out of the ID token: it is told by userinfo.
	BareToken bool

	mu     sync.Mutex
	person Person
	fault  Fault
	asked  map[string]int // requests by path
	grants map[string]grant
	tokens map[string]Person // by access token
	key    *ecdsa.PrivateKey
	other  *ecdsa.PrivateKey
}

// New makes a provider that is found at url.
func New(url string) *Provider {
	p := &Provider{URL: url, ClientID: "tandem", ClientSecret: "provider secret", asked: map[string]int{},
		grants: map[string]grant{}, tokens: map[string]Person{},
		person: Person{Subject: "4711", Email: "anna@example.com", Verified: true, Name: "Anna"}}
	p.key, p.other = newKey(), newKey()
	return p
}

func newKey() *ecdsa.PrivateKey {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err) // there is no machine without randomness
	}
	return key
}

// Start serves a new provider on the loopback until the test ends.
func Start(t testing.TB) *Provider {
	t.Helper()
	var p *Provider
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { p.ServeHTTP(w, r) }))
	t.Cleanup(server.Close)
	p = New(server.URL)
	return p
}

// Set changes who signs in.
func (p *Provider) Set(person Person) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.person = person
}

// Do has it make a mistake from now on.
func (p *Provider) Do(f Fault) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.fault = f
}

// Asked answers how often a path was asked for.
func (p *Provider) Asked(path string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.asked[path]
}

func (p *Provider) state() (Person, Fault) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.person, p.fault
}

// ServeHTTP implements http.Handler.
func (p *Provider) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	p.asked[r.URL.Path]++
	fault := p.fault
	p.mu.Unlock()
	back := r.URL.Path != "/authorize" && r.URL.Path != "/login/oauth/authorize" // asked by the server, not by a browser
	switch {
	case fault == Broken && back:
		http.Error(w, "broken, and telling "+p.ClientSecret, http.StatusInternalServerError)
		return
	case fault == Elsewhere && back:
		if !strings.HasPrefix(r.Host, "localhost:") { // which is another host, and answers as this one does
			http.Redirect(w, r, strings.Replace(p.URL, "127.0.0.1", "localhost", 1)+r.URL.Path, http.StatusTemporaryRedirect)
			return
		}
	case fault == Huge && back: // right, but for a client that reads without end
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(bytes.Repeat([]byte(" "), 600<<10))
	}
	switch r.Method + " " + r.URL.Path {
	case "GET /.well-known/openid-configuration":
		p.discovery(w)
	case "GET /keys":
		p.keys(w)
	case "GET /authorize", "GET /login/oauth/authorize":
		p.page(w, r)
	case "POST /authorize", "POST /login/oauth/authorize":
		p.decide(w, r)
	case "POST /token":
		p.token(w, r)
	case "GET /userinfo":
		p.userinfo(w, r)
	case "POST /login/oauth/access_token":
		p.gitHubToken(w, r)
	case "GET /api/v3/user":
		p.gitHubUser(w, r)
	case "GET /api/v3/user/emails":
		p.gitHubEmails(w, r)
	default:
		http.NotFound(w, r)
	}
}
