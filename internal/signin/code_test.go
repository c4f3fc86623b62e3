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
	"tandem.example/tandem/internal/signin"
)

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

// Letters outside of ASCII that are written in lower case as one within it ("K" is the sign for kelvin, "İ" has a dot)
// make two addresses of what looks like one: mail to the one does not reach whoever reads the other.
func TestCodeOfAnAccountGoesToItsAddressAlone(t *testing.T) {
	t.Parallel()
	for _, typed := range []string{"\u212Aim@example.com", "kim@\u0130d.example.com", "kim@example.com\u0307"} {
		d := open(t)
		d.user("kim@example.com", true)
		d.user("kim@id.example.com", true)
		at, err := d.Identify(t.Context(), d.begin(signin.ToSignIn, "", "").Token, typed, home)
		if err != nil {
			continue
		}
		must[signin.Progress](t)(d.SendCode(t.Context(), at.Token, home))
		if n := len(d.letters(mail.KindCode, typed)); n != 0 {
			t.Errorf("a code for another's account was mailed to %q", typed)
		}
	}
	d := open(t)
	d.user(email, true)
	at := d.begin(signin.ToRecover, "", "ADA@Example.com")
	must[signin.Progress](t)(d.SendCode(t.Context(), at.Token, home))
	if len(d.letters(mail.KindCode, email)) != 1 {
		t.Error("the code did not go to the address as the account has it")
	}
}

// What writes to the audit trail, or hashes, is counted by the address that it comes from.
func TestLinksAndChoicesAreCounted(t *testing.T) {
	t.Parallel()
	d := open(t, func(c *signin.Config) { c.Defaults.PerAddress.Burst = 6; c.Defaults.PerAddress.Period = time.Hour })
	at := d.begin(signin.ToSignIn, "", email)
	var limited *signin.LimitedError
	for range 20 {
		_, err := d.ProveLink(t.Context(), at.Token, secret.NewText("AAAA"), home)
		if errors.As(err, &limited) {
			break
		}
		want(t, err, signin.ErrWrongCode)
	}
	if n := len(d.entries(audit.SignInRefused)); limited == nil || n != 6 {
		t.Errorf("20 forged links made %d entries", n)
	}

	d = open(t, func(c *signin.Config) {
		c.Defaults.PerAddress.Burst, c.CanMail = 6, false
		c.Defaults.PerAddress.Period = time.Hour
	})
	at = d.begin(signin.ToSignUp, "", "new@example.com")
	other := d.begin(signin.ToSignIn, "", email)
	for range 6 {
		_, err := d.ProvePassword(t.Context(), other.Token, secret.NewText(password), home)
		want(t, err, signin.ErrInvalidCredentials)
	}
	if _, err := d.Choose(t.Context(), at.Token, "", secret.NewText(another), home); !errors.As(err, &limited) {
		t.Errorf("a password was hashed for an address that is over its limit: %v", err)
	}
}

// Whoever has letters sent to an address until it takes no more keeps its owner from none: a device from which they have
// signed in has a limit of its own.
func TestStrangersCannotUseUpTheMailOfAnOwner(t *testing.T) {
	t.Parallel()
	d := open(t)
	d.user(email, true)
	in := d.begin(signin.ToSignIn, "", email)
	g := must[signin.Progress](t)(d.ProvePassword(t.Context(), in.Token, secret.NewText(password), home)).Grant
	stranger, owner := browser("198.51.100.1"), browser("203.0.113.9")
	owner.DeviceToken = g.DeviceToken
	send := func(c signin.Client) error {
		at := d.begin(signin.ToRecover, "", email)
		_, err := d.SendCode(t.Context(), at.Token, c)
		return err
	}
	var limited *signin.LimitedError
	for sent := 0; ; sent++ {
		err := send(stranger)
		if errors.As(err, &limited) && sent == 5 {
			break
		}
		if err != nil || sent > 5 {
			t.Fatalf("letter %d: %v", sent, err)
		}
	}
	if err := send(browser("203.0.113.9")); !errors.As(err, &limited) {
		t.Errorf("another stranger: %v", err)
	}
	for range 5 {
		if err := send(owner); err != nil {
			t.Fatalf("the owner is kept out: %v", err)
		}
	}
	if err := send(owner); !errors.As(err, &limited) {
		t.Errorf("the owner has no limit: %v", err)
	}
}
