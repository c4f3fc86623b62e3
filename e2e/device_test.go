package e2e

import (
	"fmt"
	"strings"
	"testing"

	"tandem.example/tandem/e2e/site"
)

const firefox = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0"

// One device ends another; the one that was ended is told why, and the others stay.
func TestEndDevices(t *testing.T) {
	t.Parallel()
	s := home(t)
	laptop, phone, desk := visitor(t, s), visitor(t, s), visitor(t, s)
	phone.Agent("Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1")
	desk.Agent(firefox)
	for _, p := range []*person{laptop, phone, desk} {
		p.signIn(ada, password)
	}
	laptop.goTo("/account/devices")
	laptop.sees("pages.devices.this")
	laptop.WithinItem("section li", "iPhone").Follow(laptop.say("pages.devices.end"))
	laptop.sees("pages.notice.device_ended")
	if strings.Contains(laptop.Text(), "iPhone") {
		t.Errorf("the phone is still listed:\n%s", laptop.Text())
	}
	phone.goTo("/account")
	phone.at("/sign-in")
	phone.sees("pages.notice.ended_by_user")
	if c := phone.Profile.Cookie("tandem_session"); c != nil {
		t.Errorf("the phone still has %+v", c)
	}
	desk.goTo("/account")
	desk.at("/account")

	laptop.follow("pages.devices.end_others")
	laptop.follow("pages.yes.end_others")
	laptop.sees("pages.devices.none")
	desk.goTo("/account")
	desk.at("/sign-in")
	laptop.goTo("/account")
	laptop.at("/account")
	laptop.goTo("/account/history")
	laptop.sees("pages.history.session.signed_in")
}

// A refresh token that two parties use is theft: that session ends, and the next time the user looks they are told what
// happened and what to do, until they say that they have seen it.
func TestTheftIsTold(t *testing.T) {
	t.Parallel()
	s := home(t)
	p := visitor(t, s)
	p.signIn(ada, password)
	steal(t, s, ada)
	p.goTo("/account")
	p.sees("pages.theft.heading")
	p.sees("pages.theft.do")
	s.Mail.Await(t, ada, 0, func(m site.Message) bool { return m.Kind == "theft_detected" })
	p.follow("pages.theft.seen")
	p.at("/account")
	if strings.Contains(p.Text(), p.say("pages.theft.heading")) {
		t.Error("the notice stays after it was seen")
	}
}

// steal has a refresh token of the user used by two parties.
func steal(t *testing.T, s *site.Site, email string) {
	t.Helper()
	s.Do("POST", "/v1/admin/apps", map[string]any{"name": "mobile", "kind": "user", "mode": "jwt", "sign_in": map[string]any{"second_factor": "never"}}, nil)
	tab := chromium(t).Profile(t).Tab(t)
	tab.Visit(s.URL + site.Beside)
	cause := tab.Eval(fmt.Sprintf(`(async () => {
		const post = (path, body) => fetch(path, {method: "POST", credentials: "omit", headers: {"Content-Type": "application/json"}, body: JSON.stringify(body)}).then(r => r.json())
		const one = await post("/v1/sign-in", {email: %q, password: %q, app: "mobile"})
		const two = await post("/v1/token/refresh", {refresh_token: one.refresh_token})
		await post("/v1/token/refresh", {refresh_token: two.refresh_token})
		const stolen = await post("/v1/token/refresh", {refresh_token: one.refresh_token})
		return stolen.cause || JSON.stringify(one) })()`, email, password))
	if cause != "reused" {
		t.Fatalf("the stolen token was answered with %v", cause)
	}
}

// An operator locks somebody who is looking at their account: the next click finds them signed out, and they are told.
func TestLockedWhileSignedIn(t *testing.T) {
	t.Parallel()
	s := home(t)
	p, other := visitor(t, s), visitor(t, s)
	s.User("bob@example.com", password)
	p.signIn(ada, password)
	other.signIn("bob@example.com", password)
	s.Do("PATCH", "/v1/admin/users/"+ada, map[string]any{"status": "locked"}, nil)
	p.Within("nav").Follow(p.say("pages.menu.devices"))
	p.at("/sign-in")
	p.sees("pages.notice.user_locked")
	other.Reload()
	other.at("/account")
}

// Two tabs: what one does, the other finds at its next step, without an error.
func TestTwoTabsOfOneAttempt(t *testing.T) {
	t.Parallel()
	s := home(t)
	one := visitor(t, s)
	two := one.secondTab()
	one.giveEmail(ada)
	two.giveEmail(ada)
	one.givePassword(password) // of an attempt that the second tab has begun anew
	two.givePassword(password)
	for _, p := range []*person{one, two} {
		p.goTo("/account")
		p.at("/account")
	}
	one.Within("header").Follow(one.say("ui.sign_out"))
	one.follow("pages.sign_out.here")
	two.Within("nav").Follow(two.say("pages.menu.security"))
	two.at("/sign-in")
}
