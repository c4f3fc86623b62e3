package pages

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"tandem.example/tandem/internal/application"
	"tandem.example/tandem/internal/credential"
	"tandem.example/tandem/internal/federate"
	"tandem.example/tandem/internal/secret"
	"tandem.example/tandem/internal/signin"
)

// security is what the page of all that a user can prove themselves with is rendered with.
type security struct {
	signin.Factors
	Connected []connected
	Offered   []federate.Named // not connected yet
}

type connected struct {
	credential.Connection
	Title string
}

func (v *visit) showSecurity(who signin.Identity) error {
	factors, err := v.SignIn.Factors(v.ctx(), who)
	if err != nil {
		return fmt.Errorf("list factors: %w", err)
	}
	data := security{Factors: factors}
	titles, taken := map[string]string{}, map[string]bool{}
	for _, one := range v.providers() {
		titles[one.Name] = one.Title
	}
	for _, c := range factors.Connections {
		title := titles[c.Provider]
		if title == "" {
			title = c.Provider // it is configured no more
		}
		data.Connected = append(data.Connected, connected{c, title})
		taken[c.Provider] = true
	}
	for _, one := range v.providers() {
		if !taken[one.Name] {
			data.Offered = append(data.Offered, one)
		}
	}
	return v.render(http.StatusOK, "security", v.sheet(who, "security", data))
}

func (v *visit) showNewPassword(who signin.Identity) error {
	return v.newPassword(who, http.StatusOK, nil)
}

func (v *visit) newPassword(who signin.Identity, status int, faults []fault) error {
	factors, err := v.SignIn.Factors(v.ctx(), who)
	if err != nil {
		return fmt.Errorf("list factors: %w", err)
	}
	data := form{Faults: faults, Has: factors.Password, MinLength: v.minLength(), Email: who.View.User.Email}
	return v.render(status, "new-password", v.sheet(who, "security", data))
}

// changePassword changes the password, or sets the first one. Which of the two is decided by what the account has, not
// by what the form says.
func (v *visit) changePassword(who signin.Identity) error {
	factors, err := v.SignIn.Factors(v.ctx(), who)
	if err != nil {
		return fmt.Errorf("list factors: %w", err)
	}
	var g signin.Grant
	if factors.Password {
		g, err = v.SignIn.ChangePassword(v.ctx(), who, v.secretly("current"), v.secretly("password"), signin.Cookie, v.client())
	} else {
		g, err = v.SignIn.SetFirstPassword(v.ctx(), who, v.secretly("password"), v.client())
	}
	if errors.Is(err, signin.ErrInvalidCredentials) {
		return v.newPassword(who, http.StatusUnprocessableEntity, []fault{{Field: "current", Text: v.say("pages.fault.current")}})
	}
	if wrong, status := v.explain(err); err != nil && status != 0 {
		return v.newPassword(who, status, []fault{wrong})
	}
	if err != nil {
		return err
	}
	v.deliver(g)
	notice := "password_set"
	if factors.Password {
		notice = "password_saved"
	}
	return v.redirect(with("/account/security", "notice", notice))
}

func (v *visit) beginTOTP(who signin.Identity) error {
	_, err := v.begin(signin.Begin{Purpose: signin.ToAddTOTP, App: string(who.Application.ID), Who: &who, ReturnTo: "/account/security"})
	if err != nil {
		return v.notBegun(err)
	}
	return v.redirect("/account/totp")
}

func (v *visit) showTOTPSetup(signin.Identity) error {
	p, err := v.resume()
	if errors.Is(err, signin.ErrNoAttempt) || err == nil && p.Purpose != signin.ToAddTOTP {
		return v.redirect("/account/security")
	}
	if err != nil {
		return err
	}
	return v.showSetup(http.StatusOK, p, nil, "/account/totp")
}

func (v *visit) confirmTOTPSetup(signin.Identity) error { return v.confirmSetup("/account/totp") }

