package pages_test

import (
	"html"
	"regexp"
	"strings"
	"testing"

	"github.com/descope/virtualwebauthn"

	"tandem.example/tandem"
	"tandem.example/tandem/internal/config"
	"tandem.example/tandem/internal/lab/provider"
	"tandem.example/tandem/internal/lab/virtualkey"
	"tandem.example/tandem/internal/secret"
)

// TestSignUpAndInWithoutScript: the way of a newcomer, by forms alone, in both languages.
func TestSignUpAndInWithoutScript(t *testing.T) {
	t.Parallel()
	w := found(t, nil)
	b := w.browser()
	b.at(b.get("/"), 200, "/sign-in", `autocomplete="username webauthn"`)
	b.at(b.post("/sign-in", "email", "no address"), 422, "/sign-in", `aria-invalid="true"`, `value="no address"`, "Type a full e-mail address")
	b.signUp("alice@example.com")
	b.at(b.get("/"), 200, "/account")
	b.at(b.post("/sign-out"), 200, "/signed-out")
	if b.cookie("tandem_session") != "" {
		t.Error("the cookie survived the sign-out")
	}
	b.at(b.get("/account"), 200, "/sign-in?return_to=%2Faccount")
	b.get("/sign-in")
	b.at(b.post("/sign-in", "email", "alice@example.com"), 200, "/sign-in/password", "alice@example.com")
	b.at(b.post("/sign-in/password", "password", "not this one at all"), 422, "/sign-in/password", "is wrong", `href="#password"`)
	b.at(b.post("/sign-in/password", "password", password), 200, "/account")
	german := w.browser()
	german.lang = "de"
	german.at(german.signIn("alice@example.com"), 200, "/account", `lang="de"`, "Ihr Konto")
}

// TestNothingTypedStandsInAnURL: what people type is sent in bodies and comes back in pages, never in addresses.
func TestNothingTypedStandsInAnURL(t *testing.T) {
	t.Parallel()
	w := found(t, nil)
	b := w.browser()
	for _, p := range []shown{
		b.post("/sign-in", "email", "typed@example.com"), b.post("/sign-in/password", "password", "typed"), b.post("/recover", "email", "typed@example.com"),
		b.post("/sign-up", "email", "typed@example.com"), b.post("/sign-in/code", "code", "typed"),
	} {
		if strings.Contains(p.path, "typed") {
			t.Errorf("what was typed stands in %s", p.path)
		}
	}
}

// TestRecovery: a forgotten password is replaced by whoever reads the mail, and an unknown address looks just alike.
func TestRecovery(t *testing.T) {
	t.Parallel()
	w := found(t, nil)
	b, other := w.browser(), w.browser()
	b.signUp("alice@example.com")
	known := other.at(other.post("/recover", "email", "alice@example.com"), 200, "/sign-in/code")
	unknown := w.browser()
	blank := unknown.at(unknown.post("/recover", "email", "nobody@example.com"), 200, "/sign-in/code")
	if strings.ReplaceAll(known.body, "alice@example.com", "nobody@example.com") != blank.body {
		t.Error("the page tells whether there is an account")
	}
	other.at(other.post("/sign-in/code", "code", w.code("alice@example.com")), 200, "/sign-in/choose", "Choose a new password")
	other.at(other.post("/sign-in/choose", "password", "alice@example.com"), 422, "/sign-in/choose", "Do not use your name")
	other.at(other.post("/sign-in/choose", "password", "another kettle under eight moons"), 200, "/account")
	b.at(b.get("/account"), 200, "/sign-in?notice=password_changed", "because the password was changed")
}

// TestLink: a mailed link shows a button and proves nothing when it is fetched; it works in the browser that asked, and
// in no other.
func TestLink(t *testing.T) {
	t.Parallel()
	w := found(t, nil)
	b := w.browser()
	b.at(b.post("/sign-up", "email", "alice@example.com"), 200, "/sign-in/code")
	link := regexp.MustCompile(`/link\?token=[A-Za-z0-9_-]+`).FindString(w.letter("alice@example.com"))
	elsewhere := w.browser()
	elsewhere.at(elsewhere.get(link), 200, link, "This link belongs to another browser")
	elsewhere.at(elsewhere.post("/link", "token", strings.TrimPrefix(link, "/link?token=")), 410, "/link")
	for range 3 {
		b.at(b.get(link), 200, link, "alice@example.com") // as a program that looks ahead does
	}
	b.at(b.post("/link", "token", "AAAA"), 422, "/link", "This link is wrong")
	b.at(b.post("/link", "token", strings.TrimPrefix(link, "/link?token=")), 200, "/sign-in/choose")
}

