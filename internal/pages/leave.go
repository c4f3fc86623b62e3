package pages

import (
	"cmp"
	"errors"
	"net/http"

	"tandem.example/tandem/internal/application"
	"tandem.example/tandem/internal/signin"
	"tandem.example/tandem/internal/ui"
)

// showSignOut asks before anything ends: to follow a link signs nobody out.
func (v *visit) showSignOut() error {
	q := v.r.URL.Query()
	who, err := v.recognise(true)
	var out *errSignedOut
	if errors.As(err, &out) {
		return v.redirect(leftPath(q.Get("app"), q.Get("return_to")))
	}
	if err != nil {
		return err
	}
	data := step{Email: who.View.User.Email, GoOn: q.Get("return_to")}
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
		return v.forget(v.sent("app"))
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
	return v.forget(who.Application.Name)
}

// forget has the browser forget who was signed in: by the cookie, and by the pages that it keeps whole for its back
// button, Chromium even those with no-store.
func (v *visit) forget(app string) error {
	v.Site.Cookies.ClearSession(v.x.Header())
	v.x.Header().Set("Clear-Site-Data", `"cache"`)
	return v.redirect(leftPath(app, v.sent("return_to")))
}

// leftPath is the page for whoever has left an application.
func leftPath(app, returnTo string) string {
	if app == application.DefaultName {
		app = "" // as it is without
	}
	return with("/signed-out", "app", app, "return_to", returnTo)
}

// left is what the page for whoever has left is rendered with.
type left struct {
	App  string // to sign in to again; empty for the default one
	Name string // of the application, for people
	Back string // where it is at home; empty if it was not said, or is nowhere of the application's
}

// signedOut leads back to the application, if it asks for that: by a link, so that the person sees first that they are
// signed out, and to its origins only, which are looked at here, whoever sent the browser.
func (v *visit) signedOut() error {
	q := v.r.URL.Query()
	app, err := v.SignIn.Applications.Find(v.ctx(), cmp.Or(q.Get("app"), application.DefaultName))
	if err != nil || app.Kind != application.User {
		return v.render(http.StatusOK, "signed-out", ui.Page{Data: left{}}) // it says the same in any case
	}
	data := left{Name: v.appTitle(app)}
	if app.Name != application.DefaultName {
		data.App = app.Name
	}
	if to := q.Get("return_to"); to != "" && v.SignIn.CheckReturn(to, app) == nil {
		data.Back = v.place(to)
	}
	return v.render(http.StatusOK, "signed-out", ui.Page{App: app, Data: data})
}