// question is what a page that asks before it does something is rendered with.
type question struct {
	Text   string // id of what will happen
	Name   string // of what it happens to
	Action string // path that is posted to
	Yes    string // id of the button's words
	Back   string // path for those who would rather not
	Danger bool
}

func (v *visit) ask(who signin.Identity, at, title string, q question) error {
	page := v.sheet(who, at, q)
	page.Title = v.say("pages.title." + title)
	return v.render(http.StatusOK, "question", page)
}

func (v *visit) askRemoveTOTP(who signin.Identity) error {
	return v.ask(who, "security", "totp_remove", question{
		Text: "pages.ask.totp_remove", Action: "/account/totp/remove", Yes: "pages.yes.totp_remove", Back: "/account/security", Danger: true,
	})
}

func (v *visit) removeTOTP(who signin.Identity) error {
	g, err := v.SignIn.RemoveTOTP(v.ctx(), who, v.client())
	return v.changed(g, err, "totp_removed")
}

// changed goes back to the page of all factors, after one of them was changed.
func (v *visit) changed(g signin.Grant, err error, notice string) error {
	v.deliver(g) // the session may have new credentials although the change has failed
	switch {
	case errors.Is(err, signin.ErrLastMethod):
		notice = "last_method"
	case errors.Is(err, signin.ErrNotNow):
		notice = "policy"
	case errors.Is(err, credential.ErrNoTOTP), errors.Is(err, credential.ErrPasskeyNotFound), errors.Is(err, credential.ErrConnectionNotFound):
		notice = "gone"
	case err != nil:
		return err
	}
	return v.redirect(with("/account/security", "notice", notice))
}

func (v *visit) askRecoveryCodes(who signin.Identity) error {
	return v.ask(who, "security", "recovery_codes", question{
		Text: "pages.ask.recovery_codes", Action: "/account/recovery-codes", Yes: "pages.yes.recovery_codes", Back: "/account/security",
	})
}

// newRecoveryCodes shows new codes, once: the answer to the form is the page itself.
func (v *visit) newRecoveryCodes(who signin.Identity) error {
	codes, err := v.SignIn.NewRecoveryCodes(v.ctx(), who, v.client())
	if err != nil {
		return v.changed(signin.Grant{}, err, "gone")
	}
	page := v.sheet(who, "security", step{Codes: reveal(codes), GoOn: v.Kit.Path("/account/security")})
	return v.render(http.StatusOK, "recovery-codes", page)
}

func reveal(codes []secret.Text) []string {
	var out []string
	for _, code := range codes {
		out = append(out, code.Reveal())
	}
	return out
}

func (v *visit) askDisconnect(who signin.Identity) error {
	factors, err := v.SignIn.Factors(v.ctx(), who)
	if err != nil {
		return fmt.Errorf("list factors: %w", err)
	}
	for _, c := range factors.Connections {
		if c.ID == v.r.PathValue("id") {
			return v.ask(who, "security", "disconnect", question{
				Text: "pages.ask.disconnect", Name: v.providerTitle(c.Provider), Yes: "pages.yes.disconnect", Back: "/account/security", Danger: true,
				Action: "/account/connections/" + url.PathEscape(c.ID) + "/remove",
			})
		}
	}
	return v.redirect("/account/security?notice=gone")
}

func (v *visit) providerTitle(name string) string {
	for _, one := range v.providers() {
		if one.Name == name {
			return one.Title
		}
	}
	return name
}

func (v *visit) disconnect(who signin.Identity) error {
	g, err := v.SignIn.Disconnect(v.ctx(), who, v.r.PathValue("id"), v.client())
	return v.changed(g, err, "disconnected")
}

// methodWord is the method behind a value of amr, for its words; empty if it has none.
func methodWord(amr string) application.Method {
	switch amr {
	case "pwd":
		return application.Password
	case "otp":
		return application.TOTP
	case "hwk", "swk", "pop":
		return application.Passkey
	case "email":
		return application.EmailCode
	case "fed":
		return "provider"
	}
	return ""
}