// TestSecondFactor: once set up it is asked for, a recovery code stands in for it, and each code counts once.
func TestSecondFactor(t *testing.T) {
	t.Parallel()
	w := found(t, nil)
	b := w.browser()
	b.signUp("alice@example.com")
	seed, spent, codes := b.addTOTP()
	if len(codes) != 10 {
		t.Fatalf("%d recovery codes", len(codes))
	}
	b.at(b.get("/account/security"), 200, "/account/security", "10 codes are left")
	phone := w.browser()
	phone.at(phone.signIn("alice@example.com"), 200, "/sign-in/totp", "Don’t ask again on this device")
	phone.at(phone.get("/account"), 200, "/sign-in?return_to=%2Faccount")
	phone.at(phone.signIn("alice@example.com"), 200, "/sign-in/totp")
	phone.at(phone.post("/sign-in/totp", "code", spent), 422, "/sign-in/totp", "wrong or was used already")
	phone.at(phone.get("/sign-in/recovery-code"), 200, "/sign-in/recovery-code")
	phone.at(phone.post("/sign-in/recovery-code", "code", codes[0]), 200, "/account")
	again := w.browser()
	again.at(again.signIn("alice@example.com"), 200, "/sign-in/totp")
	again.at(again.post("/sign-in/recovery-code", "code", codes[0]), 422, "/sign-in/recovery-code")
	again.at(again.post("/sign-in/totp", "code", totp(t, seed, 1), "remember", "1"), 200, "/account")
	again.post("/sign-out")
	again.at(again.signIn("alice@example.com"), 200, "/account") // this device is remembered
	b.at(b.get("/account/recovery-codes"), 200, "/account/recovery-codes")
	b.at(b.post("/account/recovery-codes"), 200, "/account/recovery-codes", "Keep your recovery codes")
	b.at(b.post("/account/totp/remove"), 200, "/account/security?notice=totp_removed", "One-time codes are off")
	b.at(b.post("/account/totp/remove"), 200, "/account/security?notice=gone")
}

// passkeys is an authenticator, as passkey.js would use it.
func passkeys(w *town) (virtualwebauthn.RelyingParty, virtualwebauthn.Authenticator, *virtualwebauthn.Credential) {
	key := virtualkey.New()
	auth := virtualwebauthn.NewAuthenticator()
	return virtualwebauthn.RelyingParty{ID: "localhost", Name: "localhost", Origin: w.url}, auth, &key
}

// TestPasskey: one is added, named, used to sign in without an address, and removed.
func TestPasskey(t *testing.T) {
	t.Parallel()
	w := found(t, func(c *tandem.Config) { c.Issuer = strings.Replace(c.Issuer, "127.0.0.1", "localhost", 1) })
	w.url = strings.Replace(w.url, "127.0.0.1", "localhost", 1)
	b := w.browser()
	b.signUp("alice@example.com")
	site, auth, key := passkeys(w)
	b.at(b.get("/account/passkeys/add"), 200, "/account/passkeys/add", "passkey.", `data-passkey="create"`)
	made, err := virtualwebauthn.ParseAttestationOptions(b.post("/account/passkeys/options").body)
	if err != nil {
		t.Fatal(err)
	}
	b.at(b.post("/account/passkeys/add", "response", "{}", "name", "x"), 422, "/account/passkeys/add", "not known here")
	auth.Options.UserHandle = []byte(made.UserID)
	b.at(b.post("/account/passkeys/add", "response", virtualwebauthn.CreateAttestationResponse(site, auth, *key, *made), "name", "<My> laptop"),
		200, "/account/security?notice=passkey_added", "&lt;My&gt; laptop")
	other := w.browser()
	other.at(other.get("/sign-in"), 200, "/sign-in", "data-conditional")
	asked, err := virtualwebauthn.ParseAssertionOptions(other.post("/sign-in/passkey/options").body)
	if err != nil {
		t.Fatal(err)
	}
	auth.AddCredential(*key)
	key.Counter++
	other.at(other.post("/sign-in/passkey", "response", virtualwebauthn.CreateAssertionResponse(site, auth, *key, *asked)), 200, "/account", "Your account is well protected")
	one := regexp.MustCompile(`/account/passkeys/pky_\w+`).FindString(b.get("/account/security").body)
	b.at(b.get(one), 200, one, "&lt;My&gt; laptop")
	b.at(b.post(one, "name", ""), 422, one)
	b.at(b.post(one, "name", "Laptop"), 200, "/account/security?notice=passkey_saved", "Laptop")
	b.at(b.get(one+"/remove"), 200, one+"/remove", "Laptop")
	b.at(b.post(one+"/remove"), 200, "/account/security?notice=passkey_removed", "You have no passkey yet")
	b.at(b.get(one), 200, "/account/security?notice=gone")
	if p := w.browser().post("/sign-in/passkey/options"); p.status != 410 {
		t.Errorf("options without an attempt: %d", p.status)
	}
}

