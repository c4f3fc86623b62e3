package httpapi

import (
	"context"
	"net/http"
	"time"

	"tandem.example/tandem/internal/application"
	"tandem.example/tandem/internal/operator"
	"tandem.example/tandem/internal/web"
)

func (a *API) registerApplications() {
	administrative(a, operation{id: "list-apps", method: http.MethodGet, path: "/v1/admin/apps", tag: tagAdmin, summary: "The applications."}, a.listApps)
	administrative(a, operation{
		id: "create-app", method: http.MethodPost, path: "/v1/admin/apps", tag: tagAdmin, status: http.StatusCreated,
		summary: "Register an application. The client secret of a machine or resource is shown once.",
	}, a.createApp)
	administrative(a, operation{id: "get-app", method: http.MethodGet, path: "/v1/admin/apps/{id}", tag: tagAdmin, summary: "Show an application, by id or name."}, a.getApp)
	administrative(a, operation{
		id: "change-app", method: http.MethodPatch, path: "/v1/admin/apps/{id}", tag: tagAdmin,
		summary: "Change what an application's sessions and tokens get from now on.",
	}, a.changeApp)
	administrative(a, operation{
		id: "delete-app", method: http.MethodDelete, path: "/v1/admin/apps/{id}", tag: tagAdmin, status: http.StatusNoContent,
		summary: "Delete an application and end its sessions. Takes a step-up.",
	}, a.deleteApp)
	administrative(a, operation{
		id: "renew-secret", method: http.MethodPost, path: "/v1/admin/apps/{id}/secret", tag: tagAdmin, status: http.StatusOK,
		summary: "Give an application a new client secret. The old one is dead at once.",
	}, a.renewSecret)
}

// App is an application. Durations that are left out are the server's.
type App struct {
	ID             string     `json:"id"`
	Name           string     `json:"name"`
	Kind           string     `json:"kind" enum:"user,machine,resource"`
	Mode           string     `json:"mode" enum:"session,jwt,hybrid"`
	Audiences      []string   `json:"audiences" nullable:"false"`
	AllowedOrigins []string   `json:"allowed_origins" nullable:"false"`
	Algorithm      string     `json:"alg,omitempty"`
	AccessTokenTTL string     `json:"access_token_ttl,omitempty"`
	Refresh        AppRefresh `json:"refresh"`
	Session        AppSession `json:"session"`
	SignIn         AppSignIn  `json:"sign_in"`
	Brand          AppBrand   `json:"brand"`
	CreatedAt      time.Time  `json:"created_at"`
}

// AppRefresh is an application's policy for refresh tokens.
type AppRefresh struct {
	Grace    string `json:"grace,omitempty" doc:"For how long a used refresh token still answers with its successor; 0s: it does not."`
	Idle     string `json:"idle,omitempty"`
	Absolute string `json:"absolute,omitempty"`
}

// AppSession is an application's policy for sessions.
type AppSession struct {
	Preset   string `json:"preset,omitempty" enum:"standard,strict"`
	Idle     string `json:"idle,omitempty"`
	Absolute string `json:"absolute,omitempty"`
	Limit    int    `json:"limit,omitempty" doc:"Sessions a user may have at once."`
}

// noGrace is how a grace of nothing at all is stored, since zero stands for the server's. Any negative time means it;
// a whole second survives the resolution of any store.
const noGrace = -time.Second

// showApp shows the audiences in force, which are the server's where the application has none.
func (a *API) showApp(s application.Application) App {
	shown := App{
		ID: string(s.ID), Name: s.Name, Kind: string(s.Kind), Mode: string(s.Mode), Audiences: a.SignIn.Audiences(s), AllowedOrigins: s.AllowedOrigins,
		Algorithm: string(s.Algorithm), AccessTokenTTL: formatDuration(s.AccessTokenTTL),
		Refresh:   AppRefresh{Grace: formatDuration(s.Refresh.Grace), Idle: formatDuration(s.Refresh.Idle), Absolute: formatDuration(s.Refresh.Absolute)},
		Session:   AppSession{Preset: s.Session.Preset, Idle: formatDuration(s.Session.Idle), Absolute: formatDuration(s.Session.Absolute), Limit: s.Session.Limit},
		SignIn:    showSignIn(s.SignIn),
		Brand:     AppBrand(s.Brand),
		CreatedAt: stamp(s.CreatedAt),
	}
	if s.Refresh.Grace < 0 {
		shown.Refresh.Grace = "0s"
	}
	if shown.Audiences == nil {
		shown.Audiences = []string{}
	}
	if shown.AllowedOrigins == nil {
		shown.AllowedOrigins = []string{}
	}
	return shown
}

