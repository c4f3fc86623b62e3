package pages

import (
	"errors"
	"fmt"
	"net/http"

	"tandem.example/tandem/internal/application"
	"tandem.example/tandem/internal/session"
	"tandem.example/tandem/internal/signin"
	"tandem.example/tandem/internal/web"
)

// errSignedOut is answered for a visitor who is not signed in. Why, and the application that they were signed in to, may
// be empty.
type errSignedOut struct{ why, app string }

func (e *errSignedOut) Error() string { return "not signed in: " + e.why }

// errTwoCookies is answered where it cannot be told which session is meant.
var errTwoCookies = errors.New("more than one session cookie was sent")

// identify answers who is visiting, by their cookie and nothing else. *errSignedOut for nobody.
func (v *visit) identify() (signin.Identity, error) { return v.recognise(false) }

// recognise is identify, for whoever wants no more than to leave too: then a session that is bound to a device needs no
// proof that it is this one.
func (v *visit) recognise(leaving bool) (signin.Identity, error) {
	c, err := v.Site.Cookies.Find(v.r)
	var refused *web.Problem
	if errors.As(err, &refused) && refused.Status == http.StatusUnauthorized {
		v.Site.Cookies.ClearSession(v.x.Header()) // what it holds is no session token
		return signin.Identity{}, &errSignedOut{}
	}
	if err != nil {
		return signin.Identity{}, errTwoCookies
	}
	if !c.Cookie || c.Kind != web.SessionToken {
		return signin.Identity{}, &errSignedOut{}
	}
	who, err := v.SignIn.Check(v.ctx(), signin.Presented{Token: c.Text, Bound: c.Bound, Leaving: leaving})
	switch {
	case errors.Is(err, session.ErrEnded), errors.Is(err, session.ErrExpired):
		v.Site.Cookies.ClearSession(v.x.Header())
		return who, v.ended(c, err)
	case errors.Is(err, signin.ErrInvalidToken), errors.Is(err, signin.ErrBindingRequired):
		// The cookie stays: it may be a newer one by now, which another tab was given while this request was under way; or the
		// device of a bound session gets itself the other cookie.
		return who, &errSignedOut{}
	case err != nil:
		return who, fmt.Errorf("identify visitor: %w", err)
	}
	v.x.UserID, v.x.SessionID = string(who.View.User.ID), string(who.View.Session.ID)
	return who, nil
}

// ended tells the reason for which a session is over, as a notice names it, and of which application it was unless that is
// the default one. Only whoever held it is told.
func (v *visit) ended(c web.Credential, why error) *errSignedOut {
	out := &errSignedOut{why: "ended"}
	if errors.Is(why, session.ErrExpired) {
		out.why = "expired"
	}
	id, digest, err := session.ParseToken(c.Text.Reveal())
	if err != nil {
		return out
	}
	view, err := v.SignIn.Sessions.Find(v.ctx(), id)
	if err != nil || !digest.Equal(view.Session.Token) {
		return out
	}
	if app, err := v.SignIn.Applications.Find(v.ctx(), string(view.Session.Application)); err == nil && app.Name != application.DefaultName {
		out.app = app.Name
	}
	if _, known := notices[string(view.Session.EndReason)]; known && out.why != "expired" {
		out.why = string(view.Session.EndReason)
	}
	return out
}

// personal is a handler for whoever is signed in; others are sent to sign in first, and then back if they only wanted
// to look.
func personal(h func(v *visit, who signin.Identity) error) handler {
	return func(v *visit) error {
		who, err := v.identify()
		var out *errSignedOut
		if errors.As(err, &out) {
			back := ""
			if v.r.Method == http.MethodGet && (out.why == "" || out.why == "expired" || out.why == "unbound") {
				back = v.r.URL.Path
			}
			return v.redirect(with("/sign-in", "app", out.app, "notice", out.why, "return_to", back))
		}
		if err != nil {
			return err
		}
		return h(v, who)
	}
}

// fresh is a handler for whoever has proven themselves just now; others are sent to do so, and then to `back`, where
// the form is. Empty means the path itself.
func fresh(back string, h func(v *visit, who signin.Identity) error) handler {
	return personal(func(v *visit, who signin.Identity) error {
		ok, err := v.SignIn.Fresh(v.ctx(), who)
		if err != nil {
			return fmt.Errorf("look how fresh the proof is: %w", err)
		}
		if !ok {
			return v.proveFirst(back)
		}
		err = h(v, who)
		if errors.Is(err, signin.ErrStepUp) { // it has become too old meanwhile
			return v.proveFirst(back)
		}
		return err
	})
}

func (v *visit) proveFirst(back string) error {
	if back == "" {
		back = v.r.URL.Path
	}
	return v.redirect(with("/step-up", "return_to", back))
}