// TestProvider: the browser is sent there by a page and comes back signed in; it can be connected and disconnected, and
// what fails is told where it was chosen.
func TestProvider(t *testing.T) {
	t.Parallel()
	there := provider.Start(t)
	w := found(t, func(c *tandem.Config) {
		c.Providers = []config.Provider{{Name: "acme", Title: "Acme <b>", Kind: config.ProviderOIDC, Issuer: there.URL, ClientID: there.ClientID, ClientSecret: secret.NewText(there.ClientSecret)}}
		there.Redirects = []string{c.Issuer + "/callback/acme"}
	})
	b := w.browser()
	b.at(b.get("/sign-in"), 200, "/sign-in", "Continue with Acme &lt;b&gt;")
	away := func(b *browser, path, answer string) shown {
		t.Helper()
		p := b.post(path)
		to := regexp.MustCompile(`http-equiv="refresh" content="0; url=([^"]+)"`).FindStringSubmatch(p.body)
		if to == nil {
			t.Fatalf("%s leads nowhere: %d %s", path, p.status, mainPart(p.body))
		}
		return b.get(back(t, html.UnescapeString(to[1]), answer, w.url))
	}
	b.at(away(b, "/sign-in/provider/acme", "no"), 200, "/sign-in?again=1&notice=denied", "was cancelled")
	b.at(away(b, "/sign-in/provider/acme", "yes"), 200, "/account", "Anna")
	b.at(b.get("/account/security"), 200, "/account/security", "anna@example.com")
	alice := w.browser()
	alice.signUp("alice@example.com")
	there.Set(provider.Person{Subject: "99", Email: "alice@example.com", Verified: true})
	stranger := w.browser()
	stranger.get("/sign-in")
	stranger.at(away(stranger, "/sign-in/provider/acme", "yes"), 200, "/sign-in?again=1&notice=unverified", "Sign in as you usually do")
	alice.at(away(alice, "/account/connect/acme", "yes"), 200, "/account/security?notice=connected", "The account is connected")
	one := regexp.MustCompile(`/account/connections/con_\w+/remove`).FindString(alice.get("/account/security").body)
	alice.at(alice.get(one), 200, one, "Acme &lt;b&gt;")
	alice.at(alice.post(one), 200, "/account/security?notice=disconnected")
	there.Do(provider.WrongNonce)
	last := w.browser()
	last.get("/sign-in")
	last.at(last.post("/sign-in/provider/nobody"), 200, "/sign-in") // is not asked for
	last.at(away(last, "/sign-in/provider/acme", "yes"), 200, "/sign-in?again=1&notice=provider_failed", "is not valid")
	last.at(last.get("/callback/acme?code=x&state=y"), 200, "/sign-in") // it has come back already
	last.post("/sign-in/provider/acme")
	last.at(last.get("/callback/acme?code=x&state=y"), 200, "/sign-in?again=1&notice=provider_failed") // nobody asked for it
	stray := w.browser()
	stray.at(stray.get("/callback/acme?code=x&state=y"), 410, "/callback/acme?code=x&state=y", "begin again")
}

// TestProviderThatTakesUsNot: a wrong secret, or a provider that is down, is told to the operator, and to nobody else.
func TestProviderThatTakesUsNot(t *testing.T) {
	t.Parallel()
	there := provider.Start(t)
	w := found(t, func(c *tandem.Config) {
		acme := config.Provider{Name: "acme", Kind: config.ProviderOIDC, Issuer: there.URL, ClientID: there.ClientID, ClientSecret: secret.NewText("mistyped")}
		down := config.Provider{Name: "down", Kind: config.ProviderOIDC, Issuer: "http://127.0.0.1:1", ClientID: "x", ClientSecret: secret.NewText("mistyped")}
		c.Providers = []config.Provider{acme, down}
		there.Redirects = []string{c.Issuer + "/callback/acme"}
	})
	b := w.browser()
	b.get("/sign-in")
	b.at(b.post("/sign-in/provider/down"), 200, "/sign-in?again=1&notice=unreachable")
	p := b.post("/sign-in/provider/acme")
	to := regexp.MustCompile(`http-equiv="refresh" content="0; url=([^"]+)"`).FindStringSubmatch(p.body)
	b.at(b.get(back(t, html.UnescapeString(to[1]), "yes", w.url)), 200, "/sign-in?again=1&notice=provider_failed")
	b.post("/sign-in/provider/acme")
	before := w.log.String()
	b.get("/callback/acme?code=x&state=y") // anybody can have a browser do that
	said := w.log.String()
	if strings.Count(said, "sign-in with a provider failed") != 2 || !strings.Contains(said, "does not take our client_id and client_secret") ||
		!strings.Contains(said, "connection refused") || strings.Contains(said, "mistyped") || strings.Contains(strings.TrimPrefix(said, before), "provider failed") {
		t.Errorf("the operator reads:\n%s", said)
	}
}

