package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

type userCmd struct {
	Create   userCreateCmd   `cmd:"" help:"Register a user."`
	List     userListCmd     `cmd:"" help:"List users."`
	Show     userShowCmd     `cmd:"" help:"Show a user and where they are signed in."`
	Lock     userLockCmd     `cmd:"" help:"Lock a user: all their sessions end, and they cannot sign in."`
	Unlock   userUnlockCmd   `cmd:"" help:"Let a locked user sign in again."`
	Roles    userRolesCmd    `cmd:"" help:"Set, add or take away roles. The user stays signed in."`
	Password userPasswordCmd `cmd:"" help:"Set a user's password and end their sessions."`
	Reset    userResetCmd    `cmd:"" help:"Remove all that a user can prove themselves with, for whoever has lost their second factor."`
	Delete   userDeleteCmd   `cmd:"" help:"Delete a user with all that belongs to them."`
}

// user is a user as the API shows them.
type user struct {
	ID        string    `json:"id"`
	Email     string    `json:"email"`
	Verified  bool      `json:"email_verified"`
	Name      string    `json:"name"`
	Roles     []string  `json:"roles"`
	Status    string    `json:"status"`
	CreatedAt time.Time `json:"created_at"`
}

func (u user) String() string { return u.Email + " (" + u.ID + ")" }

// user finds a user by e-mail address or id.
func (c *client) user(idOrEmail string) (user, error) {
	var u user
	err := c.do(http.MethodGet, at(nil, "users", idOrEmail), nil, &u)
	if isNotFound(err) {
		return u, fmt.Errorf("there is no user %s: `tandem user list` lists them", printable(idOrEmail))
	}
	return u, err
}

// signedIn counts a user's living sessions.
func (c *client) signedIn(q url.Values) (int, error) {
	items, err := c.list(q, 0, "sessions")
	return len(items), err
}

type userCreateCmd struct {
	because
	Email         string   `required:"" placeholder:"EMAIL" help:"E-mail address."`
	Name          string   `placeholder:"NAME" help:"What the user is called."`
	Role          []string `placeholder:"ROLE" help:"A role; may be repeated. admin may administer Tandem."`
	Verified      bool     `default:"true" negatable:"" help:"The address is known to be theirs. Of an account with another, whoever proves the address first takes it over, and its password is dropped."`
	PasswordStdin bool     `xor:"password" help:"Take the password from standard input instead of asking."`
	HashStdin     bool     `xor:"password" help:"Take a hash from standard input: Argon2id, bcrypt, scrypt or PBKDF2."`
	NoPassword    bool     `xor:"password" help:"Set none yet: nobody can sign in until one is set."`
}

func (userCreateCmd) Help() string {
	return `Examples:
  tandem user create --email ana@example.com --role admin
  printf '%s' "$PASSWORD" | tandem user create --email ana@example.com --password-stdin`
}

func (c userCreateCmd) Run(a *app) error {
	body := map[string]any{"email": c.Email}
	switch {
	case c.HashStdin:
		hash, err := a.secretLine("hash")
		if err != nil {
			return err
		}
		body["password_hash"] = hash.Reveal()
	case !c.NoPassword:
		password, err := a.password(c.Email, c.PasswordStdin)
		if err != nil {
			return err
		}
		body["password"] = password.Reveal()
	}
	if c.Name != "" {
		body["name"] = c.Name
	}
	if len(c.Role) > 0 {
		body["roles"] = c.Role
	}
	body["email_verified"] = c.Verified
	return a.establish(func(api *client) error {
		var answer json.RawMessage
		if err := api.do(http.MethodPost, at(c.query(), "users"), body, &answer); err != nil {
			return fmt.Errorf("create user: %w", err)
		}
		var u user
		if err := json.Unmarshal(answer, &u); err != nil {
			return fmt.Errorf("read answer: %w", err)
		}
		return a.done(answer, "Created user %s, roles: %s.", u, listed(u.Roles))
	})
}

