package console

import (
	"context"
	"strings"
	"time"

	"tandem.example/tandem/internal/account"
	"tandem.example/tandem/internal/application"
	"tandem.example/tandem/internal/session"
)

const (
	// activeFor is how lately somebody was seen who is signed in now.
	activeFor = 5 * time.Minute
	// pageOf is how many rows a page of sessions has.
	pageOf = 9
	// shownLive is how many rows are shown where they are asked for again every few seconds.
	shownLive = 10
	// countUpTo bounds what is counted one by one.
	countUpTo = 1000
)

// sessionRow is a session in a list.
type sessionRow struct {
	ID, User, Email, Name        string
	App                          string
	Device, IP, Methods, Level   string
	Created, Authenticated, Seen moment
	Expires                      moment
	State                        string // alive, expired or ended
	EndReason                    string
	Ended                        moment
	Mine                         bool // the session that looks
}

func (c *Console) sessionRow(v *visit, view session.View, apps map[application.ID]string) sessionRow {
	s := view.Session
	row := sessionRow{
		ID: string(s.ID), User: string(view.User.ID), Email: view.User.Email, Name: view.User.Name, App: appName(apps, s.Application),
		Device: s.Device, IP: s.IP, Methods: strings.Join(s.AMR, ", "), Level: s.ACR,
		Created: moment{s.CreatedAt}, Authenticated: moment{s.AuthenticatedAt}, Seen: moment{s.LastSeenAt}, Expires: moment{earlier(s.ExpiresAt, s.IdleExpiresAt)},
		State: "alive", EndReason: string(s.EndReason), Ended: moment{s.EndedAt}, Mine: s.ID == v.who.View.Session.ID,
	}
	switch view.Alive(v.now) {
	case nil:
	case session.ErrExpired:
		row.State = "expired"
	default:
		row.State = "ended"
	}
	return row
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

func (c *Console) sessionRows(v *visit, views []session.View) ([]sessionRow, error) {
	apps, err := c.appNames(v.r.Context())
	if err != nil {
		return nil, err
	}
	rows := make([]sessionRow, len(views))
	for i, view := range views {
		rows[i] = c.sessionRow(v, view, apps)
	}
	return rows, nil
}

// appNames are the names of all applications: there are few.
func (c *Console) appNames(ctx context.Context) (map[application.ID]string, error) {
	apps, err := c.Operator.ListApplications(ctx)
	if err != nil {
		return nil, err
	}
	names := make(map[application.ID]string, len(apps))
	for _, a := range apps {
		names[a.ID] = a.Name
	}
	return names, nil
}

// appName is the application's name, or its id if it is gone.
func appName(names map[application.ID]string, id application.ID) string {
	if name, ok := names[id]; ok {
		return name
	}
	return string(id)
}

// tally counts sessions, up to a bound.
type tally struct {
	Sessions, Users, Devices int
	More                     bool // there are more than were counted
	views                    []session.View
}

func (c *Console) count(ctx context.Context, q session.Query) (tally, error) {
	q.Limit = countUpTo + 1
	views, err := c.Operator.ListSessions(ctx, q)
	if err != nil {
		return tally{}, err
	}
	t := tally{More: len(views) > countUpTo}
	t.views = views[:min(len(views), countUpTo)]
	t.Sessions = len(t.views)
	users, devices := map[account.ID]bool{}, map[string]bool{}
	for _, view := range t.views {
		users[view.User.ID] = true
		devices[string(view.User.ID)+"\x00"+view.Session.Device+"\x00"+view.Session.IP] = true
	}
	t.Users, t.Devices = len(users), len(devices)
	return t, nil
}

// nowScreen is who is signed in now.
type nowScreen struct {
	At    moment
	Count tally
	Rows  []sessionRow
	More  int // that are not shown
}

func (c *Console) whoIsHere(v *visit) (nowScreen, error) {
	count, err := c.count(v.r.Context(), session.Query{AliveAt: v.now, SeenSince: v.now.Add(-activeFor)})
	if err != nil {
		return nowScreen{}, err
	}
	rows, err := c.sessionRows(v, count.views[:min(len(count.views), shownLive)])
	return nowScreen{At: moment{v.now}, Count: count, Rows: rows, More: count.Sessions - len(rows)}, err
}

func (c *Console) now(v *visit) error {
	data, err := c.whoIsHere(v)
	if err != nil {
		return err
	}
	return c.show(v, screen{title: v.say.Say("console.menu_now"), template: "now", menu: "now", live: true, reload: 10, data: data})
}

func (c *Console) nowLive(v *visit) error {
	data, err := c.whoIsHere(v)
	if err != nil {
		return err
	}
	return c.piece(v, "now-live", data)
}

// sessionsScreen is a page of living sessions.
type sessionsScreen struct {
	User, App string // the filter
	Apps      []string
	Rows      []sessionRow
	Said      string // what is wrong with the filter
	paging
}

func (c *Console) sessions(v *visit) error {
	ctx := v.r.Context()
	data := sessionsScreen{User: v.query("user"), App: v.query("app")}
	apps, err := c.Operator.ListApplications(ctx)
	if err != nil {
		return err
	}
	for _, a := range apps {
		data.Apps = append(data.Apps, a.Name)
	}
	s := screen{title: v.say.Say("console.menu_sessions"), template: "sessions", menu: "sessions"}
	n, _ := v.rows(pageOf)
	q := session.Query{AliveAt: v.now, Before: session.ID(v.query("before")), Limit: n + 1}
	if err := c.filter(ctx, &q, data.User, data.App); err != nil {
		if isOutage(err) {
			return err
		}
		s.status, data.Said = c.explain(v, err)
		s.data = data
		return c.show(v, s)
	}
	views, err := c.Operator.ListSessions(ctx, q)
	if err != nil {
		return err
	}
	last := ""
	if len(views) > n {
		views = views[:n]
		last = string(views[n-1].Session.ID)
	}
	data.paging = v.pages("before", last, q.Before == "", "/console/sessions", "user", data.User, "app", data.App)
	if data.Rows, err = c.sessionRows(v, views); err != nil {
		return err
	}
	s.data = data
	return c.show(v, s)
}

// filter restricts the query to a user, by id or e-mail address, and to an application, by id or name.
func (c *Console) filter(ctx context.Context, q *session.Query, user, app string) error {
	if user != "" {
		found, err := c.Operator.User(ctx, user)
		if err != nil {
			return err
		}
		q.User = found.ID
	}
	if app != "" {
		found, err := c.Operator.Application(ctx, app)
		if err != nil {
			return err
		}
		q.Application = found.ID
	}
	return nil
}

func (c *Console) session(v *visit) error {
	id, err := session.CheckID(v.r.PathValue("id"))
	if err != nil {
		return err
	}
	view, err := c.Operator.Session(v.r.Context(), id)
	if err != nil {
		return err
	}
	rows, err := c.sessionRows(v, []session.View{view})
	if err != nil {
		return err
	}
	return c.show(v, screen{title: v.say.Say("console.session_title"), template: "session", menu: "sessions", data: rows[0]})
}
