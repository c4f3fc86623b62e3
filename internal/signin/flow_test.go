package signin_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"tandem.example/tandem/internal/account"
	"tandem.example/tandem/internal/application"
	"tandem.example/tandem/internal/mail"
	"tandem.example/tandem/internal/secret"
	"tandem.example/tandem/internal/session"
	"tandem.example/tandem/internal/signin"
)

func TestSignUp(t *testing.T) {
	t.Parallel()
	d := open(t)
	at := d.begin(signin.ToSignUp, "", email)
	at = must[signin.Progress](t)(d.SendCode(t.Context(), at.Token, home))
	if !at.CodeSent {
		t.Fatalf("%+v", at)
	}
	_, err := d.Choose(t.Context(), at.Token, "Ada", secret.NewText(password), home)
	want(t, err, signin.ErrNotNow) // nobody has proven the address
	code, _ := d.code(email)
	at = must[signin.Progress](t)(d.ProveCode(t.Context(), at.Token, code, home))
	if !at.NewPassword || fmt.Sprint(at.Ask) != "[password passkey]" {
		t.Fatalf("%+v", at)
	}
	at = must[signin.Progress](t)(d.Choose(t.Context(), at.Token, "Ada", secret.NewText(password), home))
	who := d.check(at.Grant)
	if u := who.View.User; !at.Done || u.Email != email || !u.EmailVerified || u.Name != "Ada" {
		t.Errorf("%+v", u)
	}
	if s := who.View.Session; s.ACR != "1" || fmt.Sprint(s.AMR) != "[email pwd]" {
		t.Errorf("%s %v", s.ACR, s.AMR)
	}
	_, err = d.Resume(t.Context(), at.Token)
	want(t, err, signin.ErrNoAttempt)
	d.enter(email)
	if n := len(d.letters(mail.KindNewDevice, email)); n != 0 {
		t.Errorf("%d notices of a new device, of the one that signed up", n)
	}
}

func TestSignUpWithAPasskeyAlone(t *testing.T) {
	t.Parallel()
	d := open(t)
	d.app("keys", application.SignIn{Methods: []application.Method{application.Passkey}, SecondFactor: application.Required})
	at := d.begin(signin.ToSignUp, "keys", email)
	must[signin.Progress](t)(d.SendCode(t.Context(), at.Token, home))
	code, _ := d.code(email)
	at = must[signin.Progress](t)(d.ProveCode(t.Context(), at.Token, code, home))
	if fmt.Sprint(at.Ask) != "[passkey]" {
		t.Fatalf("%v", at.Ask)
	}
	var field *signin.FieldError
	if _, err := d.Choose(t.Context(), at.Token, "Ada", secret.NewText(password), home); !errors.As(err, &field) || field.Field != "password" {
		t.Fatalf("a password that nobody could use: %v", err)
	}
	if _, err := d.Choose(t.Context(), at.Token, "Ada", secret.Text{}, home); err == nil {
		t.Fatal("an account without any method was made")
	}
	v := newDevice("", virtualOptions)
	options := must[[]byte](t)(d.EnrolPasskey(t.Context(), at.Token, home))
	must[signin.Progress](t)(d.ConfirmPasskey(t.Context(), at.Token, v.create(t, options), "", home))
	at = must[signin.Progress](t)(d.Choose(t.Context(), at.Token, "Ada", secret.Text{}, home))
	if s := d.check(at.Grant).View.Session; s.ACR != "2" {
		t.Errorf("level %s", s.ACR)
	}
	again := d.begin(signin.ToSignIn, "keys", "")
	options = must[[]byte](t)(d.AskPasskey(t.Context(), again.Token, home))
	again = must[signin.Progress](t)(d.ProvePasskey(t.Context(), again.Token, v.get(t, options), false, home))
	if !again.Done || d.check(again.Grant).View.User.Email != email {
		t.Errorf("%+v", again)
	}
}

func TestTokenOfAnAttempt(t *testing.T) {
	t.Parallel()
	d := open(t)
	d.user(email, true)
	at := d.begin(signin.ToSignIn, "", email)
	token := at.Token.Reveal()
	other := d.begin(signin.ToSignIn, "", email).Token.Reveal()
	for name, forged := range map[string]string{
		"another's secret": token[:30] + other[30:], "none": "", "a session's": "tds_" + token[4:], "cut": token[:len(token)-1],
		"another alphabet": token[:len(token)-1] + "+", "longer": token + "A",
	} {
		_, err := d.ProvePassword(t.Context(), secret.NewText(forged), secret.NewText(password), home)
		if !errors.Is(err, signin.ErrNoAttempt) {
			t.Errorf("%s: %v", name, err)
		}
	}
	d.pass(16 * time.Minute)
	_, err := d.Resume(t.Context(), at.Token)
	want(t, err, signin.ErrNoAttempt)
}

// Fifty equal proofs at once begin one session.
func TestAnAttemptBeginsOneSession(t *testing.T) {
	t.Parallel()
	var meet *crowd
	d := open(t, func(c *signin.Config) {
		c.Defaults.PerAccount.Burst = 1000
		meet = &crowd{Attempts: c.Attempts}
		c.Attempts = meet
	})
	u := d.user(email, true)
	at := d.begin(signin.ToSignIn, "", email)
	var begun atomic.Int32
	var all, found sync.WaitGroup
	found.Add(50)
	meet.found = &found
	for range 50 {
		all.Go(func() {
			p, err := d.ProvePassword(t.Context(), at.Token, secret.NewText(password), home)
			if err == nil && p.Done {
				begun.Add(1)
			} else if !errors.Is(err, signin.ErrNoAttempt) {
				t.Errorf("answered %v", err)
			}
		})
	}
	all.Wait()
	living := must[[]session.View](t)(d.store.Sessions().List(t.Context(), session.Query{User: u.ID, Limit: 100}))
	if begun.Load() != 1 || len(living) != 1 {
		t.Errorf("%d sessions were handed out, and there are %d", begun.Load(), len(living))
	}
}

