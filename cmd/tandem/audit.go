package main

import (
	"fmt"
	"time"
)

type auditCmd struct {
	User    string `placeholder:"USER" help:"Acts that concern this user: e-mail address, or id (also of one who is gone)."`
	Type    string `placeholder:"TYPE" help:"Such as user.locked, session.signed_in, key.revoked."`
	Outcome string `enum:",done,refused" default:"" placeholder:"done|refused" help:"What was done, or what was refused."`
	Since   string `placeholder:"TIME" help:"Since a time (RFC 3339) or for a while (such as 24h)."`
	Until   string `placeholder:"TIME" help:"Before a time (RFC 3339), or up to a while ago (such as 1h)."`
	Limit   int    `default:"50" placeholder:"N" help:"At most so many, the newest; 0 for all."`
}

func (auditCmd) Help() string {
	return `Examples:
  tandem audit --user ana@example.com --since 24h
  tandem audit --outcome refused --since 2026-01-31T18:00:00Z --until 2026-01-31T19:00:00Z
  tandem audit --type user.locked --limit 0 --json`
}

// act is an entry of the trail as the API shows it.
type act struct {
	At      time.Time `json:"at"`
	Type    string    `json:"type"`
	Actor   string    `json:"actor"`
	User    string    `json:"user"`
	Target  string    `json:"target"`
	IP      string    `json:"ip"`
	Reason  string    `json:"reason"`
	Outcome string    `json:"outcome"`
}

func (c auditCmd) Run(a *app) error {
	since, err := moment("--since", c.Since)
	if err != nil {
		return err
	}
	until, err := moment("--until", c.Until)
	if err != nil {
		return err
	}
	q := filter(map[string]string{"user": c.User, "type": c.Type, "outcome": c.Outcome, "since": since, "until": until})
	return a.administer(func(api *client) error {
		items, err := api.list(q, c.Limit, "audit")
		if err != nil {
			return fmt.Errorf("read audit trail: %w", err)
		}
		return table[act]{"The trail holds nothing of that kind.", []string{"TIME", "WHAT", "OUTCOME", "ACTOR", "USER", "TARGET", "IP", "REASON"}, func(e act) []string {
			return []string{when(&e.At), e.Type, e.Outcome, dash(e.Actor), dash(e.User), dash(e.Target), dash(e.IP), e.Reason}
		}}.show(a, items)
	})
}

func dash(text string) string {
	if text == "" {
		return "-"
	}
	return text
}

// moment reads the time of a flag, or for how long ago; empty stays empty.
func moment(flag, text string) (string, error) {
	if text == "" {
		return "", nil
	}
	if d, err := time.ParseDuration(text); err == nil && d >= 0 {
		return time.Now().Add(-d).UTC().Format(time.RFC3339), nil
	}
	for _, layout := range []string{time.RFC3339, time.DateOnly} {
		if t, err := time.Parse(layout, text); err == nil {
			return t.UTC().Format(time.RFC3339), nil
		}
	}
	return "", fmt.Errorf("%w: %s must be a time such as 2026-01-31T09:00:00Z, a day such as 2026-01-31, or a duration such as 24h", errUsage, flag)
}
