package console

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"tandem.example/tandem/internal/application"
	"tandem.example/tandem/internal/session"
)

// appRow is an application.
type appRow struct {
	ID, Name, Title   string
	Kind, Mode        string
	Algorithm         string
	Audiences         []string
	Origins           []string
	TokenTTL          time.Duration // zero: the server's
	Idle, Absolute    time.Duration
	Remember          time.Duration // negative: never
	RefreshIdle       time.Duration
	RefreshAbsolute   time.Duration
	Grace             time.Duration
	Preset            string
	Limit             int
	Methods           string
	SecondFactor, ACR string
	HasSecret         bool
	Created           moment
}

func showApp(a application.Application) appRow {
	methods := make([]string, len(a.SignIn.Methods))
	for i, m := range a.SignIn.Methods {
		methods[i] = string(m)
	}
	return appRow{
		ID: string(a.ID), Name: a.Name, Title: a.Brand.Title, Kind: string(a.Kind), Mode: string(a.Mode), Algorithm: string(a.Algorithm),
		Audiences: a.Audiences, Origins: a.AllowedOrigins, TokenTTL: a.AccessTokenTTL, Idle: a.Session.Idle, Absolute: a.Session.Absolute,
		RefreshIdle: a.Refresh.Idle, RefreshAbsolute: a.Refresh.Absolute, Grace: a.Refresh.Grace, Preset: a.Session.Preset, Limit: a.Session.Limit,
		Methods: strings.Join(methods, ", "), SecondFactor: string(a.SignIn.SecondFactor), ACR: a.SignIn.ACR, Remember: a.SignIn.Remember, HasSecret: !a.Secret.IsZero(),
		Created: moment{a.CreatedAt},
	}
}

func (c *Console) applications(v *visit) error {
	apps, err := c.Operator.ListApplications(v.r.Context())
	if err != nil {
		return err
	}
	rows := make([]appRow, len(apps))
	for i, a := range apps {
		rows[i] = showApp(a)
	}
	slices.SortStableFunc(rows, func(a, b appRow) int { return strings.Compare(a.Name, b.Name) })
	n, _ := v.rows(appsOf)
	from, _ := strconv.Atoi(v.query("from")) // 0 for what is no number
	from = min(max(0, from), len(rows))
	next := ""
	if from+n < len(rows) {
		next = strconv.Itoa(from + n)
	}
	data := appsScreen{Rows: rows[from:min(len(rows), from+n)], paging: v.pages("from", next, from == 0, "/console/applications")}
	return c.show(v, screen{title: v.say.Say("console.menu_applications"), template: "applications", menu: "applications", data: data})
}

// appsScreen is a page of applications.
type appsScreen struct {
	Rows []appRow
	paging
}

// appsOf is how many applications a page shows.
const appsOf = 15

// appScreen is all about one application.
type appScreen struct {
	App       appRow
	Count     tally
	Now       tally // seen lately
	Sessions  string
	Verifiers []verifierRow
	More      int // verifiers
}

func (c *Console) application(v *visit) error {
	ctx := v.r.Context()
	a, err := c.Operator.Application(ctx, v.r.PathValue("id"))
	if err != nil {
		return err
	}
	data := appScreen{App: showApp(a), Sessions: link("/console/sessions", "app", string(a.ID))}
	if data.Count, err = c.count(ctx, session.Query{Application: a.ID, AliveAt: v.now}); err != nil {
		return err
	}
	if data.Now, err = c.count(ctx, session.Query{Application: a.ID, AliveAt: v.now, SeenSince: v.now.Add(-activeFor)}); err != nil {
		return err
	}
	rows, err := c.verifierRows(ctx, a.ID)
	if err != nil {
		return err
	}
	data.Verifiers = worst(rows, verifiersBeside)
	data.More = len(rows) - len(data.Verifiers)
	return c.show(v, screen{title: v.say.Say("console.application_title"), template: "application", menu: "applications", data: data})
}
