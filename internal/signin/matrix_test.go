package signin_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"tandem.example/tandem/internal/account"
	"tandem.example/tandem/internal/application"
	"tandem.example/tandem/internal/secret"
	"tandem.example/tandem/internal/session"
	"tandem.example/tandem/internal/signin"
)

// walker tries every method at every step of a sign-in, and sees that only what is asked for is taken.
type walker struct {
	*desk
	app        string
	policy     application.SignIn
	user       account.User
	seed       seed
	recovery   []secret.Text
	key        *device
	hasKey     bool
	client     signin.Client
	remembered bool
	paths      int
}

var universe = []application.Method{
	application.Password, application.EmailCode, application.Passkey, application.TOTP, application.RecoveryCode, application.Provider("example"),
}

// prove proves the method as the user can.
func (w *walker) prove(token secret.Text, m application.Method) (signin.Progress, error) {
	ctx := w.Context()
	switch m {
	case application.Password:
		return w.ProvePassword(ctx, token, secret.NewText(password), w.client)
	case application.EmailCode:
		if p, err := w.SendCode(ctx, token, w.client); err != nil {
			return p, err
		}
		code, _ := w.code(w.user.Email)
		return w.ProveCode(ctx, token, code, w.client)
	case application.Passkey:
		options, err := w.AskPasskey(ctx, token, w.client)
		if err != nil {
			return signin.Progress{}, err
		}
		return w.ProvePasskey(ctx, token, w.key.get(w, options), false, w.client)
	case application.TOTP:
		w.pass(30 * time.Second)
		return w.ProveTOTP(ctx, token, w.totp(w.seed), false, w.client)
	case application.RecoveryCode:
		if len(w.recovery) == 0 {
			return w.ProveRecoveryCode(ctx, token, "none", w.client)
		}
		p, err := w.ProveRecoveryCode(ctx, token, w.recovery[0].Reveal(), w.client)
		if err == nil {
			w.recovery = w.recovery[1:]
		}
		return p, err
	}
	if _, err := w.AskProvider(ctx, token, "example", w.client); err != nil {
		return signin.Progress{}, err
	}
	return w.ProveProvider(ctx, token, "example", map[string][]string{"state": {"x"}}, w.client)
}

// walk goes the path and then on, along every method.
func (w *walker) walk(path []application.Method) {
	w.Helper()
	for _, next := range universe {
		at := w.begin(signin.ToSignIn, w.app, w.user.Email)
		for _, m := range path {
			at = must[signin.Progress](w)(w.prove(at.Token, m))
		}
		asked := at
		at, err := w.prove(at.Token, next)
		way := fmt.Sprintf("%+v: %v then %s", w.policy, path, next)
		expected := slices.Contains(asked.Ask, next) && !asked.Enrol
		if !expected {
			if !errors.Is(err, signin.ErrNotNow) {
				w.Fatalf("%s: what is not asked for answers %v", way, err)
			}
			continue
		}
		w.paths++
		if next == application.Passkey && !w.hasKey {
			want(w, err, signin.ErrWrongPasskey)
			continue
		}
		if err != nil {
			w.Fatalf("%s: %v", way, err)
		}
		proven := append(slices.Clone(path), next)
		if at.Done != w.satisfied(proven) || at.Done == at.Grant.SessionToken.Empty() {
			w.Fatalf("%s: done is %t", way, at.Done)
		}
		if !at.Done {
			w.walk(proven)
		}
	}
}

// satisfied says whether the policy holds, in its own words.
func (w *walker) satisfied(proven []application.Method) bool {
	if len(proven) == 0 || len(w.policy.Methods) > 0 && !slices.Contains(w.policy.Methods, proven[0]) {
		return false
	}
	two := proven[0] == application.Passkey || len(proven) > 1
	enrolled := w.seed != "" || w.hasKey
	switch {
	case two:
		return true
	case w.policy.ACR == "2":
		return false
	case w.policy.SecondFactor == application.Required:
		return enrolled && w.remembered && w.policy.Remember > 0
	case w.policy.SecondFactor == application.Never, !enrolled:
		return true
	}
	return w.remembered && w.policy.Remember > 0
}

