package pages

import (
	"encoding/base64"
	"errors"
	"html/template"
	"net/http"
	"strings"

	"tandem.example/tandem/internal/application"
	"tandem.example/tandem/internal/credential"
	"tandem.example/tandem/internal/signin"
	"tandem.example/tandem/internal/ui"
)

// totpSetup is a seed as a page shows it.
type totpSetup struct {
	Seed string
	QR   template.URL // a data: URI
}

func enrolling(p signin.Progress) bool { return p.Enrol }

// showEnrol lets whoever has to have a second factor choose one.
func (v *visit) showEnrol() error {
	p, ok, err := v.at(enrolling)
	if !ok {
		return err
	}
	s := step{Progress: p}
	for _, m := range p.Ask {
		switch m {
		case application.TOTP:
			s.Ways = append(s.Ways, way{Method: m, Label: v.say("pages.enrol.totp"), Icon: "phone", Path: "/sign-in/enrol/totp"})
		case application.Passkey:
			s.Ways = append(s.Ways, way{Method: m, Label: v.say("pages.enrol.passkey"), Icon: "passkey", Path: "/sign-in/enrol/passkey"})
		}
	}
	return v.render(http.StatusOK, "enrol", ui.Page{App: p.Application, Data: s})
}

func (v *visit) showEnrolTOTP() error {
	p, ok, err := v.at(func(p signin.Progress) bool { return p.Enrol && asks(p, application.TOTP) })
	if !ok {
		return err
	}
	return v.showSetup(http.StatusOK, p, nil, "/sign-in/enrol/totp")
}

// showSetup shows the seed that an authenticator app is to learn. It is the same one as long as the attempt lasts.
func (v *visit) showSetup(status int, p signin.Progress, faults []fault, action string) error {
	setup, err := v.SignIn.EnrolTOTP(v.ctx(), p.Token, v.client())
	if err != nil {
		return v.proven(p, err, v.onlyFaults)
	}
	qr := "data:image/png;base64," + base64.StdEncoding.EncodeToString(setup.QR)
	s := step{Progress: p, Faults: faults, Action: action, Setup: totpSetup{Seed: setup.Seed.Reveal(), QR: template.URL(qr)}} //nolint:gosec // made here
	page := ui.Page{App: p.Application, Data: s}
	return v.render(status, "totp-setup", page)
}

// onlyFaults shows what was wrong where there is no form to show it on.
func (v *visit) onlyFaults(status int, faults []fault) error {
	return v.render(status, "trouble", ui.Page{Title: v.say("pages.title.problem"), Data: trouble{Text: faults[0].Text}})
}

func (v *visit) confirmTOTP() error { return v.confirmSetup("/sign-in/enrol/totp") }

func (v *visit) confirmSetup(action string) error {
	held, err := v.resume()
	if err != nil {
		return v.gone(err)
	}
	p, err := v.SignIn.ConfirmTOTP(v.ctx(), held.Token, digits(v.sent("code")), v.client())
	if errors.Is(err, signin.ErrTooManyTries) {
		return v.gone(signin.ErrNoAttempt) // there is no other code to be had: another seed takes another attempt
	}
	return v.proven(p, err, func(status int, faults []fault) error {
		return v.showSetup(status, held, faults, action)
	})
}

func (v *visit) showEnrolPasskey() error {
	p, ok, err := v.at(takesPasskey)
	if !ok {
		return err
	}
	return v.showNewPasskey(http.StatusOK, p, nil, "/sign-in/enrol/passkey", "/sign-in/enrol/passkey/options")
}

// takesPasskey: one may be registered in the attempt.
func takesPasskey(p signin.Progress) bool {
	return (p.Enrol || p.NewPassword) && asks(p, application.Passkey) || p.Purpose == signin.ToAddPasskey
}

func (v *visit) showNewPasskey(status int, p signin.Progress, faults []fault, action, options string) error {
	s := step{Progress: p, Faults: faults, Action: action, Link: options, MinLength: credential.MaxPasskeys}
	return v.render(status, "passkey-new", ui.Page{App: p.Application, Scripts: []string{"passkey.js"}, Data: s})
}

func (v *visit) enrolPasskey() error {
	p, err := v.resume()
	if err != nil {
		return v.refuse(err)
	}
	return v.newPasskey(p)
}

// newPasskey answers the options that the browser's call takes to make a passkey.
func (v *visit) newPasskey(p signin.Progress) error {
	options, err := v.SignIn.EnrolPasskey(v.ctx(), p.Token, v.client())
	if err != nil {
		return v.refuse(err)
	}
	return v.json(options)
}

func (v *visit) confirmPasskey() error {
	return v.confirmNew("/sign-in/enrol/passkey", "/sign-in/enrol/passkey/options")
}

func (v *visit) confirmNew(action, options string) error {
	held, err := v.resume()
	if err != nil {
		return v.gone(err)
	}
	p, err := v.SignIn.ConfirmPasskey(v.ctx(), held.Token, []byte(v.sent("response")), strings.TrimSpace(v.sent("name")), v.client())
	if err == nil && p.NewPassword {
		v.keep(p)
		return v.redirect("/sign-in/choose?passkey=made")
	}
	return v.proven(p, err, func(status int, faults []fault) error {
		return v.showNewPasskey(status, held, faults, action, options)
	})
}

// showChoose asks for the last of a sign-up or a recovery.
func (v *visit) showChoose() error {
	p, ok, err := v.at(func(p signin.Progress) bool { return p.NewPassword })
	if !ok {
		return err
	}
	return v.showChoice(http.StatusOK, p, "", nil)
}

func (v *visit) showChoice(status int, p signin.Progress, name string, faults []fault) error {
	made := v.r.URL.Query().Has("passkey") // a hint for the form: signin knows
	s := step{
		Progress: p, Faults: faults, Name: name, MinLength: v.minLength(), Made: made,
		TakesPassword: asks(p, application.Password) && !made, OfferedHere: asks(p, application.Passkey) && !made,
	}
	return v.render(status, "choose", ui.Page{App: p.Application, Title: v.say("pages.title.choose_" + string(p.Purpose)), Data: s})
}

// minLength is how long a new password must be, in characters.
func (v *visit) minLength() int {
	if least := v.SignIn.Passwords.MinLength; least > 0 {
		return least
	}
	return credential.DefaultMinLength
}

func (v *visit) choose() error {
	held, err := v.resume()
	if err != nil {
		return v.gone(err)
	}
	name := v.sent("name")
	p, err := v.SignIn.Choose(v.ctx(), held.Token, name, v.secretly("password"), v.client())
	return v.proven(p, err, func(status int, faults []fault) error {
		return v.showChoice(status, held, name, faults)
	})
}
