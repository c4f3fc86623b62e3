package main

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"

	"tandem.example/tandem/internal/config"
	"tandem.example/tandem/internal/relay"
	"tandem.example/tandem/internal/secret"
)

type relayCmd struct {
	Upstream          string `required:"" placeholder:"URL" env:"TANDEM_RELAY_UPSTREAM" help:"The server, or another relay, whose revocation log is relayed."`
	Issuer            string `placeholder:"URL" env:"TANDEM_RELAY_ISSUER" help:"Refuse an upstream that relays the log of another issuer."`
	URL               string `name:"url" placeholder:"URL" env:"TANDEM_RELAY_URL" help:"Public URL of this relay (http://localhost:PORT)."`
	Listen            string `default:"127.0.0.1:8486" placeholder:"ADDR" env:"TANDEM_RELAY_LISTEN" help:"Address for verifiers (127.0.0.1:8486)."`
	AdminListen       string `default:"127.0.0.1:8487" placeholder:"ADDR" env:"TANDEM_RELAY_ADMIN_LISTEN" help:"Address of metrics (127.0.0.1:8487)."`
	ClientID          string `placeholder:"ID" env:"TANDEM_CLIENT_ID" help:"Application of kind resource as which the relay follows upstream."`
	ClientSecretFile  string `placeholder:"FILE" help:"File with its secret; else $TANDEM_CLIENT_SECRET, or the file that $TANDEM_CLIENT_SECRET_FILE names."`
	Clients           string `placeholder:"FILE" env:"TANDEM_RELAY_CLIENTS" help:"File with those who may follow the log here: a line each, client id and SHA-256 of the secret in hex."`
	Open              bool   `help:"Let everybody follow the log here; for a relay that listens on this machine only."`
	InsecureOpen      bool   `help:"The same wherever it listens. Whoever reaches the relay can then read the log, which names nobody."`
	InsecureAllowHTTP bool   `name:"insecure-allow-http" help:"Follow an upstream by plain http on another machine. Whoever can touch that network can stop the feed and read the secret."`
	Name              string `default:"relay" placeholder:"NAME" help:"Shown upstream beside this process (relay)."`
	LogLevel          string `default:"info" placeholder:"LEVEL" enum:"debug,info,warn,error" help:"debug, info, warn or error."`
}

func (relayCmd) Help() string {
	return `Verifiers name the relay (Config.Relay in the SDK) and follow the revocation log here. The bound holds through any chain
of relays: each answer says how old it is. Receipts wait for the verifiers behind a relay. Tokens are still checked with the
issuer's keys. Whoever runs a relay can withhold revocations from its zone, and cannot make a token: it belongs to the operator
of the server.

A relay reads no tandem.yaml; flags stand before the environment. Its feed key is kept in the data directory (--data-dir,
tandem-relay if left out), made on the first start. TLS is expected in front of it, as for the server.

Examples:
  tandem relay --upstream http://localhost:8484 --client-id app_... --client-secret-file secret --open
  printf '%s %s\n' app_... "$(printf %s "$SECRET" | sha256sum | cut -d' ' -f1)" > clients
  tandem relay --upstream https://auth.example.com --url https://relay.eu.example.com --listen 10.0.0.5:8486 --clients clients`
}

// relayDir is where a relay keeps its feed key.
const relayDir = "tandem-relay"

func (c relayCmd) Run(a *app) error {
	settings, err := c.settings(a)
	if err != nil {
		return err
	}
	zone, err := net.Listen("tcp", c.Listen)
	if err != nil {
		return fmt.Errorf("listen for verifiers: %w", err)
	}
	defer zone.Close()
	admin, err := net.Listen("tcp", c.AdminListen)
	if err != nil {
		return fmt.Errorf("listen for operators: %w", err)
	}
	defer admin.Close()
	if settings.URL == "" {
		settings.URL = fmt.Sprintf("http://localhost:%d", zone.Addr().(*net.TCPAddr).Port)
	}
	if settings.Key, err = relay.OpenKey(cmp.Or(a.DataDir, relayDir)); err != nil {
		return err
	}
	r, err := relay.New(settings)
	var bad *relay.ConfigError
	if errors.As(err, &bad) {
		return fmt.Errorf("%w: %w", errUsage, err)
	}
	if err != nil {
		return err
	}
	settings.Log.Info("listening", "url", settings.URL, "upstream", c.Upstream, "zone", zone.Addr().String(), "admin", admin.Addr().String())
	fmt.Fprintf(a.stdout, "Relaying %s at %s (metrics at http://%s/metrics). Stop it with Ctrl-C.\n", c.Upstream, settings.URL, admin.Addr())
	return r.Serve(a.ctx, zone, admin)
}

// settings reads and checks what the relay is told, before anything is opened.
func (c relayCmd) settings(a *app) (relay.Config, error) {
	s := relay.Config{
		Upstream: c.Upstream, Issuer: c.Issuer, URL: c.URL, Name: c.Name, ClientID: c.ClientID, InsecureOpen: c.Open || c.InsecureOpen,
		InsecureAllowHTTP: c.InsecureAllowHTTP, Log: a.logger(config.Log{Level: c.LogLevel}),
	}
	if a.Config != "" {
		return s, fmt.Errorf("%w: a relay reads no configuration file, only flags and variables such as $TANDEM_RELAY_UPSTREAM", errUsage)
	}
	host, _, err := net.SplitHostPort(c.Listen)
	if err != nil {
		return s, fmt.Errorf("%w: --listen must be host:port", errUsage)
	}
	local := relay.Local(host)
	switch {
	case c.Open && !local:
		return s, fmt.Errorf("%w: --open is for a relay that listens on this machine only: name --clients, or --insecure-open", errUsage)
	case c.URL == "" && !local:
		return s, fmt.Errorf("%w: --url is needed: how verifiers reach a relay that listens on %s", errUsage, c.Listen)
	case c.URL != "" && !strings.HasPrefix(c.URL, "https://") && !local && !c.InsecureAllowHTTP:
		return s, fmt.Errorf("%w: --url must be https for a relay that others reach", errUsage)
	case s.InsecureOpen == (c.Clients != ""):
		return s, fmt.Errorf("%w: name those who may follow with --clients, or say --open: one of the two", errUsage)
	}
	text, err := c.clientSecret(a)
	if err != nil {
		return s, err
	}
	s.ClientSecret = secret.NewText(text)
	if c.Clients == "" {
		return s, nil
	}
	f, err := os.Open(c.Clients)
	if err != nil {
		return s, fmt.Errorf("%w: --clients: %w", errUsage, err)
	}
	defer f.Close()
	if s.Clients, err = relay.ReadClients(f); err != nil {
		return s, fmt.Errorf("%w: %s: %w", errUsage, c.Clients, err)
	}
	return s, nil
}

func (c relayCmd) clientSecret(a *app) (string, error) {
	if c.ClientSecretFile == "" {
		return a.secretVariable("TANDEM_CLIENT_SECRET")
	}
	b, err := os.ReadFile(c.ClientSecretFile)
	if err != nil {
		return "", fmt.Errorf("%w: --client-secret-file: %w", errUsage, err)
	}
	return strings.TrimSpace(string(b)), nil
}
