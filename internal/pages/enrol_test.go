package pages_test

import (
	"strings"
	"testing"

	"github.com/descope/virtualwebauthn"

	"tandem.example/tandem"
)

// TestRequiredSecondFactor: whoever has none sets one up on the way in, is shown the recovery codes, and then goes on.
func TestRequiredSecondFactor(t *testing.T) {
	t.Parallel()
	w := found(t, nil)
	w.operate("POST", "/v1/admin/apps", `{"name":"bank","mode":"session","sign_in":{"second_factor":"required"}}`)
	w.browser().signUp("alice@example.com")
	b := w.browser()
	b.get("/sign-in?app=bank&return_to=/account/devices")
	b.post("/sign-in", "email", "alice@example.com")
	b.at(b.post("/sign-in/password", "password", password), 200, "/sign-in/enrol", "Authenticator app")
	b.at(b.get("/account"), 200, "/sign-in?return_to=%2Faccount") // no session before that
	b.get("/sign-in?app=bank&return_to=/account/devices")
	b.post("/sign-in", "email", "alice@example.com")
	b.post("/sign-in/password", "password", password)
	b.at(b.get("/sign-in/totp"), 200, "/sign-in/enrol") // there is nothing to prove yet
	p := b.at(b.get("/sign-in/enrol/totp"), 200, "/sign-in/enrol/totp", "data:image/png;base64,")
	seed := seedForm.FindStringSubmatch(p.body)[1]
	b.at(b.post("/sign-in/enrol/totp", "code", "1"), 422, "/sign-in/enrol/totp", seed)
	b.at(b.post("/sign-in/enrol/totp", "code", totp(t, seed, 0)), 200, "/sign-in/enrol/totp", "Keep your recovery codes", `href="/account/devices"`)
	b.at(b.get("/account/devices"), 200, "/account/devices", "bank", "one-time code")
	b.at(b.post("/account/totp/remove"), 200, "/account/security?notice=policy", "asks for a second step")
}

// TestSignUpWithPasskey: it takes the place of the password, and then signs in by itself, as a second factor too.
func TestSignUpWithPasskey(t *testing.T) {
	t.Parallel()
	w := found(t, func(c *tandem.Config) { c.Issuer = strings.Replace(c.Issuer, "127.0.0.1", "localhost", 1) })
	w.url = strings.Replace(w.url, "127.0.0.1", "localhost", 1)
	site, auth, key := passkeys(w)
	b := w.browser()
	b.post("/sign-up", "email", "alice@example.com")
	b.at(b.post("/sign-in/code", "code", w.code("alice@example.com")), 200, "/sign-in/choose", "Use a passkey instead")
	b.at(b.get("/sign-in/enrol/passkey"), 200, "/sign-in/enrol/passkey")
	made, err := virtualwebauthn.ParseAttestationOptions(b.post("/sign-in/enrol/passkey/options").body)
	if err != nil {
		t.Fatal(err)
	}
	auth.Options.UserHandle = []byte(made.UserID)
	p := b.at(b.post("/sign-in/enrol/passkey", "response", virtualwebauthn.CreateAttestationResponse(site, auth, *key, *made)), 200, "/sign-in/choose?passkey=made", "Your passkey is ready")
	if strings.Contains(p.body, `type="password"`) {
		t.Error("a password is asked for as well")
	}
	b.at(b.post("/sign-in/choose", "name", "Alice"), 200, "/account", "Alice")
	b.at(b.get("/account/password"), 200, "/account/password", "Your account has no password yet")
	b.at(b.post("/account/password", "password", password), 200, "/account/security?notice=password_set")
	again := w.browser()
	again.at(again.signIn("alice@example.com"), 200, "/sign-in/passkey", "One more step", "passkey.")
	asked, err := virtualwebauthn.ParseAssertionOptions(again.post("/sign-in/passkey/options").body)
	if err != nil {
		t.Fatal(err)
	}
	auth.AddCredential(*key)
	again.at(again.post("/sign-in/passkey"), 422, "/sign-in/passkey", "is not known here") // without script
	key.Counter++
	again.at(again.post("/sign-in/passkey", "response", virtualwebauthn.CreateAssertionResponse(site, auth, *key, *asked)), 200, "/account")
}

// TestWithoutMail: where no mail can be sent, people sign up by password alone, and are told what cannot be done.
func TestWithoutMail(t *testing.T) {
	t.Parallel()
	w := foundSilent(t)
	b := w.browser()
	p := b.at(b.get("/sign-up"), 200, "/sign-up")
	if strings.Contains(p.body, "We send you a code") {
		t.Error("a code is promised")
	}
	b.at(b.post("/sign-up", "email", "alice@example.com"), 200, "/sign-in/choose")
	p = b.at(b.post("/sign-in/choose", "name", "", "password", password), 200, "/account", "Not confirmed")
	if strings.Contains(p.body, "/account/email") {
		t.Error("a change of the address is offered")
	}
	b.at(b.get("/recover"), 400, "/recover", "cannot send any")
	b.at(b.post("/account/email/verify"), 400, "/account/email/verify", "cannot send any")
	other := w.browser()
	p = other.post("/sign-in", "email", "alice@example.com")
	if other.at(p, 200, "/sign-in/password"); strings.Contains(p.body, "Forgot your password") || strings.Contains(p.body, "Send a code") {
		t.Error("mail is offered")
	}
}
