package httpapi

import (
	"context"
	"errors"
	"net/http"

	"tandem.example/tandem/internal/session"
	"tandem.example/tandem/internal/signin"
	"tandem.example/tandem/internal/web"
)

func (a *API) registerDevices() {
	d := a.describe(operation{
		id: "sign-out", method: http.MethodPost, path: "/v1/sign-out", tag: tagSession, status: http.StatusNoContent,
		summary: "End this session, the others, or all.",
	}, "bearer", "cookie")
	registerGuarded(a, d, a.identifyToLeave, a.signOut)
	personal(a, operation{
		id: "sessions", method: http.MethodGet, path: "/v1/sessions", tag: tagSession,
		summary: "My sessions: the devices on which I am signed in.",
	}, a.devices)
	personal(a, operation{
		id: "end-session", method: http.MethodDelete, path: "/v1/sessions/{id}", tag: tagSession, status: http.StatusNoContent,
		summary: "End one of my sessions.",
	}, a.endDevice)
}

type signOutInput struct {
	Body *struct {
		Scope string `json:"scope,omitempty" enum:"local,others,global" doc:"local (this session) if left out."`
	}
}

// identifyToLeave takes the cookie of a dead session away from whoever wants to be rid of it.
func (a *API) identifyToLeave(x *web.Exchange) (caller, error) {
	c, err := a.cookies.Find(x.Request)
	if err != nil {
		return caller{}, err
	}
	who, err := a.person(x, c, true)
	if errors.Is(err, session.ErrEnded) || errors.Is(err, session.ErrExpired) {
		if c.Cookie {
			a.cookies.ClearSession(x.Header())
		}
	}
	return who, err
}

func (a *API) signOut(ctx context.Context, who signin.Identity, in *signOutInput) (*struct{}, error) {
	x := web.Of(ctx)
	scope := signin.Local
	if in.Body != nil && in.Body.Scope != "" {
		scope = signin.Scope(in.Body.Scope)
	}
	if err := a.SignIn.SignOut(ctx, who, scope, a.client(x)); err != nil {
		return nil, err
	}
	a.dropDeadCookie(x)
	return nil, nil
}

// dropDeadCookie takes the cookie away that the request came with, if its session has ended: with this request or
// before. Another session's cookie stays, though the request was made with a token of one that ended; so does one that
// lost a race, which may be the winner's by now.
func (a *API) dropDeadCookie(x *web.Exchange) {
	held := a.cookies.Session(x.Request)
	if held.Empty() {
		return
	}
	_, err := a.SignIn.Check(x.Request.Context(), signin.Presented{Token: held, Bound: a.cookies.Bound(x.Request)})
	if errors.Is(err, session.ErrEnded) || errors.Is(err, session.ErrExpired) {
		a.cookies.ClearSession(x.Header())
	}
}

func (a *API) devices(ctx context.Context, who signin.Identity, in *struct{ Paging }) (*pageOutput[Session], error) {
	before, err := in.after()
	if err != nil {
		return nil, err
	}
	views, err := a.SignIn.Devices(ctx, who, session.ID(before), in.Limit+1)
	if err != nil {
		return nil, err
	}
	return page(views, in.Paging, viewKey, func(v session.View) Session {
		return showSession(v.Session, v.Session.ID == who.View.Session.ID)
	}), nil
}

func viewKey(v session.View) string { return string(v.Session.ID) }

// Named is a request that names a thing in its path.
type Named struct {
	ID string `path:"id" maxLength:"200"`
}

func (a *API) endDevice(ctx context.Context, who signin.Identity, in *Named) (*struct{}, error) {
	x := web.Of(ctx)
	id, err := session.CheckID(in.ID)
	if err != nil {
		return nil, session.ErrNotFound
	}
	if err := a.SignIn.EndDevice(ctx, who, id, a.client(x)); err != nil {
		return nil, err
	}
	a.dropDeadCookie(x)
	return nil, nil
}
