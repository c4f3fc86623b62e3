package signin_test

import (
	"fmt"
	"testing"
	"time"

	"tandem.example/tandem/internal/account"
	"tandem.example/tandem/internal/audit"
	"tandem.example/tandem/internal/mail"
	"tandem.example/tandem/internal/secret"
	"tandem.example/tandem/internal/signin"
)

// Somebody registers an account with the address of another and waits for its owner to use it.
func TestOwnerOfTheAddressTakesThePreparedAccount(t *testing.T) {
	t.Parallel()
	for name, prove := range map[string]func(*desk) signin.Progress{
		"a code": func(d *desk) signin.Progress {
			at := d.begin(signin.ToSignIn, "", email)
			must[signin.Progress](d)(d.SendCode(d.Context(), at.Token, home))
			code, _ := d.code(email)
			return must[signin.Progress](d)(d.ProveCode(d.Context(), at.Token, code, home))
		},
		"signing up": func(d *desk) signin.Progress {
			at := d.begin(signin.ToSignUp, "", email)
			must[signin.Progress](d)(d.SendCode(d.Context(), at.Token, home))
			code, _ := d.code(email)
			at = must[signin.Progress](d)(d.ProveCode(d.Context(), at.Token, code, home))
			return must[signin.Progress](d)(d.Choose(d.Context(), at.Token, "Ada", secret.NewText(another), home))
		},
		"a provider": func(d *desk) signin.Progress {
			d.provider.who.Subject, d.provider.who.Email, d.provider.who.EmailVerified = "1", email, true
			return must[signin.Progress](d)(d.via(d.begin(signin.ToSignIn, "", "").Token))
		},
		"recovery": func(d *desk) signin.Progress {
			at := d.begin(signin.ToRecover, "", email)
			must[signin.Progress](d)(d.SendCode(d.Context(), at.Token, home))
			code, _ := d.code(email)
			at = must[signin.Progress](d)(d.ProveCode(d.Context(), at.Token, code, home))
			return must[signin.Progress](d)(d.Choose(d.Context(), at.Token, "", secret.NewText(another), home))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := open(t)
			u := d.user(email, false)
			_, _, stranger := d.addTOTP(d.enter(email))
			_, stranger = d.addPasskey(stranger, virtualOptions)
			done := prove(d)
			if who := d.check(done.Grant); !done.Done || who.View.User.ID != u.ID || !who.View.User.EmailVerified {
				t.Fatalf("%+v", done)
			}
			if v, err := d.store.Sessions().Find(t.Context(), stranger.View.Session.ID); err != nil || v.Alive(d.clock()) == nil {
				t.Errorf("the stranger's session lives: %v", err)
			}
			f := must[signin.Factors](t)(d.Factors(t.Context(), d.check(done.Grant)))
			if len(f.Passkeys) > 0 || !f.TOTPSince.IsZero() || f.RecoveryCodes > 0 {
				t.Errorf("the stranger's factors are left: %+v", f)
			}
			at := d.begin(signin.ToSignIn, "", email)
			_, err := d.ProvePassword(t.Context(), at.Token, secret.NewText(password), home)
			want(t, err, signin.ErrInvalidCredentials)
			if len(d.entries(audit.AccountClaimed)) != 1 || len(d.letters(mail.KindClaimed, email)) != 1 {
				t.Error("nobody was told")
			}
		})
	}
}

// Proven from within its own session, an address is verified and nothing is taken away.
func TestVerifyingOnesOwnAddress(t *testing.T) {
	t.Parallel()
	d := open(t)
	d.user(email, false)
	who := d.enter(email)
	at := d.within(signin.ToVerifyEmail, who, "")
	must[signin.Progress](t)(d.SendCode(t.Context(), at.Token, home))
	code, _ := d.code(email)
	if done := must[signin.Progress](t)(d.ProveCode(t.Context(), at.Token, code, home)); !done.Done {
		t.Fatalf("%+v", done)
	}
	if who = d.enter(email); !who.View.User.EmailVerified {
		t.Error("the address is not verified")
	}

	d.user("taken@example.com", true)
	at = d.within(signin.ToVerifyEmail, who, "taken@example.com")
	must[signin.Progress](t)(d.SendCode(t.Context(), at.Token, home))
	if len(d.letters(mail.KindCode, "taken@example.com")) != 0 || len(d.letters(mail.KindHaveAccount, "taken@example.com")) != 1 {
		t.Error("the owner of an address was sent a code that gives it away")
	}
	at = d.within(signin.ToVerifyEmail, who, "new@example.com")
	must[signin.Progress](t)(d.SendCode(t.Context(), at.Token, home))
	code, _ = d.code("new@example.com")
	must[signin.Progress](t)(d.ProveCode(t.Context(), at.Token, code, home))
	if u := d.enter("new@example.com").View.User; u.ID != who.View.User.ID || !u.EmailVerified {
		t.Errorf("%+v", u)
	}
	if len(d.letters(mail.KindEmailChanged, email)) != 1 {
		t.Error("the old address was not told")
	}
	d.pass(11 * time.Minute)
	_, err := d.Begin(t.Context(), signin.Begin{Purpose: signin.ToVerifyEmail, Who: &who, Email: "third@example.com"}, home)
	want(t, err, signin.ErrStepUp)
}