func TestSignUpWithoutMail(t *testing.T) {
	t.Parallel()
	d := open(t, func(c *signin.Config) { c.CanMail = false })
	at := d.begin(signin.ToSignUp, "", email)
	if !at.NewPassword {
		t.Fatalf("%+v", at)
	}
	if u := d.check(must[signin.Progress](t)(d.Choose(t.Context(), at.Token, "Ada", secret.NewText(password), home)).Grant).View.User; u.EmailVerified {
		t.Error("an address that nobody has proven is verified")
	}
	at = d.begin(signin.ToSignUp, "", email)
	_, err := d.Choose(t.Context(), at.Token, "Eve", secret.NewText(password), home)
	want(t, err, account.ErrEmailTaken)
	_, err = d.Begin(t.Context(), signin.Begin{Purpose: signin.ToRecover}, home)
	want(t, err, signin.ErrNoMail)
}

func TestReturnTo(t *testing.T) {
	t.Parallel()
	d := open(t, func(c *signin.Config) { c.Defaults.AllowedOrigins = []string{"https://shop.example.com"} })
	for _, to := range []string{"", "/account", "/a?b=c#d", "https://app.example.com", "https://app.example.com/x?y=z", issuer + "/x", "https://shop.example.com/"} {
		p, err := d.Begin(t.Context(), signin.Begin{Purpose: signin.ToSignIn, ReturnTo: to}, home)
		if err != nil || p.ReturnTo != to {
			t.Errorf("%q: %v", to, err)
		}
	}
	for _, to := range []string{
		"//evil.example", "///evil.example", "/\\evil.example", "\\\\evil.example", "https://evil.example", "https://app.example.com.evil.example",
		"https://app.example.com@evil.example", "http://app.example.com", "https://app.example.com:444/", "javascript:alert(1)", "data:text/html,x",
		"evil.example", "/\n/evil.example", " /x", "https:evil.example", "https:///evil.example", "/\t/evil.example",
	} {
		if _, err := d.Begin(t.Context(), signin.Begin{Purpose: signin.ToSignIn, ReturnTo: to}, home); !errors.Is(err, signin.ErrReturnTo) {
			t.Errorf("%q: %v", to, err)
		}
	}
}

// A path of the host that is not below the issuer is not ours, however it is written.
func TestReturnToBelowAnIssuerWithAPath(t *testing.T) {
	t.Parallel()
	d := open(t, func(c *signin.Config) { c.Issuer = issuer + "/in" })
	for _, to := range []string{"/account", "/a/..b?c=../..#/..", issuer + "/in", issuer + "/in/", issuer + "/in/account?a=b", issuer + "/in?a=/../b", "https://app.example.com/a/../b"} {
		if p, err := d.Begin(t.Context(), signin.Begin{Purpose: signin.ToSignIn, ReturnTo: to}, home); err != nil || p.ReturnTo != to {
			t.Errorf("%q: %v", to, err)
		}
	}
	for _, to := range []string{
		issuer, issuer + "/", issuer + "/inner", issuer + "/other", issuer + "/in/../other", issuer + "/in/%2e%2E/other", issuer + "/in/.%2e", issuer + "/in/a%2f../x",
		issuer + "/%69n/x", "http://auth.example.com/in/", "https://auth.example.com:444/in/", "https://auth.example.com.evil.example/in/", "/../other", "/a/%2e%2e/../other", "/..",
	} {
		if _, err := d.Begin(t.Context(), signin.Begin{Purpose: signin.ToSignIn, ReturnTo: to}, home); !errors.Is(err, signin.ErrReturnTo) {
			t.Errorf("%q: %v", to, err)
		}
	}
}

func TestNewDeviceIsTold(t *testing.T) {
	t.Parallel()
	d := open(t)
	d.user(email, true)
	for range 2 {
		d.enter(email)
	}
	if n := len(d.letters(mail.KindNewDevice, email)); n != 0 {
		t.Fatalf("%d notices of the first sign-in and of one from the same address", n)
	}
	at := d.begin(signin.ToSignIn, "", email)
	at = must[signin.Progress](t)(d.ProvePassword(t.Context(), at.Token, secret.NewText(password), browser("203.0.113.9")))
	if n := len(d.letters(mail.KindNewDevice, email)); n != 1 {
		t.Fatalf("%d notices of another device", n)
	}
	again := d.begin(signin.ToSignIn, "", email)
	elsewhere := browser("203.0.113.77")
	elsewhere.DeviceToken = at.Grant.DeviceToken
	must[signin.Progress](t)(d.ProvePassword(t.Context(), again.Token, secret.NewText(password), elsewhere))
	if n := len(d.letters(mail.KindNewDevice, email)); n != 1 {
		t.Errorf("%d notices: a known device at another place is told of", n)
	}
}

// crowd lets nobody go on from an attempt before all have found it.
type crowd struct {
	signin.Attempts
	found *sync.WaitGroup // nil: nobody is waited for
}

func (c *crowd) Find(ctx context.Context, attempt string, now time.Time) (signin.Attempt, error) {
	a, err := c.Attempts.Find(ctx, attempt, now)
	if c.found != nil {
		c.found.Done()
		c.found.Wait()
	}
	return a, err
}
