package signin_test

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"tandem.example/tandem/internal/account"
	"tandem.example/tandem/internal/application"
	"tandem.example/tandem/internal/audit"
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

func TestCodeIsGoodOnce(t *testing.T) {
	t.Parallel()
	d := open(t)
	d.user(email, true)
	at := d.begin(signin.ToSignIn, "", email)
	must[signin.Progress](t)(d.SendCode(t.Context(), at.Token, home))
	first, _ := d.code(email)
	must[signin.Progress](t)(d.SendCode(t.Context(), at.Token, home))
	code, _ := d.code(email)
	if first != code {
		_, err := d.ProveCode(t.Context(), at.Token, first, home)
		want(t, err, signin.ErrWrongCode)
	}
	other := d.begin(signin.ToSignIn, "", email)
	_, err := d.ProveCode(t.Context(), other.Token, code, home)
	want(t, err, signin.ErrWrongCode) // it belongs to the attempt that asked
	done := must[signin.Progress](t)(d.ProveCode(t.Context(), at.Token, code[:3]+" "+code[3:], home))
	if s := d.check(done.Grant).View.Session; !done.Done || fmt.Sprint(s.AMR) != "[email]" {
		t.Errorf("%+v", s)
	}
	_, err = d.ProveCode(t.Context(), at.Token, code, home)
	want(t, err, signin.ErrNoAttempt)

	late := d.begin(signin.ToSignIn, "", email)
	must[signin.Progress](t)(d.SendCode(t.Context(), late.Token, home))
	code, link := d.code(email)
	d.pass(11 * time.Minute)
	_, err = d.ProveCode(t.Context(), late.Token, code, home)
	want(t, err, signin.ErrWrongCode)
	_, err = d.ProveLink(t.Context(), late.Token, link, home)
	want(t, err, signin.ErrWrongCode)
}

// Of any number of guesses at once exactly five are compared, and none beyond, whatever the rest of the limits allow.
func TestParallelGuessesAreCountedExactly(t *testing.T) {
	t.Parallel()
	d := open(t, func(c *signin.Config) { c.Defaults.PerAccount.Burst = 1000 })
	d.user(email, true)
	at := d.begin(signin.ToSignIn, "", email)
	must[signin.Progress](t)(d.SendCode(t.Context(), at.Token, home))
	code, _ := d.code(email)
	var compared, refused atomic.Int32
	var all sync.WaitGroup
	for i := range 60 {
		guess := fmt.Sprintf("%06d", i)
		if guess == code {
			guess = "999999"
		}
		all.Go(func() {
			switch _, err := d.ProveCode(t.Context(), at.Token, guess, home); {
			case errors.Is(err, signin.ErrWrongCode):
				compared.Add(1)
			case errors.Is(err, signin.ErrTooManyTries):
				refused.Add(1)
			default:
				t.Errorf("answered %v", err)
			}
		})
	}
	all.Wait()
	if compared.Load() != 5 || refused.Load() != 55 {
		t.Errorf("%d compared, %d refused", compared.Load(), refused.Load())
	}
	_, err := d.ProveCode(t.Context(), at.Token, code, home)
	want(t, err, signin.ErrTooManyTries)
	must[signin.Progress](t)(d.SendCode(t.Context(), at.Token, home))
	code, _ = d.code(email)
	must[signin.Progress](t)(d.ProveCode(t.Context(), at.Token, code, home))
}

// Guesses over many attempts are counted for the account, exactly.
func TestGuessesAreCountedOverAttempts(t *testing.T) {
	t.Parallel()
	d := open(t, func(c *signin.Config) { c.Defaults.PerAccount.Burst = 7 })
	d.user(email, true)
	var tokens []secret.Text
	for range 5 {
		at := d.begin(signin.ToSignIn, "", email)
		must[signin.Progress](t)(d.SendCode(t.Context(), at.Token, home))
		tokens = append(tokens, at.Token)
	}
	var compared atomic.Int32
	var all sync.WaitGroup
	for _, token := range tokens {
		for range 4 {
			all.Go(func() {
				var limited *signin.LimitedError
				if _, err := d.ProveCode(t.Context(), token, "12345", home); errors.Is(err, signin.ErrWrongCode) {
					compared.Add(1)
				} else if !errors.As(err, &limited) {
					t.Errorf("answered %v", err)
				}
			})
		}
	}
	all.Wait()
	if compared.Load() != 7 {
		t.Errorf("%d guesses were compared, want 7", compared.Load())
	}
}

