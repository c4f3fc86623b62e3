package e2e

import (
	"strings"
	"testing"
	"time"

	"tandem.example/tandem/e2e/site"
	"tandem.example/tandem/internal/language"
)

// The newcomer of the README: starts the server with one command, signs up, adds a passkey, signs in with it on a second
// device, ends the first device there, and sees it signed out.
func TestNewcomer(t *testing.T) {
	chromium(t)
	program := site.Program(t)
	t.Logf("built %s", program)
	began := time.Now()
	api, admin := site.FreeAddress(t), site.FreeAddress(t)
	server := site.Run(t, "serve", "--dev", "--listen", api, "--admin-listen", admin)
	server.Await(t, "was ready", func(said string) bool { return strings.Contains(said, "Tandem is ready at ") })
	_, rest, _ := strings.Cut(server.Said(), "Tandem is ready at ")
	url, _, _ := strings.Cut(rest, " ")
	t.Logf("%6.1f s: the server is ready at %s", time.Since(began).Seconds(), url)

	at := &site.Site{URL: url, Mail: &site.Mailbox{}}
	laptop := &person{chromium(t).Profile(t).Tab(t), t, at, language.For("en")}
	laptop.goTo("/")
	laptop.Follow(laptop.say("pages.sign_in.sign_up"))
	laptop.fill("pages.email", ada)
	laptop.follow("pages.continue")
	var code string
	server.Await(t, "printed a code", func(said string) bool {
		code = site.Message{Text: said}.Code()
		return code != ""
	})
	laptop.fill("pages.code.label", code)
	laptop.follow("pages.continue")
	laptop.fill("pages.choose.name", "Ada")
	laptop.fill("pages.choose.password", password)
	laptop.follow("pages.choose.do_sign_up")
	laptop.at("/account")
	t.Logf("%6.1f s: signed up", time.Since(began).Seconds())
	held := laptop.addPasskey("Laptop").Passkeys()
	t.Logf("%6.1f s: added a passkey", time.Since(began).Seconds())

	phone := &person{chromium(t).Profile(t).Tab(t), t, at, language.For("en")}
	phone.Agent("Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1")
	phone.Authenticator().Take(held[0])
	phone.goTo("/sign-in")
	phone.AwaitURL(url + "/account")
	t.Logf("%6.1f s: signed in on a second device with the passkey", time.Since(began).Seconds())
	phone.goTo("/account/devices")
	phone.Within("section[aria-labelledby=others] li").Follow(phone.say("pages.devices.end"))
	phone.sees("pages.notice.device_ended")
	laptop.Reload()
	laptop.at("/sign-in")
	laptop.sees("pages.notice.ended_by_user")
	phone.goTo("/account")
	phone.at("/account")
	t.Logf("%6.1f s: ended the first device there, and saw it signed out", time.Since(began).Seconds())
}
