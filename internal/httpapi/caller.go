package httpapi

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"time"

	"tandem.example/tandem/internal/account"
	"tandem.example/tandem/internal/operator"
	"tandem.example/tandem/internal/signin"
	"tandem.example/tandem/internal/web"
)

// caller is who sent a request.
type caller struct {
	identity   signin.Identity
	credential web.Credential
	machine    string // the actor's name, if it is an API key or the local operator; empty for a person
}

type callerKey struct{}

func callerOf(ctx context.Context) caller {
	c, _ := ctx.Value(callerKey{}).(caller)
	return c
}

// identify answers the person who is signed in, asking the source of truth.
func (a *API) identify(x *web.Exchange) (caller, error) {
	c, err := a.cookies.Find(x.Request)
	if err != nil {
		return caller{}, err
	}
	return a.person(x, c, false)
}

// person answers whose credential it is. Whoever is leaving need not show which device they are.
func (a *API) person(x *web.Exchange, c web.Credential, leaving bool) (caller, error) {
	switch c.Kind {
	case web.NoCredential:
		return caller{}, errNoCredential
	case web.APIKey:
		return caller{}, fmt.Errorf("an api key is nobody's session: %w", signin.ErrInvalidToken)
	}
	who, err := a.check(x, c, leaving)
	if err != nil {
		return caller{}, err
	}
	x.UserID, x.SessionID = string(who.View.User.ID), string(who.View.Session.ID)
	if page := a.pageOf(x, c); page != "" && !slices.Contains(who.Application.AllowedOrigins, page) {
		return caller{}, errForeignPage()
	}
	return caller{identity: who, credential: c}, nil
}

// pageOf answers the origin of an application's page that sends a cookie along; empty for all that may act with any.
// Whoever sends a token in a header has been given it, wherever their page comes from.
func (a *API) pageOf(x *web.Exchange, c web.Credential) string {
	if !c.Cookie {
		return ""
	}
	return a.front.Origins.Foreign(x.Request)
}

// errForeignPage refuses a page that another application allows, and neither the server nor the session's own.
func errForeignPage() error {
	return web.NewProblem(http.StatusForbidden, web.CodeForbidden, "the request came from a page that may not act with this cookie")
}

// localActor is how the audit trail names whoever may use the administration socket.
const localActor = "operator"

// authorize answers a caller who may administer: a person with the role admin, an API key, or whoever may use the
// administration socket. What a request was sent with counts before where it came from.
func (a *API) authorize(x *web.Exchange) (caller, error) {
	c, err := a.cookies.Find(x.Request)
	if err != nil {
		return caller{}, err
	}
	if c.Kind == web.NoCredential && web.IsLocalOperator(x.Request.Context()) {
		return caller{machine: localActor}, nil
	}
	if c.Kind == web.APIKey {
		key, err := a.Operator.CheckAPIKey(x.Request.Context(), c.Text)
		if err != nil {
			return caller{}, err
		}
		return caller{machine: key.ID, credential: c}, nil
	}
	if a.pageOf(x, c) != "" {
		return caller{}, errForeignPage() // an application's pages act for its users, not for its operators
	}
	who, err := a.person(x, c, false)
	if err != nil {
		return caller{}, err
	}
	switch access := who.identity.Access; {
	case !who.identity.View.User.HasRole(account.RoleAdmin):
		return caller{}, web.NewProblem(http.StatusForbidden, web.CodeForbidden, "this takes the role admin")
	case c.Kind == web.AccessToken && !slices.Contains(access.Audience, a.Issuer):
		// Whoever receives a token that was made for them could otherwise administer with it (RFC 9068 §4).
		return caller{}, web.NewProblem(http.StatusForbidden, web.CodeForbidden, "the access token is meant for another audience")
	}
	return who, nil
}

// stepUpWithin is how old the proof of an administrator may be for what cannot be undone, as signin.Service.Fresh has it.
const stepUpWithin = 10 * time.Minute

// fresh refuses an administrator who proved themselves too long ago, or with less than they have: a password is no proof
// of whoever has a second factor. Machines cannot prove themselves anew.
func (a *API) fresh(ctx context.Context) error {
	who := callerOf(ctx)
	if who.machine != "" {
		return nil
	}
	ok, err := a.SignIn.Fresh(ctx, who.identity)
	if err != nil {
		return fmt.Errorf("look how fresh the proof is: %w", err)
	}
	if ok {
		return nil
	}
	p := web.NewProblem(http.StatusUnauthorized, web.CodeStepUpRequired,
		"prove yourself again: this takes a proof of the last 10 minutes, with the second factor if you have one")
	p.MaxAge = stepUpWithin
	return p
}

// reasoned is a request that may say why.
type reasoned interface{ reason() string }

// by says who acts and why, for the audit trail.
func (a *API) by(ctx context.Context, in any) (operator.By, error) {
	x, who := web.Of(ctx), callerOf(ctx)
	by := operator.By{Actor: who.machine, IP: x.Address, RequestID: x.ID}
	if by.Actor == "" {
		by.Actor = string(who.identity.View.User.ID)
	}
	if said, ok := in.(reasoned); ok {
		by.Reason = said.reason()
	}
	return by, operator.CheckReason(by.Reason)
}
