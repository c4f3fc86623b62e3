package e2e

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"tandem.example/tandem/e2e/site"
)

const ada = "ada@example.com"

// home puts up a Tandem on localhost with one user.
func home(t *testing.T) *site.Site {
	t.Helper()
	chromium(t) // or the test is skipped before anything is started
	s := site.Start(t, site.Config{})
	s.User(ada, password)
	return s
}

// Somebody new signs up by the code that was mailed, signs out, and signs in with their password.
func TestSignUpAndIn(t *testing.T) {
	t.Parallel()
	s := site.Start(t, site.Config{})
	p := visitor(t, s)
	p.signUp(ada, "Ada", password)
	p.sees("pages.account.verified")
	p.Within("header").Follow(p.say("ui.sign_out"))
	p.follow("pages.sign_out.here")
	p.at("/signed-out")
	if c := p.Profile.Cookie("tandem_session"); c != nil {
		t.Errorf("after signing out the browser has %+v", c)
	}
	p.goTo("/account")
	p.at("/sign-in")
	p.signIn(ada, password)
	if !strings.Contains(p.Text(), "Ada") {
		t.Errorf("the account page says %s", p.Text())
	}
}

// A wrong password is refused on the page that asked for it, and an unknown address is told nothing else.
func TestWrongPassword(t *testing.T) {
	t.Parallel()
	s := home(t)
	var told [2]string
	for i, email := range []string{ada, "nobody@example.com"} {
		p := visitor(t, s)
		p.giveEmail(email)
		p.givePassword("this is not the password")
		p.at("/sign-in/password")
		p.sees("pages.fault.password")
		if status := p.Document().Status; status != http.StatusUnprocessableEntity {
			t.Errorf("%s: answered %d", email, status)
		}
		if p.Profile.Cookie("tandem_session") != nil {
			t.Errorf("%s: signed in with a wrong password", email)
		}
		told[i] = strings.ReplaceAll(p.Text(), email, "ADDRESS")
	}
	if told[0] != told[1] {
		t.Errorf("the page tells whether there is an account:\n%s\n--- and ---\n%s", told[0], told[1])
	}
}

// The link in a message works only in the browser that asked for it, and to look at it proves nothing.
func TestLinkWorksWhereItWasAskedFor(t *testing.T) {
	t.Parallel()
	s := home(t)
	p := visitor(t, s)
	p.giveEmail(ada)
	before := p.letters(ada)
	p.follow("pages.way.email_code")
	p.at("/sign-in/code")
	message := p.code(ada, before)
	link := message.Link()
	if !strings.HasPrefix(link, s.URL+"/link?") {
		t.Fatalf("the message has the link %q:\n%s", link, message.Text)
	}
	// A program that looks at links ahead, many times and with another method.
	for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodGet} {
		r, err := http.NewRequestWithContext(t.Context(), method, link, nil)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		if cookies := answer.Header.Values("Set-Cookie"); strings.Contains(strings.Join(cookies, " "), "session") {
			t.Errorf("to look at the link signs in: %v", cookies)
		}
	}
	thief := visitor(t, s)
	thief.Visit(link)
	thief.sees("pages.link.elsewhere_heading")
	if thief.Profile.Cookie("tandem_session") != nil {
		t.Error("the link signed another browser in")
	}
	token, _ := url.Parse(link)
	thief.Visit(s.URL + "/sign-in") // an attempt of its own does not help
	thief.Eval(`(() => { const f = document.createElement("form"); f.method = "post"; f.action = "/link"
		const i = document.createElement("input"); i.name = "token"; i.value = ` + quote(token.Query().Get("token")) + `; f.append(i); document.body.append(f); f.submit() })()`)
	thief.Await("an answer", func() bool {
		return thief.Document().Method == http.MethodPost || strings.Contains(thief.URL(), "/sign-in")
	})
	if thief.Profile.Cookie("tandem_session") != nil {
		t.Error("the link signed another browser in")
	}
	p.Visit(link)
	p.at("/link")
	if p.Profile.Cookie("tandem_session") != nil {
		t.Error("to look at the link signed in")
	}
	p.follow("pages.continue")
	p.at("/account")
	p.Visit(link) // and it is spent
	p.sees("pages.link.elsewhere_heading")
}

func quote(text string) string { return `"` + strings.ReplaceAll(text, `"`, `\"`) + `"` }

// The code of a message signs in, once.
func TestCodeSignsIn(t *testing.T) {
	t.Parallel()
	s := home(t)
	p := visitor(t, s)
	p.giveEmail(ada)
	before := p.letters(ada)
	p.follow("pages.way.email_code")
	code := p.code(ada, before).Code()
	p.fill("pages.code.label", "000000")
	p.follow("pages.continue")
	p.sees("pages.fault.code")
	p.fill("pages.code.label", code)
	p.follow("pages.continue")
	p.at("/account")
}

// Who has forgotten their password proves their address and chooses another; the old one is of no use, and other
// devices are signed out.
func TestForgottenPassword(t *testing.T) {
	t.Parallel()
	s := home(t)
	elsewhere := visitor(t, s)
	elsewhere.signIn(ada, password)
	p := visitor(t, s)
	p.giveEmail(ada)
	before := p.letters(ada)
	p.follow("pages.password.forgotten")
	p.at("/recover")
	p.fill("pages.email", ada)
	p.follow("pages.recover.send")
	p.at("/sign-in/code")
	p.fill("pages.code.label", p.code(ada, before).Code())
	p.follow("pages.continue")
	p.at("/sign-in/choose")
	p.fill("pages.choose.password", "short")
	p.Eval(`document.querySelector("form").noValidate = true`)
	p.follow("pages.choose.do_recover")
	p.sees("pages.fault.password_min_length", "Count", 12)
	p.fill("pages.choose.password", "another horse with fresh batteries")
	p.follow("pages.choose.do_recover")
	p.at("/account")
	elsewhere.goTo("/account")
	elsewhere.at("/sign-in")
	old := visitor(t, s)
	old.giveEmail(ada)
	old.givePassword(password)
	old.sees("pages.fault.password")
	old.givePassword("another horse with fresh batteries")
	old.at("/account")
}

