package tandem

import (
	"context"
	"fmt"
	"time"

	"tandem.example/tandem/internal/signin"
)

// ReachMail does all with the configured mail server that a message would, up to its envelope: connects, protects the
// connection, gives the password. Nothing is sent. It is for a doctor, and nil where no mail server is configured.
func ReachMail(ctx context.Context, c Config) error {
	c = c.WithDefaults()
	if c.Mail.Server == "" {
		return nil
	}
	carrier, err := carrier(c)
	if err != nil {
		return err
	}
	return carrier.Knock(ctx)
}

// ProviderState is what came of asking a provider for its configuration.
type ProviderState struct {
	Name string
	// Redirect is the redirect URI that has to be registered there, exactly.
	Redirect string
	// Asked is false for GitHub, which has no configuration to ask for.
	Asked bool
	Fault error // nil if it answered, and with what is needed
}

// ReachProviders asks each configured provider for its configuration, as the first sign-in there does; for a doctor.
// Whether a provider takes our client id and secret is seen by a sign-in alone.
func ReachProviders(ctx context.Context, c Config) ([]ProviderState, error) {
	c = c.WithDefaults()
	all, err := providers(c, time.Now)
	if err != nil {
		return nil, fmt.Errorf("prepare providers: %w", err)
	}
	states := make([]ProviderState, len(c.Providers))
	for i, p := range c.Providers {
		states[i] = ProviderState{Name: p.Name, Redirect: c.Issuer + signin.CallbackPath(p.Name)}
		states[i].Asked, states[i].Fault = all.Reach(ctx, p.Name)
	}
	return states, nil
}
