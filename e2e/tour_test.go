package e2e

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"testing"

	"tandem.example/tandem"
	"tandem.example/tandem/e2e/site"
	"tandem.example/tandem/internal/language"
)

// Every page, in each language, light and dark, wide and narrow: no violation of WCAG 2.2 AA that axe-core finds, no
// scrolling sideways at 320 px, under 100 KB, painted after one round trip, nothing that moves, nothing from elsewhere.
// With TANDEM_SCREENSHOTS it also takes the pictures of docs/images.
func TestEveryPage(t *testing.T) {
	t.Parallel()
	for _, lang := range []string{"en", "de"} {
		t.Run(lang, func(t *testing.T) {
			t.Parallel()
			for name, tour := range map[string]func(*survey){
				"sign-up": tourSignUp, "account": tourAccount, "sign-in": tourSignIn, "recovery": tourRecovery, "trouble": tourTrouble, "application": tourApplication, "console": tourConsole, "provider": tourProvider,
			} {
				t.Run(name, func(t *testing.T) {
					tour(newSurvey(t, lang))
				})
			}
		})
	}
}

func tourSignUp(s *survey) {
	p := s.visitor(site.Start(s.T, site.Config{}))
	p.goTo("/sign-up")
	s.look(p, "sign-up")
	p.Eval(`document.querySelector("form").noValidate = true`)
	p.fill("pages.email", "not an address")
	p.follow("pages.continue")
	s.look(p, "sign-up-fault")
	p.fill("pages.email", ada)
	p.follow("pages.continue")
	s.look(p, "sign-up-code")
	code := p.code(ada, 0).Code()
	p.fill("pages.code.label", "000000")
	p.follow("pages.continue")
	s.look(p, "sign-up-code-fault")
	p.fill("pages.code.label", code)
	p.follow("pages.continue")
	s.look(p, "sign-up-choose")
	p.fill("pages.choose.name", "Ada")
	p.fill("pages.choose.password", password)
	p.follow("pages.choose.do_sign_up")
	s.look(p, "account-new")
}

func tourAccount(s *survey) {
	at := home(s.T)
	p := s.visitor(at)
	p.signIn(ada, password)
	s.look(p, "account")
	for name, path := range map[string]string{
		"account-name": "/account/name", "account-email": "/account/email", "account-password": "/account/password",
		"account-security-new": "/account/security", "account-devices-one": "/account/devices",
	} {
		p.goTo(path)
		s.look(p, name)
	}
	p.goTo("/account/passkeys/add")
	s.look(p, "account-passkey-add")
	p.addPasskey("Laptop")
	p.goTo("/account/security")
	p.Within("main").Follow(p.say("pages.set_up") + " " + p.say("pages.security.totp"))
	s.look(p, "account-totp")
	seed := p.seed()
	p.fill("pages.totp_setup.label", "000000")
	p.follow("pages.totp_setup.do")
	s.look(p, "account-totp-fault")
	p.fill("pages.totp_setup.label", oneTimeCode(s.T, seed, 0))
	p.follow("pages.totp_setup.do")
	s.look(p, "account-recovery-codes")
	p.follow("pages.recovery_codes.kept")
	s.look(p, "account-security")
	p.Within("main").Follow(p.say("pages.rename") + " Laptop")
	s.look(p, "account-passkey")
	p.goTo("/account/security")
	p.Within("main").Follow(p.say("pages.remove") + " Laptop")
	s.look(p, "account-passkey-remove")
	for name, path := range map[string]string{
		"account-totp-remove": "/account/totp/remove", "account-recovery-codes-new": "/account/recovery-codes", "account-history": "/account/history",
	} {
		p.goTo(path)
		s.look(p, name)
	}
	phone := s.visitor(at)
	phone.Agent(firefox)
	phone.said = language.For("en")
	phone.giveEmail(ada)
	phone.givePassword(password)
	phone.fill("pages.totp.label", oneTimeCode(s.T, seed, 1))
	phone.follow("pages.continue")
	p.goTo("/account/devices")
	s.look(p, "account-devices")
	p.follow("pages.devices.end_others")
	s.look(p, "account-devices-end")
	p.follow("pages.yes.end_others")
	steal(s.T, at, ada)
	p.goTo("/account")
	s.look(p, "account-theft")
	p.goTo("/sign-out")
	s.look(p, "sign-out")
	p.follow("pages.sign_out.here")
	s.look(p, "signed-out")
}

