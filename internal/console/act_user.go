package console

import (
	"context"
	"net/url"
	"slices"
	"strings"

	"tandem.example/tandem/internal/account"
	"tandem.example/tandem/internal/feed"
	"tandem.example/tandem/internal/operator"
	"tandem.example/tandem/internal/session"
)

// subject finds the user that an act is about.
func (c *Console) subject(v *visit, in url.Values) (account.User, error) {
	id := strings.TrimSpace(in.Get("id"))
	if id == "" || len(id) > 300 {
		return account.User{}, errWhom
	}
	return c.Operator.User(v.r.Context(), id)
}

func userPath(u account.User) string { return "/console/users/" + url.PathEscape(string(u.ID)) }

// touch says which living sessions of the query an act ends, and shows some of them. `whose` is the text of the catalogue
// that says so.
func (c *Console) touch(v *visit, p *plan, whose string, q session.Query, with ...any) error {
	q.AliveAt = v.now
	t, err := c.count(v.r.Context(), q)
	if err != nil {
		return err
	}
	devices := v.say.Say("console.devices", "Count", t.Devices)
	users := v.say.Say("console.people", "Count", t.Users)
	sessions := v.say.Say("console.sessions_count", "Count", t.Sessions)
	if t.More {
		sessions = v.say.Say("console.sessions_more", "Count", t.Sessions)
	}
	p.Touches = append(p.Touches, v.say.Say(whose, append([]any{"Sessions", sessions, "Devices", devices, "People", users}, with...)...))
	shown := min(len(t.views), sessionsShown)
	p.Sessions, err = c.sessionRows(v, t.views[:shown])
	p.More = len(t.views) - shown
	if slices.ContainsFunc(t.views, func(view session.View) bool { return view.Session.ID == v.who.View.Session.ID }) {
		p.Warning = v.say.Say("console.warn_own_session")
	}
	return err
}

func (c *Console) planLock(v *visit, in url.Values) (*plan, error) {
	u, err := c.subject(v, in)
	if err != nil {
		return nil, err
	}
	p := &plan{
		Title: v.say.Say("console.lock_title", "Email", u.Email), Button: v.say.Say("console.lock_button"), Grave: true,
		Spares: v.say.Say("console.nobody_else"), Fields: []field{{"id", string(u.ID)}}, Back: userPath(u), After: userPath(u),
		what: v.say.Say("console.lock_done", "Email", u.Email),
	}
	if err := c.touch(v, p, "console.touch_user", session.Query{User: u.ID}, "Email", u.Email); err != nil {
		return nil, err
	}
	p.Touches = append(p.Touches, v.say.Say("console.touch_lock", "Email", u.Email))
	if u.ID == v.who.View.User.ID {
		p.Warning = v.say.Say("console.warn_lock_self")
	}
	p.do = func(ctx context.Context, by operator.By) (feed.Commit, bool, error) {
		status := account.Locked
		_, commit, err := c.Operator.ChangeUser(ctx, u.ID, operator.Patch{Status: &status}, by)
		return commit, true, err
	}
	return p, nil
}

func (c *Console) planUnlock(v *visit, in url.Values) (*plan, error) {
	u, err := c.subject(v, in)
	if err != nil {
		return nil, err
	}
	return &plan{
		Title: v.say.Say("console.unlock_title", "Email", u.Email), Button: v.say.Say("console.unlock_button"),
		Touches: []string{v.say.Say("console.touch_unlock", "Email", u.Email)}, Spares: v.say.Say("console.nobody_else"),
		Fields: []field{{"id", string(u.ID)}}, Back: userPath(u), After: userPath(u), what: v.say.Say("console.unlock_done", "Email", u.Email),
		do: func(ctx context.Context, by operator.By) (feed.Commit, bool, error) {
			status := account.Active
			_, commit, err := c.Operator.ChangeUser(ctx, u.ID, operator.Patch{Status: &status}, by)
			return commit, false, err
		},
	}, nil
}

