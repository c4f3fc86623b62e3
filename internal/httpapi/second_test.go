package httpapi_test

import (
	"strings"
	"testing"
	"time"

	"github.com/authelia/otp/totp"

	"tandem.example/tandem/internal/account"
	"tandem.example/tandem/internal/application"
	"tandem.example/tandem/internal/feed"
	"tandem.example/tandem/internal/operator"
	"tandem.example/tandem/internal/secret"
	"tandem.example/tandem/internal/signin"
)

// withTOTP sets one-time codes up for the user and answers the seed and a recovery code.
func (r *rig) withTOTP(token string) (seed, recovery string) {
	r.t.Helper()
	ctx, client := r.t.Context(), signin.Client{IP: "192.0.2.7"}
	who := must[signin.Identity](r.t)(r.signIn.Check(ctx, signin.Presented{Token: secret.NewText(token)}))
	at := must[signin.Progress](r.t)(r.signIn.Begin(ctx, signin.Begin{Purpose: signin.ToAddTOTP, Who: &who}, client))
	setup := must[signin.TOTPSetup](r.t)(r.signIn.EnrolTOTP(ctx, at.Token, client))
	for _, c := range setup.Seed.Reveal() {
		if c != ' ' {
			seed += string(c)
		}
	}
	at = must[signin.Progress](r.t)(r.signIn.ConfirmTOTP(ctx, at.Token, must[string](r.t)(totp.GenerateCode(seed, r.clock())), client))
	r.pass(time.Minute)
	return seed, at.RecoveryCodes[0].Reveal()
}

func TestSecondFactor(t *testing.T) {
	onEveryStore(t, func(t *testing.T, r *rig) {
		r.do(call{method: "POST", path: "/v1/sign-up", body: fields{"email": "ada@example.com", "password": password, "delivery": "body"}}).want(t, 201)
		signIn := func(with fields) answer {
			body := fields{"email": "ada@example.com", "password": password, "delivery": "body"}
			for name, value := range with {
				body[name] = value
			}
			return r.do(call{method: "POST", path: "/v1/sign-in", body: body})
		}
		plain := signIn(nil).want(t, 200)
		seed, recovery := r.withTOTP(plain.str("session_token"))

		a := signIn(nil).want(t, 401, "step_up_required")
		factors, _ := a.get("factors").([]any)
		if len(factors) != 2 || factors[0] != "totp" || factors[1] != "recovery_code" || a.str("session_token") != "" || len(a.Cookies()) > 0 {
			t.Errorf("%s", a.text)
		}
		signIn(fields{"password": "not the password", "totp": "000000"}).want(t, 401, "invalid_credentials")
		signIn(fields{"totp": "12345"}).want(t, 401, "invalid_credentials")
		code := must[string](t)(totp.GenerateCode(seed, r.clock()))
		in := signIn(fields{"totp": code}).want(t, 200)
		if in.str("session", "acr") != "2" {
			t.Errorf("%s", in.text)
		}
		signIn(fields{"totp": code}).want(t, 401, "invalid_credentials") // replayed
		signIn(fields{"recovery_code": recovery}).want(t, 200)
		signIn(fields{"recovery_code": recovery}).want(t, 401, "invalid_credentials")

		stepUp := func(token string, body fields) answer {
			return r.do(call{method: "POST", path: "/v1/step-up", bearer: token, body: body})
		}
		token := in.str("session_token")
		r.pass(time.Minute)
		code = must[string](t)(totp.GenerateCode(seed, r.clock()))
		stepUp(token, fields{}).want(t, 422, "invalid_request")
		stepUp(token, fields{"totp": code, "recovery_code": "x", "password": password}).want(t, 422, "invalid_request")
		lacks(t, stepUp(token, fields{"totp": code}), "password")
		lacks(t, stepUp(token, fields{"password": "not looked at"}), "totp", "recovery_code")
		stepUp(token, fields{"totp": code, "password": "wrong"}).want(t, 401, "invalid_credentials")
		up := stepUp(token, fields{"totp": code, "password": password}).want(t, 200)
		if up.str("session", "acr") != "2" {
			t.Errorf("%s", up.text)
		}
		stepUp(token, fields{"password": password}).want(t, 401, "invalid_token") // dead

		// Whoever has lost it all begins again with a password that an operator sets.
		user := account.ID(up.str("user", "id"))
		must[feed.Commit](t)(r.operator.ResetCredentials(t.Context(), user, operator.By{Actor: "system"}))
		stepUp(up.str("session_token"), fields{"password": password}).want(t, 401, "session_ended")
		signIn(nil).want(t, 401, "invalid_credentials")
		must[feed.Commit](t)(r.operator.ResetPassword(t.Context(), user, secret.NewText(password), operator.By{Actor: "system"}))
		signIn(nil).want(t, 200)
	})
}

