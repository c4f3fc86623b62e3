package pages

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"tandem.example/tandem/internal/application"
	"tandem.example/tandem/internal/session"
	"tandem.example/tandem/internal/signin"
	"tandem.example/tandem/internal/ui"
)

// attemptAge is for how long a browser keeps the token of an attempt. The attempt itself may expire sooner.
const attemptAge = time.Hour

// begin begins an attempt and ties it to the browser.
func (v *visit) begin(in signin.Begin) (signin.Progress, error) {
	p, err := v.SignIn.Begin(v.ctx(), in, v.client())
	if err != nil {
		return p, err
	}
	v.keep(p)
	return p, nil
}

func (v *visit) keep(p signin.Progress) {
	v.Site.Cookies.SetAttempt(v.x.Header(), p.Token, attemptAge)
}

// resume answers where the browser's attempt stands; signin.ErrNoAttempt if it has none, or one of another's session.
func (v *visit) resume() (signin.Progress, error) {
	held := v.Site.Cookies.Attempt(v.r)
	if held.Empty() {
		return signin.Progress{}, signin.ErrNoAttempt
	}
	p, err := v.SignIn.Resume(v.ctx(), held)
	if err != nil || p.Session == "" {
		return p, err
	}
	// The attempt of a session hands out its credentials: to whoever holds them already, and to nobody who holds a cookie
	// of the attempt alone.
	who, err := v.identify()
	var out *errSignedOut
	if errors.As(err, &out) || err == nil && who.View.Session.ID != p.Session {
		return signin.Progress{}, signin.ErrNoAttempt
	}
	return p, err
}

// asks reports whether the attempt may go on with the method.
func asks(p signin.Progress, m application.Method) bool { return slices.Contains(p.Ask, m) }

// next is the page on which an attempt goes on.
func next(p signin.Progress) string {
	switch {
	case p.Purpose == signin.ToAddTOTP:
		return "/account/totp"
	case p.Purpose == signin.ToAddPasskey:
		return "/account/passkeys/add"
	case p.Purpose == signin.ToConnect:
		return "/account/security"
	case p.NewPassword:
		return "/sign-in/choose"
	case p.Enrol:
		return "/sign-in/enrol"
	case p.Email == "" && !p.SecondFactor:
		return entranceOf(p.Purpose)
	case p.CodeSent && asks(p, application.EmailCode):
		return "/sign-in/code"
	case p.SecondFactor && asks(p, application.TOTP):
		return "/sign-in/totp" // the code of an app is at hand on any device
	}
	for _, m := range p.Ask {
		if path := pageOf(m); path != "" {
			return path
		}
	}
	return "/sign-in/next"
}

// pageOf is the page on which a method is proven; empty for a provider, which has none here.
func pageOf(m application.Method) string {
	switch m {
	case application.Password:
		return "/sign-in/password"
	case application.Passkey:
		return "/sign-in/passkey"
	case application.EmailCode:
		return "/sign-in/code"
	case application.TOTP:
		return "/sign-in/totp"
	case application.RecoveryCode:
		return "/sign-in/recovery-code"
	}
	return ""
}

func entranceOf(purpose signin.Purpose) string {
	switch purpose {
	case signin.ToSignUp:
		return "/sign-up"
	case signin.ToRecover:
		return "/recover"
	case signin.ToStepUp:
		return "/sign-in/next"
	}
	return "/sign-in"
}

// step is what the page of a step is rendered with.
type step struct {
	Progress signin.Progress
	Faults   []fault
	Ways     []way
	// What single steps need.
	Email         string
	Name          string
	MinLength     int
	Setup         totpSetup
	Days          int // for which a device may be remembered; 0: not at all
	Link          string
	Action        string
	CanMail       bool
	Codes         []string
	GoOn          string
	OfferedHere   bool // a passkey may be proven, or made, instead
	Made          bool // a passkey was made a moment ago
	TakesPassword bool
}

// way is another method that the person may go on with instead.
type way struct {
	Method application.Method
	Label  string
	Icon   string
	Path   string
	Post   bool // takes a form
}

// ways are the methods other than the one of the page.
func (v *visit) ways(p signin.Progress, but application.Method) []way {
	var all []way
	for _, m := range p.Ask {
		if m == but {
			continue
		}
		if w := v.way(m); w.Path != "" {
			all = append(all, w)
		}
	}
	return all
}

func (v *visit) way(m application.Method) way {
	if name, ok := m.Provider(); ok {
		for _, one := range v.providers() {
			if one.Name == name {
				return way{Method: m, Label: v.say("pages.way.provider", "Name", one.Title), Icon: "link", Path: "/sign-in/provider/" + url.PathEscape(name), Post: true}
			}
		}
		return way{}
	}
	w := way{Method: m, Label: v.say("pages.way." + string(m)), Path: pageOf(m)}
	switch m {
	case application.Password:
		w.Icon = "lock"
	case application.Passkey:
		w.Icon = "passkey"
	case application.EmailCode:
		w.Icon, w.Path, w.Post = "mail", "/sign-in/code/send", true
	case application.TOTP:
		w.Icon = "phone"
	case application.RecoveryCode:
		w.Icon = "key"
	}
	return w
}

