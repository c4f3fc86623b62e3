package console

import (
	"context"
	"errors"
	"strings"

	"tandem.example/tandem/internal/account"
	"tandem.example/tandem/internal/audit"
	"tandem.example/tandem/internal/credential"
	"tandem.example/tandem/internal/operator"
	"tandem.example/tandem/internal/session"
)

// userRow is a user in a list.
type userRow struct {
	ID, Email, Name string
	Roles           []string
	Locked          bool
	Verified        bool
	Created         moment
	Theft           moment
}

func showUser(u account.User) userRow {
	return userRow{ID: string(u.ID), Email: u.Email, Name: u.Name, Roles: u.Roles, Locked: u.Status == account.Locked, Verified: u.EmailVerified,
		Created: moment{u.CreatedAt}, Theft: moment{u.TheftAt}}
}

// usersScreen is a page of users.
type usersScreen struct {
	Search string
	Rows   []userRow
	paging
}

// usersOf is how many users a page shows.
const usersOf = 16

func (c *Console) users(v *visit) error {
	data := usersScreen{Search: v.query("q")}
	n, _ := v.rows(usersOf)
	q := account.Query{Search: data.Search, After: account.ID(v.query("after")), Limit: n + 1}
	users, err := c.Operator.Users(v.r.Context(), q)
	if err != nil {
		return err
	}
	last := ""
	if len(users) > n {
		users = users[:n]
		last = string(users[n-1].ID)
	}
	data.paging = v.pages("after", last, q.After == "", "/console/users", "q", data.Search)
	for _, u := range users {
		data.Rows = append(data.Rows, showUser(u))
	}
	return c.show(v, screen{title: v.say.Say("console.menu_users"), template: "users", menu: "users", data: data})
}

// userScreen is all about one user.
type userScreen struct {
	User     userRow
	Roles    string // as they are typed
	Self     bool   // the one who looks
	Factors  factors
	Sessions []sessionRow
	Count    tally
	All      string // path of all their sessions
	History  []entryRow
	Trail    string // path of the rest of it
	Said     string // what is wrong with the roles
}

const (
	// historyOf is how much of a user's history is shown beside them.
	historyOf = 4
	// sessionsOf is how many of their sessions.
	sessionsOf = 3
)

func (c *Console) user(v *visit) error { return c.userPage(v, v.r.PathValue("id"), nil) }

// rolesAgain shows the user's page again, if the roles that were typed there are none.
func (c *Console) rolesAgain(v *visit, wrong error) error {
	var field *operator.FieldError
	if !errors.As(wrong, &field) {
		return wrong
	}
	return c.userPage(v, v.query("id"), wrong)
}

func (c *Console) userPage(v *visit, name string, wrong error) error {
	ctx := v.r.Context()
	u, err := c.Operator.User(ctx, name)
	if err != nil {
		return err
	}
	id := string(u.ID)
	data := userScreen{User: showUser(u), Roles: strings.Join(u.Roles, " "), Self: u.ID == v.who.View.User.ID,
		All: link("/console/sessions", "user", id), Trail: link("/console/audit", "user", id)}
	if data.Factors, err = c.factors(ctx, u.ID); err != nil {
		return err
	}
	if data.Count, err = c.count(ctx, session.Query{User: u.ID, AliveAt: v.now}); err != nil {
		return err
	}
	if data.Sessions, err = c.sessionRows(v, data.Count.views[:min(len(data.Count.views), sessionsOf)]); err != nil {
		return err
	}
	entries, err := c.Operator.Trail(ctx, audit.Query{User: id, Limit: historyOf})
	if err != nil {
		return err
	}
	data.History = c.entryRows(v, entries)
	s := screen{title: v.say.Say("console.user_title"), template: "user", menu: "users"}
	if wrong != nil {
		s.status, data.Said = c.explain(v, wrong)
		data.Roles = v.query("roles")
	}
	s.data = data
	return c.show(v, s)
}

// factors is what a user can prove themselves with, as numbers: what they are is theirs.
type factors struct {
	Password, TOTP         bool
	Passkeys, Codes, Links int // recovery codes left; connected accounts
}

func (c *Console) factors(ctx context.Context, user account.ID) (f factors, err error) {
	_, _, err = c.SignIn.Store.Password(ctx, user)
	if f.Password = err == nil; err != nil && !errors.Is(err, account.ErrNotFound) {
		return f, err
	}
	_, err = c.SignIn.Codes.TOTP(ctx, user)
	if f.TOTP = err == nil; err != nil && !errors.Is(err, credential.ErrNoTOTP) {
		return f, err
	}
	if f.Codes, err = c.SignIn.Codes.RecoveryCodes(ctx, user); err != nil {
		return f, err
	}
	keys, err := c.SignIn.Passkeys.Of(ctx, user)
	if err != nil {
		return f, err
	}
	links, err := c.SignIn.Connections.Of(ctx, user)
	f.Passkeys, f.Links = len(keys), len(links)
	return f, err
}
