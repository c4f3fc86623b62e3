package e2e

import (
	"strings"
	"testing"

	"tandem.example/tandem"
	"tandem.example/tandem/e2e/site"
	"tandem.example/tandem/internal/config"
	"tandem.example/tandem/internal/lab/provider"
	"tandem.example/tandem/internal/secret"
	"tandem.example/tandem/internal/signin"
)

// withProvider puts up a Tandem with a provider of identities beside it.
func withProvider(t *testing.T, change func(*tandem.Config)) (*site.Site, *provider.Provider) {
	t.Helper()
	chromium(t) // or the test is skipped before anything is started
	p := provider.Start(t)
	s := site.Start(t, site.Config{Change: func(c *tandem.Config) {
		c.Providers = []config.Provider{{Name: "example", Kind: config.ProviderOIDC, Issuer: p.URL, Title: "Example", ClientID: p.ClientID, ClientSecret: secret.NewText(p.ClientSecret)}}
		if change != nil {
			change(c)
		}
	}})
	p.Redirects = []string{s.URL + signin.CallbackPath("example")}
	return s, p
}

// goThrough clicks the provider's button, and says yes or no there.
func (p *person) goThrough(answer string) {
	p.t.Helper()
	p.Click(p.say("pages.way.provider", "Name", "Example"))
	p.AwaitText("Example provider")
	p.Faults() // the provider has no icon
	p.Follow(answer)
}

// Somebody new signs in with a provider and has an account; who says no there is told so; and who has an account with the
// same address is not taken for its owner, but connects the two after proving both.
func TestProvider(t *testing.T) {
	t.Parallel()
	s, elsewhere := withProvider(t, nil)
	p := visitor(t, s)
	p.goTo("/sign-in")
	p.goThrough("Cancel")
	p.at("/sign-in")
	p.sees("pages.notice.denied")
	p.goThrough("Continue as Anna")
	p.at("/account")
	if !strings.Contains(p.Text(), "anna@example.com") {
		t.Errorf("the account page says %s", p.Text())
	}
	again := visitor(t, s)
	again.goTo("/sign-in")
	again.goThrough("Continue as Anna")
	again.at("/account")

	visitor(t, s).signUp(ada, "Ada", password)
	elsewhere.Set(provider.Person{Subject: "4712", Email: ada, Verified: true, Name: "Ada"})
	q := visitor(t, s)
	q.goTo("/sign-in")
	q.goThrough("Continue as Ada")
	if q.Profile.Cookie("tandem_session") != nil {
		t.Fatal("the provider's word for an address opened the account of its owner here")
	}
	q.sees("pages.notice.unverified")
	q.signIn(ada, password)
	q.goTo("/account/security")
	q.Click(q.say("pages.connect") + " Example")
	q.AwaitText("Example provider")
	q.Faults()
	q.Follow("Continue as Ada")
	q.at("/account/security")
	q.sees("pages.disconnect")
	r := visitor(t, s)
	r.goTo("/sign-in")
	r.goThrough("Continue as Ada")
	r.at("/account")
}