// lacks fails the test unless the answer says which factors have to go with what was sent.
func lacks(t *testing.T, a answer, factors ...string) {
	t.Helper()
	a.want(t, 401, "step_up_required")
	got, _ := a.get("factors").([]any)
	if len(got) != len(factors) {
		t.Fatalf("factors %v, want %v", got, factors)
	}
	for i := range got {
		if got[i] != factors[i] {
			t.Errorf("factors %v, want %v", got, factors)
		}
	}
}

// A stolen session with a phished password does not change the password of whoever has a second factor, nor does the
// change date the proof of that factor anew.
func TestPasswordIsChangedWithTheSecondFactor(t *testing.T) {
	onEveryStore(t, func(t *testing.T, r *rig) {
		in := r.do(call{method: "POST", path: "/v1/sign-up", body: fields{"email": "ada@example.com", "password": password, "delivery": "body"}}).want(t, 201)
		token := in.str("session_token")
		do := func(path string, body fields) answer {
			a := r.do(call{method: "POST", path: path, bearer: token, body: body})
			if next := a.str("session_token"); next != "" {
				token = next
			}
			return a
		}
		r.pass(time.Hour)
		const next = "thistle marmot gallops 27"
		do("/v1/me/password", fields{"current": password, "new": next}).want(t, 200) // who has none needs none
		seed, _ := r.withTOTP(token)
		signIn := fields{"email": "ada@example.com", "password": next, "delivery": "body", "totp": must[string](t)(totp.GenerateCode(seed, r.clock()))}
		token = r.do(call{method: "POST", path: "/v1/sign-in", body: signIn}).want(t, 200).str("session_token")
		r.pass(11 * time.Minute)
		change := fields{"current": next, "new": password}
		a := do("/v1/me/password", change)
		lacks(t, a, "totp", "recovery_code")
		if said := a.Header.Get("WWW-Authenticate"); !strings.Contains(said, `max_age="600"`) {
			t.Errorf("the challenge is %s", said)
		}
		do("/v1/me/password", fields{"current": "wrong", "new": password}).want(t, 401, "step_up_required") // no guess is looked at
		code := must[string](t)(totp.GenerateCode(seed, r.clock()))
		up := do("/v1/step-up", fields{"password": next, "totp": code}).want(t, 200)
		r.pass(time.Minute)
		changed := do("/v1/me/password", change).want(t, 200)
		if was := up.str("session", "authenticated_at"); changed.str("session", "authenticated_at") != was || changed.str("session", "acr") != "2" {
			t.Errorf("proven at %s, and after the change: %s", was, changed.text)
		}
	})
}

func TestPolicyHoldsForPrograms(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for name, p := range map[string]application.SignIn{
		"keys": {Methods: []application.Method{application.Passkey}}, "strict": {SecondFactor: application.Required},
	} {
		_, _, err := r.operator.CreateApplication(t.Context(), application.Application{Name: name, SignIn: p}, operator.By{Actor: "system"})
		if err != nil {
			t.Fatal(err)
		}
	}
	r.do(call{method: "POST", path: "/v1/sign-up", body: fields{"email": "ada@example.com", "password": password}}).want(t, 201)
	for _, app := range []string{"keys", "strict"} {
		r.do(call{method: "POST", path: "/v1/sign-up", body: fields{"email": "eve@example.com", "password": password, "app": app}}).want(t, 403, "forbidden")
		r.do(call{method: "POST", path: "/v1/sign-in", body: fields{"email": "ada@example.com", "password": password, "app": app}}).want(t, 403, "forbidden")
	}
	// Whether the password is right, or there is such a user, is not told where a password is no way in.
	r.do(call{method: "POST", path: "/v1/sign-in", body: fields{"email": "nobody@example.com", "password": "wrong", "app": "keys"}}).want(t, 403, "forbidden")
	r.do(call{method: "POST", path: "/v1/sign-in", body: fields{"email": "ada@example.com", "password": "wrong", "app": "strict"}}).want(t, 401, "invalid_credentials")
	r.do(call{method: "POST", path: "/v1/sign-up", body: fields{"email": "eve@example.com", "password": password}}).want(t, 201)
}

// A password alone is no fresh proof of an administrator who has a second factor, whatever began the session.
func TestAdministratorsStepUpWithTheirSecondFactor(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	root := r.root()
	other := r.do(call{method: "POST", path: "/v1/sign-in", body: fields{"email": root.email, "password": password, "delivery": "body"}}).want(t, 200)
	seed, _ := r.withTOTP(root.token)
	act := func(token string) answer {
		return r.do(call{method: "POST", path: "/v1/admin/api-keys", bearer: token, body: fields{"name": "x"}})
	}
	up := r.do(call{method: "POST", path: "/v1/step-up", bearer: other.str("session_token"), body: fields{"password": password}}).want(t, 200)
	if up.str("session", "acr") != "1" {
		t.Fatalf("%s", up.text)
	}
	act(up.str("session_token")).want(t, 401, "step_up_required")
	code := must[string](t)(totp.GenerateCode(seed, r.clock()))
	up = r.do(call{method: "POST", path: "/v1/step-up", bearer: up.str("session_token"), body: fields{"totp": code}}).want(t, 200)
	act(up.str("session_token")).want(t, 201)
}