func tourSignIn(s *survey) {
	at := home(s.T)
	p := s.visitor(at)
	p.signIn(ada, password)
	a := p.addPasskey("Laptop")
	a.Present(false)
	p.addTOTP()
	p.goTo("/step-up")
	s.look(p, "step-up")
	p.Profile.ClearCookies()
	p.goTo("/sign-in")
	s.look(p, "sign-in")
	p.fill("pages.email", ada)
	p.follow("pages.continue")
	s.look(p, "sign-in-password")
	p.givePassword("this is not the password")
	s.look(p, "sign-in-password-fault")
	p.givePassword(password)
	s.look(p, "sign-in-totp")
	for name, path := range map[string]string{"sign-in-recovery-code": "/sign-in/recovery-code", "sign-in-passkey": "/sign-in/passkey", "sign-in-next": "/sign-in/next"} {
		p.goTo(path)
		s.look(p, name)
	}
}

func tourRecovery(s *survey) {
	at := home(s.T)
	p := s.visitor(at)
	p.goTo("/recover")
	s.look(p, "recover")
	p.fill("pages.email", ada)
	p.follow("pages.recover.send")
	s.look(p, "recover-code")
	message := p.code(ada, 0)
	p.Visit(message.Link())
	s.look(p, "link")
	elsewhere := s.visitor(at)
	elsewhere.Visit(message.Link())
	s.look(elsewhere, "link-elsewhere")
	p.follow("pages.continue")
	s.look(p, "recover-choose")
}

func tourTrouble(s *survey) {
	at := site.Start(s.T, site.Config{Change: func(c *tandem.Config) { c.Limits.Disabled, c.Limits.SignInPerAccount = false, 2 }})
	at.User(ada, password)
	p := s.visitor(at)
	for name, path := range map[string]string{
		"trouble-not-found": "/nowhere", "trouble-expired": "/sign-in/password", "trouble-return": "/sign-in?return_to=https://elsewhere.example/",
		"trouble-application": "/sign-in?app=none",
	} {
		p.goTo(path)
		s.look(p, name)
	}
	p.giveEmail(ada)
	for range 3 {
		p.givePassword("this is not the password")
	}
	s.look(p, "trouble-limited")
}

// tourApplication is a sign-in for an application with a look and a policy of its own, which the browser then returns to.
func tourApplication(s *survey) {
	app := site.Serve(s.T, "", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusNoContent) // so that the page that leads here stays, and can be looked at
	}))
	at := home(s.T)
	at.Do("POST", "/v1/admin/apps", map[string]any{"name": "bank", "kind": "user", "mode": "hybrid", "allowed_origins": []string{app},
		"sign_in": map[string]any{"second_factor": "required"}, "brand": map[string]any{"title": "Bank of Examples", "color": "#8a1538", "logo": logo}}, nil)
	p := s.visitor(at)
	p.goTo("/sign-in?app=bank&return_to=" + app + "/?a=b%26c=d")
	s.look(p, "application-sign-in")
	p.fill("pages.email", ada)
	p.follow("pages.continue")
	p.givePassword(password)
	s.look(p, "application-enrol")
	p.follow("pages.enrol.totp")
	s.look(p, "application-enrol-totp")
	p.fill("pages.totp_setup.label", oneTimeCode(s.T, p.seed(), 0))
	p.follow("pages.totp_setup.do")
	s.look(p, "application-recovery-codes")
	p.goTo("/sign-in?app=bank&return_to=" + app + "/?a=b%26c=d")
	s.look(p, "application-go-on")
}

// logo is a bank's.
var logo = "data:image/svg+xml;base64," + base64.StdEncoding.EncodeToString([]byte(
	`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><path d="M16 3 3 11v3h26v-3zM6 16v9h4v-9zm8 0v9h4v-9zm8 0v9h4v-9zM3 27v3h26v-3z" fill="#8a1538"/></svg>`))

