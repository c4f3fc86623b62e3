package httpapi

import (
	"context"
	"net/http"
	"reflect"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"tandem.example/tandem/internal/secret"
	"tandem.example/tandem/internal/session"
	"tandem.example/tandem/internal/signin"
	"tandem.example/tandem/internal/web"
)

// Whoami is the answer to a live check.
type Whoami struct {
	User    User    `json:"user"`
	Session Session `json:"session"`
	Access  Access  `json:"access"`
}

// Access is what a verifier needs beside user and session to decide by itself until the next revocation.
type Access struct {
	Audiences []string `json:"audiences" nullable:"false" doc:"Whom the credential may be shown to."`
	ClientID  string   `json:"client_id"`
	Scope     string   `json:"scope"`
	Position  string   `json:"position" doc:"Head of the revocation log before the rest was read, as the claim rv of an access token."`
	// BoundUntil is set for the session token of a bound session.
	BoundUntil *time.Time `json:"bound_until,omitempty" doc:"When the bound cookie expires that the session token came with: ask again then."`
}

func (a *API) registerSession() {
	d := a.describe(operation{
		id: "session", method: http.MethodGet, path: "/v1/session", tag: tagSession,
		summary: "Live check: who is signed in with this credential, now?",
	}, "bearer", "cookie")
	d = a.answers(d, http.StatusOK, reflect.TypeFor[Whoami]())
	d.Parameters = append(d.Parameters, &huma.Param{Name: minPosition, In: "header", Schema: &huma.Schema{Type: huma.TypeString},
		Description: "Answer from a state at least as new as this position, as the answer to a change or Tandem-Position told it; 503 if that is not to be had in a second."})
	d.Responses["200"].Headers = map[string]*huma.Param{"Tandem-Position": {Schema: &huma.Schema{Type: huma.TypeString}}}
	a.plain(d, a.whoami)
	personal(a, operation{
		id: "mint", method: http.MethodPost, path: "/v1/session/token", tag: tagSession, status: http.StatusOK,
		summary: "Mint an access token from the session.",
	}, a.mint)
	personal(a, operation{
		id: "step-up", method: http.MethodPost, path: "/v1/step-up", tag: tagSession, status: http.StatusOK,
		summary: "Prove yourself anew by the password, by totp or recovery_code, or by both; the session gets new credentials.",
		description: "The password alone renews authenticated_at of a session at acr 1. A second factor lifts it to 2: by itself within 10 minutes of the sign-in, later with the " +
			"password. A session at acr 2 of somebody with a second factor takes both. Where more is needed than was sent, step_up_required names it in factors, and no guess is counted.",
	}, a.stepUp)
}

// whoami is written by hand: it is asked for by every verifier under Live, and by every request of a server-rendered
// page.
func (a *API) whoami(x *web.Exchange, _ *http.Request) error {
	c, err := a.identify(x)
	if err != nil {
		return err
	}
	who := c.identity
	access := Access{ClientID: string(who.Application.ID), Scope: who.Access.Scope, Position: who.View.Revision.String(),
		BoundUntil: stampIf(who.BoundUntil)}
	if c.credential.Kind == web.AccessToken {
		access.Audiences = who.Access.Audience
	} else {
		access.Audiences = a.SignIn.Audiences(who.Application)
	}
	x.Header()["Tandem-Position"] = []string{access.Position}
	return writeJSON(x, http.StatusOK, appendWhoami(make([]byte, 0, 1024), who.View, access))
}

type mintInput struct {
	Body *struct {
		Audience string `json:"audience,omitempty" doc:"One of the application's audiences; the first if left out."`
	}
}

func (a *API) mint(ctx context.Context, who signin.Identity, in *mintInput) (*tokenOutput, error) {
	if callerOf(ctx).credential.Kind == web.AccessToken {
		// Whoever receives a token made for them could otherwise turn it into one for somebody else (RFC 9068 §4).
		return nil, web.NewProblem(http.StatusForbidden, web.CodeForbidden, "an access token cannot mint another: use the session token, or refresh")
	}
	audience := ""
	if in.Body != nil {
		audience = in.Body.Audience
	}
	access, err := a.SignIn.Mint(ctx, who, audience)
	if err != nil {
		return nil, err
	}
	return showToken(access, secret.Text{}), nil
}

type stepUpInput struct {
	Body struct {
		Password     secret.Text `json:"password,omitempty"`
		TOTP         string      `json:"totp,omitempty" maxLength:"20" doc:"Code of an authenticator app."`
		RecoveryCode string      `json:"recovery_code,omitempty" maxLength:"50"`
	}
}

func (a *API) stepUp(ctx context.Context, who signin.Identity, in *stepUpInput) (*grantOutput, error) {
	x := web.Of(ctx)
	again := signin.Again{Password: in.Body.Password, TOTP: in.Body.TOTP, RecoveryCode: in.Body.RecoveryCode}
	g, err := a.SignIn.StepUp(ctx, who, again, a.delivery(x, who), a.client(x))
	a.Metrics.entered("step_up", err)
	if err != nil {
		return nil, err
	}
	return a.deliver(x, g), nil
}

// delivery answers how the session's credentials were delivered: as a cookie if the request came with its cookie,
// whatever else it came with, so that no stale cookie is left behind.
func (a *API) delivery(x *web.Exchange, who signin.Identity) signin.Delivery {
	held, _, err := session.ParseToken(a.cookies.Session(x.Request).Reveal())
	if err == nil && held == who.View.Session.ID {
		return signin.Cookie
	}
	return signin.Body
}
