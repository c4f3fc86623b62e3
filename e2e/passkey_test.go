package e2e

import (
	"strings"
	"testing"

	"tandem.example/tandem"
	"tandem.example/tandem/e2e/site"
)

// A passkey is added, and signs in by itself on another device that it was synced to: as soon as the page offers it in
// its field (conditional mediation), and by the button.
func TestPasskeySignsIn(t *testing.T) {
	t.Parallel()
	for host := range map[string]bool{"": true, secureHost: true} {
		t.Run("host="+host, func(t *testing.T) {
			t.Parallel()
			s := site.Start(t, site.Config{Host: host})
			s.User(ada, password)
			p := visitor(t, s)
			p.signIn(ada, password)
			held := p.addPasskey("My key").Passkeys()
			if len(held) != 1 || !held[0].IsResidentCredential {
				t.Fatalf("the authenticator holds %+v", held)
			}

			offered := visitor(t, s)
			a := offered.Authenticator()
			a.Take(held[0])
			offered.goTo("/sign-in")
			offered.AwaitURL(s.URL + "/account")

			asked := visitor(t, s)
			b := asked.Authenticator()
			b.Present(false)
			b.Take(a.Passkeys()[0]) // with its counter, as a copy with an older one would be refused
			asked.goTo("/sign-in")
			asked.click("pages.way.passkey")
			b.Present(true)
			asked.AwaitURL(s.URL + "/account")

			p.goTo("/account/security")
			if text := p.Text(); !strings.Contains(text, p.say("pages.last_used")) {
				t.Errorf("the passkey was not used: %s", text)
			}
		})
	}
}

// Whoever is quicker with the button than the page with its offer signs in all the same: an answer is good for the newest
// options alone.
func TestPasskeyBeforeItIsOffered(t *testing.T) {
	t.Parallel()
	s := home(t)
	p := visitor(t, s)
	p.signIn(ada, password)
	held := p.addPasskey("My key").Passkeys()
	hasty := visitor(t, s)
	hasty.Authenticator().Take(held[0])
	// The offer's options come late, nobody takes the offer, and the person answers when it has been made.
	hasty.Command("Page.addScriptToEvaluateOnNewDocument", map[string]any{"source": `
		const fetched = window.fetch, get = navigator.credentials.get.bind(navigator.credentials);
		let fetches = 0, make;
		const made = new Promise((done) => { make = done; });
		window.fetch = (...of) => fetches++ ? fetched(...of) : new Promise((go) => setTimeout(() => go(fetched(...of)), 1000));
		navigator.credentials.get = async (of) => {
			if (!of.mediation) return made.then(() => get(of));
			make();
			of.signal.throwIfAborted();
			return new Promise(() => {});
		};`}, nil)
	hasty.goTo("/sign-in")
	hasty.click("pages.way.passkey")
	hasty.AwaitURL(s.URL + "/account")
}

// A passkey of somebody else's site, or one that was removed, signs nobody in, and the page says so.
func TestRemovedPasskeyIsRefused(t *testing.T) {
	t.Parallel()
	s := home(t)
	p := visitor(t, s)
	p.signIn(ada, password)
	held := p.addPasskey("Old key").Passkeys()
	p.Within("main").Follow(p.say("pages.remove") + " Old key")
	p.follow("pages.yes.passkey_remove")
	p.at("/account/security")
	p.sees("pages.security.passkeys_none")
	thief := visitor(t, s)
	thief.Authenticator().Take(held[0])
	thief.goTo("/sign-in")
	thief.AwaitText(thief.say("pages.fault.passkey"))
	if thief.Profile.Cookie("tandem_session") != nil {
		t.Error("a removed passkey signs in")
	}
}

// A passkey is a second factor: after the password it is asked for, and without it there is no session.
func TestPasskeyAsSecondFactor(t *testing.T) {
	t.Parallel()
	s := site.Start(t, site.Config{Change: func(c *tandem.Config) { c.SignIn.SecondFactor = "required" }})
	s.User(ada, password)
	p := visitor(t, s)
	p.giveEmail(ada)
	p.givePassword(password)
	p.at("/sign-in/enrol")
	a := p.Authenticator()
	p.follow("pages.enrol.passkey")
	p.follow("pages.passkey_new.do")
	p.AwaitURL(s.URL + "/account")
	held := a.Passkeys()

	again := visitor(t, s)
	b := again.Authenticator()
	b.Present(false)
	b.Take(held[0])
	again.giveEmail(ada)
	again.givePassword(password)
	again.at("/sign-in/passkey")
	if again.Profile.Cookie("tandem_session") != nil {
		t.Error("signed in with one factor of two")
	}
	b.Present(true)
	again.click("pages.way.passkey")
	again.AwaitURL(s.URL + "/account")
}