func TestRecovery(t *testing.T) {
	t.Parallel()
	d := open(t)
	d.user(email, true)
	s, _, who := d.addTOTP(d.enter(email))
	at := d.begin(signin.ToRecover, "", email)
	must[signin.Progress](t)(d.SendCode(t.Context(), at.Token, home))
	code, _ := d.code(email)
	at = must[signin.Progress](t)(d.ProveCode(t.Context(), at.Token, code, home))
	if at.NewPassword || fmt.Sprint(at.Ask) != "[totp recovery_code]" {
		t.Fatalf("a mailbox alone suffices: %+v", at)
	}
	_, err := d.Choose(t.Context(), at.Token, "", secret.NewText(another), home)
	want(t, err, signin.ErrNotNow)
	at = must[signin.Progress](t)(d.ProveTOTP(t.Context(), at.Token, d.totp(s), false, home))
	if !at.NewPassword {
		t.Fatalf("%+v", at)
	}
	at = must[signin.Progress](t)(d.Choose(t.Context(), at.Token, "", secret.NewText(another), home))
	if one := d.check(at.Grant).View.Session; one.ACR != "2" {
		t.Errorf("level %s", one.ACR)
	}
	if v, err := d.store.Sessions().Find(t.Context(), who.View.Session.ID); err != nil || v.Alive(d.clock()) == nil {
		t.Errorf("a session from before lives: %v", err)
	}
	if len(d.letters(mail.KindPasswordChanged, email)) != 1 || len(d.entries(audit.AccountRecovered)) != 1 {
		t.Error("nobody was told")
	}
}

// A recovery that is half done does not outlive a change of the password.
func TestRecoveryIsVoidOnceThePasswordChanges(t *testing.T) {
	t.Parallel()
	d := open(t)
	d.user(email, true)
	at := d.begin(signin.ToRecover, "", email)
	must[signin.Progress](t)(d.SendCode(t.Context(), at.Token, home))
	code, _ := d.code(email)
	must[signin.Progress](t)(d.ProveCode(t.Context(), at.Token, code, home))
	must[signin.Grant](t)(d.ChangePassword(t.Context(), d.enter(email), secret.NewText(password), secret.NewText(another), signin.Cookie, home))
	_, err := d.Choose(t.Context(), at.Token, "", secret.NewText("third meadow whistles 41"), home)
	want(t, err, signin.ErrNoAttempt)
	in := d.begin(signin.ToSignIn, "", email)
	if _, err := d.ProvePassword(t.Context(), in.Token, secret.NewText(another), home); err != nil {
		t.Errorf("the password was replaced all the same: %v", err)
	}
}

// A mailbox that was the account's counts for nothing once another has taken its place.
func TestAProofOfTheOldAddressDiesWithIt(t *testing.T) {
	t.Parallel()
	d := open(t)
	d.user(email, true)
	who := d.enter(email)
	move := func(to string) {
		at := d.within(signin.ToVerifyEmail, who, to)
		must[signin.Progress](t)(d.SendCode(t.Context(), at.Token, home))
		code, _ := d.code(to)
		must[signin.Progress](t)(d.ProveCode(t.Context(), at.Token, code, home))
	}
	// Whoever reads the old mailbox is about to choose a password, to step up, and to confirm the address.
	recovery := d.begin(signin.ToRecover, "", email)
	must[signin.Progress](t)(d.SendCode(t.Context(), recovery.Token, home))
	code, _ := d.code(email)
	must[signin.Progress](t)(d.ProveCode(t.Context(), recovery.Token, code, home))
	copied := d.enter(email)
	stepUp, confirm := d.within(signin.ToStepUp, copied, ""), d.within(signin.ToVerifyEmail, copied, "")
	must[signin.Progress](t)(d.SendCode(t.Context(), confirm.Token, home))
	code, _ = d.code(email)

	move("new@example.com")
	_, err := d.Choose(t.Context(), recovery.Token, "", secret.NewText(another), home)
	want(t, err, signin.ErrNoAttempt)
	_, err = d.SendCode(t.Context(), stepUp.Token, home)
	want(t, err, signin.ErrNoAttempt)
	_, err = d.ProveCode(t.Context(), confirm.Token, code, home)
	want(t, err, signin.ErrNoAttempt)
	if u := must[account.User](t)(d.store.Accounts().ByID(t.Context(), who.View.User.ID)); u.Email != "new@example.com" {
		t.Errorf("the account is back at %s", u.Email)
	}
}
