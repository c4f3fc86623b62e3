package httpapi

import (
	"context"
	"net/http"
	"time"

	"tandem.example/tandem/internal/account"
	"tandem.example/tandem/internal/secret"
	"tandem.example/tandem/internal/signin"
	"tandem.example/tandem/internal/web"
)

func (a *API) registerMe() {
	personal(a, operation{id: "me", method: http.MethodGet, path: "/v1/me", tag: tagSession, summary: "Who I am, and what I should know."}, a.me)
	personal(a, operation{id: "change-me", method: http.MethodPatch, path: "/v1/me", tag: tagSession, summary: "Change my name."}, a.rename)
	personal(a, operation{
		id: "change-password", method: http.MethodPost, path: "/v1/me/password", tag: tagSession,
		summary:     "Change my password; my other sessions end and this one gets new credentials.",
		description: "Whoever has a second factor steps up with it first: step_up_required names those there are, unless one was proven in the last 10 minutes.",
	}, a.changePassword)
}

// Me is the user with notices for them.
type Me struct {
	User
	Notices []Notice `json:"notices" nullable:"false"`
}

// Notice is something that a user should know of.
type Notice struct {
	Type string    `json:"type" enum:"refresh_token_reused"`
	At   time.Time `json:"at"`
}

type meOutput struct{ Body Me }

func showMe(u account.User) *meOutput {
	out := &meOutput{Body: Me{User: showUser(u), Notices: []Notice{}}}
	if !u.TheftAt.IsZero() {
		out.Body.Notices = append(out.Body.Notices, Notice{Type: "refresh_token_reused", At: stamp(u.TheftAt)})
	}
	return out
}

func (a *API) me(_ context.Context, who signin.Identity, _ *struct{}) (*meOutput, error) {
	return showMe(who.View.User), nil
}

type renameInput struct {
	Body struct {
		Name *string `json:"name,omitempty" nullable:"false"`
	}
}

func (a *API) rename(ctx context.Context, who signin.Identity, in *renameInput) (*meOutput, error) {
	if in.Body.Name == nil {
		return showMe(who.View.User), nil
	}
	user, err := a.SignIn.Rename(ctx, who, *in.Body.Name, a.client(web.Of(ctx)))
	if err != nil {
		return nil, err
	}
	return showMe(user), nil
}

type changePasswordInput struct {
	Body struct {
		Current secret.Text `json:"current"`
		New     secret.Text `json:"new"`
	}
}

func (a *API) changePassword(ctx context.Context, who signin.Identity, in *changePasswordInput) (*grantOutput, error) {
	x := web.Of(ctx)
	g, err := a.SignIn.ChangePassword(ctx, who, in.Body.Current, in.Body.New, a.delivery(x, who), a.client(x))
	a.Metrics.entered("change_password", err)
	if err != nil {
		return nil, inField(err, "new")
	}
	return a.deliver(x, g), nil
}