// One-time codes are set up, asked for at the next sign-in, taken once, and replaced by a recovery code when the phone is
// lost.
func TestOneTimeCodes(t *testing.T) {
	t.Parallel()
	s := home(t)
	p := visitor(t, s)
	p.signIn(ada, password)
	seed, recovery := p.addTOTP()
	if len(recovery) < 8 {
		t.Fatalf("recovery codes: %q", recovery)
	}
	p.follow("pages.recovery_codes.kept")
	p.at("/account/security")
	p.sees("pages.security.recovery_left", "Count", len(recovery))

	again := visitor(t, s)
	again.giveEmail(ada)
	again.givePassword(password)
	again.at("/sign-in/totp")
	if again.Profile.Cookie("tandem_session") != nil {
		t.Error("signed in with one factor of two")
	}
	again.fill("pages.totp.label", oneTimeCode(t, seed, 10))
	again.follow("pages.continue")
	again.sees("pages.fault.code")
	code := oneTimeCode(t, seed, 1)
	again.fill("pages.totp.label", code)
	again.follow("pages.continue")
	again.at("/account")

	replay := visitor(t, s)
	replay.giveEmail(ada)
	replay.givePassword(password)
	replay.fill("pages.totp.label", code)
	replay.follow("pages.continue")
	replay.sees("pages.fault.code")
	replay.follow("pages.way.recovery_code")
	replay.fill("pages.recovery_code.label", recovery[0])
	replay.follow("pages.continue")
	replay.at("/account")
	replay.goTo("/account/security")
	replay.sees("pages.security.recovery_left", "Count", len(recovery)-1)
}

// What is wrong with a second factor is changed only after it was proven anew.
func TestStepUp(t *testing.T) {
	t.Parallel()
	s := home(t)
	p := visitor(t, s)
	p.signIn(ada, password)
	before := p.Profile.Cookie("tandem_session").Value
	p.goTo("/step-up?return_to=/account/password")
	p.sees("pages.step_up.heading")
	p.fill("pages.password", password)
	p.follow("pages.continue")
	p.at("/account/password")
	if after := p.Profile.Cookie("tandem_session").Value; after == before {
		t.Error("the session token is the same after a step-up")
	}
	p.fill("pages.new_password.current", password)
	p.fill("pages.new_password.new", "another horse with fresh batteries")
	p.follow("pages.save")
	p.at("/account/security")
	p.sees("pages.notice.password_saved")
}

// After signing out, the back button shows nothing of the account: neither text, nor from the cache of pages.
func TestBackAfterSignOut(t *testing.T) {
	t.Parallel()
	s := home(t)
	p := visitor(t, s)
	p.signIn(ada, password)
	p.goTo("/account/devices")
	p.Within("header").Follow(p.say("ui.sign_out"))
	p.follow("pages.sign_out.here")
	for range 3 {
		p.Back()
		if text := p.Text(); strings.Contains(text, ada) || strings.Contains(text, p.say("pages.devices.here")) {
			t.Errorf("the back button shows at %s:\n%s", p.URL(), text)
		}
	}
}

// All that the method allows works without script.
func TestWithoutScript(t *testing.T) {
	t.Parallel()
	s := site.Start(t, site.Config{})
	p := visitor(t, s)
	p.WithoutScript()
	p.signUp(ada, "Ada", password)
	seed, _ := p.addTOTP()
	p.follow("pages.recovery_codes.kept")
	p.Within("header").Follow(p.say("ui.sign_out"))
	p.follow("pages.sign_out.here")
	p.goTo("/sign-in")
	if p.Has(p.say("pages.way.passkey")) {
		t.Error("a passkey is offered, which takes script")
	}
	p.giveEmail(ada)
	p.follow("pages.way.passkey")
	p.sees("pages.passkey.no_script")
	p.follow("pages.way.password")
	p.givePassword(password)
	p.fill("pages.totp.label", oneTimeCode(t, seed, 1))
	p.follow("pages.continue")
	p.at("/account")
	p.goTo("/account/name")
	p.fill("pages.name", "Ada L.")
	p.follow("pages.save")
	p.sees("pages.notice.name_saved")
	for _, q := range p.Requests() {
		if q.Kind == "Script" {
			t.Errorf("a script was asked for: %s", q.URL)
		}
	}
}

// A new address takes the old one's place once it was proven, and not before.
func TestChangeAddress(t *testing.T) {
	t.Parallel()
	s := home(t)
	const other = "ada@home.example.com"
	p := visitor(t, s)
	p.signIn(ada, password)
	p.goTo("/account/email")
	p.fill("pages.email_page.label", other)
	p.follow("pages.email_page.send")
	code := p.code(other, 0).Code()
	look := p.secondTab()
	look.goTo("/account")
	if !strings.Contains(look.Text(), ada) || strings.Contains(look.Text(), other) {
		t.Errorf("the address changed before it was proven:\n%s", look.Text())
	}
	p.fill("pages.code.label", code)
	p.follow("pages.continue")
	p.at("/account")
	p.sees("pages.notice.email_verified")
	if !strings.Contains(p.Text(), other) {
		t.Errorf("the address did not change:\n%s", p.Text())
	}
}
