package pages

import (
	"strings"
	"time"

	"tandem.example/tandem/internal/account"
	"tandem.example/tandem/internal/application"
	"tandem.example/tandem/internal/audit"
	"tandem.example/tandem/internal/credential"
	"tandem.example/tandem/internal/federate"
	"tandem.example/tandem/internal/language"
	"tandem.example/tandem/internal/session"
	"tandem.example/tandem/internal/signin"
	"tandem.example/tandem/internal/ui"
)

// Patterns are the routes of the pages, "METHOD /path".
func Patterns() []string {
	var out []string
	for _, r := range (&Pages{}).routes() {
		out = append(out, r.pattern)
	}
	return out
}

// Notices are the names of all notices.
func Notices() []string {
	var out []string
	for name := range notices {
		out = append(out, name)
	}
	return out
}

// Unsaid are ids below `prefix` that the catalogue lacks in a language.
func Unsaid(ids ...string) []string {
	var out []string
	for _, tag := range language.Tags() {
		for _, id := range ids {
			if text := language.For(tag).Say(id, "Count", 2, "Email", "x", "Name", "x", "Wait", "x"); text == id || strings.Contains(text, "no value") {
				out = append(out, tag+": "+id)
			}
		}
	}
	return out
}

// Files are the templates and assets.
var Files = files

// Hostile is what somebody would like to see run.
const Hostile = `"><script>alert(1)</script>'<img src=x onerror=alert(1)>{{.}}&amp;` + "`javascript:alert(1)"