func TestLinkWorksInTheBrowserThatAsked(t *testing.T) {
	t.Parallel()
	d := open(t)
	d.user(email, true)
	at := d.begin(signin.ToSignIn, "", email)
	must[signin.Progress](t)(d.SendCode(t.Context(), at.Token, home))
	_, link := d.code(email)
	thief := d.begin(signin.ToSignIn, "", email)
	must[signin.Progress](t)(d.SendCode(t.Context(), thief.Token, home))
	_, err := d.ProveLink(t.Context(), thief.Token, link, home)
	want(t, err, signin.ErrWrongCode)
	_, err = d.ProveLink(t.Context(), secret.Text{}, link, home)
	want(t, err, signin.ErrNoAttempt)
	if done := must[signin.Progress](t)(d.ProveLink(t.Context(), at.Token, link, home)); !done.Done {
		t.Errorf("%+v", done)
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
	d := open(t, func(c *signin.Config) { c.Defaults.PerAccount.Burst = 1000 })
	u := d.user(email, true)
	at := d.begin(signin.ToSignIn, "", email)
	var begun atomic.Int32
	var all sync.WaitGroup
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

// Nothing that is answered or done tells whether an address has an account, until something was proven.
func TestNothingTellsWhoHasAnAccount(t *testing.T) {
	t.Parallel()
	d := open(t)
	d.user("known@example.com", true)
	locked := d.user("locked@example.com", true)
	d.lock(locked)
	seen := func(purpose signin.Purpose, address string) string {
		d.limits.taken()
		before := len(d.post)
		at := d.begin(purpose, "", address)
		out := d.shown(at)
		if slices.Contains(at.Ask, application.Password) {
			_, err := d.ProvePassword(t.Context(), at.Token, secret.NewText("not the password"), home)
			out += fmt.Sprintf(" password %v;", err)
		}
		at, err := d.SendCode(t.Context(), at.Token, home)
		out += fmt.Sprintf(" %s send %v;", d.shown(at), err)
		_, err = d.ProveCode(t.Context(), at.Token, "12345", home)
		out += fmt.Sprintf(" code %v;", err)
		_, err = d.ProveLink(t.Context(), at.Token, secret.NewText("AAAA"), home)
		return out + fmt.Sprintf(" link %v; %d mails; limits %s", err, len(d.post)-before, d.limits.taken())
	}
	for _, purpose := range []signin.Purpose{signin.ToSignIn, signin.ToSignUp, signin.ToRecover} {
		known := seen(purpose, "known@example.com")
		for _, address := range []string{"nobody@example.com", "locked@example.com"} {
			if other := seen(purpose, address); other != known {
				t.Errorf("%s:\n%s\n%s", purpose, known, other)
			}
		}
	}
	if n := len(d.letters(mail.KindHaveAccount, "known@example.com")); n != 1 {
		t.Errorf("%d letters say that there is an account", n)
	}
	if n := len(d.letters(mail.KindNoAccount, "nobody@example.com")); n != 2 {
		t.Errorf("%d letters say that there is none", n)
	}
}

// shown is what an answer shows, but for what the browser sent itself.
func (d *desk) shown(at signin.Progress) string {
	return fmt.Sprintf("%v %v %v %v %v %v", at.Purpose, at.Ask, at.SecondFactor, at.Enrol, at.CodeSent, at.NewPassword)
}

func (d *desk) lock(u account.User) {
	d.Helper()
	status := account.Locked
	if _, _, err := d.store.Accounts().Amend(d.Context(), account.Amendment{ID: u.ID, Status: &status, At: d.clock()}); err != nil {
		d.Fatal(err)
	}
}

func TestMailIsLimited(t *testing.T) {
	t.Parallel()
	d := open(t)
	at := d.begin(signin.ToSignIn, "", email)
	for range 5 {
		must[signin.Progress](t)(d.SendCode(t.Context(), at.Token, home))
	}
	var limited *signin.LimitedError
	if _, err := d.SendCode(t.Context(), at.Token, browser("198.51.100.1")); !errors.As(err, &limited) {
		t.Errorf("a sixth letter: %v", err)
	}
	if len(d.post) != 5 {
		t.Errorf("%d letters", len(d.post))
	}
}

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

func TestNewDeviceIsTold(t *testing.T) {
	t.Parallel()
	d := open(t)
	d.user(email, true)
	d.enter(email)
	if n := len(d.letters(mail.KindNewDevice, email)); n != 0 {
		t.Fatalf("%d notices of the first sign-in", n)
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
