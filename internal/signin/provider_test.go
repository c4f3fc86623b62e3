package signin_test

import (
	"errors"
	"testing"
	"time"

	"tandem.example/tandem/internal/application"
	"tandem.example/tandem/internal/audit"
	"tandem.example/tandem/internal/credential"
	"tandem.example/tandem/internal/federate"
	"tandem.example/tandem/internal/secret"
	"tandem.example/tandem/internal/signin"
)

func TestProviderMakesAnAccountForWhoeverItVouchesFor(t *testing.T) {
	t.Parallel()
	d := open(t)
	d.provider.who = federate.Identity{Subject: "42", Email: email, Name: "Ada"}
	_, err := d.via(d.begin(signin.ToSignIn, "", "").Token)
	want(t, err, signin.ErrUnverified) // an address that nobody vouches for makes none
	if _, err := d.store.Accounts().ByEmail(t.Context(), email); err == nil {
		t.Fatal("an account was made")
	}
	d.provider.who.EmailVerified = true
	first := d.check(must[signin.Progress](t)(d.via(d.begin(signin.ToSignIn, "", "").Token)).Grant)
	if u := first.View.User; u.Email != email || !u.EmailVerified || u.Name != "Ada" {
		t.Errorf("%+v", u)
	}
	// From now on it is the subject that counts, whatever the address.
	d.provider.who.Email, d.provider.who.EmailVerified = "moved@example.com", false
	again := d.check(must[signin.Progress](t)(d.via(d.begin(signin.ToSignUp, "", "").Token)).Grant)
	if again.View.User.ID != first.View.User.ID {
		t.Error("another account")
	}
	_, err = d.Disconnect(t.Context(), again, must[signin.Factors](t)(d.Factors(t.Context(), again)).Connections[0].ID, home)
	if err != nil {
		t.Errorf("a code by mail is left to sign in with: %v", err)
	}
}

// Who has an account here connects the provider from inside: an address that the provider vouches for is not enough.
func TestProviderIsConnectedByProofOnBothSides(t *testing.T) {
	t.Parallel()
	d := open(t)
	u := d.user(email, true)
	d.provider.who = federate.Identity{Subject: "42", Email: email, EmailVerified: true}
	_, err := d.via(d.begin(signin.ToSignIn, "", "").Token)
	want(t, err, signin.ErrUnverified)
	who := d.enter(email)
	done := must[signin.Progress](t)(d.via(d.within(signin.ToConnect, who, "").Token))
	if _, err := d.Check(t.Context(), signin.Presented{Token: done.Grant.SessionToken}); err != nil {
		t.Fatal(err)
	}
	if in := d.check(must[signin.Progress](t)(d.via(d.begin(signin.ToSignIn, "", "").Token)).Grant); in.View.User.ID != u.ID {
		t.Error("somebody else is signed in")
	}
	if len(d.entries(audit.Connected)) != 1 {
		t.Error("the trail does not tell of it")
	}
	d.user("eve@example.com", true)
	_, err = d.via(d.within(signin.ToConnect, d.enter("eve@example.com"), "").Token)
	want(t, err, credential.ErrConnectionTaken)

	// A step-up takes the own connection only.
	d.pass(time.Hour)
	eve := d.enter("eve@example.com")
	d.provider.who.Subject = "43"
	must[signin.Progress](t)(d.via(d.within(signin.ToConnect, eve, "").Token))
	d.app("elsewhere", application.SignIn{Methods: []application.Method{application.Provider("example")}})
	eve = d.check(must[signin.Progress](t)(d.via(d.begin(signin.ToSignIn, "elsewhere", "").Token)).Grant)
	d.provider.who.Subject = "42"
	_, err = d.via(d.within(signin.ToStepUp, eve, "").Token)
	want(t, err, signin.ErrUnverified)
	d.lock(u)
	_, err = d.via(d.begin(signin.ToSignIn, "", "").Token)
	want(t, err, signin.ErrUnverified)
}

func TestProviderAnswersWhomItWasAskedFor(t *testing.T) {
	t.Parallel()
	d := open(t)
	d.app("local", application.SignIn{Methods: []application.Method{application.Password}})
	d.provider.who = federate.Identity{Subject: "42", Email: email, EmailVerified: true}
	back := map[string][]string{"state": {"x"}}
	at := d.begin(signin.ToSignIn, "", "")
	_, err := d.ProveProvider(t.Context(), at.Token, "example", back, home)
	want(t, err, signin.ErrNotNow) // nobody was sent away
	must[string](t)(d.AskProvider(t.Context(), at.Token, "example", home))
	_, err = d.ProveProvider(t.Context(), d.begin(signin.ToSignIn, "", "").Token, "example", back, home)
	want(t, err, signin.ErrNotNow) // another browser was
	_, err = d.ProveProvider(t.Context(), at.Token, "example", nil, home)
	want(t, err, federate.ErrAnswer)
	_, err = d.AskProvider(t.Context(), d.begin(signin.ToSignIn, "local", "").Token, "example", home)
	want(t, err, signin.ErrNotNow) // the policy
	_, err = d.AskProvider(t.Context(), at.Token, "unknown", home)
	want(t, err, signin.ErrNotNow)
}

func TestFirstPassword(t *testing.T) {
	t.Parallel()
	d := open(t)
	d.provider.who = federate.Identity{Subject: "42", Email: email, EmailVerified: true}
	who := d.check(must[signin.Progress](t)(d.via(d.begin(signin.ToSignIn, "", "").Token)).Grant)
	who = d.check(must[signin.Grant](t)(d.SetFirstPassword(t.Context(), who, secret.NewText(password), home)))
	_, err := d.SetFirstPassword(t.Context(), who, secret.NewText(another), home)
	want(t, err, signin.ErrNotNow)
	d.enter(email)
}

// What a browser comes back with is good for one question to the provider, whatever it answers (RFC 9700 §4.7.1); what
// another has sent it back with takes nothing away.
func TestWhatComesBackFromAProviderIsGoodOnce(t *testing.T) {
	t.Parallel()
	d := open(t, func(c *signin.Config) { c.Defaults.PerAddress.Burst = 6; c.Defaults.PerAddress.Period = time.Hour })
	at := d.begin(signin.ToSignIn, "", "")
	must[string](t)(d.AskProvider(t.Context(), at.Token, "example", home))
	_, err := d.ProveProvider(t.Context(), at.Token, "example", map[string][]string{"state": {"forged"}}, home)
	want(t, err, federate.ErrAnswer)
	if d.provider.asked != 0 {
		t.Error("the provider was asked about what did not come from this browser")
	}
	d.provider.fails = federate.ErrUnreachable
	back := map[string][]string{"state": {"x"}, "code": {"guessed"}}
	_, err = d.ProveProvider(t.Context(), at.Token, "example", back, home)
	want(t, err, federate.ErrUnreachable)
	for range 3 {
		_, err = d.ProveProvider(t.Context(), at.Token, "example", back, home)
		want(t, err, signin.ErrNotNow)
	}
	var limited *signin.LimitedError
	for range 20 {
		must[string](t)(d.AskProvider(t.Context(), at.Token, "example", home))
		if _, err = d.ProveProvider(t.Context(), at.Token, "example", back, home); errors.As(err, &limited) {
			break
		}
	}
	if limited == nil || d.provider.asked != 6 {
		t.Errorf("the provider was asked %d times: %v", d.provider.asked, err)
	}
}
