package tandem

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"tandem.example/tandem/internal/config"
	"tandem.example/tandem/internal/lab/provider"
	"tandem.example/tandem/internal/signin"
)

// TestSignInThroughAConfiguredProvider: what the configuration says is enough, and whoever comes back is the same user.
func TestSignInThroughAConfiguredProvider(t *testing.T) {
	idp := provider.Start(t)
	h := furnish(t, func(c *Config) {
		c.Providers = []config.Provider{{Name: "acme", Title: "Acme ID", Issuer: idp.URL, ClientID: idp.ClientID}}
		c.Providers[0].ClientSecret.UnmarshalText([]byte(idp.ClientSecret)) //nolint:errcheck // takes any text
	})
	if idp.Asked("/.well-known/openid-configuration") != 0 {
		t.Error("the provider was asked before anybody wanted to go there")
	}
	back := h.server.Issuer() + signin.CallbackPath("acme")
	idp.Redirects = []string{back}
	people := h.server.parts.signin
	enter := func() signin.Grant {
		t.Helper()
		begun, err := people.Begin(t.Context(), signin.Begin{Purpose: signin.ToSignIn}, signin.Client{})
		if err != nil {
			t.Fatal(err)
		}
		to, err := people.AskProvider(t.Context(), begun.Token, "acme", signin.Client{})
		if err != nil {
			t.Fatal(err)
		}
		browser := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
		resp, err := browser.PostForm(to, url.Values{"answer": {"yes"}})
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		at, err := resp.Location()
		if err != nil || !strings.HasPrefix(at.String(), back+"?") {
			t.Fatalf("sent to %s, %v", at, err)
		}
		done, err := people.ProveProvider(t.Context(), begun.Token, "acme", at.Query(), signin.Client{})
		if err != nil || !done.Done {
			t.Fatalf("done: %t, %v", done.Done, err)
		}
		return done.Grant
	}
	first, again := enter(), enter()
	if first.View.User.Email != "anna@example.com" || !first.View.User.EmailVerified || first.View.User.ID != again.View.User.ID || first.View.Session.ID == again.View.Session.ID {
		t.Errorf("%+v\n%+v", first.View.User, again.View.User)
	}
}
