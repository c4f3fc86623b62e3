package signin_test

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/descope/virtualwebauthn"

	"tandem.example/tandem/internal/application"
	"tandem.example/tandem/internal/audit"
	"tandem.example/tandem/internal/credential"
	"tandem.example/tandem/internal/limit"
	"tandem.example/tandem/internal/mail"
	"tandem.example/tandem/internal/secret"
	"tandem.example/tandem/internal/session"
	"tandem.example/tandem/internal/signin"
)

// half signs in with the password and answers the attempt that asks for the second factor.
func (d *desk) half(app string, c signin.Client) signin.Progress {
	d.Helper()
	at := d.begin(signin.ToSignIn, app, email)
	return must[signin.Progress](d)(d.ProvePassword(d.Context(), at.Token, secret.NewText(password), c))
}

func TestOneTimeCodeIsGoodOnce(t *testing.T) {
	t.Parallel()
	d := open(t)
	d.user(email, true)
	s, _, who := d.addTOTP(d.enter(email))
	if one := who.View.Session; one.ACR != "2" || fmt.Sprint(one.AMR) != "[pwd otp mfa]" {
		t.Errorf("the session that set it up: %s %v", one.ACR, one.AMR)
	}
	first, second := d.half("", home), d.half("", home)
	if first.Done || !first.SecondFactor || fmt.Sprint(first.Ask) != "[totp recovery_code]" {
		t.Fatalf("%+v", first)
	}
	code := d.totp(s)
	done := must[signin.Progress](t)(d.ProveTOTP(t.Context(), first.Token, code, false, home))
	if one := d.check(done.Grant).View.Session; one.ACR != "2" {
		t.Errorf("level %s", one.ACR)
	}
	_, err := d.ProveTOTP(t.Context(), second.Token, code, false, home)
	want(t, err, signin.ErrWrongCode) // replayed
	d.pass(30 * time.Second)
	must[signin.Progress](t)(d.ProveTOTP(t.Context(), second.Token, d.totp(s), false, home))
}

// One code, presented by many at once, signs one in.
func TestOneTimeCodeSignsOneIn(t *testing.T) {
	t.Parallel()
	d := open(t)
	d.user(email, true)
	s, recovery, _ := d.addTOTP(d.enter(email))
	for name, prove := range map[string]func(secret.Text) (signin.Progress, error){
		"totp": func(a secret.Text) (signin.Progress, error) {
			return d.ProveTOTP(t.Context(), a, d.totp(s), false, home)
		},
		"recovery": func(a secret.Text) (signin.Progress, error) {
			return d.ProveRecoveryCode(t.Context(), a, strings.ToUpper(recovery[0].Reveal()), home)
		},
	} {
		var in atomic.Int32
		var all sync.WaitGroup
		for range 8 {
			at := d.half("", home)
			all.Go(func() {
				p, err := prove(at.Token)
				if err == nil && p.Done {
					in.Add(1)
				} else if !errors.Is(err, signin.ErrWrongCode) {
					t.Errorf("%s: %v", name, err)
				}
			})
		}
		all.Wait()
		if in.Load() != 1 {
			t.Errorf("%s: %d were signed in", name, in.Load())
		}
	}
	if n := len(d.letters(mail.KindFactorChanged, email)); n != 2 { // set up, and a recovery code used
		t.Errorf("%d notices", n)
	}
}

func TestGuessesAtOneTimeCodesAreLimited(t *testing.T) {
	t.Parallel()
	d := open(t, func(c *signin.Config) { c.Defaults.PerFactor = limit.Policy{Burst: 7, Period: time.Hour} })
	d.user(email, true)
	s, _, _ := d.addTOTP(d.enter(email))
	thief := browser("203.0.113.9") // who knows the password
	wrong, tooMany, limited := 0, 0, 0
	for range 3 {
		at := d.half("", thief)
		for range 6 {
			var e *signin.LimitedError
			switch _, err := d.ProveTOTP(t.Context(), at.Token, "12345", false, thief); {
			case errors.Is(err, signin.ErrWrongCode):
				wrong++
			case errors.Is(err, signin.ErrTooManyTries):
				tooMany++
			case errors.As(err, &e):
				limited++
			default:
				t.Fatal(err)
			}
		}
	}
	if wrong != 7 || tooMany == 0 || limited == 0 {
		t.Errorf("%d compared, %d too many, %d limited", wrong, tooMany, limited)
	}
	at := d.half("", thief)
	var e *signin.LimitedError
	if _, err := d.ProveTOTP(t.Context(), at.Token, d.totp(s), false, thief); !errors.As(err, &e) {
		t.Errorf("the limit of the account: %v", err)
	}
	if n := len(d.entries(audit.SignInRefused)); n != 7 {
		t.Errorf("%d refusals in the trail", n)
	}
	// The owner is not locked out, at an address or on a device from which they have signed in before.
	known := browser("198.51.100.4")
	known.DeviceToken = must[signin.Progress](t)(d.ProveTOTP(t.Context(), d.half("", home).Token, d.totp(s), false, home)).Grant.DeviceToken
	d.pass(30 * time.Second)
	must[signin.Progress](t)(d.ProveTOTP(t.Context(), d.half("", known).Token, d.totp(s), false, known))
}

