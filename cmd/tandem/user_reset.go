package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
)

type userResetCmd struct {
	order
	User string `arg:"" help:"E-mail address or id."`
	Yes  bool   `help:"Do not ask."`
}

func (userResetCmd) Help() string {
	return `Removes the password, passkeys, one-time and recovery codes and connected accounts of a user, and ends their sessions. They
begin again with "Forgot your password?", by mail to their address, or with a password that you set: tandem user password.
Make sure first that it is the user who asks.`
}

func (c userResetCmd) Run(a *app) error {
	return a.administer(func(api *client) error {
		u, err := api.user(c.User)
		if err != nil {
			return err
		}
		n, err := api.signedIn(url.Values{"user": {u.ID}})
		if err != nil {
			return fmt.Errorf("count sessions: %w", err)
		}
		if err := a.confirm(c.Yes, fmt.Sprintf("%s will be left with nothing to sign in with.", u)); err != nil {
			return err
		}
		var answer json.RawMessage
		if err := api.do(http.MethodDelete, at(c.query(), "users", u.ID, "credentials"), nil, &answer); err != nil {
			return fmt.Errorf("reset %s: %w", u, err)
		}
		return a.done(answer, "Reset %s: %s ended. They begin again by mail to their address, or with `tandem user password`.", u, count(n, "session", "sessions"))
	})
}
