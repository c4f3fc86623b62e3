package signin_test

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"github.com/descope/virtualwebauthn"

	"tandem.example/tandem/internal/application"
	"tandem.example/tandem/internal/audit"
	"tandem.example/tandem/internal/credential"
	"tandem.example/tandem/internal/secret"
	"tandem.example/tandem/internal/session"
	"tandem.example/tandem/internal/signin"
)

var virtualOptions = virtualwebauthn.AuthenticatorOptions{}

func TestPasskeys(t *testing.T) {
	t.Parallel()
	d := open(t)
	d.user(email, true)
	v, who := d.addPasskey(d.enter(email), virtualOptions)
	if f := must[signin.Factors](t)(d.Factors(t.Context(), who)); len(f.Passkeys) != 1 || f.Passkeys[0].Name != "Firefox on Linux" {
		t.Fatalf("%+v", f)
	}

	// First: nobody said who it is, and nothing is told.
	at := d.begin(signin.ToSignIn, "", "")
	options := must[[]byte](t)(d.AskPasskey(t.Context(), at.Token, home))
	if bytes.Contains(options, []byte("allowCredentials")) || !bytes.Contains(options, []byte(`"userVerification":"required"`)) {
		t.Errorf("%s", options)
	}
	response := v.get(t, options)
	done := must[signin.Progress](t)(d.ProvePasskey(t.Context(), at.Token, response, false, home))
	if one := d.check(done.Grant).View; one.Session.ACR != "2" || one.User.Email != email || fmt.Sprint(one.Session.AMR) != "[hwk user mfa]" {
		t.Errorf("%+v", one)
	}
	replay := d.begin(signin.ToSignIn, "", "")
	must[[]byte](t)(d.AskPasskey(t.Context(), replay.Token, home))
	_, err := d.ProvePasskey(t.Context(), replay.Token, response, false, home)
	want(t, err, signin.ErrWrongPasskey)

	// By itself it has to verify the person; beside a password it need not.
	v.auth.Options.UserNotVerified = true
	at = d.begin(signin.ToSignIn, "", "")
	options = must[[]byte](t)(d.AskPasskey(t.Context(), at.Token, home))
	_, err = d.ProvePasskey(t.Context(), at.Token, v.get(t, options), false, home)
	want(t, err, signin.ErrWrongPasskey)
	at = d.half("", home)
	options = must[[]byte](t)(d.AskPasskey(t.Context(), at.Token, home))
	if !bytes.Contains(options, []byte("allowCredentials")) {
		t.Errorf("%s", options)
	}
	stranger := newDevice(who.View.User.ID, virtualOptions)
	_, err = d.ProvePasskey(t.Context(), at.Token, stranger.get(t, options), false, home)
	want(t, err, signin.ErrWrongPasskey)
	done = must[signin.Progress](t)(d.ProvePasskey(t.Context(), at.Token, v.get(t, options), false, home))
	if one := d.check(done.Grant).View.Session; one.ACR != "2" || fmt.Sprint(one.AMR) != "[pwd hwk mfa]" {
		t.Errorf("%s %v", one.ACR, one.AMR)
	}

	// Elsewhere it was made for nobody.
	v.site.Origin, v.auth.Options.UserNotVerified = "https://evil.example", false
	at = d.begin(signin.ToSignIn, "", "")
	options = must[[]byte](t)(d.AskPasskey(t.Context(), at.Token, home))
	_, err = d.ProvePasskey(t.Context(), at.Token, v.get(t, options), false, home)
	want(t, err, signin.ErrWrongPasskey)
	v.site.Origin = issuer

	// A copy lags behind.
	d.pass(time.Second) // so that the trail has an order
	v.key.Counter = 0
	_, err = d.ProvePasskey(t.Context(), at.Token, v.get(t, options), false, home)
	want(t, err, signin.ErrWrongPasskey)
	if last := d.entries(audit.SignInRefused)[0]; last.Reason != "passkey_counter_went_back" || last.User != string(who.View.User.ID) {
		t.Errorf("%+v", last)
	}
	v.key.Counter = 100
	must[signin.Progress](t)(d.ProvePasskey(t.Context(), at.Token, v.get(t, options), false, home))
	d.lock(who.View.User)
	at = d.begin(signin.ToSignIn, "", "")
	options = must[[]byte](t)(d.AskPasskey(t.Context(), at.Token, home))
	_, err = d.ProvePasskey(t.Context(), at.Token, v.get(t, options), false, home)
	want(t, err, signin.ErrWrongPasskey)
}

func TestSamePasskeyIsNotAddedTwice(t *testing.T) {
	t.Parallel()
	d := open(t)
	d.user(email, true)
	v, who := d.addPasskey(d.enter(email), virtualOptions)
	at := d.within(signin.ToAddPasskey, who, "")
	options := must[[]byte](t)(d.EnrolPasskey(t.Context(), at.Token, home))
	if !bytes.Contains(options, []byte("excludeCredentials")) {
		t.Errorf("%s", options)
	}
	_, err := d.ConfirmPasskey(t.Context(), at.Token, v.create(t, options), "", home)
	want(t, err, credential.ErrPasskeyTaken)
	now := must[session.View](t)(d.store.Sessions().Find(t.Context(), who.View.Session.ID))
	if now.Session.Version != who.View.Session.Version {
		t.Error("the session was given new credentials for nothing")
	}
}

func TestLastMethodStays(t *testing.T) {
	t.Parallel()
	d := open(t)
	d.app("keys", application.SignIn{Methods: []application.Method{application.Passkey}})
	at := d.begin(signin.ToSignUp, "keys", email)
	must[signin.Progress](t)(d.SendCode(t.Context(), at.Token, home))
	code, _ := d.code(email)
	at = must[signin.Progress](t)(d.ProveCode(t.Context(), at.Token, code, home))
	v := newDevice("", virtualOptions)
	options := must[[]byte](t)(d.EnrolPasskey(t.Context(), at.Token, home))
	must[signin.Progress](t)(d.ConfirmPasskey(t.Context(), at.Token, v.create(t, options), "", home))
	who := d.check(must[signin.Progress](t)(d.Choose(t.Context(), at.Token, "", secret.Text{}, home)).Grant)
	key := must[signin.Factors](t)(d.Factors(t.Context(), who)).Passkeys[0].ID
	_, err := d.RemovePasskey(t.Context(), who, key, home)
	want(t, err, signin.ErrLastMethod)
	_, who = d.addPasskey(who, virtualOptions)
	g := must[signin.Grant](t)(d.RemovePasskey(t.Context(), who, key, home))
	who = d.check(g)
	_, err = d.RemovePasskey(t.Context(), who, key, home)
	want(t, err, credential.ErrPasskeyNotFound)
	if err := d.RenamePasskey(t.Context(), who, must[signin.Factors](t)(d.Factors(t.Context(), who)).Passkeys[0].ID, "Phone", home); err != nil {
		t.Error(err)
	}
}