// Shows is every template with a page in which every text that is not ours is Hostile.
func Shows() map[string][]ui.Page {
	app := application.Application{Name: Hostile, Brand: application.Brand{Title: Hostile, Color: "#123456"}}
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	faults := []fault{{Field: "email", Text: Hostile}, {Text: Hostile}}
	ways := []way{{Label: Hostile, Icon: "link", Path: "/x", Post: true}, {Label: Hostile, Icon: "key", Path: "/y"}}
	all := map[string][]ui.Page{}
	show := func(name string, data any) {
		all[name] = append(all[name], ui.Page{Title: Hostile, App: app, Data: data})
	}
	sheet := func(name string, data any) {
		all[name] = append(all[name], ui.Page{
			Title: Hostile, App: app, Layout: ui.Sheet, User: Hostile, Menu: []ui.Link{{Label: Hostile, Path: "/account", Icon: "user", Current: true}},
			Notice: ui.Notice{Tone: ui.Warning, Text: Hostile}, Data: data,
		})
	}
	attempt := func(purpose signin.Purpose, field string) step {
		p := signin.Progress{Purpose: purpose, Application: app, ReturnTo: Hostile, Email: Hostile, CodeSent: true}
		return step{
			Progress: p, Faults: []fault{{Field: field, Text: Hostile}}, Ways: ways, Email: Hostile, Name: Hostile, MinLength: 12, Days: 30, Link: Hostile,
			Action: Hostile, CanMail: true, Codes: []string{Hostile}, GoOn: Hostile, OfferedHere: true, TakesPassword: true,
			Setup: totpSetup{Seed: Hostile, QR: "data:image/png;base64,AAAA"},
		}
	}
	for _, purpose := range []signin.Purpose{signin.ToSignIn, signin.ToSignUp, signin.ToRecover} {
		show(string(purpose), attempt(purpose, "email"))
	}
	for _, purpose := range []signin.Purpose{signin.ToSignIn, signin.ToSignUp, signin.ToRecover, signin.ToStepUp, signin.ToVerifyEmail} {
		sent, unsent := attempt(purpose, "code"), attempt(purpose, "")
		unsent.Progress.CodeSent = false
		show("code", sent)
		show("code", unsent)
		show("password", attempt(purpose, "password"))
		show("next", attempt(purpose, ""))
		show("link", attempt(purpose, ""))
	}
	for _, second := range []bool{true, false} {
		s := attempt(signin.ToSignIn, "code")
		s.Progress.SecondFactor = second
		if second {
			show("totp", s)
			show("recovery-code", s)
		}
		s.Faults = faults[1:]
		show("passkey", s)
	}
	for _, purpose := range []signin.Purpose{signin.ToSignUp, signin.ToRecover} {
		show("choose", attempt(purpose, "password"))
	}
	show("enrol", attempt(signin.ToSignIn, ""))
	show("totp-setup", attempt(signin.ToAddTOTP, "code"))
	show("passkey-new", attempt(signin.ToAddPasskey, "name"))
	show("recovery-codes", attempt(signin.ToAddTOTP, ""))
	show("go-on", attempt(signin.ToSignIn, ""))
	all["go-on"][0].GoOn = "https://" + Hostile
	show("sign-out", attempt(signin.ToSignIn, ""))
	show("signed-out", left{})
	show("signed-out", left{App: Hostile, Name: Hostile, Back: "https://" + Hostile})
	for _, name := range []string{"expired", "link-elsewhere"} {
		show(name, nil)
	}
	show("trouble", trouble{Text: Hostile, Wait: time.Hour, RequestID: Hostile, Retry: "/" + Hostile})
	user := account.User{Email: Hostile, Name: Hostile, TheftAt: at, Roles: []string{"admin"}}
	sheet("account", overview{User: user, CanMail: true, Devices: 1, Admin: true})
	sheet("account", overview{User: account.User{Email: Hostile, EmailVerified: true}, Strong: true, Devices: 20, Many: true})
	f := form{Faults: faults[:1], Value: Hostile, MinLength: 12, Has: true, Email: Hostile}
	sheet("email", f)
	for name, field := range map[string]string{"name": "name", "new-password": "current"} {
		f.Faults = []fault{{Field: field, Text: Hostile}}
		sheet(name, f)
	}
	f.Faults = nil
	key := credential.Passkey{ID: Hostile, Name: Hostile, CreatedAt: at}
	sheet("passkey-edit", onePasskey{f, key})
	sheet("question", question{Text: "pages.ask.totp_remove", Name: Hostile, Action: "/" + Hostile, Yes: "pages.yes.totp_remove", Back: "/account", Danger: true})
	tie := connected{credential.Connection{ID: Hostile, Provider: Hostile, Email: Hostile, UsedAt: at}, Hostile}
	factors := signin.Factors{Password: true, Passkeys: []credential.Passkey{key}, TOTPSince: at, RecoveryCodes: 2}
	sheet("security", security{Factors: factors, Connected: []connected{tie}, Offered: []federate.Named{{Name: Hostile, Title: Hostile}}})
	sheet("security", security{})
	one := device{Session: session.Session{ID: Hostile, Device: Hostile, IP: Hostile, LastSeenAt: at, CreatedAt: at}, App: Hostile, Methods: []string{Hostile}, Icon: "desktop"}
	this := one
	this.This = true
	sheet("devices", devices{This: []device{this}, Others: []device{one, one}, Apps: []connectedApp{{Title: Hostile, Sessions: 2}}, More: "/" + Hostile})
	sheet("devices", devices{})
	what := event{Entry: audit.Entry{At: at, IP: Hostile}, Words: Hostile, Icon: "info", Tone: "danger"}
	sheet("history", past{Entries: []event{what}, More: "/" + Hostile})
	sheet("history", past{})
	return all
}

// FaultIDs are the ids of what can be wrong with a form, of problems and of troubles.
func FaultIDs() []string {
	var out []string
	for _, f := range plainFaults {
		out = append(out, "pages.fault."+f.id)
	}
	for _, id := range told {
		out = append(out, "pages.problem."+id, "pages.problem_title."+id)
	}
	for _, id := range []string{"return_to", "app", "jwt", "no_mail", "not_now", "provider", "cookies"} {
		out = append(out, "pages.trouble."+id)
	}
	return out
}
