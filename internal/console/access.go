package console

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"tandem.example/tandem/internal/account"
	"tandem.example/tandem/internal/language"
	"tandem.example/tandem/internal/operator"
	"tandem.example/tandem/internal/outage"
	"tandem.example/tandem/internal/session"
	"tandem.example/tandem/internal/signin"
	"tandem.example/tandem/internal/ui"
	"tandem.example/tandem/internal/web"
)

// visit is a request of an operator who may be here.
type visit struct {
	x    *web.Exchange
	r    *http.Request
	who  signin.Identity
	say  language.Speaker
	now  time.Time
	live bool
}

type handler func(v *visit) error

// serve lets in whoever may see the route, and shows what went wrong.
func (c *Console) serve(route route) web.Handler {
	return func(x *web.Exchange, r *http.Request) error {
		v := &visit{x: x, r: r, say: ui.Speaker(r), live: route.live}
		err := c.admit(v)
		switch {
		case errors.Is(err, errSignIn):
			return c.away(v, "/sign-in")
		case err != nil:
			return c.fail(v, err)
		}
		if route.acts { // as in the administration API
			switch fresh, err := c.SignIn.Fresh(r.Context(), v.who); {
			case err != nil:
				return c.fail(v, err)
			case !fresh:
				return c.away(v, "/step-up")
			}
		}
		if err := route.serve(v); err != nil {
			return c.fail(v, err)
		}
		return nil
	}
}

var (
	errSignIn = errors.New("nobody is signed in")
	errAdmin  = errors.New("this takes the role admin")
)

// over are the errors of a session that is none, or no more.
var over = []error{signin.ErrInvalidToken, signin.ErrTokenExpired, signin.ErrTokenStale, session.ErrEnded, session.ErrExpired}

// admit finds out who comes, by the cookie alone: a console is for people. The site lets no page of another origin ask.
func (c *Console) admit(v *visit) error {
	token := c.Site.Cookies.Session(v.r)
	if token.Empty() {
		return errSignIn
	}
	who, err := c.SignIn.Check(v.r.Context(), signin.Presented{Token: token, Bound: c.Site.Cookies.Bound(v.r)})
	if slices.ContainsFunc(over, func(e error) bool { return errors.Is(err, e) }) {
		return errSignIn
	}
	if err != nil {
		return err
	}
	v.x.UserID, v.x.SessionID = string(who.View.User.ID), string(who.View.Session.ID)
	if !who.View.User.HasRole(account.RoleAdmin) {
		return errAdmin
	}
	v.who, v.now = who, who.At
	return nil
}

// away sends the browser to a page where people prove who they are, and back from there.
func (c *Console) away(v *visit, to string) error {
	if v.live { // the page around it finds out when it is loaded again
		v.x.Header().Set("HX-Refresh", "true")
		v.x.WriteHeader(http.StatusUnauthorized)
		return nil
	}
	back := v.r.URL.RequestURI()
	if v.r.Method != http.MethodGet { // what was sent is not done: it is asked for again
		back = v.r.URL.Path + "?" + v.subject().Encode()
	}
	http.Redirect(v.x, v.r, c.Kit.Path(to)+"?"+url.Values{"return_to": {back}}.Encode(), http.StatusSeeOther)
	return nil
}

// subject is what an act is about, out of a form that was sent: never its reason.
func (v *visit) subject() url.Values {
	q := url.Values{}
	for _, name := range []string{"id", "kind"} {
		if value := v.r.PostFormValue(name); value != "" {
			q.Set(name, value)
		}
	}
	return q
}

// by says who acts and why, for the audit trail.
func (v *visit) by(reason string) operator.By {
	return operator.By{Actor: string(v.who.View.User.ID), IP: v.x.Address, RequestID: v.x.ID, Reason: reason}
}

// query is a parameter, trimmed and bounded.
func (v *visit) query(name string) string {
	value := strings.TrimSpace(v.r.URL.Query().Get(name))
	if len(value) > 300 {
		value = value[:300]
	}
	return strings.ToValidUTF8(value, "")
}

// isOutage reports whether the store could not be reached.
func isOutage(err error) bool {
	var out *outage.Error
	return errors.As(err, &out)
}
