package pages

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"tandem.example/tandem/internal/credential"
	"tandem.example/tandem/internal/signin"
)

const (
	addPath     = "/account/passkeys/add"
	optionsPath = "/account/passkeys/options"
)

func (v *visit) showAddPasskey(who signin.Identity) error {
	return v.showNewPasskey(http.StatusOK, signin.Progress{Purpose: signin.ToAddPasskey, Application: who.Application}, nil, addPath, optionsPath)
}

// passkeyOptions begins to add a passkey, and answers the options that the browser's call takes.
func (v *visit) passkeyOptions(who signin.Identity) error {
	p, err := v.begin(signin.Begin{Purpose: signin.ToAddPasskey, App: string(who.Application.ID), Who: &who, ReturnTo: "/account/security"})
	if err != nil {
		return err
	}
	return v.newPasskey(p)
}

func (v *visit) addPasskey(signin.Identity) error { return v.confirmNew(addPath, optionsPath) }

// onePasskey is what the page of one passkey is rendered with.
type onePasskey struct {
	form
	credential.Passkey
}

// passkey answers the visitor's passkey that the path names; credential.ErrPasskeyNotFound if they have none of that id.
func (v *visit) passkey(who signin.Identity) (credential.Passkey, error) {
	factors, err := v.SignIn.Factors(v.ctx(), who)
	if err != nil {
		return credential.Passkey{}, fmt.Errorf("list factors: %w", err)
	}
	for _, one := range factors.Passkeys {
		if one.ID == v.r.PathValue("id") {
			return one, nil
		}
	}
	return credential.Passkey{}, credential.ErrPasskeyNotFound
}

func (v *visit) showAPasskey(who signin.Identity) error {
	one, err := v.passkey(who)
	if err != nil {
		return v.changed(signin.Grant{}, err, "")
	}
	return v.render(http.StatusOK, "passkey-edit", v.sheet(who, "security", onePasskey{form{Value: one.Name}, one}))
}

func (v *visit) renamePasskey(who signin.Identity) error {
	one, err := v.passkey(who)
	if err != nil {
		return v.changed(signin.Grant{}, err, "")
	}
	name := strings.TrimSpace(v.sent("name"))
	err = v.SignIn.RenamePasskey(v.ctx(), who, one.ID, name, v.client())
	var field *signin.FieldError
	if errors.As(err, &field) {
		wrong := fault{Field: "name", Text: v.say("pages.fault.passkey_name")}
		return v.render(http.StatusUnprocessableEntity, "passkey-edit", v.sheet(who, "security", onePasskey{form{Value: name, Faults: []fault{wrong}}, one}))
	}
	return v.changed(signin.Grant{}, err, "passkey_saved")
}

func (v *visit) askRemovePasskey(who signin.Identity) error {
	one, err := v.passkey(who)
	if err != nil {
		return v.changed(signin.Grant{}, err, "")
	}
	return v.ask(who, "security", "passkey_remove", question{
		Text: "pages.ask.passkey_remove", Name: one.Name, Yes: "pages.yes.passkey_remove", Back: "/account/security", Danger: true,
		Action: "/account/passkeys/" + url.PathEscape(one.ID) + "/remove",
	})
}

func (v *visit) removePasskey(who signin.Identity) error {
	g, err := v.SignIn.RemovePasskey(v.ctx(), who, v.r.PathValue("id"), v.client())
	return v.changed(g, err, "passkey_removed")
}
