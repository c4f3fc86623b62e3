package signin_test

import (
	"context"
	"strings"
	"testing"

	"tandem.example/tandem/internal/account"
	"tandem.example/tandem/internal/application"
	"tandem.example/tandem/internal/audit"
	"tandem.example/tandem/internal/credential"
	"tandem.example/tandem/internal/feed"
	"tandem.example/tandem/internal/secret"
	"tandem.example/tandem/internal/session"
	"tandem.example/tandem/internal/signin"
)

// moment is just before a factor is stored.
type moment func()

type latePasskeys struct {
	credential.Passkeys
	at *moment
}

func (l latePasskeys) Add(ctx context.Context, p credential.Passkey, was *account.User, e audit.Entry) error {
	l.at.come()
	return l.Passkeys.Add(ctx, p, was, e)
}

type lateCodes struct {
	credential.OneTimeCodes
	at *moment
}

func (l lateCodes) SetTOTP(ctx context.Context, t credential.TOTP, was *account.User, e audit.Entry) error {
	l.at.come()
	return l.OneTimeCodes.SetTOTP(ctx, t, was, e)
}

type lateConnections struct {
	credential.Connections
	at *moment
}

func (l lateConnections) Connect(ctx context.Context, c credential.Connection, was *account.User, e audit.Entry) error {
	l.at.come()
	return l.Connections.Connect(ctx, c, was, e)
}

func (m *moment) come() {
	if f := *m; f != nil {
		*m = nil
		f()
	}
}

// Somebody who has registered another's address adds factors without end, so that one may be stored just after the owner
// has claimed the account. None is, and none replaces what the owner sets up.
func TestNothingIsAddedToAnAccountThatWasClaimedMeanwhile(t *testing.T) {
	t.Parallel()
	for name, add := range map[string]func(*desk, signin.Identity) error{
		"a passkey": func(d *desk, who signin.Identity) error {
			at := d.within(signin.ToAddPasskey, who, "")
			options := must[[]byte](d)(d.EnrolPasskey(d.Context(), at.Token, home))
			_, err := d.ConfirmPasskey(d.Context(), at.Token, newDevice(who.View.User.ID, virtualOptions).create(d, options), "", home)
			return err
		},
		"one-time codes": func(d *desk, who signin.Identity) error {
			at := d.within(signin.ToAddTOTP, who, "")
			setup := must[signin.TOTPSetup](d)(d.EnrolTOTP(d.Context(), at.Token, home))
			_, err := d.ConfirmTOTP(d.Context(), at.Token, d.totp(seed(strings.ReplaceAll(setup.Seed.Reveal(), " ", ""))), home)
			return err
		},
		"a connection": func(d *desk, who signin.Identity) error {
			d.provider.who.Subject, d.provider.who.Email = "mallory", "mallory@example.com"
			_, err := d.via(d.within(signin.ToConnect, who, "").Token)
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var now moment
			d := open(t, func(c *signin.Config) {
				c.Passkeys, c.Codes = latePasskeys{c.Passkeys, &now}, lateCodes{c.Codes, &now}
				c.Connections = lateConnections{c.Connections, &now}
			})
			d.user(email, false)
			stranger := d.enter(email)
			var owner signin.Identity
			now = func() {
				at := d.begin(signin.ToSignIn, "", email)
				must[signin.Progress](t)(d.SendCode(t.Context(), at.Token, home))
				code, _ := d.code(email)
				owner = d.check(must[signin.Progress](t)(d.ProveCode(t.Context(), at.Token, code, home)).Grant)
			}
			want(t, add(d, stranger), session.ErrRaced)
			f := must[signin.Factors](t)(d.Factors(t.Context(), owner))
			if f.Password || len(f.Passkeys) > 0 || !f.TOTPSince.IsZero() || f.RecoveryCodes > 0 || len(f.Connections) > 0 {
				t.Errorf("the stranger has a way in: %+v", f)
			}
		})
	}
}