// What devices are known does not multiply the guesses: there is one more allowance for all of them.
func TestKnownDevicesShareTheirGuesses(t *testing.T) {
	t.Parallel()
	d := open(t, func(c *signin.Config) { c.Defaults.PerFactor = limit.Policy{Burst: 7, Period: time.Hour} })
	d.app("lax", application.SignIn{SecondFactor: application.Never})
	d.user(email, true)
	s, _, _ := d.addTOTP(d.enter(email))
	compared := 0
	for i := range 6 {
		thief := browser(fmt.Sprint("203.0.113.", i)) // known by the password alone
		thief.DeviceToken = d.half("lax", thief).Grant.DeviceToken
		at := d.half("", thief)
		for range 5 {
			if _, err := d.ProveTOTP(t.Context(), at.Token, "12345", false, thief); errors.Is(err, signin.ErrWrongCode) {
				compared++
			}
		}
	}
	if compared != 14 {
		t.Errorf("%d guesses were compared, of one device for each 7", compared)
	}
	d.pass(time.Hour)
	must[signin.Progress](t)(d.ProveTOTP(t.Context(), d.half("", home).Token, d.totp(s), false, home))
}

func TestRememberedDevice(t *testing.T) {
	t.Parallel()
	d := open(t, func(c *signin.Config) { c.Defaults.SignIn.Remember = 30 * 24 * time.Hour })
	d.app("strict", application.SignIn{ACR: "2"})
	d.app("short", application.SignIn{Remember: time.Hour})
	d.app("never", application.SignIn{Remember: -1})
	d.user(email, true)
	s, _, _ := d.addTOTP(d.enter(email))
	d.pass(30 * time.Second)
	done := must[signin.Progress](t)(d.ProveTOTP(t.Context(), d.half("", home).Token, d.totp(s), false, home))
	if done.Grant.Remembered.Token != "" {
		t.Error("a device is remembered that nobody asked for")
	}
	d.pass(30 * time.Second)
	done = must[signin.Progress](t)(d.ProveTOTP(t.Context(), d.half("", home).Token, d.totp(s), true, home))
	known := home
	known.Remembered = done.Grant.Remembered.Token
	if spared := d.half("", known); !spared.Done || d.check(spared.Grant).View.Session.ACR != "1" {
		t.Errorf("a remembered device: %+v", spared)
	}
	for _, app := range []string{"strict", "never"} {
		if d.half(app, known).Done {
			t.Errorf("%s spares a remembered device", app)
		}
	}
	forged := known
	forged.Remembered = known.Remembered[:len(known.Remembered)-1] + "x"
	if d.half("", forged).Done {
		t.Error("a forged token spares")
	}
	d.pass(2 * time.Hour)
	if d.half("short", known).Done {
		t.Error("the policy's duration does not count")
	}
	if !d.half("", known).Done {
		t.Error("forgotten too early")
	}
	who := d.check(must[signin.Progress](t)(d.ProveTOTP(t.Context(), d.half("", home).Token, d.totp(s), false, home)).Grant)
	must[[]secret.Text](t)(d.NewRecoveryCodes(t.Context(), who, home))
	if d.half("", known).Done {
		t.Error("a change of factors does not end it")
	}
}

