package tandem

import (
	"errors"
	"testing"

	"tandem.example/tandem/internal/secret"
	"tandem.example/tandem/internal/signin"
)

// A refresh that comes in while a step-up hashes the password is honest: the session goes on, with the credentials of
// the step-up.
func TestStepUpThatARefreshOvertakes(t *testing.T) {
	for _, store := range []string{"memory", "sqlite"} {
		t.Run(store, func(t *testing.T) {
			in := install(t, func(c *Config) { c.Store = store })
			if a := in.operate("POST", "/v1/admin/apps", map[string]any{"name": "mobile", "kind": "user", "mode": "jwt"}); a.Code != 201 {
				t.Fatal(a.Body)
			}
			s, ctx, client := in.server.parts.signin, t.Context(), signin.Client{IP: "192.0.2.1"}
			g, err := s.SignUp(ctx, signin.SignUp{Email: "a@example.com", Password: secret.NewText(password), App: "mobile"}, client)
			if err != nil {
				t.Fatal(err)
			}
			who, err := s.Check(ctx, signin.Presented{Token: g.Access.Token}) // the step-up arrives
			if err != nil {
				t.Fatal(err)
			}
			other, err := s.Refresh(ctx, g.RefreshToken, client) // another tab is quicker
			if err != nil {
				t.Fatal(err)
			}
			up, err := s.StepUp(ctx, who, signin.Again{Password: secret.NewText(password)}, signin.Body, client)
			if err != nil {
				t.Fatalf("step-up: %v", err)
			}
			var refused *signin.RefreshError
			if _, err := s.Refresh(ctx, other.RefreshToken, client); !errors.As(err, &refused) || refused.Cause != signin.CauseEnded {
				t.Errorf("the token that the step-up replaced: %v, want it dead without theft", err)
			}
			if _, err := s.Refresh(ctx, up.RefreshToken, client); err != nil {
				t.Errorf("the session was ended: %v", err)
			}
		})
	}
}
