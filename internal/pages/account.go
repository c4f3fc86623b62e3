package pages

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"tandem.example/tandem/internal/account"
	"tandem.example/tandem/internal/application"
	"tandem.example/tandem/internal/signin"
	"tandem.example/tandem/internal/ui"
)

func accountRoutes() []route {
	return append(wellKnownRoutes(), []route{
		{"GET /account", personal((*visit).showAccount)},
		{"POST /account/theft-seen", personal((*visit).theftSeen)},
		{"GET /account/name", personal((*visit).showName)},
		{"POST /account/name", personal((*visit).rename)},
		{"GET /account/email", fresh("", (*visit).showEmail)},
		{"POST /account/email", fresh("/account/email", (*visit).changeEmail)},
		{"POST /account/email/verify", personal((*visit).verifyEmail)},
		{"GET /account/security", personal((*visit).showSecurity)},
		{"GET /account/password", fresh("", (*visit).showNewPassword)},
		{"POST /account/password", fresh("/account/password", (*visit).changePassword)},
		{"POST /account/totp/begin", fresh("/account/security", (*visit).beginTOTP)},
		{"GET /account/totp", fresh("", (*visit).showTOTPSetup)},
		{"POST /account/totp", fresh("/account/totp", (*visit).confirmTOTPSetup)},
		{"GET /account/totp/remove", fresh("", (*visit).askRemoveTOTP)},
		{"POST /account/totp/remove", fresh("/account/totp/remove", (*visit).removeTOTP)},
		{"GET /account/recovery-codes", fresh("", (*visit).askRecoveryCodes)},
		{"POST /account/recovery-codes", fresh("/account/recovery-codes", (*visit).newRecoveryCodes)},
		{"GET /account/passkeys/add", fresh("", (*visit).showAddPasskey)},
		{"POST /account/passkeys/add", fresh("/account/passkeys/add", (*visit).addPasskey)},
		{"POST /account/passkeys/options", fresh("/account/passkeys/add", (*visit).passkeyOptions)},
		{"GET /account/passkeys/{id}", personal((*visit).showAPasskey)},
		{"POST /account/passkeys/{id}", personal((*visit).renamePasskey)},
		{"GET /account/passkeys/{id}/remove", fresh("", (*visit).askRemovePasskey)},
		{"POST /account/passkeys/{id}/remove", fresh("", (*visit).removePasskey)},
		{"POST /account/connect/{name}", fresh("/account/security", (*visit).connect)},
		{"GET /account/connections/{id}/remove", fresh("", (*visit).askDisconnect)},
		{"POST /account/connections/{id}/remove", fresh("", (*visit).disconnect)},
		{"GET /account/devices", personal((*visit).showDevices)},
		{"POST /account/devices/{id}/end", personal((*visit).endDevice)},
		{"GET /account/devices/end-others", personal((*visit).askEndOthers)},
		{"POST /account/devices/end-others", personal((*visit).endOthers)},
		{"GET /account/history", personal((*visit).showHistory)},
	}...)
}

// sheet makes a page of the account, with its menu.
func (v *visit) sheet(who signin.Identity, at string, data any) ui.Page {
	page := ui.Page{Layout: ui.Sheet, App: who.Application, User: nameOf(who.View.User), Data: data}
	for _, one := range []struct{ id, path, icon string }{
		{"account", "/account", "user"},
		{"security", "/account/security", "shield"},
		{"devices", "/account/devices", "desktop"},
		{"history", "/account/history", "clock"},
	} {
		page.Menu = append(page.Menu, ui.Link{Label: v.say("pages.menu." + one.id), Path: one.path, Icon: one.icon, Current: one.id == at})
	}
	return page
}

// nameOf is what a user is called.
func nameOf(u account.User) string {
	if u.Name != "" {
		return u.Name
	}
	return u.Email
}