func TestPolicyRequiresAFactor(t *testing.T) {
	t.Parallel()
	d := open(t)
	d.app("strict", application.SignIn{ACR: "2"})
	d.user(email, true)
	at := d.half("strict", home)
	if at.Done || !at.Enrol || fmt.Sprint(at.Ask) != "[totp passkey]" {
		t.Fatalf("%+v", at)
	}
	_, err := d.ProveTOTP(t.Context(), at.Token, "123456", false, home)
	want(t, err, signin.ErrNotNow)
	setup := must[signin.TOTPSetup](t)(d.EnrolTOTP(t.Context(), at.Token, home))
	if !bytes.HasPrefix(setup.QR, []byte("\x89PNG")) || !strings.HasPrefix(setup.URI.Reveal(), "otpauth://totp/Example%20Bank:"+email) {
		t.Errorf("%s", setup.URI.Reveal())
	}
	again := must[signin.TOTPSetup](t)(d.EnrolTOTP(t.Context(), at.Token, home))
	if !again.Seed.Equal(setup.Seed) {
		t.Error("another seed each time")
	}
	_, err = d.ConfirmTOTP(t.Context(), at.Token, "000", home)
	want(t, err, signin.ErrWrongCode)
	done := must[signin.Progress](t)(d.ConfirmTOTP(t.Context(), at.Token, d.totp(seed(strings.ReplaceAll(setup.Seed.Reveal(), " ", ""))), home))
	if one := d.check(done.Grant); one.View.Session.ACR != "2" || len(done.RecoveryCodes) != credential.RecoveryCodeCount {
		t.Errorf("%+v", done)
	}
	who := d.check(done.Grant)
	_, err = d.RemoveTOTP(t.Context(), who, home)
	want(t, err, signin.ErrNotNow) // the policy would not hold

	d.user("eve@example.com", true)
	other := d.begin(signin.ToSignIn, "strict", "eve@example.com")
	other = must[signin.Progress](t)(d.ProvePassword(t.Context(), other.Token, secret.NewText(password), home))
	v := newDevice("", virtualOptions)
	options := must[[]byte](t)(d.EnrolPasskey(t.Context(), other.Token, home))
	other = must[signin.Progress](t)(d.ConfirmPasskey(t.Context(), other.Token, v.create(t, options), "My key", home))
	if !other.Done || d.check(other.Grant).View.Session.ACR != "2" {
		t.Errorf("%+v", other)
	}
}

func TestChangesOfFactorsTakeAFreshProof(t *testing.T) {
	t.Parallel()
	d := open(t)
	d.user(email, true)
	who := d.enter(email)
	d.pass(11 * time.Minute)
	for _, p := range []signin.Purpose{signin.ToAddPasskey, signin.ToAddTOTP, signin.ToConnect} {
		_, err := d.Begin(t.Context(), signin.Begin{Purpose: p, Who: &who}, home)
		want(t, err, signin.ErrStepUp)
	}
	who = d.stepUp(who, func(a secret.Text) (signin.Progress, error) {
		return d.ProvePassword(t.Context(), a, secret.NewText(password), home)
	})
	_, recovery, strongly := d.addTOTP(who)
	// A session of one factor cannot take the second away.
	spared := signin.Identity{View: strongly.View, Application: strongly.Application, At: strongly.At}
	spared.View.Session.ACR = "1"
	_, err := d.RemoveTOTP(t.Context(), spared, home)
	want(t, err, signin.ErrStepUp)
	d.pass(11 * time.Minute)
	if fresh := must[bool](t)(d.Fresh(t.Context(), strongly)); fresh {
		t.Error("fresh after 11 minutes")
	}
	_, err = d.RemoveTOTP(t.Context(), strongly, home)
	want(t, err, signin.ErrStepUp)
	_, err = d.NewRecoveryCodes(t.Context(), strongly, home)
	want(t, err, signin.ErrStepUp)
	strongly = d.stepUp(strongly, func(a secret.Text) (signin.Progress, error) {
		must[signin.Progress](t)(d.ProvePassword(t.Context(), a, secret.NewText(password), home))
		return d.ProveRecoveryCode(t.Context(), a, recovery[3].Reveal(), home)
	})
	fresh := must[[]secret.Text](t)(d.NewRecoveryCodes(t.Context(), strongly, home))
	at := d.half("", home)
	_, err = d.ProveRecoveryCode(t.Context(), at.Token, recovery[0].Reveal(), home)
	want(t, err, signin.ErrWrongCode)
	must[signin.Progress](t)(d.ProveRecoveryCode(t.Context(), at.Token, fresh[0].Reveal(), home))
	strongly.View = must[session.View](t)(d.Sessions.Find(t.Context(), strongly.View.Session.ID)) // as the next request sees it
	g := must[signin.Grant](t)(d.RemoveTOTP(t.Context(), strongly, home))
	strongly = d.check(g)
	_, err = d.RemoveTOTP(t.Context(), strongly, home)
	want(t, err, credential.ErrNoTOTP)
	if !d.half("", home).Done {
		t.Error("a second factor that is gone is asked for")
	}
}

