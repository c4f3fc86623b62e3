package federate

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"

	"golang.org/x/oauth2"
)

// gitHub is github.com or a GitHub Enterprise server: OAuth 2.0, and an API that says who somebody is.
type gitHub struct {
	Provider
	web  *http.Client
	base string // of its pages
	api  string
}

func newGitHub(p Provider, web *http.Client) *gitHub {
	g := &gitHub{Provider: p, web: web, base: "https://github.com", api: "https://api.github.com"}
	if p.Issuer != "" {
		g.base, g.api = p.Issuer, p.Issuer+"/api/v3"
	}
	return g
}

func (g *gitHub) http() *http.Client { return g.web }

// again: GitHub has no way to be told, and says nothing of when somebody signed in there.
func (g *gitHub) again() []oauth2.AuthCodeOption { return nil }

// issuer: GitHub tells none. Its answers cannot be mistaken for another's, since each provider has a redirect URI of
// its own (RFC 9700 §4.4.2).
func (g *gitHub) issuer(context.Context) (string, bool, error) { return "", false, nil }

func (g *gitHub) client(_ context.Context, redirect string) (*oauth2.Config, error) {
	return &oauth2.Config{
		ClientID: g.ClientID, ClientSecret: g.ClientSecret.Reveal(), RedirectURL: redirect, Scopes: []string{"read:user", "user:email"},
		Endpoint: oauth2.Endpoint{AuthURL: g.base + "/login/oauth/authorize", TokenURL: g.base + "/login/oauth/access_token", AuthStyle: oauth2.AuthStyleInParams},
	}, nil
}

func (g *gitHub) who(ctx context.Context, t *oauth2.Token, _ string) (Identity, error) {
	var user struct {
		ID    int64  `json:"id"` // names can be given up and taken by others, ids cannot
		Login string `json:"login"`
		Name  string `json:"name"`
	}
	if err := g.get(ctx, t, "/user", &user); err != nil {
		return Identity{}, err
	}
	if user.ID <= 0 {
		return Identity{}, wrong("it names no user")
	}
	var emails []struct {
		Email    string `json:"email"`
		Primary  bool   `json:"primary"`
		Verified bool   `json:"verified"`
	}
	if err := g.get(ctx, t, "/user/emails", &emails); err != nil {
		return Identity{}, err
	}
	id := Identity{Subject: strconv.FormatInt(user.ID, 10), Name: user.Name}
	if id.Name == "" {
		id.Name = user.Login
	}
	for _, e := range emails {
		if e.Primary {
			id.Email, id.EmailVerified = e.Email, e.Verified
		}
	}
	return id, nil
}

func (g *gitHub) get(ctx context.Context, t *oauth2.Token, path string, into any) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, g.api+path, nil)
	if err != nil {
		return unreachable(path, err)
	}
	t.SetAuthHeader(r)
	r.Header.Set("Accept", "application/vnd.github+json")
	r.Header.Set("X-GitHub-Api-Version", "2022-11-28")
	resp, err := g.web.Do(r)
	if err != nil {
		return unreachable(path, err)
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%w: for %s: status %d", ErrUnreachable, path, resp.StatusCode)
	}
	if err := json.NewDecoder(resp.Body).Decode(into); err != nil {
		return wrong("what it says of the user cannot be read")
	}
	return nil
}