// AppPatch is what can be said of an application. What is left out stays as it is; an empty duration, preset or
// algorithm goes back to the server's.
type AppPatch struct {
	Name           *string   `json:"name,omitempty" nullable:"false"`
	Mode           *string   `json:"mode,omitempty" nullable:"false" enum:"session,jwt,hybrid"`
	Audiences      *[]string `json:"audiences,omitempty" nullable:"false" doc:"The first is that of a token that asks for none; the issuer if empty."`
	AllowedOrigins *[]string `json:"allowed_origins,omitempty" nullable:"false" doc:"Origins whose pages may act here with the user's cookie."`
	Algorithm      *string   `json:"alg,omitempty" nullable:"false" doc:"ES256, EdDSA, RS256, PS256 or HS256."`
	AccessTokenTTL *string   `json:"access_token_ttl,omitempty" nullable:"false" doc:"Such as 5m."`
	Refresh        *struct {
		Grace    *string `json:"grace,omitempty" nullable:"false" doc:"0s to 300s."`
		Idle     *string `json:"idle,omitempty" nullable:"false"`
		Absolute *string `json:"absolute,omitempty" nullable:"false"`
	} `json:"refresh,omitempty" nullable:"false"`
	Session *struct {
		Preset   *string `json:"preset,omitempty" nullable:"false" doc:"standard or strict."`
		Idle     *string `json:"idle,omitempty" nullable:"false"`
		Absolute *string `json:"absolute,omitempty" nullable:"false"`
		Limit    *int    `json:"limit,omitempty" nullable:"false" minimum:"0" maximum:"10000" doc:"0 for no limit."`
	} `json:"session,omitempty" nullable:"false"`
	SignIn *SignInPatch `json:"sign_in,omitempty" nullable:"false"`
	Brand  *BrandPatch  `json:"brand,omitempty" nullable:"false"`
}

// apply changes an application as the patch says.
func (p AppPatch) apply(to *application.Application) error {
	set(&to.Name, p.Name)
	set((*string)(&to.Mode), p.Mode)
	set(&to.Audiences, p.Audiences)
	set(&to.AllowedOrigins, p.AllowedOrigins)
	set((*string)(&to.Algorithm), p.Algorithm)
	durations := []duration{{"access_token_ttl", &to.AccessTokenTTL, p.AccessTokenTTL}}
	if r := p.Refresh; r != nil {
		durations = append(durations, duration{"refresh.idle", &to.Refresh.Idle, r.Idle}, duration{"refresh.absolute", &to.Refresh.Absolute, r.Absolute})
		if r.Grace != nil {
			grace, err := parseDuration("refresh.grace", *r.Grace)
			if err != nil {
				return err
			}
			if *r.Grace != "" && grace == 0 {
				grace = noGrace
			}
			to.Refresh.Grace = grace
		}
	}
	if s := p.Session; s != nil {
		set(&to.Session.Preset, s.Preset)
		set(&to.Session.Limit, s.Limit)
		durations = append(durations, duration{"session.idle", &to.Session.Idle, s.Idle}, duration{"session.absolute", &to.Session.Absolute, s.Absolute})
	}
	for _, d := range durations {
		if err := d.set(); err != nil {
			return err
		}
	}
	if b := p.Brand; b != nil {
		set(&to.Brand.Title, b.Title)
		set(&to.Brand.Logo, b.Logo)
		set(&to.Brand.Color, b.Color)
	}
	return p.SignIn.apply(&to.SignIn)
}

