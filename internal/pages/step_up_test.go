package pages_test

import (
	"html"
	"regexp"
	"strings"
	"testing"

	"tandem.example/tandem"
	"tandem.example/tandem/internal/config"
	"tandem.example/tandem/internal/lab/provider"
	"tandem.example/tandem/internal/secret"
)

// TestStepUpTakesBothFactors: whoever has two factors proves both, and is not offered a code by mail instead of either.
func TestStepUpTakesBothFactors(t *testing.T) {
	t.Parallel()
	w := found(t, nil)
	b := w.browser()
	b.signUp("alice@example.com")
	seed, _, _ := b.addTOTP()
	old := b.cookie("tandem_session")
	p := b.at(b.get("/step-up?return_to=/account/password"), 200, "/sign-in/password", "Confirm it’s you")
	if strings.Contains(p.body, "/sign-in/code/send") || strings.Contains(p.body, "/sign-in/totp") {
		t.Errorf("another proof is offered: %s", mainPart(p.body))
	}
	b.post("/sign-in/code/send")
	b.at(b.post("/sign-in/totp", "code", totp(t, seed, 1)), 200, "/sign-in/password")
	b.at(b.post("/sign-in/password", "password", password), 200, "/sign-in/totp", "Confirm it’s you")
	if b.cookie("tandem_session") != old {
		t.Error("the password alone gave the session new credentials")
	}
	b.at(b.post("/sign-in/totp", "code", totp(t, seed, 1)), 200, "/account/password", "Current password")
	if b.cookie("tandem_session") == old {
		t.Error("the session has the credentials that it had")
	}
}

// TestStepUpAtAProvider: somebody who has nothing else is asked there, and it has to say that it asked. One that cannot
// does not lock them out: they are told how to go on.
func TestStepUpAtAProvider(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{config.ProviderOIDC, config.ProviderGitHub} {
		there := provider.Start(t)
		w := open(t, nil, func(c *tandem.Config) {
			c.Providers = []config.Provider{{Name: "acme", Title: "Acme", Kind: kind, Issuer: there.URL, ClientID: there.ClientID, ClientSecret: secret.NewText(there.ClientSecret)}}
			there.Redirects = []string{c.Issuer + "/callback/acme"}
		})
		b := w.browser()
		away := func() shown {
			t.Helper()
			p := b.post("/sign-in/provider/acme")
			to := regexp.MustCompile(`http-equiv="refresh" content="0; url=([^"]+)"`).FindStringSubmatch(p.body)
			if to == nil {
				t.Fatalf("%s: nobody is sent away: %d %s", kind, p.status, mainPart(p.body))
			}
			return b.get(back(t, html.UnescapeString(to[1]), "yes", w.url))
		}
		b.get("/sign-in")
		b.at(away(), 200, "/account", "Anna")
		old := b.cookie("tandem_session")
		if kind == config.ProviderGitHub {
			b.at(b.get("/step-up?return_to=/account/password"), 400, "/step-up?return_to=/account/password", "Sign out and sign in again")
			b.at(b.get("/account/password"), 200, "/account/password") // a moment after the sign-in
			continue
		}
		b.at(b.get("/step-up?return_to=/account/password"), 200, "/sign-in/next", "Confirm it’s you", "Acme")
		for _, fault := range []provider.Fault{provider.AsksNobody, provider.SaysNever, provider.SaysWords, provider.SaysLater} {
			there.Do(fault)
			b.at(away(), 200, "/sign-in/next?notice=sign_in_again", "Sign out and sign in again")
		}
		if b.cookie("tandem_session") != old {
			t.Error("the session was stepped up")
		}
		there.Do(provider.None)
		b.at(away(), 200, "/account/password")
		if b.cookie("tandem_session") == old {
			t.Error("the session was not stepped up")
		}
	}
}
