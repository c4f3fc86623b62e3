package pages

import (
	"errors"
	"net/http"

	"tandem.example/tandem/internal/signin"
	"tandem.example/tandem/internal/ui"
)

// showSignOut asks before anything ends: to follow a link signs nobody out.
func (v *visit) showSignOut() error {
	who, err := v.recognise(true)
	var out *errSignedOut
	if errors.As(err, &out) {
		return v.redirect("/signed-out")
	}
	if err != nil {
		return err
	}
	data := step{Email: who.View.User.Email}
	if who.Unbound {
		data.Email = "" // whoever holds a copied cookie is told nothing by it
	}
	return v.render(http.StatusOK, "sign-out", ui.Page{App: who.Application, Data: data})
}

// signOut ends this session, or all of them. The cookie is gone in any case.
func (v *visit) signOut() error {
	who, err := v.recognise(true)
	var out *errSignedOut
	if errors.As(err, &out) {
		return v.forget()
	}
	if err != nil {
		return err
	}
	scope := signin.Local
	if v.sent("scope") == string(signin.Global) && !who.Unbound { // a copied cookie ends nothing but its own session
		scope = signin.Global
	}
	if err := v.SignIn.SignOut(v.ctx(), who, scope, v.client()); err != nil {
		return err
	}
	return v.forget()
}

// forget has the browser forget who was signed in: by the cookie, and by the pages that it keeps whole for its back
// button, Chromium even those with no-store.
func (v *visit) forget() error {
	v.Site.Cookies.ClearSession(v.x.Header())
	v.x.Header().Set("Clear-Site-Data", `"cache"`)
	return v.redirect("/signed-out")
}

func (v *visit) signedOut() error { return v.render(http.StatusOK, "signed-out", ui.Page{}) }
