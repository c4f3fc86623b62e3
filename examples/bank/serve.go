package bank

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"time"

	"tandem.example/tandem/verify"
)

// Config is what the bank needs to know.
type Config struct {
	Issuer string // URL of the Tandem server
	Name   string // shown to operators
	// ClientID and ClientSecret authenticate the bank to the revocation log; a server in development mode does not ask.
	ClientID, ClientSecret string
}

// Serve serves the bank until ctx ends.
func Serve(ctx context.Context, l net.Listener, c Config) error {
	v, err := verify.New(ctx, verify.Config{
		Issuer: c.Issuer, Audience: c.Issuer, Name: c.Name, ClientID: c.ClientID, ClientSecret: c.ClientSecret,
	})
	if err != nil {
		return fmt.Errorf("follow %s: %w", c.Issuer, err)
	}
	defer v.Close()
	s := &http.Server{Handler: New(v), ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second,
		WriteTimeout: 30 * time.Second, IdleTimeout: time.Minute}
	failed := make(chan error, 1)
	go func() { failed <- s.Serve(l) }()
	select {
	case err := <-failed:
		return fmt.Errorf("serve: %w", err)
	case <-ctx.Done():
	}
	closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer cancel()
	if err := s.Shutdown(closing); err != nil {
		return s.Close() // open event streams do not end by themselves
	}
	return nil
}
