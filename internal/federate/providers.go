package federate

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"golang.org/x/oauth2"

	"tandem.example/tandem/internal/secret"
)

// The kinds of provider.
const (
	KindGoogle = "google"
	KindGitHub = "github"
	KindOIDC   = "oidc" // OpenID Connect with discovery
)

// Provider says how to speak to one.
type Provider struct {
	Name         string
	Title        string
	Kind         string
	Issuer       string // of KindOIDC; of KindGitHub the URL of an Enterprise server, empty for github.com
	ClientID     string
	ClientSecret secret.Text
}

// Config are the providers, in the order in which they are offered.
type Config struct {
	Providers []Provider
	Timeout   time.Duration // of each request; 10 s if zero
	Now       func() time.Time
}

// Providers speaks to the configured providers. Nothing is asked of one before somebody wants to sign in there, so one
// that is down keeps nothing from starting. Safe for concurrent use.
type Providers struct {
	names []Named
	peers map[string]peer
}

// peer is a provider of some kind.
type peer interface {
	// client answers how to ask for access there, and in what more a request for an authentication differs.
	client(ctx context.Context, redirect string) (*oauth2.Config, error)
	// issuer answers the value of iss that an answer has to carry, and whether it must have one (RFC 9207).
	issuer(ctx context.Context) (iss string, must bool, err error)
	// who asks who the token is of.
	who(ctx context.Context, t *oauth2.Token, nonce string) (Identity, error)
	// http is the client for requests to it.
	http() *http.Client
	// again is what tells it to ask whoever is signed in there again; nil if nothing does.
	again() []oauth2.AuthCodeOption
}

// New makes the providers. It does not connect.
func New(c Config) (*Providers, error) {
	if c.Timeout <= 0 {
		c.Timeout = 10 * time.Second
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	p := &Providers{peers: map[string]peer{}}
	for _, one := range c.Providers {
		if _, twice := p.peers[one.Name]; twice {
			return nil, fmt.Errorf("provider %s is configured twice", one.Name)
		}
		client := newClient(c.Timeout)
		switch one.Kind {
		case KindGoogle:
			one.Issuer = "https://accounts.google.com"
			p.peers[one.Name] = newConnect(one, client, c)
		case KindOIDC:
			p.peers[one.Name] = newConnect(one, client, c)
		case KindGitHub:
			p.peers[one.Name] = newGitHub(one, client)
		default:
			return nil, fmt.Errorf("provider %s is of no known kind", one.Name)
		}
		p.names = append(p.names, Named{Name: one.Name, Title: one.Title, Again: p.peers[one.Name].again() != nil})
	}
	return p, nil
}

// List answers the providers in the order configured. The slice is the caller's.
func (p *Providers) List() []Named { return append([]Named(nil), p.names...) }

// Begin answers the URL to send the browser to, and what to keep until it is back. redirect is where it comes back to,
// exactly as registered at the provider. again: whoever is signed in there is to be asked all the same; Identity.AuthTime
// tells whether they were. Errors: ErrUnknownProvider, ErrUnreachable, ErrNeverAgain.
func (p *Providers) Begin(ctx context.Context, provider, redirect string, again bool) (url string, h Handshake, err error) {
	peer, ok := p.peers[provider]
	if !ok {
		return "", h, ErrUnknownProvider
	}
	c, err := peer.client(ctx, redirect)
	if err != nil {
		return "", h, fmt.Errorf("begin at provider %s: %w", provider, err)
	}
	h = Handshake{State: random(), Nonce: random(), Verifier: oauth2.GenerateVerifier()}
	options := []oauth2.AuthCodeOption{oauth2.SetAuthURLParam("nonce", h.Nonce), oauth2.S256ChallengeOption(h.Verifier)}
	if again {
		more := peer.again()
		if more == nil {
			return "", Handshake{}, fmt.Errorf("begin at provider %s: %w", provider, ErrNeverAgain)
		}
		options = append(options, more...)
	}
	return c.AuthCodeURL(h.State, options...), h, nil
}

// Finish reads the parameters that the browser came back with, and asks the provider who it is. Whoever calls it has
// taken h from the browser that Begin was for, and takes it once.
// Errors: ErrDenied, ErrAnswer, ErrUnreachable, ErrUnknownProvider.
func (p *Providers) Finish(ctx context.Context, provider, redirect string, h Handshake, query map[string][]string) (Identity, error) {
	peer, ok := p.peers[provider]
	if !ok {
		return Identity{}, ErrUnknownProvider
	}
	id, err := finish(ctx, peer, redirect, h, query)
	if err != nil {
		return Identity{}, fmt.Errorf("finish at provider %s: %w", provider, err)
	}
	id.Provider = provider
	return id, nil
}

func finish(ctx context.Context, p peer, redirect string, h Handshake, query map[string][]string) (Identity, error) {
	one := func(name string) string { // a parameter that is given twice counts as none
		if values := query[name]; len(values) == 1 {
			return values[0]
		}
		return ""
	}
	if !h.Carried(query) { // nothing else of it is read
		return Identity{}, wrong("it carries another state")
	}
	iss, must, err := p.issuer(ctx)
	if err != nil {
		return Identity{}, err
	}
	// RFC 9207 §2.4: of an error, too.
	if got, given := query["iss"]; iss != "" && (must && !given || given && (len(got) != 1 || got[0] != iss)) {
		return Identity{}, wrong("it is of another issuer")
	}
	if refused, given := query["error"]; given {
		if len(refused) == 1 && refused[0] == "access_denied" {
			return Identity{}, ErrDenied
		}
		return Identity{}, wrong("it is an error")
	}
	code := one("code")
	if code == "" || len(code) > maxCode {
		return Identity{}, wrong("it has no code")
	}
	c, err := p.client(ctx, redirect)
	if err != nil {
		return Identity{}, err
	}
	token, err := c.Exchange(context.WithValue(ctx, oauth2.HTTPClient, p.http()), code, oauth2.VerifierOption(h.Verifier))
	if err != nil {
		return Identity{}, exchangeError(err)
	}
	id, err := p.who(ctx, token, h.Nonce)
	if err != nil {
		return Identity{}, err
	}
	id.Name, id.Email = clean(id.Name, maxName), clean(id.Email, maxEmail)
	if id.Subject == "" || len(id.Subject) > maxSubject || strings.ContainsFunc(id.Subject, unprintable) {
		return Identity{}, wrong("it names no subject")
	}
	return id, nil
}

// Bounds of what an answer may hold, in bytes and characters.
const (
	maxCode    = 4096
	maxSubject = 255 // OpenID Connect Core 1.0 §2
	maxName    = 100
	maxEmail   = 254
)

// wrong says what is wrong with an answer, in words of ours: those of the answer may be anybody's.
func wrong(what string) error { return fmt.Errorf("%w: %s", ErrAnswer, what) }

// exchangeError tells a code that was refused from a provider that could not answer. The error of the library may hold
// what the provider wrote, and is dropped.
func exchangeError(err error) error {
	var refused *oauth2.RetrieveError
	switch {
	case !errors.As(err, &refused):
		return fmt.Errorf("%w: for a token: %w", ErrUnreachable, plain(err))
	case refused.Response != nil && refused.Response.StatusCode >= 500:
		return fmt.Errorf("%w: for a token: status %d", ErrUnreachable, refused.Response.StatusCode)
	case refused.ErrorCode == "invalid_client" || refused.ErrorCode == "unauthorized_client" || refused.ErrorCode == "incorrect_client_credentials":
		return wrong("it does not take our client_id and client_secret")
	}
	return wrong("it refuses its own code")
}
