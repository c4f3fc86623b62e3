package signin_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"tandem.example/tandem/internal/application"
	"tandem.example/tandem/internal/audit"
	"tandem.example/tandem/internal/federate"
	"tandem.example/tandem/internal/secret"
	"tandem.example/tandem/internal/session"
	"tandem.example/tandem/internal/signin"
)

// A stolen session with a mailbox, or with an authenticator app, is not stepped up: the session's own first factor counts
// only while it is new, and only for a session that has no second one yet.
func TestStepUpTakesBothOfWhoeverHasTwo(t *testing.T) {
	t.Parallel()
	d := open(t)
	d.user(email, true)
	early, late := d.enter(email), d.enter(email)
	s, recovery, strong := d.addTOTP(d.enter(email))
	refuses := func(who signin.Identity, proofs signin.Again, factors string) {
		t.Helper()
		var lacks *signin.SecondFactorError
		if _, err := d.StepUp(t.Context(), who, proofs, signin.Body, home); !errors.As(err, &lacks) || fmt.Sprint(lacks.Factors) != factors {
			t.Errorf("answered %v, want what lacks: %s", err, factors)
		}
	}
	code := func() string { d.pass(30 * time.Second); return d.totp(s) }
	words := secret.NewText(password)

	up := d.check(must[signin.Grant](t)(d.StepUp(t.Context(), early, signin.Again{TOTP: code()}, signin.Body, home)))
	if up.View.Session.ACR != "2" {
		t.Errorf("a second factor, a moment after the first: %s", up.View.Session.ACR)
	}
	refuses(up, signin.Again{TOTP: code()}, "[password]")
	refuses(strong, signin.Again{RecoveryCode: recovery[0].Reveal()}, "[password]")
	refuses(strong, signin.Again{Password: words}, "[totp recovery_code]")
	if at := d.within(signin.ToStepUp, strong, ""); fmt.Sprint(at.Ask) != "[password]" {
		t.Errorf("pages ask for %v", at.Ask)
	}
	d.pass(10 * time.Minute)
	refuses(late, signin.Again{TOTP: code()}, "[password]")
	weak := d.check(must[signin.Grant](t)(d.StepUp(t.Context(), late, signin.Again{Password: words}, signin.Body, home)))
	if one := weak.View.Session; one.ACR != "1" || !one.AuthenticatedAt.Equal(d.clock()) {
		t.Errorf("a password alone: %s at %s", one.ACR, one.AuthenticatedAt)
	}
	both := signin.Again{Password: words, RecoveryCode: recovery[0].Reveal()}
	if one := d.check(must[signin.Grant](t)(d.StepUp(t.Context(), strong, both, signin.Body, home))).View.Session; one.ACR != "2" || !one.AuthenticatedAt.Equal(d.clock()) {
		t.Errorf("both: %s at %s", one.ACR, one.AuthenticatedAt)
	}
	if n := len(d.entries(audit.StepUpRefused)); n != 0 {
		t.Errorf("%d guesses were counted of what was not enough", n)
	}
}

// Whoever has nothing but their mailbox proves that.
func TestStepUpByMailAlone(t *testing.T) {
	t.Parallel()
	d := open(t)
	d.provider.who = federate.Identity{Subject: "42", Email: email, EmailVerified: true}
	who := d.check(must[signin.Progress](t)(d.via(d.begin(signin.ToSignIn, "", "").Token)).Grant)
	d.pass(time.Hour)
	who = d.stepUp(who, func(a secret.Text) (signin.Progress, error) {
		must[signin.Progress](t)(d.SendCode(t.Context(), a, home))
		code, _ := d.code(email)
		return d.ProveCode(t.Context(), a, code, home)
	})
	if one := who.View.Session; one.ACR != "1" || !one.AuthenticatedAt.Equal(d.clock()) {
		t.Errorf("%s at %s", one.ACR, one.AuthenticatedAt)
	}
	who = d.check(must[signin.Grant](t)(d.SetFirstPassword(t.Context(), who, secret.NewText(password), home)))
	if at := d.within(signin.ToStepUp, who, ""); fmt.Sprint(at.Ask) != "[password]" {
		t.Errorf("with a password they are asked for %v", at.Ask)
	}
}

// The level goes with the factor that made it.
func TestStepUpWithoutTheFactorThatIsGone(t *testing.T) {
	t.Parallel()
	d := open(t)
	d.user(email, true)
	_, _, who := d.addTOTP(d.enter(email))
	who = d.check(must[signin.Grant](t)(d.RemoveTOTP(t.Context(), who, home)))
	g := must[signin.Grant](t)(d.StepUp(t.Context(), who, signin.Again{Password: secret.NewText(password)}, signin.Body, home))
	if one := d.check(g).View.Session; one.ACR != "1" || fmt.Sprint(one.AMR) != "[pwd]" {
		t.Errorf("level %s by %v", one.ACR, one.AMR)
	}
}

