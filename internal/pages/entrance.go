package pages

import (
	"errors"
	"net/http"
	"net/url"

	"tandem.example/tandem/internal/account"
	"tandem.example/tandem/internal/application"
	"tandem.example/tandem/internal/federate"
	"tandem.example/tandem/internal/signin"
	"tandem.example/tandem/internal/ui"
)

// home sends whoever comes without a wish to their account, or to sign in.
func (v *visit) home() error {
	if _, err := v.identify(); err == nil {
		return v.redirect("/account")
	}
	return v.redirect("/sign-in")
}

// entrance is the page on which an attempt for a purpose begins: it asks for the address.
func entrance(purpose signin.Purpose) handler {
	return func(v *visit) error {
		q := v.r.URL.Query()
		held, herr := v.resume()
		p := held
		if herr != nil || !open(held, purpose) || !q.Has("again") && !same(held, q) {
			var err error
			if p, err = v.begin(signin.Begin{Purpose: purpose, App: q.Get("app"), ReturnTo: q.Get("return_to")}); err != nil {
				return v.notBegun(err)
			}
		}
		if purpose == signin.ToSignIn && v.isIn(p.Application) {
			return v.goOn(p.Application, p.ReturnTo, "")
		}
		if herr == nil {
			p.Email = held.Email // somebody who has typed it need not type it again
		}
		return v.showEntrance(http.StatusOK, p, nil)
	}
}

// open reports whether the attempt is for the purpose and may still be given another address.
func open(p signin.Progress, purpose signin.Purpose) bool {
	return p.Purpose == purpose && !p.SecondFactor && !p.NewPassword
}

// same reports whether the attempt is what the link or form asks to begin: whoever loads a page again begins nothing new.
func same(p signin.Progress, q url.Values) bool {
	app := q.Get("app")
	return p.ReturnTo == q.Get("return_to") && (app == p.Application.Name || app == string(p.Application.ID) || app == "" && p.Application.Name == application.DefaultName)
}

// isIn reports whether the visitor is signed in to the application.
func (v *visit) isIn(app application.Application) bool {
	who, err := v.identify()
	return err == nil && who.Application.ID == app.ID
}

// notBegun shows why an attempt cannot begin, and passes on what is not about the link that was followed.
func (v *visit) notBegun(err error) error {
	var field *signin.FieldError
	name := ""
	switch {
	case errors.Is(err, signin.ErrReturnTo):
		name = "return_to"
	case errors.As(err, &field) && field.Field == "app":
		name = "app"
	case errors.As(err, &field) && field.Field == "delivery":
		name = "jwt"
	case errors.Is(err, signin.ErrNoMail):
		name = "no_mail"
	case errors.Is(err, signin.ErrSignInAgain):
		name = "sign_in_again"
	case errors.Is(err, signin.ErrNotNow):
		name = "not_now"
	default:
		return err
	}
	return v.showTrouble(http.StatusBadRequest, name)
}

func (v *visit) showEntrance(status int, p signin.Progress, faults []fault) error {
	if p.Application.Mode == application.ModeJWT {
		// Its sign-in has no session token that a cookie could hold.
		return v.showTrouble(http.StatusBadRequest, "jwt")
	}
	s := step{Progress: p, Faults: faults, Email: p.Email, Action: entranceOf(p.Purpose), CanMail: v.SignIn.CanMail, OfferedHere: asks(p, application.Passkey)}
	for _, m := range p.Ask {
		if _, ok := m.Provider(); ok {
			s.Ways = append(s.Ways, v.way(m))
		}
	}
	page := ui.Page{App: p.Application, Title: v.say("pages.title." + string(p.Purpose)), Data: s}
	if s.OfferedHere {
		page.Scripts = []string{"passkey.js"}
	}
	return v.render(status, string(p.Purpose), page)
}

// enter takes the address. An attempt that is gone begins anew: the form holds all that it takes.
func enter(purpose signin.Purpose) handler {
	return func(v *visit) error {
		p, err := v.resume()
		other := err == nil && (!open(p, purpose) || v.r.PostForm.Has("app") && !same(p, v.r.PostForm)) // of another tab
		if errors.Is(err, signin.ErrNoAttempt) || other {
			p, err = v.begin(signin.Begin{Purpose: purpose, App: v.sent("app"), ReturnTo: v.sent("return_to")})
			if err != nil {
				return v.notBegun(err)
			}
		}
		if err != nil {
			return err
		}
		email := v.sent("email")
		again := func(status int, faults []fault) error {
			p.Email = email
			return v.showEntrance(status, p, faults)
		}
		if account.CheckEmail(email) != nil {
			return again(http.StatusUnprocessableEntity, []fault{v.fieldFault(&signin.FieldError{Field: "email"})})
		}
		on, err := v.SignIn.Identify(v.ctx(), p.Token, email, v.client())
		if err == nil && len(on.Ask) > 0 && on.Ask[0] == application.EmailCode && !on.CodeSent {
			// Nothing else is to be decided: the code is on its way before the next page asks for it.
			on, err = v.SignIn.SendCode(v.ctx(), on.Token, v.client())
		}
		return v.proven(on, err, again)
	}
}

// providers are what people may sign in with elsewhere.
func (v *visit) providers() []federate.Named {
	if v.SignIn.Providers == nil {
		return nil
	}
	return v.SignIn.Providers.List()
}

// stepUp begins to prove again who is signed in.
func (v *visit) stepUp() error {
	return personal(func(v *visit, who signin.Identity) error {
		back := v.r.URL.Query().Get("return_to")
		p, err := v.begin(signin.Begin{Purpose: signin.ToStepUp, App: string(who.Application.ID), ReturnTo: back, Who: &who})
		if err != nil {
			return v.notBegun(err)
		}
		return v.redirect(next(p))
	})(v)
}

// showNext offers all the ways in which an attempt may go on.
func (v *visit) showNext() error {
	p, ok, err := v.at(func(signin.Progress) bool { return true })
	if !ok {
		return err
	}
	if path := next(p); path != "/sign-in/next" && !p.SecondFactor && p.Purpose != signin.ToStepUp {
		return v.redirect(path)
	}
	return v.render(http.StatusOK, "next", ui.Page{App: p.Application, Title: v.stepTitle(p), Data: step{Progress: p, Ways: v.ways(p, "")}})
}

// stepTitle is what proving something is called: it depends on what it is for.
func (v *visit) stepTitle(p signin.Progress) string {
	switch {
	case p.Purpose == signin.ToStepUp:
		return v.say("pages.title.step_up")
	case p.SecondFactor:
		return v.say("pages.title.second_factor")
	}
	return v.say("pages.title." + string(p.Purpose))
}