// at answers the attempt if the page is where it stands; else the visit is answered with a redirect to where it does,
// and ok is false.
func (v *visit) at(fits func(signin.Progress) bool) (p signin.Progress, ok bool, err error) {
	p, err = v.resume()
	if err != nil {
		return p, false, v.gone(err)
	}
	if !fits(p) {
		return p, false, v.redirect(next(p))
	}
	return p, true, nil
}

// asking: the method is to be proven now, rather than to be set up or chosen.
func asking(m application.Method) func(signin.Progress) bool {
	return func(p signin.Progress) bool { return asks(p, m) && !p.Enrol && !p.NewPassword }
}

// gone shows a page to begin again on if the attempt is gone, and passes any other error on.
func (v *visit) gone(err error) error {
	if !errors.Is(err, signin.ErrNoAttempt) {
		return err
	}
	v.Site.Cookies.SetAttempt(v.x.Header(), signin.Progress{}.Token, 0)
	return v.render(http.StatusGone, "expired", ui.Page{})
}

// proven answers what a proof came to: the next page, or again the same one with what was wrong.
func (v *visit) proven(p signin.Progress, err error, again func(status int, faults []fault) error) error {
	if err != nil {
		v.deliver(p.Grant) // the session may have new credentials although what they were for has failed
	}
	switch {
	case err == nil && p.Done:
		v.entered(p.Purpose, nil)
		return v.finish(p)
	case err == nil:
		v.keep(p)
		return v.redirect(next(p))
	case errors.Is(err, signin.ErrNoAttempt):
		return v.gone(err)
	case errors.Is(err, signin.ErrNotNow), errors.Is(err, session.ErrRaced):
		p, err := v.resume()
		if err != nil {
			return v.gone(err)
		}
		return v.redirect(next(p))
	}
	wrong, status := v.explain(err)
	if status == 0 {
		return err
	}
	if held, rerr := v.resume(); rerr == nil {
		v.entered(held.Purpose, err)
	}
	return again(status, []fault{wrong})
}

// entered counts what came of a flow by which somebody gets or keeps access.
func (v *visit) entered(purpose signin.Purpose, err error) {
	switch purpose {
	case signin.ToSignIn, signin.ToSignUp, signin.ToRecover, signin.ToStepUp:
		v.Site.Entered("page_"+string(purpose), err)
	}
}

// finish hands out what the person got and goes on to where they wanted to go.
func (v *visit) finish(p signin.Progress) error {
	v.Site.Cookies.SetAttempt(v.x.Header(), signin.Progress{}.Token, 0)
	v.deliver(p.Grant)
	if len(p.RecoveryCodes) == 0 {
		return v.goOn(p.Application, p.ReturnTo, p.Purpose)
	}
	s := step{Progress: p, Codes: reveal(p.RecoveryCodes), GoOn: v.place(p.ReturnTo)}
	return v.render(http.StatusOK, "recovery-codes", ui.Page{App: p.Application, Data: s})
}

func (v *visit) deliver(g signin.Grant) {
	if g.SessionToken.Empty() {
		return // the session goes on with what it has
	}
	g.Delivery = signin.Cookie
	v.Site.Cookies.Deliver(v.x.Header(), g, v.SignIn.Now())
	v.x.UserID, v.x.SessionID = string(g.View.User.ID), string(g.View.Session.ID)
}

// place is where a browser finds a place to return to, which signin has checked. What is neither a path here nor an
// URL of http or https is the account page all the same.
func (v *visit) place(returnTo string) string {
	u, err := url.Parse(returnTo)
	switch {
	case returnTo == "" || err != nil || strings.ContainsAny(returnTo, "\\\t\r\n"):
	case (u.Scheme == "https" || u.Scheme == "http") && u.Host != "" && u.User == nil:
		return returnTo
	case u.Scheme == "" && u.Host == "" && strings.HasPrefix(returnTo, "/") && !strings.HasPrefix(returnTo, "//"):
		return v.Kit.Path(returnTo)
	}
	return v.Kit.Path("/account")
}

// goOn sends the browser where the person wanted to go. To another origin it goes by a page of its own, since a form
// of this page may end at this origin only.
func (v *visit) goOn(app application.Application, returnTo string, purpose signin.Purpose) error {
	place := v.place(returnTo)
	if notice := done[purpose]; notice != "" {
		place = with(place, "notice", notice)
	}
	if strings.HasPrefix(place, "/") || strings.HasPrefix(place, v.origin+"/") {
		v.x.Header().Set("Location", place)
		v.x.WriteHeader(http.StatusSeeOther)
		return nil
	}
	return v.render(http.StatusOK, "go-on", ui.Page{App: app, GoOn: place, Data: step{GoOn: place}})
}

// done are the notices on the account page when something was done.
var done = map[signin.Purpose]string{
	signin.ToVerifyEmail: "email_verified", signin.ToConnect: "connected", signin.ToAddPasskey: "passkey_added",
}