func set[T any](to *T, from *T) {
	if from != nil {
		*to = *from
	}
}

// duration is a duration of a patch: where it goes and what was sent.
type duration struct {
	field string
	to    *time.Duration
	from  *string
}

func (d duration) set() error {
	if d.from == nil {
		return nil
	}
	v, err := parseDuration(d.field, *d.from)
	if err != nil {
		return err
	}
	if v == 0 && *d.from != "" {
		return web.Invalid(d.field, "must be more than nothing; leave it empty for the server's")
	}
	*d.to = v
	return nil
}

func (a *API) listApps(ctx context.Context, _ operator.By, in *struct{ Paging }) (*pageOutput[App], error) {
	after, err := in.after()
	if err != nil {
		return nil, err
	}
	apps, err := a.Operator.ListApplications(ctx)
	if err != nil {
		return nil, err
	}
	key := func(s application.Application) string { return string(s.ID) }
	return page(beyond(apps, after, key), in.Paging, key, a.showApp), nil
}

type createAppInput struct {
	Because
	Body struct {
		Kind string `json:"kind,omitempty" enum:"user,machine,resource" doc:"user if left out."`
		AppPatch
	}
}

// NewApp is an application with its client secret, which is shown this once.
type NewApp struct {
	App          App    `json:"app"`
	ClientSecret string `json:"client_secret,omitempty"`
}

type newAppOutput struct{ Body NewApp }

func (a *API) createApp(ctx context.Context, by operator.By, in *createAppInput) (*newAppOutput, error) {
	app := application.Application{Kind: application.Kind(in.Body.Kind)}
	if err := in.Body.apply(&app); err != nil {
		return nil, err
	}
	made, text, err := a.Operator.CreateApplication(ctx, app, by)
	if err != nil {
		return nil, err
	}
	a.front.Origins.Forget()
	return &newAppOutput{Body: NewApp{App: a.showApp(made), ClientSecret: text.Reveal()}}, nil
}

type appOutput struct{ Body App }

func (a *API) getApp(ctx context.Context, _ operator.By, in *Named) (*appOutput, error) {
	app, err := a.Operator.Application(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	return &appOutput{Body: a.showApp(app)}, nil
}

type changeAppInput struct {
	Named
	Order
	Body AppPatch
}

// ChangedApp is an application after a change, with its receipt if that was waited for.
type ChangedApp struct {
	App
	Receipt *Receipt `json:"receipt,omitempty"`
}

type changedAppOutput struct{ Body ChangedApp }

func (a *API) changeApp(ctx context.Context, by operator.By, in *changeAppInput) (*changedAppOutput, error) {
	changed, err := a.Operator.ChangeApplication(ctx, in.ID, in.Body.apply, by)
	if err != nil {
		return nil, err
	}
	a.front.Origins.Forget()
	commit, err := a.upToNow(ctx, in.Wait)
	if err != nil {
		return nil, err
	}
	receipt, err := a.receipt(ctx, in.Wait, commit)
	if err != nil {
		return nil, err
	}
	return &changedAppOutput{Body: ChangedApp{App: a.showApp(changed), Receipt: receipt}}, nil
}

func (a *API) deleteApp(ctx context.Context, by operator.By, in *deleteInput) (*doneOutput, error) {
	if err := a.fresh(ctx); err != nil {
		return nil, err
	}
	commit, err := a.Operator.DeleteApplication(ctx, application.ID(in.ID), by)
	if err != nil {
		return nil, err
	}
	a.front.Origins.Forget()
	return a.done(ctx, in.Order, commit)
}

type clientSecretOutput struct {
	Body struct {
		ClientSecret string `json:"client_secret"`
	}
}

func (a *API) renewSecret(ctx context.Context, by operator.By, in *NamedBecause) (*clientSecretOutput, error) {
	text, err := a.Operator.RenewSecret(ctx, in.ID, by)
	if err != nil {
		return nil, err
	}
	out := &clientSecretOutput{}
	out.Body.ClientSecret = text.Reveal()
	return out, nil
}
