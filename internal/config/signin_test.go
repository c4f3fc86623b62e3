package config_test

import (
	"strings"
	"testing"
	"time"

	"tandem.example/tandem/internal/config"
	"tandem.example/tandem/internal/secret"
)

func provider(name, kind, issuer string) config.Provider {
	return config.Provider{Name: name, Kind: kind, Issuer: issuer, ClientID: "id", ClientSecret: secret.NewText("s")}
}

func TestRefusedOfPeople(t *testing.T) {
	for _, test := range []struct {
		name   string
		change func(*config.Config)
		key    string
		part   string
	}{
		{"mail without a sender", func(c *config.Config) { c.Mail.Server = "smtp.example.com:587" }, "mail.from", "must be a mail address"},
		{"long service name", func(c *config.Config) { c.ServiceName = strings.Repeat("é", 61) }, "service_name", "more than 60"},
		{"unknown method", func(c *config.Config) { c.SignIn.Methods = []string{"pasword"} }, "sign_in.methods", "did you mean password?"},
		{"second factor as a method", func(c *config.Config) { c.SignIn.Methods = []string{"totp"} }, "sign_in.methods", "no method to sign in with"},
		{"method twice", func(c *config.Config) { c.SignIn.Methods = []string{"password", "password"} }, "sign_in.methods", "twice"},
		{"codes without mail", func(c *config.Config) { c.SignIn.Methods = []string{"email_code"} }, "sign_in.methods", "set mail.server"},
		{"provider that is none", func(c *config.Config) { c.SignIn.Methods = []string{"provider:google"} }, "sign_in.methods", "configure it below providers"},
		{"second factor", func(c *config.Config) { c.SignIn.SecondFactor = "always" }, "sign_in.second_factor", "if_enrolled, required or never"},
		{"remembered for ever", func(c *config.Config) { c.SignIn.Remember = 366 * 24 * time.Hour }, "sign_in.remember", "from 0s to 365d"},
		{"acr", func(c *config.Config) { c.SignIn.ACR = "3" }, "sign_in.acr", "1 or 2"},
		{"acr against second factor", func(c *config.Config) { c.SignIn.ACR, c.SignIn.SecondFactor = "2", "never" }, "sign_in.acr", "forbids"},
		{"provider without client", func(c *config.Config) {
			c.Providers = []config.Provider{{Name: "google", ClientSecret: secret.NewText("x")}}
		}, "providers.google.client_id", "missing"},
		{"provider without secret", func(c *config.Config) { c.Providers = []config.Provider{{Name: "google", ClientID: "x"}} }, "providers.google.client_secret", "TANDEM_PROVIDERS_GOOGLE_CLIENT_SECRET"},
		{"provider without issuer", func(c *config.Config) { c.Providers = []config.Provider{provider("acme", "", "")} }, "providers.acme.issuer", "missing"},
		{"provider in the clear", func(c *config.Config) { c.Providers = []config.Provider{provider("acme", "", "http://id.example.com")} }, "providers.acme.issuer", "https"},
		{"Google elsewhere", func(c *config.Config) {
			c.Providers = []config.Provider{provider("google", "", "https://id.example.com")}
		}, "providers.google.issuer", "Google's own"},
		{"unknown kind", func(c *config.Config) {
			c.Providers = []config.Provider{provider("acme", "githup", "https://id.example.com")}
		}, "providers.acme.kind", "did you mean github?"},
		{"name of a provider", func(c *config.Config) {
			c.Providers = []config.Provider{provider("Acme", "", "https://id.example.com")}
		}, "providers", "a-z"},
		{"provider twice", func(c *config.Config) {
			c.Providers = []config.Provider{provider("a", "", "https://a.example.com"), provider("a", "", "https://b.example.com")}
		}, "providers", "of their own"},
		{"long title", func(c *config.Config) {
			c.Providers = []config.Provider{{Name: "google", ClientID: "x", ClientSecret: secret.NewText("x"), Title: strings.Repeat("x", 61)}}
		}, "providers.google.title", "60"},
	} {
		t.Run(test.name, func(t *testing.T) {
			err := at(test.change).Validate()
			got := found(t, err, "./x")
			if len(got) != 1 || !strings.HasPrefix(got[0], test.key+" ") || !strings.Contains(got[0], test.part) {
				t.Errorf("got %q, want one problem of %s with %q", got, test.key, test.part)
			}
		})
	}
}

func TestEmailCodesWhereMailIsPrinted(t *testing.T) {
	c := config.Config{Dev: true, SignIn: config.SignIn{Methods: []string{"email_code", "provider:acme"}},
		Providers: []config.Provider{provider("acme", "", "http://localhost:9")}}
	if err := c.Validate(); err != nil {
		t.Error(err)
	}
	if c = c.WithDefaults(); c.SignIn.Window() != 30*24*time.Hour || c.ServiceName != "Tandem" || c.Providers[0].Title != "acme" {
		t.Errorf("defaults: %+v %q %+v", c.SignIn, c.ServiceName, c.Providers)
	}
	if c.SignIn.Remember = config.NeverRemember; c.SignIn.Window() != 0 || c.Validate() != nil {
		t.Errorf("remembered for %s", c.SignIn.Window())
	}
}