type userListCmd struct {
	Search string `placeholder:"TEXT" help:"Part of the e-mail address or the name."`
	Limit  int    `default:"0" placeholder:"N" help:"At most so many; 0 for all."`
}

func (c userListCmd) Run(a *app) error {
	return a.administer(func(api *client) error {
		q := url.Values{}
		if c.Search != "" {
			q.Set("search", c.Search)
		}
		items, err := api.list(q, c.Limit, "users")
		if err != nil {
			return fmt.Errorf("list users: %w", err)
		}
		return table[user]{"There is no such user.", []string{"ID", "E-MAIL", "NAME", "ROLES", "STATUS", "CREATED"}, func(u user) []string {
			return []string{u.ID, u.Email, u.Name, listed(u.Roles), u.Status, when(&u.CreatedAt)}
		}}.show(a, items)
	})
}

type userShowCmd struct {
	User string `arg:"" help:"E-mail address or id."`
}

func (c userShowCmd) Run(a *app) error {
	return a.administer(func(api *client) error {
		u, err := api.user(c.User)
		if err != nil {
			return err
		}
		sessions, err := api.list(url.Values{"user": {u.ID}}, 0, "sessions")
		if err != nil {
			return fmt.Errorf("list sessions: %w", err)
		}
		if a.JSON {
			return a.printJSON(map[string]any{"user": u, "sessions": sessions})
		}
		verified := "not verified"
		if u.Verified {
			verified = "verified"
		}
		rows := [][]string{{"id", u.ID}, {"e-mail", u.Email + " (" + verified + ")"}, {"name", u.Name}, {"roles", listed(u.Roles)},
			{"status", u.Status}, {"created", when(&u.CreatedAt)}, {"sessions", strconv.Itoa(len(sessions))}}
		if err := a.printPairs(rows); err != nil || len(sessions) == 0 {
			return err
		}
		fmt.Fprintln(a.stdout)
		return sessionTable.show(a, sessions)
	})
}

type userLockCmd struct {
	order
	User string `arg:"" help:"E-mail address or id."`
}

func (userLockCmd) Help() string {
	return `Every session of the user ends: cookie, tokens, open connections. Nobody else is affected.

Example:
  tandem user lock ana@example.com --reason "card reported stolen" --wait`
}

func (c userLockCmd) Run(a *app) error {
	return a.administer(func(api *client) error {
		u, err := api.user(c.User)
		if err != nil {
			return err
		}
		n, err := api.signedIn(url.Values{"user": {u.ID}})
		if err != nil {
			return fmt.Errorf("count sessions: %w", err)
		}
		answer, err := api.changeUser(u, c.order, map[string]any{"status": "locked"})
		if err != nil {
			return fmt.Errorf("lock %s: %w", u, err)
		}
		return errors.Join(a.done(answer, "Locked %s: %s ended. Nobody else is affected.", u, count(n, "session", "sessions")), a.warnOfKeys(api, u))
	})
}

func (c *client) changeUser(u user, o order, patch map[string]any) (answer json.RawMessage, err error) {
	err = c.do(http.MethodPatch, at(o.query(), "users", u.ID), patch, &answer)
	return answer, err
}

type userUnlockCmd struct {
	because
	User string `arg:"" help:"E-mail address or id."`
}

func (c userUnlockCmd) Run(a *app) error {
	return a.administer(func(api *client) error {
		u, err := api.user(c.User)
		if err != nil {
			return err
		}
		answer, err := api.changeUser(u, order{Reason: c.Reason}, map[string]any{"status": "active"})
		if err != nil {
			return fmt.Errorf("unlock %s: %w", u, err)
		}
		return a.done(answer, "Unlocked %s. Sessions that ended stay ended: they sign in anew.", u)
	})
}

