package federate

import (
	"context"
	"crypto/subtle"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

const (
	// discoverEvery is for how long what a provider says of itself is taken for true.
	discoverEvery = time.Hour
	// discoverAgain is for how long a provider that did not answer is not asked again.
	discoverAgain = 3 * time.Second
)

// connect is an OpenID Connect provider.
type connect struct {
	Provider
	web *http.Client
	now func() time.Time

	turn chan struct{} // held by whoever asks the provider
	mu   sync.Mutex
	last *metadata // what it said last; nil if it never answered
	next time.Time // not to be asked before
	err  error     // why it did not answer
}

// metadata is what a provider says of itself (OpenID Connect Discovery 1.0 §3).
type metadata struct {
	provider *oidc.Provider
	endpoint oauth2.Endpoint
	mustIss  bool
}

func newConnect(p Provider, web *http.Client, c Config) *connect {
	return &connect{Provider: p, web: web, now: c.Now, turn: make(chan struct{}, 1)}
}

func (c *connect) http() *http.Client { return c.web }

// again asks for a new authentication in both ways that there are, of which max_age has the ID token say when it was
// (OpenID Connect Core 1.0 §3.1.2.1, §2). Google takes neither: its prompt knows none, consent and select_account.
func (c *connect) again() []oauth2.AuthCodeOption {
	if c.Kind == KindGoogle {
		return nil
	}
	return []oauth2.AuthCodeOption{oauth2.SetAuthURLParam("prompt", "login"), oauth2.SetAuthURLParam("max_age", "0")}
}

// discover answers what the provider says of itself. While it does not answer, what it said last counts.
func (c *connect) discover(ctx context.Context) (*metadata, error) {
	if m, err, fresh := c.known(); fresh {
		return m, err
	}
	select {
	case c.turn <- struct{}{}:
		defer func() { <-c.turn }()
	case <-ctx.Done():
		return nil, unreachable("its configuration", ctx.Err())
	}
	if m, err, fresh := c.known(); fresh { // somebody else has asked meanwhile
		return m, err
	}
	// Others wait for the answer, so it must not depend on one caller's patience; the client has a timeout.
	m, err := c.ask(context.WithoutCancel(ctx))
	c.mu.Lock()
	defer c.mu.Unlock()
	if err != nil {
		c.next, c.err = c.now().Add(discoverAgain), err
		if c.last != nil {
			return c.last, nil
		}
		return nil, err
	}
	c.last, c.err, c.next = m, nil, c.now().Add(discoverEvery)
	return m, nil
}

func (c *connect) known() (m *metadata, err error, fresh bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.now().Before(c.next) {
		return nil, nil, false
	}
	if c.last != nil {
		return c.last, nil, true
	}
	return nil, c.err, c.err != nil
}

func (c *connect) ask(ctx context.Context) (*metadata, error) {
	p, err := oidc.NewProvider(oidc.ClientContext(ctx, c.web), c.Issuer)
	if err != nil {
		return nil, unreachable("its configuration", err)
	}
	var more struct {
		Iss     bool     `json:"authorization_response_iss_parameter_supported"`
		Methods []string `json:"token_endpoint_auth_methods_supported"`
		JWKS    string   `json:"jwks_uri"`
	}
	if err := p.Claims(&more); err != nil {
		return nil, unreachable("its configuration", err)
	}
	m := &metadata{provider: p, endpoint: p.Endpoint(), mustIss: more.Iss}
	for _, address := range []string{m.endpoint.AuthURL, m.endpoint.TokenURL, more.JWKS} {
		if !secureURL(address) {
			return nil, unreachable("its configuration", errInsecure)
		}
	}
	// Never by trial: a code is good for one try.
	m.endpoint.AuthStyle = oauth2.AuthStyleInHeader
	if len(more.Methods) > 0 && !slices.Contains(more.Methods, "client_secret_basic") {
		m.endpoint.AuthStyle = oauth2.AuthStyleInParams
	}
	return m, nil
}

func (c *connect) client(ctx context.Context, redirect string) (*oauth2.Config, error) {
	m, err := c.discover(ctx)
	if err != nil {
		return nil, err
	}
	return &oauth2.Config{ClientID: c.ClientID, ClientSecret: c.ClientSecret.Reveal(), Endpoint: m.endpoint, RedirectURL: redirect,
		Scopes: []string{oidc.ScopeOpenID, "email", "profile"}}, nil
}

func (c *connect) issuer(ctx context.Context) (string, bool, error) {
	m, err := c.discover(ctx)
	if err != nil {
		return "", false, err
	}
	return c.Issuer, m.mustIss, nil
}

// claims are those that are read of an ID token or of userinfo.
type claims struct {
	Email    string   `json:"email"`
	Verified verified `json:"email_verified"`
	Name     string   `json:"name"`
	Party    string   `json:"azp"`
}

// verified is a boolean that some providers write as a text.
type verified bool

func (v *verified) UnmarshalJSON(b []byte) error {
	*v = string(b) == "true" || string(b) == `"true"`
	return nil
}

// instant is a time in seconds (RFC 7519 §2, NumericDate). What cannot be read as one is none.
type instant struct{ time.Time }

func (i *instant) UnmarshalJSON(b []byte) error {
	const last = 1 << 40 // seconds, far beyond any year that matters
	if seconds, err := strconv.ParseFloat(string(b), 64); err == nil && seconds > 0 && seconds < last {
		i.Time = time.Unix(int64(seconds), 0)
	}
	return nil
}

func (c *connect) who(ctx context.Context, t *oauth2.Token, nonce string) (Identity, error) {
	m, err := c.discover(ctx)
	if err != nil {
		return Identity{}, err
	}
	raw, ok := t.Extra("id_token").(string)
	if !ok {
		return Identity{}, wrong("it has no ID token")
	}
	token, err := m.provider.Verifier(&oidc.Config{ClientID: c.ClientID, Now: c.now}).Verify(oidc.ClientContext(ctx, c.web), raw)
	if err != nil {
		return Identity{}, wrong("the signature, issuer, audience or time of the ID token")
	}
	if nonce == "" || subtle.ConstantTimeCompare([]byte(token.Nonce), []byte(nonce)) != 1 {
		return Identity{}, wrong("the nonce of the ID token")
	}
	if token.AccessTokenHash != "" && token.VerifyAccessToken(t.AccessToken) != nil {
		return Identity{}, wrong("the ID token is of another access token")
	}
	var (
		says claims
		when struct {
			AuthTime instant `json:"auth_time"`
		}
	)
	if token.Claims(&says) != nil || token.Claims(&when) != nil {
		return Identity{}, wrong("the claims of the ID token")
	}
	// OpenID Connect Core 1.0 §3.1.3.7: a token for several must be issued to us.
	if says.Party != "" && says.Party != c.ClientID || len(token.Audience) > 1 && says.Party == "" {
		return Identity{}, wrong("the ID token was issued to another party")
	}
	if says.Email == "" && m.provider.UserInfoEndpoint() != "" {
		if says, err = c.userinfo(ctx, m, t, token.Subject); err != nil {
			return Identity{}, err
		}
	}
	return Identity{Subject: token.Subject, Email: says.Email, EmailVerified: says.Email != "" && bool(says.Verified), Name: says.Name,
		AuthTime: when.AuthTime.Time}, nil
}

// userinfo asks for the claims that the ID token does not hold.
func (c *connect) userinfo(ctx context.Context, m *metadata, t *oauth2.Token, subject string) (says claims, err error) {
	info, err := m.provider.UserInfo(oidc.ClientContext(ctx, c.web), oauth2.StaticTokenSource(t))
	if err != nil {
		return says, fmt.Errorf("%w: for who it is", ErrUnreachable)
	}
	// §5.3.2: an answer about another subject must not be used.
	if info.Subject != subject || info.Claims(&says) != nil {
		return claims{}, wrong("it tells of another subject")
	}
	return says, nil
}