// overview is what the account page is rendered with.
type overview struct {
	User    account.User
	CanMail bool
	Factors signin.Factors
	Strong  bool // there is a second factor
	Devices int  // on which the user is signed in; more than shown if Many
	Many    bool
	Admin   bool
}

// fewDevices are as many as are counted.
const fewDevices = 20

func (v *visit) showAccount(who signin.Identity) error {
	factors, err := v.SignIn.Factors(v.ctx(), who)
	if err != nil {
		return fmt.Errorf("list factors: %w", err)
	}
	devices, err := v.SignIn.Devices(v.ctx(), who, "", fewDevices+1)
	if err != nil {
		return err
	}
	user := who.View.User
	data := overview{
		User: user, CanMail: v.SignIn.CanMail, Factors: factors, Strong: !factors.TOTPSince.IsZero() || len(factors.Passkeys) > 0,
		Devices: min(len(devices), fewDevices), Many: len(devices) > fewDevices, Admin: user.HasRole(account.RoleAdmin),
	}
	return v.render(http.StatusOK, "account", v.sheet(who, "account", data))
}

// theftSeen takes the notice of a theft away.
func (v *visit) theftSeen(who signin.Identity) error {
	if _, err := v.SignIn.TheftSeen(v.ctx(), who, v.client()); err != nil {
		return fmt.Errorf("note that the theft was seen: %w", err)
	}
	return v.redirect("/account")
}

// form is what a page with a single form of the account is rendered with.
type form struct {
	Faults    []fault
	Value     string
	MinLength int
	Has       bool // there is one already
	Email     string
}

// FaultAt lets templates ask for a field's.
func (f form) FaultAt(field string) string { return faultOf(f.Faults, field) }

func (v *visit) showName(who signin.Identity) error {
	return v.render(http.StatusOK, "name", v.sheet(who, "account", form{Value: who.View.User.Name}))
}

func (v *visit) rename(who signin.Identity) error {
	name := strings.TrimSpace(v.sent("name"))
	_, err := v.SignIn.Rename(v.ctx(), who, name, v.client())
	if wrong, status := v.explain(err); err != nil && status != 0 {
		return v.render(status, "name", v.sheet(who, "account", form{Value: name, Faults: []fault{wrong}}))
	}
	if err != nil {
		return err
	}
	return v.redirect("/account?notice=name_saved")
}

func (v *visit) showEmail(who signin.Identity) error {
	return v.render(http.StatusOK, "email", v.sheet(who, "account", form{Email: who.View.User.Email}))
}

// changeEmail sends a code to the new address: it takes the old one's place once that was proven.
func (v *visit) changeEmail(who signin.Identity) error {
	email := strings.TrimSpace(v.sent("email"))
	again := func(status int, faults []fault) error {
		return v.render(status, "email", v.sheet(who, "account", form{Value: email, Email: who.View.User.Email, Faults: faults}))
	}
	if account.CheckEmail(email) != nil {
		return again(http.StatusUnprocessableEntity, []fault{v.fieldFault(&signin.FieldError{Field: "email"})})
	}
	return v.sendVerification(who, email, again)
}

func (v *visit) verifyEmail(who signin.Identity) error {
	return v.sendVerification(who, "", v.onlyFaults)
}

func (v *visit) sendVerification(who signin.Identity, email string, again func(int, []fault) error) error {
	p, err := v.begin(signin.Begin{Purpose: signin.ToVerifyEmail, App: string(who.Application.ID), Who: &who, Email: email})
	if errors.Is(err, signin.ErrNoMail) {
		return v.notBegun(err)
	}
	if err == nil && !p.CodeSent {
		p, err = v.SignIn.SendCode(v.ctx(), p.Token, v.client())
	}
	return v.proven(p, err, again)
}

// appTitle is what people know an application as.
func (v *visit) appTitle(app application.Application) string {
	switch {
	case app.Brand.Title != "":
		return app.Brand.Title
	case app.Name == application.DefaultName:
		return v.Kit.ServiceName()
	}
	return app.Name
}
