package main

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"runtime"

	"tandem.example/tandem"
	"tandem.example/tandem/internal/config"
	"tandem.example/tandem/internal/secret"
)

type serveCmd struct {
	Dev         bool   `help:"Development: an admin with a printed password, mail printed here, sync without a credential. For this machine only."`
	Listen      string `placeholder:"ADDR" help:"Address of the API (127.0.0.1:8484)."`
	AdminListen string `placeholder:"ADDR" help:"Address of metrics and profiling (127.0.0.1:8485)."`
	Issuer      string `placeholder:"URL" help:"Public URL of this server."`
	Store       string `placeholder:"STORE" help:"sqlite, memory, or the URL of a PostgreSQL."`
	LogLevel    string `placeholder:"LEVEL" help:"debug, info, warn or error."`
}

func (c serveCmd) Run(a *app) error {
	flags := map[string]string{}
	for key, value := range map[string]string{
		"listen": c.Listen, "admin_listen": c.AdminListen, "issuer": c.Issuer, "store": c.Store, "log.level": c.LogLevel,
	} {
		if value != "" {
			flags[key] = value
		}
	}
	cfg, err := a.configuration(flags, c.Dev)
	if err != nil {
		return err
	}
	log := a.logger(cfg.Log)
	// Hashing a password keeps a processor busy for its whole time slice. With as many again for everything else, the
	// system shares them out, and a storm of sign-ins does not starve the other requests.
	cores := runtime.GOMAXPROCS(0)
	runtime.GOMAXPROCS(2 * cores)
	opts := []tandem.Option{tandem.WithLogger(log), tandem.WithHashes(cores)}
	if c.Dev {
		opts = append(opts, tandem.WithMailTo(a.stdout))
	}
	s, err := tandem.Open(a.ctx, cfg, opts...)
	if err != nil {
		return err
	}
	defer func() {
		if cerr := s.Close(); cerr != nil {
			log.Error("close", "error", cerr)
		}
	}()
	if c.Dev {
		if err := a.devAdmin(s); err != nil {
			return err
		}
	}
	return s.Serve(a.ctx, func(at tandem.Addresses) { a.welcome(s, at, log) })
}

func (a *app) welcome(s *tandem.Server, at tandem.Addresses, log *slog.Logger) {
	log.Info("listening", "issuer", s.Issuer(), "api", at.API.String(), "admin", at.Admin.String())
	fmt.Fprintf(a.stdout, "Tandem is ready at %s (metrics at http://%s/metrics). Stop it with Ctrl-C.\n", s.Issuer(), at.Admin)
	fmt.Fprintf(a.stdout, "People sign up at %[1]s/sign-up, sign in at %[1]s/sign-in and look after their account at %[1]s/account.\n", s.Issuer())
	fmt.Fprintf(a.stdout, "Operators: %s/console\n", s.Issuer())
}

// configuration reads the configuration for this verb.
func (a *app) configuration(flags map[string]string, dev bool) (tandem.Config, error) {
	if a.DataDir != "" {
		if flags == nil {
			flags = map[string]string{}
		}
		flags["data_dir"] = a.DataDir
	}
	return config.Load(config.Options{Path: a.Config, Env: a.serverEnv(), Flags: flags, Dev: dev})
}

func (a *app) logger(c config.Log) *slog.Logger {
	var level slog.Level
	_ = level.UnmarshalText([]byte(c.Level)) // checked with the configuration
	o := &slog.HandlerOptions{Level: level}
	if c.Format == "json" {
		return slog.New(slog.NewJSONHandler(a.stderr, o))
	}
	return slog.New(slog.NewTextHandler(a.stderr, o))
}

// devAdminEmail is who `serve --dev` makes an administrator.
const devAdminEmail = "admin@example.com"

// devAdmin makes the administrator of a development server on its first start, and prints the password: it is kept
// nowhere else.
func (a *app) devAdmin(s *tandem.Server) error {
	ctx, cancel := context.WithCancel(a.ctx)
	defer cancel()
	c := inProcess(ctx, s.Local())
	var found struct{ ID string }
	err := c.do(http.MethodGet, "/v1/admin/users/"+devAdminEmail, nil, &found)
	if err == nil {
		fmt.Fprintf(a.stdout, "The administrator is %s, with the password that was printed at the first start.\n", devAdminEmail)
		return nil
	}
	if !isNotFound(err) {
		return fmt.Errorf("look for the administrator: %w", err)
	}
	password := secret.NewText(randomPassword())
	body := map[string]any{"email": devAdminEmail, "password": password.Reveal(), "email_verified": true, "roles": []string{"admin"}}
	if err := c.do(http.MethodPost, "/v1/admin/users", body, nil); err != nil {
		return fmt.Errorf("make the administrator: %w", err)
	}
	fmt.Fprintf(a.stdout, "Made an administrator: %s, password %s\n", devAdminEmail, password.Reveal())
	return nil
}
