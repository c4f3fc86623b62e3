package e2e

import (
	"encoding/base32"
	"strings"
	"testing"
	"time"

	"github.com/authelia/otp"
	"github.com/authelia/otp/totp"

	"tandem.example/tandem/e2e/browser"
	"tandem.example/tandem/e2e/site"
	"tandem.example/tandem/internal/language"
)

// person is somebody before a browser, who reads one language. What they fill in and click they find by the ids of the
// catalogue.
type person struct {
	*browser.Tab
	t    *testing.T
	site *site.Site
	said language.Speaker
}

// visitor is somebody with a fresh browser who reads English.
func visitor(t *testing.T, s *site.Site) *person {
	t.Helper()
	return &person{chromium(t).Profile(t).Tab(t), t, s, language.For("en")}
}

// secondTab is the same person with one more tab.
func (p *person) secondTab() *person {
	p.t.Helper()
	return &person{p.Profile.Tab(p.t), p.t, p.site, p.said}
}

// say is the text of the catalogue as the person reads it.
func (p *person) say(id string, with ...any) string { return p.said.Say(id, with...) }

func (p *person) fill(id, text string) { p.t.Helper(); p.Fill(p.say(id), text) }

func (p *person) click(id string) { p.t.Helper(); p.Click(p.say(id)) }

func (p *person) follow(id string) { p.t.Helper(); p.Follow(p.say(id)) }

func (p *person) sees(id string, with ...any) {
	p.t.Helper()
	if text := p.say(id, with...); !strings.Contains(p.Text(), text) {
		p.t.Fatalf("at %s, %q cannot be read in:\n%s", p.URL(), text, p.Text())
	}
}

func (p *person) goTo(path string) { p.t.Helper(); p.Visit(p.site.URL + path) }

// at fails unless the person is on the page of the path, whatever the query.
func (p *person) at(path string) {
	p.t.Helper()
	url, _, _ := strings.Cut(p.URL(), "?")
	if url != p.site.URL+path {
		p.t.Fatalf("at %s instead of %s, where this can be read:\n%s", p.URL(), path, p.Text())
	}
}

// letters are how many messages the address has got, to be told from those to come.
func (p *person) letters(email string) int { return len(p.site.Mail.All(email)) }

// code waits for a message with a code that came after so many.
func (p *person) code(email string, after int) site.Message {
	p.t.Helper()
	return p.site.Mail.Await(p.t, email, after, func(m site.Message) bool { return m.Code() != "" })
}

// signUp makes an account and ends on its page.
func (p *person) signUp(email, name, password string) {
	p.t.Helper()
	before := p.letters(email)
	p.goTo("/sign-up")
	p.fill("pages.email", email)
	p.follow("pages.continue")
	p.at("/sign-in/code")
	p.fill("pages.code.label", p.code(email, before).Code())
	p.follow("pages.continue")
	p.at("/sign-in/choose")
	p.fill("pages.choose.name", name)
	p.fill("pages.choose.password", password)
	p.follow("pages.choose.do_sign_up")
	p.at("/account")
}

// giveEmail begins to sign in.
func (p *person) giveEmail(email string) {
	p.t.Helper()
	p.goTo("/sign-in")
	p.fill("pages.email", email)
	p.follow("pages.continue")
	p.at("/sign-in/password")
}

// givePassword goes on with the password, whatever comes of it.
func (p *person) givePassword(password string) {
	p.t.Helper()
	p.fill("pages.password", password)
	p.follow("pages.sign_in.do")
}

// signIn signs in with a password alone.
func (p *person) signIn(email, password string) {
	p.t.Helper()
	p.giveEmail(email)
	p.givePassword(password)
	p.at("/account")
}

// addPasskey adds one on the account's page, and answers the authenticator that holds it.
func (p *person) addPasskey(name string) *browser.Authenticator {
	p.t.Helper()
	a := p.Authenticator()
	p.goTo("/account/security")
	p.follow("pages.security.passkey_add")
	p.fill("pages.passkey_new.name", name)
	p.follow("pages.passkey_new.do")
	p.AwaitText(name)
	p.at("/account/security")
	return a
}

// addTOTP sets up one-time codes and answers the seed and the recovery codes.
func (p *person) addTOTP() (seed string, recovery []string) {
	p.t.Helper()
	p.goTo("/account/security")
	p.Within("main").Follow(p.say("pages.set_up") + " " + p.say("pages.security.totp"))
	p.at("/account/totp")
	seed = p.seed()
	p.fill("pages.totp_setup.label", oneTimeCode(p.t, seed, 0))
	p.follow("pages.totp_setup.do")
	return seed, p.recoveryCodes()
}

// seed reads the seed off the page.
func (p *person) seed() string {
	p.t.Helper()
	return strings.Join(strings.Fields(p.Within("#seed").Text()), "")
}

func (p *person) recoveryCodes() []string {
	p.t.Helper()
	p.AwaitText(p.say("pages.recovery_codes.once"))
	return strings.Fields(p.Within("#codes").Text())
}

// oneTimeCode is what an authenticator app shows, some steps of 30 s from now: one beside the present is taken too, and
// none twice.
func oneTimeCode(t *testing.T, seed string, steps int) string {
	t.Helper()
	if _, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(seed); err != nil {
		t.Fatalf("the seed %q: %v", seed, err)
	}
	code, err := totp.GenerateCodeCustom(seed, time.Now().Add(time.Duration(steps)*30*time.Second), totp.ValidateOpts{Period: 30, Digits: otp.DigitsSix, Algorithm: otp.AlgorithmSHA1})
	if err != nil {
		t.Fatal(err)
	}
	return code
}