// A password that is chosen at the end of a recovery replaces none that was set meanwhile.
func TestRecoveryReplacesNothingNewer(t *testing.T) {
	t.Parallel()
	var now moment
	d := open(t, func(c *signin.Config) { c.Store = lateStore{c.Store, &now} })
	d.user(email, true)
	at := d.begin(signin.ToRecover, "", email)
	must[signin.Progress](t)(d.SendCode(t.Context(), at.Token, home))
	code, _ := d.code(email)
	must[signin.Progress](t)(d.ProveCode(t.Context(), at.Token, code, home))
	who := d.enter(email)
	now = func() {
		must[signin.Grant](t)(d.ChangePassword(t.Context(), who, secret.NewText(password), secret.NewText(another), signin.Cookie, home))
	}
	_, err := d.Choose(t.Context(), at.Token, "", secret.NewText("third meadow whistles 41"), home)
	want(t, err, session.ErrRaced)
	in := d.begin(signin.ToSignIn, "", email)
	if _, err := d.ProvePassword(t.Context(), in.Token, secret.NewText(another), home); err != nil {
		t.Errorf("the newer password was replaced: %v", err)
	}
}

type lateStore struct {
	signin.Store
	at *moment
}

func (l lateStore) SetPassword(ctx context.Context, n signin.NewPassword) (session.View, feed.Commit, error) {
	l.at.come()
	return l.Store.SetPassword(ctx, n)
}

// A page that asks for a passkey while a code is guessed gives the code no guesses anew.
func TestOtherStepsGiveBackNoGuesses(t *testing.T) {
	t.Parallel()
	var now moment
	d := open(t, func(c *signin.Config) { c.Attempts = lateAttempts{c.Attempts, &now} })
	d.user(email, true)
	at := d.begin(signin.ToSignIn, "", email)
	must[signin.Progress](t)(d.SendCode(t.Context(), at.Token, home))
	code, _ := d.code(email)
	now = func() {
		for range 5 {
			_, err := d.ProveCode(t.Context(), at.Token, "12345", home)
			want(t, err, signin.ErrWrongCode)
		}
	}
	must[[]byte](t)(d.AskPasskey(t.Context(), at.Token, home))
	_, err := d.ProveCode(t.Context(), at.Token, code, home)
	want(t, err, signin.ErrTooManyTries)
}

type lateAttempts struct {
	signin.Attempts
	at *moment
}

func (l lateAttempts) Advance(ctx context.Context, a signin.Attempt) error {
	l.at.come()
	return l.Attempts.Advance(ctx, a)
}

func (l latePasskeys) Remove(ctx context.Context, u account.ID, passkey string, was *account.User, e audit.Entry) error {
	l.at.come()
	return l.Passkeys.Remove(ctx, u, passkey, was, e)
}

// Two devices that each remove one of the last two ways to sign in leave one.
func TestTheLastWayToSignInStaysInARace(t *testing.T) {
	t.Parallel()
	var now moment
	d := open(t, func(c *signin.Config) { c.Passkeys = latePasskeys{c.Passkeys, &now} })
	d.user(email, true)
	d.app("keys", application.SignIn{Methods: []application.Method{application.Passkey}})
	one, who := d.addPasskey(d.enter(email), virtualOptions)
	_, who = d.addPasskey(who, virtualOptions)
	enter := func() signin.Identity {
		at := d.begin(signin.ToSignIn, "keys", "")
		return d.check(must[signin.Progress](t)(d.ProvePasskey(t.Context(), at.Token, one.get(t, must[[]byte](t)(d.AskPasskey(t.Context(), at.Token, home))), false, home)).Grant)
	}
	here, there := enter(), enter()
	keys := must[signin.Factors](t)(d.Factors(t.Context(), who)).Passkeys
	now = func() { must[signin.Grant](t)(d.RemovePasskey(t.Context(), there, keys[1].ID, home)) }
	_, err := d.RemovePasskey(t.Context(), here, keys[0].ID, home)
	want(t, err, session.ErrRaced)
	if left := must[signin.Factors](t)(d.Factors(t.Context(), who)).Passkeys; len(left) != 1 {
		t.Errorf("%d passkeys are left", len(left))
	}
}