// TestRuleInTheReadersLanguage: what is wrong with a form is said in the language of whoever sent it, whatever it is.
func TestRuleInTheReadersLanguage(t *testing.T) {
	t.Parallel()
	w := found(t, nil)
	w.operate("POST", "/v1/admin/apps", `{"name":"bank","mode":"hybrid","sign_in":{"methods":["email_code","passkey"]}}`)
	b := w.browser()
	b.lang = "de"
	b.get("/sign-up?app=bank")
	b.post("/sign-up", "email", "alice@example.com")
	b.post("/sign-in/code", "code", w.code("alice@example.com"))
	p := b.post("/sign-in/choose", "name", "Alice", "password", password) // which the page does not ask for
	b.at(p, 422, "/sign-in/choose", "benutzt keine Passwörter")
	b.at(b.post("/sign-in/choose", "name", strings.Repeat("x", 201)), 422, "/sign-in/choose", "höchstens 200 Zeichen")
}

// TestSignOutOfAnApplication: whoever leaves an application is still on its pages, and finds the way back to it.
func TestSignOutOfAnApplication(t *testing.T) {
	t.Parallel()
	w := found(t, nil)
	w.operate("POST", "/v1/admin/apps", `{"name":"shop","mode":"hybrid","allowed_origins":["https://shop.example.com"],"brand":{"title":"The Shop"}}`)
	w.browser().signUp("alice@example.com")
	const home, left = "https://shop.example.com/", "/signed-out?app=shop&return_to=https%3A%2F%2Fshop.example.com%2F"
	enter := func(b *browser) {
		b.get("/sign-in?app=shop&return_to=/account")
		b.post("/sign-in", "app", "shop", "return_to", "/account", "email", "alice@example.com")
		b.at(b.post("/sign-in/password", "password", password), 200, "/account", "The Shop")
	}
	b, other := w.browser(), w.browser()
	enter(b)
	b.at(b.get("/account/passkeys/add"), 200, "/account/passkeys/add", "The Shop")
	b.at(b.get("/sign-out?return_to="+home), 200, "/sign-out?return_to="+home, "The Shop", `name="return_to" value="`+home+`"`)
	b.at(b.post("/sign-out", "app", "shop", "return_to", home), 200, left, "The Shop", `href="`+home+`"`, "Back to The Shop", `href="/sign-in?app=shop"`)
	b.at(b.get("/sign-out?app=shop&return_to="+home), 200, left, "Back to The Shop") // signed out already
	enter(b)
	b.at(b.post("/sign-out"), 200, "/signed-out?app=shop", "The Shop", `href="/sign-in?app=shop"`)
	enter(b)
	enter(other)
	other.post("/account/devices/end-others")
	b.at(b.get("/account"), 200, "/sign-in?app=shop&notice=signed_out", "The Shop", "from another device")
}

// TestTwoTabs: a form goes on with what its own page began, whatever another tab has begun since; and a page of an
// attempt that has gone on shows where it stands.
func TestTwoTabs(t *testing.T) {
	t.Parallel()
	w := found(t, nil)
	w.operate("POST", "/v1/admin/apps", `{"name":"bank","mode":"hybrid","allowed_origins":["https://bank.example.com"]}`)
	w.operate("POST", "/v1/admin/apps", `{"name":"shop","mode":"hybrid","allowed_origins":["https://shop.example.com"]}`)
	w.browser().signUp("alice@example.com")
	b := w.browser()
	b.get("/sign-in?app=bank&return_to=https://bank.example.com/")
	b.get("/sign-in?app=shop&return_to=https://shop.example.com/")
	b.at(b.post("/sign-in", "app", "bank", "return_to", "https://bank.example.com/", "email", "alice@example.com"), 200, "/sign-in/password", ">bank<")
	b.at(b.get("/sign-in/totp"), 200, "/sign-in/password") // is not asked for
	b.at(b.post("/sign-in/totp", "code", "123456"), 200, "/sign-in/password")
	b.at(b.post("/sign-in/choose", "password", password), 200, "/sign-in/password")
	b.at(b.get("/sign-in?again"), 200, "/sign-in?again", `value="alice@example.com"`, ">bank<")
	b.at(b.post("/sign-in/password", "password", password), 200, "/sign-in/password", "https://bank.example.com/")
	b.at(b.post("/sign-in/password", "password", password), 410, "/sign-in/password", "begin again")
	b.at(b.get("/account"), 200, "/account")
}
