package httpapi

import (
	"context"
	"net/http"

	"tandem.example/tandem/internal/secret"
	"tandem.example/tandem/internal/signin"
	"tandem.example/tandem/internal/web"
)

// grantOutput is what a sign-in, and whatever renews one, answers.
type grantOutput struct {
	Body Grant
}

// Grant is a session with the credentials that were asked for in the body.
type Grant struct {
	User         User    `json:"user"`
	Session      Session `json:"session"`
	SessionToken string  `json:"session_token,omitempty"`
	RefreshToken string  `json:"refresh_token,omitempty"`
	AccessToken  string  `json:"access_token,omitempty"`
	TokenType    string  `json:"token_type,omitempty" doc:"Bearer, if there is an access token."`
	ExpiresIn    int64   `json:"expires_in,omitempty" doc:"Seconds until the access token expires."`
}

type signUpInput struct {
	Body struct {
		Email    string      `json:"email"`
		Password secret.Text `json:"password"`
		Name     string      `json:"name,omitempty"`
		App      string      `json:"app,omitempty" doc:"Id or name of the application; default if left out."`
		Delivery string      `json:"delivery,omitempty" enum:"cookie,body" doc:"How credentials are delivered."`
	}
}

type signInInput struct {
	Body struct {
		Email        string      `json:"email"`
		Password     secret.Text `json:"password"`
		TOTP         string      `json:"totp,omitempty" maxLength:"20" doc:"Code of an authenticator app, where a second factor is needed."`
		RecoveryCode string      `json:"recovery_code,omitempty" maxLength:"50" doc:"In place of totp."`
		App          string      `json:"app,omitempty" doc:"Id or name of the application; default if left out."`
		Delivery     string      `json:"delivery,omitempty" enum:"cookie,body" doc:"How credentials are delivered."`
	}
}

func (a *API) registerEntrance() {
	public(a, operation{
		id: "sign-up", method: http.MethodPost, path: "/v1/sign-up", tag: tagSignIn, status: http.StatusCreated,
		summary: "Register a user and sign them in.",
	}, a.signUp)
	public(a, operation{
		id: "sign-in", method: http.MethodPost, path: "/v1/sign-in", tag: tagSignIn, status: http.StatusOK,
		summary: "Sign in with e-mail and password, and with a second factor where one is needed: step_up_required names those there are.",
	}, a.signIn)
	public(a, operation{
		id: "refresh", method: http.MethodPost, path: "/v1/token/refresh", tag: tagSignIn, status: http.StatusOK,
		summary: "Exchange a refresh token for its successor and an access token.",
	}, a.refresh)
}

func (a *API) signUp(ctx context.Context, in *signUpInput) (*grantOutput, error) {
	x, b := web.Of(ctx), &in.Body
	g, err := a.SignIn.SignUp(ctx, signin.SignUp{
		Email: b.Email, Password: b.Password, Name: b.Name, App: b.App, Delivery: signin.Delivery(b.Delivery),
	}, a.client(x))
	a.Metrics.entered("sign_up", err)
	if err != nil {
		return nil, err
	}
	return a.deliver(x, g), nil
}

func (a *API) signIn(ctx context.Context, in *signInInput) (*grantOutput, error) {
	x, b := web.Of(ctx), &in.Body
	g, err := a.SignIn.SignIn(ctx, signin.SignIn{
		Email: b.Email, Password: b.Password, TOTP: b.TOTP, RecoveryCode: b.RecoveryCode, App: b.App, Delivery: signin.Delivery(b.Delivery),
	}, a.client(x))
	a.Metrics.entered("sign_in", err)
	if err != nil {
		return nil, err
	}
	return a.deliver(x, g), nil
}

// deliver hands out what was granted: the session token as a cookie or in the body, the rest in the body.
func (a *API) deliver(x *web.Exchange, g signin.Grant) *grantOutput {
	one := g.View.Session
	x.UserID, x.SessionID = string(one.User), string(one.ID)
	out := &grantOutput{Body: Grant{User: showUser(g.View.User), Session: showSession(one, true)}}
	a.cookies.Deliver(x.Header(), g, a.SignIn.Now())
	if g.Delivery == signin.Cookie {
		return out
	}
	out.Body.SessionToken = g.SessionToken.Reveal()
	out.Body.RefreshToken = g.RefreshToken.Reveal()
	if access := g.Access; !access.Token.Empty() {
		out.Body.AccessToken, out.Body.TokenType, out.Body.ExpiresIn = access.Token.Reveal(), bearerType, int64(access.ExpiresIn.Seconds())
	}
	return out
}

const bearerType = "Bearer"

type refreshInput struct {
	Body struct {
		RefreshToken secret.Text `json:"refresh_token"`
	}
}

type tokenOutput struct {
	Body Token
}

// Token is an access token, with the refresh token that goes with it if there is one.
type Token struct {
	AccessToken  string `json:"access_token"`
	RefreshToken string `json:"refresh_token,omitempty"`
	TokenType    string `json:"token_type"`
	ExpiresIn    int64  `json:"expires_in" doc:"Seconds until the access token expires."`
}

func showToken(access signin.Access, refresh secret.Text) *tokenOutput {
	return &tokenOutput{Body: Token{
		AccessToken: access.Token.Reveal(), RefreshToken: refresh.Reveal(), TokenType: bearerType, ExpiresIn: int64(access.ExpiresIn.Seconds()),
	}}
}

// refresh never touches a cookie: whoever loses a race of two refreshes must not sign the winner out.
func (a *API) refresh(ctx context.Context, in *refreshInput) (*tokenOutput, error) {
	x := web.Of(ctx)
	g, err := a.SignIn.Refresh(ctx, in.Body.RefreshToken, a.client(x))
	a.Metrics.entered("refresh", err)
	if err != nil {
		return nil, err
	}
	x.UserID, x.SessionID = string(g.View.User.ID), string(g.View.Session.ID)
	return showToken(g.Access, g.RefreshToken), nil
}