// On the real service: every way to sign in, under every policy, for users with every set of factors.
func TestEveryWayInObeysThePolicy(t *testing.T) {
	t.Parallel()
	paths := 0
	for _, factors := range []string{"", "totp", "passkey", "totp passkey"} {
		for _, remembered := range []bool{false, true} {
			if factors == "" && remembered {
				continue // there is nothing to remember
			}
			paths += walkAll(t, factors, remembered)
		}
	}
	t.Logf("%d paths", paths)
	if paths < 500 {
		t.Errorf("only %d paths were walked", paths)
	}
}

func walkAll(t *testing.T, factors string, remembered bool) int {
	d := open(t, func(c *signin.Config) {
		c.Defaults.MailTo.Burst, c.Defaults.PerFactor.Burst, c.Defaults.PerAccount.Burst = 1_000_000, 1_000_000, 1_000_000
	})
	w := &walker{desk: d, user: d.user(email, true), client: home, remembered: remembered}
	d.app("setup", application.SignIn{Remember: time.Hour})
	who := d.enter(email)
	d.provider.who.Subject, d.provider.who.Email, d.provider.who.EmailVerified = "1", email, true
	at := must[signin.Progress](t)(d.via(d.within(signin.ToConnect, who, "").Token))
	who = d.check(at.Grant)
	w.key = newDevice(who.View.User.ID, virtualOptions)
	if strings.Contains(factors, "totp") {
		w.seed, w.recovery, who = d.addTOTP(who)
	}
	if strings.Contains(factors, "passkey") {
		w.key, who = d.addPasskey(who, virtualOptions)
		w.hasKey = true
	}
	if remembered {
		w.remember()
	}
	for i, p := range waysIn() {
		w.app, w.policy = fmt.Sprint("app", i), p
		d.app(w.app, p)
		if w.seed != "" && len(w.recovery) < 9 {
			w.replenish(who)
		}
		w.walk(nil)
	}
	return w.paths
}

func waysIn() (out []application.SignIn) {
	for _, methods := range [][]application.Method{nil, {application.Password}, {application.Passkey, application.EmailCode}, {application.Provider("example")}} {
		for _, second := range []application.SecondFactor{application.IfEnrolled, application.Required, application.Never} {
			for _, acr := range []string{"", "2"} {
				for _, remember := range []time.Duration{-1, time.Hour} {
					out = append(out, application.SignIn{Methods: methods, SecondFactor: second, ACR: acr, Remember: remember})
				}
			}
		}
	}
	return out
}

// remember lets the device be spared for an hour.
func (w *walker) remember() {
	w.Helper()
	at := w.half("setup", home)
	if w.seed != "" {
		w.pass(30 * time.Second)
		at = must[signin.Progress](w)(w.ProveTOTP(w.Context(), at.Token, w.totp(w.seed), true, home))
	} else {
		options := must[[]byte](w)(w.AskPasskey(w.Context(), at.Token, home))
		at = must[signin.Progress](w)(w.ProvePasskey(w.Context(), at.Token, w.key.get(w, options), true, home))
	}
	if w.client.Remembered = at.Grant.Remembered.Token; w.client.Remembered == "" {
		w.Fatal("the device is not remembered")
	}
}

// replenish makes new recovery codes, and has the device remembered anew: its token died with the change. The clock has
// run meanwhile, so the person steps up first.
func (w *walker) replenish(who signin.Identity) {
	w.Helper()
	view := must[session.View](w)(w.store.Sessions().Find(w.Context(), who.View.Session.ID))
	who.View = view
	who = w.stepUp(who, func(a secret.Text) (signin.Progress, error) {
		must[signin.Progress](w)(w.ProvePassword(w.Context(), a, secret.NewText(password), home))
		w.pass(30 * time.Second)
		return w.ProveTOTP(w.Context(), a, w.totp(w.seed), false, home)
	})
	w.recovery = must[[]secret.Text](w)(w.NewRecoveryCodes(w.Context(), who, home))
	if w.remembered {
		w.remember()
	}
}