// planRoles gives a user other roles than those they had when it was asked for.
func (c *Console) planRoles(v *visit, in url.Values) (*plan, error) {
	u, err := c.subject(v, in)
	if err != nil {
		return nil, err
	}
	wanted, err := account.Roles(strings.FieldsFunc(in.Get("roles"), func(r rune) bool { return r == ' ' || r == ',' || r == ';' || r == '\t' || r == '\n' || r == '\r' }))
	if err != nil {
		return nil, &operator.FieldError{Field: "roles", Rule: err.Error()}
	}
	was := u.Roles
	if in.Has("was") {
		was = strings.Fields(in.Get("was"))
	}
	p := &plan{
		Title: v.say.Say("console.roles_title", "Email", u.Email), Button: v.say.Say("console.roles_button"),
		Spares: v.say.Say("console.roles_spares"), Back: userPath(u), After: userPath(u), what: v.say.Say("console.roles_done", "Email", u.Email),
		Fields: []field{{"id", string(u.ID)}, {"roles", strings.Join(wanted, " ")}, {"was", strings.Join(was, " ")}},
	}
	gained, lost := without(wanted, was), without(was, wanted)
	if len(gained) > 0 {
		p.Touches = append(p.Touches, v.say.Say("console.touch_gain", "Email", u.Email, "Roles", strings.Join(gained, ", ")))
	}
	if len(lost) > 0 {
		p.Touches = append(p.Touches, v.say.Say("console.touch_lose", "Email", u.Email, "Roles", strings.Join(lost, ", ")))
	}
	if len(gained)+len(lost) == 0 {
		p.Touches = append(p.Touches, v.say.Say("console.touch_same", "Email", u.Email))
	}
	p.Touches = append(p.Touches, v.say.Say("console.touch_renew", "Email", u.Email))
	switch {
	case slices.Contains(gained, account.RoleAdmin):
		p.Grave, p.Warning = true, v.say.Say("console.warn_admin", "Email", u.Email)
	case u.ID == v.who.View.User.ID && slices.Contains(lost, account.RoleAdmin):
		p.Grave, p.Warning = true, v.say.Say("console.warn_demote_self")
	}
	p.do = func(ctx context.Context, by operator.By) (feed.Commit, bool, error) {
		guard := func(before, _ account.User) error {
			if !slices.Equal(before.Roles, was) {
				return errChanged
			}
			return nil
		}
		_, commit, err := c.Operator.ChangeUser(ctx, u.ID, operator.Patch{Roles: &wanted, Guard: guard}, by)
		return commit, true, err
	}
	return p, nil
}

// without are those of all that are not in others.
func without(all, others []string) (left []string) {
	for _, one := range all {
		if !slices.Contains(others, one) {
			left = append(left, one)
		}
	}
	return left
}

func (c *Console) planDelete(v *visit, in url.Values) (*plan, error) {
	u, err := c.subject(v, in)
	if err != nil {
		return nil, err
	}
	p := &plan{
		Title: v.say.Say("console.delete_title", "Email", u.Email), Button: v.say.Say("console.delete_button"), Grave: true,
		Spares: v.say.Say("console.nobody_else"), Fields: []field{{"id", string(u.ID)}}, Back: userPath(u), After: "/console/users",
		what: v.say.Say("console.delete_done", "Email", u.Email),
	}
	if err := c.touch(v, p, "console.touch_user", session.Query{User: u.ID}, "Email", u.Email); err != nil {
		return nil, err
	}
	p.Touches = append(p.Touches, v.say.Say("console.touch_delete", "Email", u.Email))
	if u.ID == v.who.View.User.ID {
		p.Warning = v.say.Say("console.warn_delete_self")
	}
	p.do = func(ctx context.Context, by operator.By) (feed.Commit, bool, error) {
		commit, err := c.Operator.DeleteUser(ctx, u.ID, by)
		return commit, true, err
	}
	return p, nil
}