type userRolesCmd struct {
	order
	User   string   `arg:"" help:"E-mail address or id."`
	Roles  []string `arg:"" optional:"" help:"The roles the user is to have, instead of those they have."`
	Add    []string `placeholder:"ROLE" help:"Give a role in addition; may be repeated."`
	Remove []string `placeholder:"ROLE" help:"Take a role away; may be repeated."`
	None   bool     `help:"Take all roles away."`
}

func (userRolesCmd) Help() string {
	return `The user stays signed in: access tokens with the old roles are refused, and a silent refresh brings the new ones.

Examples:
  tandem user roles ana@example.com admin support
  tandem user roles ana@example.com --remove admin --wait`
}

func (c userRolesCmd) Run(a *app) error {
	ways := 0
	for _, used := range []bool{len(c.Roles) > 0, len(c.Add)+len(c.Remove) > 0, c.None} {
		if used {
			ways++
		}
	}
	if ways != 1 {
		return fmt.Errorf("%w: give the roles, or --add and --remove, or --none", errUsage)
	}
	return a.administer(func(api *client) error {
		u, err := api.user(c.User)
		if err != nil {
			return err
		}
		answer, err := api.changeUser(u, c.order, c.patch())
		if err != nil {
			return fmt.Errorf("change roles of %s: %w", u, err)
		}
		var after user
		if err := json.Unmarshal(answer, &after); err != nil {
			return fmt.Errorf("read answer: %w", err)
		}
		return a.done(answer, "Roles of %s: %s (before: %s). They stay signed in.", u, listed(after.Roles), listed(u.Roles))
	})
}

// patch has the server add and remove, so that nothing is lost of what another does meanwhile.
func (c userRolesCmd) patch() map[string]any {
	patch := map[string]any{}
	switch {
	case len(c.Add)+len(c.Remove) == 0:
		patch["roles"] = append([]string{}, c.Roles...)
	default:
		if len(c.Add) > 0 {
			patch["roles_add"] = c.Add
		}
		if len(c.Remove) > 0 {
			patch["roles_remove"] = c.Remove
		}
	}
	return patch
}

type userPasswordCmd struct {
	order
	User          string `arg:"" help:"E-mail address or id."`
	PasswordStdin bool   `help:"Take the password from standard input instead of asking."`
}

func (c userPasswordCmd) Run(a *app) error {
	password, err := a.password(c.User, c.PasswordStdin)
	if err != nil {
		return err
	}
	return a.administer(func(api *client) error {
		u, err := api.user(c.User)
		if err != nil {
			return err
		}
		n, err := api.signedIn(url.Values{"user": {u.ID}})
		if err != nil {
			return fmt.Errorf("count sessions: %w", err)
		}
		var answer json.RawMessage
		err = api.do(http.MethodPost, at(c.query(), "users", u.ID, "password"), map[string]any{"password": password.Reveal()}, &answer)
		if err != nil {
			return fmt.Errorf("set password of %s: %w", u, err)
		}
		return a.done(answer, "Set the password of %s: %s ended.", u, count(n, "session", "sessions"))
	})
}

type userDeleteCmd struct {
	order
	User string `arg:"" help:"E-mail address or id."`
	Yes  bool   `help:"Do not ask."`
}

func (c userDeleteCmd) Run(a *app) error {
	return a.administer(func(api *client) error {
		u, err := api.user(c.User)
		if err != nil {
			return err
		}
		n, err := api.signedIn(url.Values{"user": {u.ID}})
		if err != nil {
			return fmt.Errorf("count sessions: %w", err)
		}
		if err := a.confirm(c.Yes, fmt.Sprintf("Deleting %s cannot be taken back.", u)); err != nil {
			return err
		}
		var answer json.RawMessage
		if err := api.do(http.MethodDelete, at(c.query(), "users", u.ID), nil, &answer); err != nil {
			return fmt.Errorf("delete %s: %w", u, err)
		}
		return errors.Join(a.done(answer, "Deleted %s: %s ended. The audit trail stays.", u, count(n, "session", "sessions")), a.warnOfKeys(api, u))
	})
}
