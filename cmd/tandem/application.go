package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"
)

type appCmd struct {
	Create appCreateCmd `cmd:"" help:"Register an application."`
	Update appUpdateCmd `cmd:"" help:"Change what an application's users get from now on."`
	List   appListCmd   `cmd:"" help:"List the applications."`
	Show   appShowCmd   `cmd:"" help:"Show an application."`
	Secret appSecretCmd `cmd:"" help:"Give an application a new client secret. The old one is dead at once."`
}

// application is an application as the API shows it.
type application struct {
	ID             string   `json:"id"`
	Name           string   `json:"name"`
	Kind           string   `json:"kind"`
	Mode           string   `json:"mode"`
	Audiences      []string `json:"audiences"`
	AllowedOrigins []string `json:"allowed_origins"`
	Algorithm      string   `json:"alg"`
	AccessTokenTTL string   `json:"access_token_ttl"`
	Refresh        struct {
		Grace    string `json:"grace"`
		Idle     string `json:"idle"`
		Absolute string `json:"absolute"`
	} `json:"refresh"`
	Session struct {
		Preset   string `json:"preset"`
		Idle     string `json:"idle"`
		Absolute string `json:"absolute"`
		Limit    int    `json:"limit"`
	} `json:"session"`
	SignIn struct {
		Methods      []string `json:"methods,omitempty"`
		SecondFactor string   `json:"second_factor,omitempty"`
		Remember     string   `json:"remember,omitempty"`
		ACR          string   `json:"acr,omitempty"`
	} `json:"sign_in"`
	Brand struct {
		Title string `json:"title,omitempty"`
		Logo  string `json:"logo,omitempty"`
		Color string `json:"color,omitempty"`
	} `json:"brand"`
	CreatedAt time.Time `json:"created_at"`
}

func (p application) String() string { return p.Name + " (" + p.ID + ")" }

// application finds an application by id or name.
func (c *client) application(idOrName string) (application, error) {
	var found application
	err := c.do(http.MethodGet, at(nil, "apps", idOrName), nil, &found)
	if isNotFound(err) {
		return found, fmt.Errorf("there is no application %s: `tandem app list` lists them", printable(idOrName))
	}
	return found, err
}

type appCreateCmd struct {
	because
	appPolicies
	Name string `arg:"" help:"Its name, which is unique."`
	Kind string `enum:"user,machine,resource" default:"user" help:"user: people sign in. machine: acts for itself. resource: a service that checks tokens."`
}

func (appCreateCmd) Help() string {
	return `Examples:
  tandem app create web --mode hybrid --origin https://app.example.com
  tandem app create shop --brand-title "The Shop" --brand-color '#1f4fd8' --logo-file logo.svg
  tandem app create payments-api --kind resource      # id and secret for a verifier`
}

func (c appCreateCmd) Run(a *app) error {
	body, err := c.body()
	if err != nil {
		return err
	}
	body["name"], body["kind"] = c.Name, c.Kind
	return a.establish(func(api *client) error {
		var answer json.RawMessage
		if err := api.do(http.MethodPost, at(c.query(), "apps"), body, &answer); err != nil {
			return fmt.Errorf("create application: %w", err)
		}
		var made struct {
			App    application `json:"app"`
			Secret string      `json:"client_secret"`
		}
		if err := json.Unmarshal(answer, &made); err != nil {
			return fmt.Errorf("read answer: %w", err)
		}
		if err := a.done(answer, "Created application %s, kind %s.", made.App, made.App.Kind); err != nil || a.JSON || made.Secret == "" {
			return err
		}
		fmt.Fprintf(a.stdout, "\nclient id      %s\n", made.App.ID)
		a.printSecret("client secret", made.Secret)
		return nil
	})
}

// printSecret prints a secret, which can be seen this once.
func (a *app) printSecret(name, text string) {
	fmt.Fprintf(a.stdout, "%-13s  %s\n", name, text)
	fmt.Fprintln(a.stderr, "Keep it now: it is shown this once, and only its hash is stored.")
}

type appListCmd struct{}

func (appListCmd) Run(a *app) error {
	return a.administer(func(api *client) error {
		items, err := api.list(nil, 0, "apps")
		if err != nil {
			return fmt.Errorf("list applications: %w", err)
		}
		return table[application]{"There are no applications.", []string{"ID", "NAME", "KIND", "MODE", "AUDIENCES", "CREATED"}, func(p application) []string {
			return []string{p.ID, p.Name, p.Kind, p.Mode, listed(p.Audiences), when(&p.CreatedAt)}
		}}.show(a, items)
	})
}

type appShowCmd struct {
	App string `arg:"" help:"Id or name."`
}

func (c appShowCmd) Run(a *app) error {
	return a.administer(func(api *client) error {
		p, err := api.application(c.App)
		if err != nil {
			return err
		}
		if a.JSON {
			return a.printJSON(p)
		}
		ofServer := func(text string) string {
			if text == "" {
				return "the server's"
			}
			return text
		}
		limit := "none"
		if p.Session.Limit > 0 {
			limit = count(p.Session.Limit, "session a user", "sessions a user")
		}
		logo := "none"
		if kind, _, ok := strings.Cut(strings.TrimPrefix(p.Brand.Logo, "data:"), ";"); ok {
			logo = kind
		}
		return a.printPairs([][]string{{"id", p.ID}, {"name", p.Name}, {"kind", p.Kind}, {"mode", p.Mode}, {"audiences", listed(p.Audiences)},
			{"origins", listed(p.AllowedOrigins)}, {"algorithm", ofServer(p.Algorithm)}, {"access tokens live", ofServer(p.AccessTokenTTL)},
			{"refresh grace", ofServer(p.Refresh.Grace)}, {"refresh idle", ofServer(p.Refresh.Idle)}, {"refresh in all", ofServer(p.Refresh.Absolute)},
			{"session preset", ofServer(p.Session.Preset)}, {"session idle", ofServer(p.Session.Idle)}, {"session in all", ofServer(p.Session.Absolute)},
			{"limit", limit}, {"sign in by", ofServer(strings.Join(p.SignIn.Methods, ", "))}, {"second factor", ofServer(p.SignIn.SecondFactor)},
			{"devices remembered", ofServer(p.SignIn.Remember)}, {"acr at least", ofServer(p.SignIn.ACR)}, {"title", p.Brand.Title},
			{"colour", p.Brand.Color}, {"logo", logo}, {"created", when(&p.CreatedAt)}})
	})
}

type appSecretCmd struct {
	because
	App string `arg:"" help:"Id or name."`
}

func (c appSecretCmd) Run(a *app) error {
	return a.administer(func(api *client) error {
		p, err := api.application(c.App)
		if err != nil {
			return err
		}
		var answer json.RawMessage
		if err := api.do(http.MethodPost, at(c.query(), "apps", p.ID, "secret"), map[string]any{}, &answer); err != nil {
			return fmt.Errorf("renew secret of %s: %w", p, err)
		}
		var made struct {
			Secret string `json:"client_secret"`
		}
		if err := json.Unmarshal(answer, &made); err != nil {
			return fmt.Errorf("read answer: %w", err)
		}
		if err := a.done(answer, "Application %s has a new client secret. The old one is dead: give the new one to each of its instances.", p); err != nil || a.JSON {
			return err
		}
		a.printSecret("client secret", made.Secret)
		return nil
	})
}