// A provider has to say that it asked the person after they were sent there.
func TestStepUpAtAProviderThatAsked(t *testing.T) {
	t.Parallel()
	d := open(t, func(c *signin.Config) { c.CanMail = false })
	d.provider.who = federate.Identity{Subject: "42", Email: email, EmailVerified: true}
	who := d.check(must[signin.Progress](t)(d.via(d.begin(signin.ToSignIn, "", "").Token)).Grant)
	if d.provider.again {
		t.Error("at a sign-in whoever is signed in there is asked again")
	}
	d.pass(time.Hour)
	was := who.View.Session.AuthenticatedAt
	for _, when := range []time.Time{{}, was, d.clock().Add(-2 * time.Minute), d.clock().Add(2 * time.Minute)} {
		d.provider.who.AuthTime, d.provider.silent = when, true
		_, err := d.via(d.within(signin.ToStepUp, who, "").Token)
		want(t, err, signin.ErrSignInAgain)
		if view := must[session.View](t)(d.Sessions.Find(t.Context(), who.View.Session.ID)); !view.Session.AuthenticatedAt.Equal(was) {
			t.Fatalf("asked at %s, and it counts", when)
		}
	}
	if n := len(d.entries(audit.StepUpRefused)); n != 4 || !d.provider.again {
		t.Errorf("%d refusals in the trail; to be asked again: %t", n, d.provider.again)
	}
	d.provider.who.AuthTime = d.clock().Add(-30 * time.Second) // its clock is behind
	who = d.check(must[signin.Progress](t)(d.via(d.within(signin.ToStepUp, who, "").Token)).Grant)
	if one := who.View.Session; one.ACR != "1" || !one.AuthenticatedAt.Equal(d.clock()) {
		t.Errorf("%s at %s", one.ACR, one.AuthenticatedAt)
	}
}

// A password is changed with the second factor of whoever has one, which is not dated anew by it; nor by a factor that is
// set up.
func TestPasswordIsChangedWithBoth(t *testing.T) {
	t.Parallel()
	d := open(t)
	d.user(email, true)
	weak := d.enter(email)
	s, _, who := d.addTOTP(d.enter(email))
	change := func(who signin.Identity) (signin.Grant, error) {
		return d.ChangePassword(t.Context(), who, secret.NewText(password), secret.NewText(another), signin.Cookie, home)
	}
	var first *signin.StepUpError
	if _, err := change(weak); !errors.As(err, &first) || !errors.Is(err, signin.ErrStepUp) || fmt.Sprint(first.Factors) != "[totp recovery_code]" {
		t.Errorf("a session of one factor: %v", err)
	}
	proven := who.View.Session.AuthenticatedAt
	d.pass(5 * time.Minute)
	_, who = d.addPasskey(who, virtualOptions)
	if !who.View.Session.AuthenticatedAt.Equal(proven) {
		t.Error("a passkey that is set up counts as a new proof")
	}
	d.pass(5 * time.Minute)
	_, err := change(who)
	want(t, err, signin.ErrStepUp)
	who = d.stepUp(who, func(a secret.Text) (signin.Progress, error) {
		must[signin.Progress](t)(d.ProvePassword(t.Context(), a, secret.NewText(password), home))
		return d.ProveTOTP(t.Context(), a, d.totp(s), false, home)
	})
	d.pass(time.Minute)
	done := d.check(must[signin.Grant](t)(change(who)))
	if one := done.View.Session; !one.AuthenticatedAt.Equal(who.View.Session.AuthenticatedAt) || one.ACR != "2" {
		t.Errorf("after the change: %s at %s", one.ACR, one.AuthenticatedAt)
	}
}

// A passkey that verifies the person is both factors by itself.
func TestStepUpByPasskey(t *testing.T) {
	t.Parallel()
	d := open(t)
	d.user(email, true)
	v, who := d.addPasskey(d.enter(email), virtualOptions)
	d.pass(time.Hour)
	at := d.within(signin.ToStepUp, who, "")
	if fmt.Sprint(at.Ask) != fmt.Sprint([]application.Method{application.Password, application.Passkey}) {
		t.Errorf("asked for %v", at.Ask)
	}
	options := must[[]byte](t)(d.AskPasskey(t.Context(), at.Token, home))
	at = must[signin.Progress](t)(d.ProvePasskey(t.Context(), at.Token, v.get(t, options), false, home))
	if !at.Done || d.check(at.Grant).View.Session.ACR != "2" {
		t.Errorf("%+v", at)
	}
}
