package operator_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"tandem.example/tandem/internal/application"
	"tandem.example/tandem/internal/memory"
	"tandem.example/tandem/internal/operator"
	"tandem.example/tandem/internal/secret"
	"tandem.example/tandem/internal/signing"
	"tandem.example/tandem/verify/jws"
)

func newService(t *testing.T) *operator.Service {
	t.Helper()
	st := memory.Open(memory.Options{})
	box, err := secret.NewBox(secret.Random(32))
	if err != nil {
		t.Fatal(err)
	}
	ring, err := signing.Open(t.Context(), signing.Config{Store: st.Keys(), Box: box, Algorithm: jws.ES256, Schedule: signing.DefaultSchedule,
		MaxToken: func() time.Duration { return 5 * time.Minute }, Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	return operator.New(operator.Config{Accounts: st.Accounts(), Applications: st.Applications(), Sessions: st.Sessions(), SignIn: st.SignIn(),
		APIKeys: st.APIKeys(), Audit: st.Audit(), Log: st.Log(), Ring: ring, Now: time.Now,
		Bounds: operator.Bounds{AccessTokenTTL: 15 * time.Minute, DefaultTTL: 5 * time.Minute}})
}

// A change that was begun before a secret was renewed must not bring the old one back.
func TestAChangeDoesNotBringAnOldSecretBack(t *testing.T) {
	s := newService(t)
	by := operator.By{Actor: "operator"}
	app, old, err := s.CreateApplication(t.Context(), application.Application{Name: "api", Kind: application.Resource}, by)
	if err != nil {
		t.Fatal(err)
	}
	var text secret.Text
	times := 0
	_, err = s.ChangeApplication(t.Context(), string(app.ID), func(a *application.Application) error {
		if times++; times == 1 { // somebody else, on another node say, between the reading and the writing
			if text, err = s.RenewSecret(t.Context(), "api", by); err != nil {
				t.Error(err)
			}
		}
		a.AccessTokenTTL = time.Minute
		return nil
	}, by)
	if err != nil || times != 2 {
		t.Fatalf("decided %d times: %v", times, err)
	}
	if _, err := s.Authenticate(t.Context(), string(app.ID), old); err == nil {
		t.Error("the old secret opens again")
	}
	got, err := s.Authenticate(t.Context(), string(app.ID), text)
	if err != nil || got.AccessTokenTTL != time.Minute {
		t.Errorf("after both changes: %v, lifetime %s", err, got.AccessTokenTTL)
	}
}

func TestApplicationNames(t *testing.T) {
	s := newService(t)
	by := operator.By{Actor: "operator"}
	for _, name := range []string{"web", "Café 7", "給料", "my-app_2", "App_x", "🛒 shop"} {
		if _, _, err := s.CreateApplication(t.Context(), application.Application{Name: name}, by); err != nil {
			t.Errorf("%q: %v", name, err)
		}
	}
	for _, name := range []string{"", strings.Repeat("x", 101), "a\x1b[2Jb", "a\nb", "a\tb", "a\x00", "\u009b2J", "a\u202egnp.exe", "a\u2066b", "a\u200bb",
		"a\u2028b", "a\xffb", "app_", "app_01m7w9tff8tv13xjvmdfemg5fz"} {
		var field *operator.FieldError
		if _, _, err := s.CreateApplication(t.Context(), application.Application{Name: name}, by); !errors.As(err, &field) || field.Field != "name" {
			t.Errorf("%q was taken: %v", name, err)
		}
		_, err := s.ChangeApplication(t.Context(), "web", func(a *application.Application) error { a.Name = name; return nil }, by)
		if !errors.As(err, &field) || field.Field != "name" {
			t.Errorf("%q was taken in a change: %v", name, err)
		}
	}
}
