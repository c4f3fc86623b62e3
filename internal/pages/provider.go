package pages

import (
	"errors"
	"net/http"

	"tandem.example/tandem/internal/application"
	"tandem.example/tandem/internal/credential"
	"tandem.example/tandem/internal/federate"
	"tandem.example/tandem/internal/signin"
	"tandem.example/tandem/internal/ui"
)

// askProvider sends the browser to a provider, by a page of its own: a form of this server may end here only.
func (v *visit) askProvider() error {
	p, err := v.resume()
	if err != nil {
		return v.gone(err)
	}
	return v.sendTo(p, v.r.PathValue("name"))
}

func (v *visit) sendTo(p signin.Progress, provider string) error {
	place, err := v.SignIn.AskProvider(v.ctx(), p.Token, provider, v.client())
	if err != nil {
		return v.providerFailed(p, err)
	}
	return v.render(http.StatusOK, "go-on", ui.Page{App: p.Application, GoOn: place, Data: step{GoOn: place}})
}

// proveProvider reads what the browser came back with. It is a GET that changes something, as OpenID Connect has it:
// the state that was put into the attempt says that this browser was sent.
func (v *visit) proveProvider() error {
	held, err := v.resume()
	if err != nil {
		return v.gone(err)
	}
	p, err := v.SignIn.ProveProvider(v.ctx(), held.Token, v.r.PathValue("name"), v.r.URL.Query(), v.client())
	if err == nil || errors.Is(err, signin.ErrNoAttempt) {
		return v.proven(p, err, nil)
	}
	v.deliver(p.Grant)
	return v.providerFailed(held, err)
}

// providerFailed goes back to where the provider was chosen, and says what came of it.
func (v *visit) providerFailed(p signin.Progress, err error) error {
	notice := ""
	switch {
	case errors.Is(err, federate.ErrDenied):
		notice = "denied"
	case errors.Is(err, federate.ErrUnreachable):
		notice = "unreachable"
	case errors.Is(err, federate.ErrAnswer):
		notice = "provider_failed"
	case errors.Is(err, signin.ErrUnverified):
		notice = "unverified"
	case errors.Is(err, signin.ErrSignInAgain):
		notice = "sign_in_again"
	case errors.Is(err, credential.ErrConnectionTaken):
		notice = "connection_taken"
	case errors.Is(err, signin.ErrNoAttempt):
		return v.gone(err)
	case errors.Is(err, signin.ErrNotNow):
		return v.redirect(next(p))
	case errors.Is(err, federate.ErrUnknownProvider):
		return v.showTrouble(http.StatusNotFound, "provider")
	default:
		return err
	}
	v.entered(p.Purpose, err)
	switch p.Purpose {
	case signin.ToConnect:
		return v.redirect(with("/account/security", "notice", notice))
	case signin.ToSignIn, signin.ToSignUp, signin.ToRecover:
		return v.redirect(with(entranceOf(p.Purpose), "again", "1", "notice", notice))
	}
	return v.redirect(with("/sign-in/next", "notice", notice))
}

// connect begins to connect an account at a provider.
func (v *visit) connect(who signin.Identity) error {
	p, err := v.begin(signin.Begin{Purpose: signin.ToConnect, App: string(who.Application.ID), Who: &who, ReturnTo: "/account/security"})
	if err != nil {
		return v.notBegun(err)
	}
	name := v.r.PathValue("name")
	if !asks(p, application.Provider(name)) {
		return v.showTrouble(http.StatusNotFound, "provider")
	}
	return v.sendTo(p, name)
}
