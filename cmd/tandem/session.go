package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"time"
)

type sessionCmd struct {
	List sessionListCmd `cmd:"" help:"List the living sessions: who is signed in now."`
	End  sessionEndCmd  `cmd:"" help:"End one session. The user's others stay."`
}

// session is a session as the API shows it to administrators.
type session struct {
	ID         string    `json:"id"`
	App        string    `json:"app"`
	CreatedAt  time.Time `json:"created_at"`
	LastSeenAt time.Time `json:"last_seen_at"`
	ExpiresAt  time.Time `json:"expires_at"`
	Device     string    `json:"device"`
	IP         string    `json:"ip"`
	User       user      `json:"user"`
}

var sessionTable = table[session]{"Nobody is signed in.", []string{"ID", "USER", "DEVICE", "IP", "SIGNED IN", "LAST SEEN"}, func(s session) []string {
	return []string{s.ID, s.User.Email, s.Device, s.IP, when(&s.CreatedAt), when(&s.LastSeenAt)}
}}

type sessionListCmd struct {
	User         string `placeholder:"USER" help:"Of this user: e-mail address or id."`
	App          string `placeholder:"APP" help:"With this application: id or name."`
	ActiveWithin string `placeholder:"DURATION" help:"Seen within, such as 5m."`
	Limit        int    `default:"0" placeholder:"N" help:"At most so many; 0 for all."`
}

func (sessionListCmd) Help() string {
	return `Examples:
  tandem session list --active-within 5m
  tandem session list --user ana@example.com --json`
}

func (c sessionListCmd) Run(a *app) error {
	q := filter(map[string]string{"user": c.User, "app": c.App, "active_within": c.ActiveWithin})
	return a.administer(func(api *client) error {
		items, err := api.list(q, c.Limit, "sessions")
		if err != nil {
			return fmt.Errorf("list sessions: %w", err)
		}
		return sessionTable.show(a, items)
	})
}

// filter makes a query of what is given.
func filter(values map[string]string) url.Values {
	q := url.Values{}
	for name, value := range values {
		if value != "" {
			q.Set(name, value)
		}
	}
	return q
}

type sessionEndCmd struct {
	order
	ID string `arg:"" help:"Id of the session: ses_..."`
}

func (sessionEndCmd) Help() string {
	return `Example:
  tandem session end ses_01k0... --reason "phone lost" --wait`
}

func (c sessionEndCmd) Run(a *app) error {
	return a.administer(func(api *client) error {
		var answer json.RawMessage
		err := api.do(http.MethodDelete, at(c.query(), "sessions", c.ID), nil, &answer)
		if isNotFound(err) {
			return fmt.Errorf("there is no session %s: `tandem session list` lists them", printable(c.ID))
		}
		if err != nil {
			return fmt.Errorf("end session %s: %w", c.ID, err)
		}
		return a.done(answer, "Ended session %s. The user's other sessions stay.", c.ID)
	})
}
