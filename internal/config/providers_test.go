package config_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tandem.example/tandem/internal/config"
)

func TestProviders(t *testing.T) {
	file := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(file, []byte("from a file\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	path := write(t, `providers:
  google: {client_id: g}
  github: {client_id: h, client_secret_file: `+file+`}
  acme-id:
    issuer: https://id.example.com/realms/acme
    title: Acme
    client_id: a
    client_secret: b
  2024: {kind: github, issuer: "https://git.example.com", client_id: x, client_secret: y}
`)
	c, err := config.Load(config.Options{Path: path, Env: []string{
		"TANDEM_PROVIDERS_GOOGLE_CLIENT_SECRET=from the environment", "TANDEM_PROVIDERS_ACME_ID_CLIENT_SECRET_FILE=" + file,
		"TANDEM_PROVIDERS_MORE_CLIENT_ID=m", "TANDEM_PROVIDERS_MORE_CLIENT_SECRET=n", "TANDEM_PROVIDERS_MORE_ISSUER=http://127.0.0.1:9"}})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, p := range c.Providers {
		got = append(got, strings.Join([]string{p.Name, p.Kind, p.Issuer, p.Title, p.ClientID, p.ClientSecret.Reveal()}, "|"))
	}
	want := []string{"google|google||Google|g|from the environment", "github|github||GitHub|h|from a file",
		"acme-id|oidc|https://id.example.com/realms/acme|Acme|a|from a file", "2024|github|https://git.example.com|GitHub|x|y",
		"more|oidc|http://127.0.0.1:9|more|m|n"}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	var text bytes.Buffer
	if err := config.Write(&text, c); err != nil {
		t.Fatal(err)
	}
	again, err := config.Load(config.Options{Path: write(t, text.String()), Env: []string{"TANDEM_PROVIDERS_GOOGLE_CLIENT_SECRET=1",
		"TANDEM_PROVIDERS_GITHUB_CLIENT_SECRET=2", "TANDEM_PROVIDERS_ACME_ID_CLIENT_SECRET=3", "TANDEM_PROVIDERS_2024_CLIENT_SECRET=4",
		"TANDEM_PROVIDERS_MORE_CLIENT_SECRET=5"}})
	if err != nil {
		t.Fatalf("%v\n%s", err, &text)
	}
	if len(again.Providers) != 5 || again.Providers[2].Issuer != c.Providers[2].Issuer || strings.Contains(text.String(), "from a file") {
		t.Errorf("what was written:\n%s", &text)
	}
}

func TestMistakesInProviders(t *testing.T) {
	for text, want := range map[string]string{
		"providers:\n  google: {}\n":                                             "./x:2: providers.google.client_id is missing",
		"providers:\n  Google: {client_id: x}\n":                                 "./x:2: providers.Google is not a known key; name a provider with a-z",
		"providers:\n  google:\n    client_idd: x\n":                             "./x:3: providers.google.client_idd is not a known key; did you mean providers.google.client_id?",
		"providers: [google]\n":                                                  "./x:1: providers is a section",
		"providers:\n  google: x\n":                                              "./x:2: providers.google is a section",
		"providers:\n  google:\n    client_id: {a: b}\n":                         "./x:3: providers.google.client_id must be a text",
		"providers:\n  google: {client_id: a}\n  google: {}\n":                   "./x:3: providers.google is given twice",
		"providers.google.client_id: x\n":                                        "./x:1: providers.google.client_id is not a known key",
		"providers:\n  a: {client_id: x, client_secret: y, issuer: 'ftp://x'}\n": "./x:2: providers.a.issuer must be an https URL",
	} {
		path := write(t, text)
		_, err := config.Load(config.Options{Path: path})
		if err == nil || !strings.Contains(strings.ReplaceAll(err.Error(), path, "./x"), want) {
			t.Errorf("%q: %v\nwant %s", text, err, want)
		}
	}
	for variable, want := range map[string]string{
		"TANDEM_PROVIDERS_GOOGLE_CLIENT_IDD=x":   "is not a variable of this program",
		"TANDEM_PROVIDERS_GOOGLE_TITLE_FILE=x":   "is not a variable of this program",
		"TANDEM_PROVIDERS_CLIENT_ID=x":           "is not a variable of this program",
		"TANDEM_PROVIDERS_GOOGLE_CLIENT_SECRET=": "has no value",
	} {
		if _, err := config.Load(config.Options{Env: []string{variable}}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", variable, err)
		}
	}
}
