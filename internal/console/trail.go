package console

import (
	"context"
	"net/url"
	"slices"
	"strings"
	"time"

	"tandem.example/tandem/internal/audit"
	"tandem.example/tandem/internal/id"
	"tandem.example/tandem/internal/operator"
)

// types are the acts that can be filtered on, as the form offers them.
var types = []audit.Type{
	audit.SignedIn, audit.SignInRefused, audit.SteppedUp, audit.StepUpRefused, audit.SignedOut, audit.SessionEnded, audit.RefreshReused,
	audit.SessionBound, audit.BindingRefused, audit.SignedUp, audit.UserCreated, audit.UserChanged, audit.UserLocked, audit.UserUnlocked,
	audit.UserDeleted, audit.RolesChanged, audit.PasswordChanged, audit.EmailVerified, audit.EmailChanged, audit.AccountClaimed,
	audit.AccountRecovered, audit.CredentialsReset, audit.PasskeyAdded, audit.PasskeyRenamed, audit.PasskeyRemoved, audit.TOTPAdded, audit.TOTPRemoved,
	audit.RecoveryCodesMade, audit.RecoveryCodeUsed, audit.Connected, audit.Disconnected, audit.Revoked, audit.KeyRotated, audit.KeyRevoked,
	audit.ApplicationMade, audit.ApplicationEdited, audit.ApplicationGone, audit.APIKeyCreated, audit.APIKeyRevoked, audit.StoreRestored,
	audit.StoreRolledBack,
}

// entryRow is an entry of the trail.
type entryRow struct {
	ID                  string
	At                  moment
	Type, Outcome       string
	Actor, User, Target name
	IP, Reason, Request string
}

// name is an id in the trail: what it leads to, and what stands there for people.
type name struct{ ID, Path, Short string }

func nameOf(id string) name { return name{ID: id, Path: pathOf(id), Short: short(id)} }

// short leaves out the middle of an id, which tells the time it was made at. What is no id stays as it is.
func short(text string) string {
	prefix, rest, ok := strings.Cut(text, "_")
	if !ok || !id.Valid(rest) {
		return text
	}
	return prefix + "_…" + rest[len(rest)-8:]
}

// entryRows makes entries readable: ids lead to what they name.
func (c *Console) entryRows(v *visit, entries []audit.Entry) []entryRow {
	rows := make([]entryRow, len(entries))
	for i, e := range entries {
		rows[i] = entryRow{ID: e.ID, At: moment{e.At}, Type: string(e.Type), Outcome: string(e.Outcome), Actor: nameOf(e.Actor),
			User: nameOf(e.User), Target: nameOf(e.Target), IP: e.IP, Reason: e.Reason, Request: e.RequestID}
		switch {
		case e.Actor == string(v.who.View.User.ID):
			rows[i].Actor.Short = v.say.Say("console.you")
		case e.Actor != "" && e.Actor == e.User:
			rows[i].Actor.Short, rows[i].Actor.Path = v.say.Say("console.themselves"), "" // who they are stands beside it
		}
	}
	return rows
}

// pathOf is where what an id names is shown; empty for what has no page.
func pathOf(id string) string {
	switch {
	case strings.HasPrefix(id, "usr_"):
		return "/console/users/" + url.PathEscape(id)
	case strings.HasPrefix(id, "ses_"):
		return "/console/sessions/" + url.PathEscape(id)
	case strings.HasPrefix(id, "app_"):
		return "/console/applications/" + url.PathEscape(id)
	}
	return ""
}

// trailScreen is a page of the audit trail.
type trailScreen struct {
	User, Type, Since, Until, Outcome string // the filter
	Types                             []audit.Type
	Rows                              []entryRow
	CSV, JSONL                        string // paths of the export
	Most                              int    // entries that it holds
	Said                              string // what is wrong with the filter
	paging
}

// entriesOf is how many entries a page shows.
const entriesOf = 9

func (c *Console) trail(v *visit) error {
	ctx := v.r.Context()
	data := trailScreen{User: v.query("user"), Type: v.query("type"), Since: v.query("since"), Until: v.query("until"), Outcome: v.query("outcome"), Types: types, Most: exported}
	s := screen{title: v.say.Say("console.menu_audit"), template: "trail", menu: "audit"}
	q, err := c.question(ctx, v)
	if err != nil {
		if isOutage(err) {
			return err
		}
		s.status, data.Said = c.explain(v, err)
		s.data = data
		return c.show(v, s)
	}
	n, _ := v.rows(entriesOf)
	q.Before, q.Limit = v.query("before"), n+1
	entries, err := c.Operator.Trail(ctx, q)
	if err != nil {
		return err
	}
	filter := []string{"user", data.User, "type", data.Type, "since", data.Since, "until", data.Until, "outcome", data.Outcome}
	last := ""
	if len(entries) > n {
		entries = entries[:n]
		last = entries[n-1].ID
	}
	data.paging = v.pages("before", last, q.Before == "", "/console/audit", filter...)
	export := func(format string) string {
		return link("/console/audit/export", append(slices.Clone(filter), "format", format)...)
	}
	data.CSV, data.JSONL = export(formatCSV), export(formatLines)
	data.Rows = c.entryRows(v, entries)
	s.data = data
	return c.show(v, s)
}

// question is what the filter asks of the trail. The trail of a user who is gone is found by id alone.
func (c *Console) question(ctx context.Context, v *visit) (q audit.Query, err error) {
	q = audit.Query{User: v.query("user"), Type: audit.Type(v.query("type")), Outcome: audit.Outcome(v.query("outcome"))}
	if strings.Contains(q.User, "@") {
		u, err := c.Operator.User(ctx, q.User)
		if err != nil {
			return q, err
		}
		q.User = string(u.ID)
	}
	if q.Since, err = instant(v.query("since")); err != nil {
		return q, err
	}
	if q.Until, err = instant(v.query("until")); err != nil {
		return q, err
	}
	return q, operator.CheckTrail(q)
}

// instant reads a time as a form or a link has it, in UTC.
func instant(text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	for _, form := range []string{time.RFC3339, "2006-01-02T15:04:05", "2006-01-02T15:04", "2006-01-02 15:04", time.DateOnly} {
		if t, err := time.ParseInLocation(form, text, time.UTC); err == nil {
			return t.UTC(), nil
		}
	}
	return time.Time{}, errTime
}
