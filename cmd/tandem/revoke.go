package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

type revokeCmd struct {
	order
	Kind        string `arg:"" enum:"session,subject,authz,application,key,all" help:"session, subject, authz, application, key or all."`
	ID          string `arg:"" optional:"" help:"Which: session id, user (id or e-mail address), application (id or name) or key id."`
	EndSessions bool   `help:"With all: sign everybody out as well."`
	Yes         bool   `help:"With --end-sessions: do not ask."`
}

func (revokeCmd) Help() string {
	return `  session      ends one session
  subject      ends all sessions of one user
  authz        has a user's access tokens renewed; they stay signed in
  application  ends all sessions with one application
  key          refuses what a signing key signed; nobody is signed out
  all          has every access token renewed; with --end-sessions everybody is signed out

With --wait it returns when every verifier that held a lease has applied it, or can no longer decide by itself.

Examples:
  tandem revoke subject ana@example.com --reason "account taken over" --wait
  tandem revoke key KID --wait
  tandem revoke all --end-sessions --reason "database leaked"`
}

func (c revokeCmd) Run(a *app) error {
	if c.Kind == "all" && c.ID != "" {
		return fmt.Errorf("%w: revoke all takes no id", errUsage)
	}
	if c.Kind != "all" && c.ID == "" {
		return fmt.Errorf("%w: revoke %s needs an id", errUsage, c.Kind)
	}
	if c.EndSessions && c.Kind != "all" {
		return fmt.Errorf("%w: --end-sessions belongs to revoke all: revoke %s says itself what it ends", errUsage, c.Kind)
	}
	return a.administer(func(api *client) error {
		id, whom, err := c.touches(api)
		if err != nil {
			return err
		}
		if c.EndSessions {
			if err := a.confirm(c.Yes, whom+"."); err != nil {
				return err
			}
		}
		body := map[string]any{"kind": c.Kind}
		put(body, map[string]string{"id": id, "reason": c.Reason})
		if c.Wait {
			body["wait"] = "enforced"
		}
		if c.EndSessions {
			body["end_sessions"] = true
		}
		var answer json.RawMessage
		if err := api.do(http.MethodPost, at(nil, "revocations"), body, &answer); err != nil {
			return fmt.Errorf("revoke %s %s: %w", c.Kind, c.ID, err)
		}
		var done struct{ Position uint64 }
		if err := json.Unmarshal(answer, &done); err != nil {
			return fmt.Errorf("read answer: %w", err)
		}
		return a.done(answer, "Revoked at position %d: %s.", done.Position, whom)
	})
}

// touches answers the id as the API wants it, and whom the revocation touches.
func (c revokeCmd) touches(api *client) (id, whom string, err error) {
	switch c.Kind {
	case "session":
		return c.ID, "session " + c.ID + " ends, the user's others stay", nil
	case "subject", "authz":
		u, err := api.user(c.ID)
		if err != nil {
			return "", "", err
		}
		n, err := api.signedIn(url.Values{"user": {u.ID}})
		whom = fmt.Sprintf("%s of %s ended, nobody else is affected", count(n, "session", "sessions"), u)
		if c.Kind == "authz" {
			whom = fmt.Sprintf("the access tokens of %s are renewed, they stay signed in", u)
		}
		return u.ID, whom, err
	case "application":
		p, err := api.application(c.ID)
		if err != nil {
			return "", "", err
		}
		n, err := api.signedIn(url.Values{"app": {p.ID}})
		return p.ID, fmt.Sprintf("%s with application %s ended", count(n, "session", "sessions"), p), err
	case "key":
		return c.ID, "what key " + c.ID + " signed is refused, nobody is signed out", nil
	}
	if !c.EndSessions {
		return "", "every access token is renewed, nobody is signed out", nil
	}
	n, err := api.signedIn(nil)
	return "", strings.TrimSpace(fmt.Sprintf("everybody is signed out (%s)", count(n, "session", "sessions"))), err
}
