package console

import (
	"net/http"
	"time"

	"tandem.example/tandem/internal/ui"
)

// screen is what a page of the console shows.
type screen struct {
	title    string // in the reader's language
	template string
	menu     string // the entry that is marked
	status   int    // 200 if zero
	notice   ui.Notice
	live     bool // pieces of it ask for themselves
	reload   int  // in a browser without script, after so many seconds; 0: never
	data     any
}

// rooms are the entries of the menu.
var rooms = []struct{ name, path, icon string }{
	{"overview", "/console", "chart"},
	{"now", "/console/now", "clock"},
	{"users", "/console/users", "users"},
	{"sessions", "/console/sessions", "desktop"},
	{"applications", "/console/applications", "apps"},
	{"keys", "/console/keys", "key"},
	{"verifiers", "/console/verifiers", "shield"},
	{"revoke", "/console/revoke", "alert"},
	{"audit", "/console/audit", "search"},
}

func (c *Console) menu(v *visit, current string) []ui.Link {
	links := make([]ui.Link, len(rooms))
	for i, r := range rooms {
		links[i] = ui.Link{Label: v.say.Say("console.menu_" + r.name), Path: r.path, Icon: r.icon, Current: r.name == current}
	}
	return links
}

// show answers a page.
func (c *Console) show(v *visit, s screen) error {
	if s.status == 0 {
		s.status = http.StatusOK
	}
	if s.notice.Text == "" {
		if o, ok := c.orders.find(v.query("done")); ok && o.finished() {
			s.notice = ui.Notice{Tone: ui.Success, Text: o.what}
		}
	}
	page := ui.Page{Title: s.title, Layout: ui.Wide, Menu: c.menu(v, s.menu), User: v.who.View.User.Email, Notice: s.notice, Reload: s.reload, Data: s.data}
	if s.live {
		page.Scripts, page.Swaps = []string{"htmx.js", "console.js"}, true
	}
	return c.pages.Render(v.x, v.r, s.status, s.template, page)
}

// piece answers a part of a page that asked for itself.
func (c *Console) piece(v *visit, template string, data any) error {
	return c.pages.Part(v.x, v.r, http.StatusOK, template, ui.Page{Swaps: true, Data: data})
}

// moment is a point in time to the second, in UTC, as a trail is read.
type moment struct{ At time.Time }

// Known reports whether there is one.
func (m moment) Known() bool { return !m.At.IsZero() }

// ISO is the moment for programs.
func (m moment) ISO() string { return m.At.UTC().Format(time.RFC3339Nano) }

// Clock is the moment for people.
func (m moment) Clock() string { return m.At.UTC().Format("2006-01-02 15:04:05") }