// A passkey can be lost too: whoever has one may have recovery codes.
func TestRecoveryCodesBesidePasskeys(t *testing.T) {
	t.Parallel()
	d := open(t)
	d.user(email, true)
	who := d.enter(email)
	_, err := d.NewRecoveryCodes(t.Context(), who, home)
	want(t, err, credential.ErrNoTOTP)
	_, who = d.addPasskey(who, virtualwebauthn.AuthenticatorOptions{})
	codes := must[[]secret.Text](t)(d.NewRecoveryCodes(t.Context(), who, home))
	at := d.half("", home)
	if !slices.Contains(at.Ask, application.RecoveryCode) {
		t.Errorf("asked for %v", at.Ask)
	}
	if at = must[signin.Progress](t)(d.ProveRecoveryCode(t.Context(), at.Token, codes[0].Reveal(), home)); !at.Done {
		t.Errorf("%+v", at)
	}
}

// stepUp proves the person anew and answers the session with its new credentials.
func (d *desk) stepUp(who signin.Identity, prove func(secret.Text) (signin.Progress, error)) signin.Identity {
	d.Helper()
	at := d.within(signin.ToStepUp, who, "")
	done := must[signin.Progress](d)(prove(at.Token))
	if !done.Done {
		d.Fatalf("%+v", done)
	}
	return d.check(done.Grant)
}

// An attempt of a session dies with the credentials that the session had.
func TestAttemptDiesWithTheCredentials(t *testing.T) {
	t.Parallel()
	d := open(t)
	d.user(email, true)
	who := d.enter(email)
	at := d.within(signin.ToAddPasskey, who, "")
	d.stepUp(who, func(a secret.Text) (signin.Progress, error) {
		return d.ProvePassword(t.Context(), a, secret.NewText(password), home)
	})
	_, err := d.EnrolPasskey(t.Context(), at.Token, home)
	want(t, err, signin.ErrNoAttempt)

	// And one whose user was identified, with what was proven.
	s, _, _ := d.addTOTP(d.enter(email))
	half := d.half("", home)
	strong := d.check(must[signin.Progress](t)(d.ProveTOTP(t.Context(), d.half("", home).Token, d.totp(s), false, home)).Grant)
	must[signin.Grant](t)(d.ChangePassword(t.Context(), strong, secret.NewText(password), secret.NewText(another), signin.Cookie, home))
	d.pass(time.Minute)
	_, err = d.ProveTOTP(t.Context(), half.Token, d.totp(s), false, home)
	want(t, err, signin.ErrNoAttempt)
}

// A password that an application does not let people in with does not step them up there either.
func TestStepUpTakesWhatThePolicyTakes(t *testing.T) {
	t.Parallel()
	d := open(t)
	d.user(email, true)
	d.app("keys", application.SignIn{Methods: []application.Method{application.Passkey}})
	v, _ := d.addPasskey(d.enter(email), virtualOptions)
	at := d.begin(signin.ToSignIn, "keys", "")
	at = must[signin.Progress](t)(d.ProvePasskey(t.Context(), at.Token, v.get(t, must[[]byte](t)(d.AskPasskey(t.Context(), at.Token, home))), false, home))
	d.pass(time.Hour)
	who := d.check(at.Grant)
	var field *signin.FieldError
	if _, err := d.StepUp(t.Context(), who, signin.Again{Password: secret.NewText(password)}, signin.Body, home); !errors.As(err, &field) || field.Field != "password" {
		t.Errorf("answered %v", err)
	}
	if again := d.check(at.Grant); !again.View.Session.AuthenticatedAt.Equal(who.View.Session.AuthenticatedAt) {
		t.Error("the session was stepped up")
	}
}