// tourConsole looks at every page of the operator's console, with people, verifiers and a history.
func tourConsole(s *survey) {
	at := office(s.T)
	verifiers(s.T, at, 3)
	for i := range 4 {
		email := fmt.Sprintf("customer-%d@example.com", i)
		if i == 3 {
			email = "maximiliane.von-der-weiden-hohenfels@abteilung-qualitaetssicherung.example.com"
		}
		at.User(email, password)
		c := visitor(s.T, at)
		if i%2 == 1 {
			c.Agent(firefox)
		}
		c.giveEmail(email)
		c.givePassword("this is not the password")
		c.givePassword(password)
	}
	o := s.visitor(at)
	o.signIn(admin, password)
	for name, path := range map[string]string{
		"console-overview": "/console", "console-figures": "/console/figures", "console-now": "/console/now", "console-users": "/console/users", "console-sessions": "/console/sessions",
		"console-applications": "/console/applications", "console-keys": "/console/keys", "console-revoke": "/console/revoke",
		"console-verifiers": "/console/verifiers", "console-audit": "/console/audit", "console-user": "/console/users/customer-1@example.com",
		"console-missing": "/console/nowhere", "console-none": "/console/users?q=nobody", "console-rotate": "/console/acts/rotate-keys",
		"console-all": "/console/acts/revoke?kind=all", "console-roles": "/console/acts/roles?id=customer-1@example.com&roles=admin",
		"console-reset": "/console/acts/reset?id=customer-1@example.com",
	} {
		o.goTo(path)
		s.look(o, name)
	}
	for name, path := range map[string]string{"console-session": "/console/sessions", "console-application": "/console/applications"} {
		o.goTo(path)
		link := map[string]string{"console-session": `main table a[href*="/console/sessions/ses_"]`, "console-application": `main a[href*="/console/applications/"]`}[name]
		o.goTo(fmt.Sprint(o.Eval(fmt.Sprintf("new URL(document.querySelector(%q).href).pathname", link))))
		s.look(o, name)
	}
	o.goTo("/console/acts/lock?id=customer-1@example.com")
	s.look(o, "console-lock")
	o.Eval(`document.querySelector("form.card").noValidate = true`)
	o.Within("form.card").Follow(o.say("console.lock_button"))
	s.look(o, "console-lock-fault")
	o.fill("console.reason", "called in: card stolen")
	o.Within("form.card").Follow(o.say("console.lock_button"))
	o.AwaitText(" ms")
	s.look(o, "console-receipt")
	p := s.visitor(at)
	p.giveEmail("customer-0@example.com")
	p.givePassword(password)
	p.goTo("/console")
	s.look(p, "console-forbidden")
}

// tourProvider looks at what is there where a provider of identities is, and codes by mail are the first way to sign in.
func tourProvider(s *survey) {
	at, _ := withProvider(s.T, func(c *tandem.Config) {
		c.Dev = true // messages are printed
		c.SignIn.Methods = []string{"email_code", "provider:example", "passkey"}
	})
	p := s.visitor(at)
	p.goTo("/sign-up")
	s.look(p, "provider-sign-up")
	p.goTo("/sign-in")
	s.look(p, "provider-sign-in")
	p.goThrough("Cancel")
	s.look(p, "provider-cancelled")
	p.fill("pages.email", ada)
	p.follow("pages.continue")
	s.look(p, "sign-in-code")
	p.goTo("/sign-in")
	p.goThrough("Continue as Anna")
	p.goTo("/account/security")
	s.look(p, "provider-security")
	p.Follow(p.say("pages.disconnect") + " Example")
	s.look(p, "provider-disconnect")

	q := s.visitor(at)
	q.Authenticator().Present(false)
	q.goTo("/sign-up")
	q.fill("pages.email", ada)
	q.follow("pages.continue")
	q.fill("pages.code.label", q.code(ada, 1).Code())
	q.follow("pages.continue")
	q.follow("pages.choose.passkey")
	s.look(q, "sign-up-passkey")
}
