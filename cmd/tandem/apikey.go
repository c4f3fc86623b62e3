package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"time"
)

type apiKeyCmd struct {
	Create apiKeyCreateCmd `cmd:"" help:"Make an API key. It may do whatever an administrator may."`
	List   apiKeyListCmd   `cmd:"" help:"List the API keys, without their secrets."`
	Revoke apiKeyRevokeCmd `cmd:"" help:"Kill an API key at once."`
}

// apiKey is an API key as the API shows it.
type apiKey struct {
	ID        string     `json:"id"`
	Name      string     `json:"name"`
	CreatedAt time.Time  `json:"created_at"`
	CreatedBy string     `json:"created_by"`
	ExpiresAt *time.Time `json:"expires_at"`
	RevokedAt *time.Time `json:"revoked_at"`
}

type apiKeyCreateCmd struct {
	because
	Name    string        `arg:"" help:"What it is for."`
	Expires time.Duration `placeholder:"DURATION" help:"For how long it works, such as 720h; for ever if left out."`
}

func (apiKeyCreateCmd) Help() string {
	return `Example:
  tandem apikey create deploy --expires 720h
  TANDEM_API_KEY=tdk_... tandem --server https://auth.example.com user list`
}

func (c apiKeyCreateCmd) Run(a *app) error {
	body := map[string]any{"name": c.Name}
	if c.Expires < 0 {
		return fmt.Errorf("%w: --expires must lie in the future", errUsage)
	}
	if c.Expires > 0 {
		body["expires_at"] = time.Now().Add(c.Expires).UTC().Format(time.RFC3339)
	}
	return a.establish(func(api *client) error {
		var answer json.RawMessage
		if err := api.do(http.MethodPost, at(c.query(), "api-keys"), body, &answer); err != nil {
			return fmt.Errorf("create API key: %w", err)
		}
		var made struct {
			APIKey apiKey `json:"api_key"`
			Secret string `json:"secret"`
		}
		if err := json.Unmarshal(answer, &made); err != nil {
			return fmt.Errorf("read answer: %w", err)
		}
		expires := "works until it is revoked"
		if made.APIKey.ExpiresAt != nil {
			expires = "works until " + when(made.APIKey.ExpiresAt)
		}
		if err := a.done(answer, "Created API key %s (%s): it %s.", made.APIKey.Name, made.APIKey.ID, expires); err != nil || a.JSON {
			return err
		}
		a.printSecret("API key", made.Secret)
		return nil
	})
}

type apiKeyListCmd struct{}

func (apiKeyListCmd) Run(a *app) error {
	return a.administer(func(api *client) error {
		items, err := api.list(nil, 0, "api-keys")
		if err != nil {
			return fmt.Errorf("list API keys: %w", err)
		}
		return table[apiKey]{"There are no API keys.", []string{"ID", "NAME", "CREATED", "BY", "EXPIRES", "REVOKED"}, func(k apiKey) []string {
			return []string{k.ID, k.Name, when(&k.CreatedAt), k.CreatedBy, when(k.ExpiresAt), when(k.RevokedAt)}
		}}.show(a, items)
	})
}

type apiKeyRevokeCmd struct {
	because
	ID string `arg:"" help:"Id of the key: key_..."`
}

func (c apiKeyRevokeCmd) Run(a *app) error {
	return a.administer(func(api *client) error {
		err := api.do(http.MethodDelete, at(c.query(), "api-keys", c.ID), nil, nil)
		if isNotFound(err) {
			return fmt.Errorf("there is no API key %s: `tandem apikey list` lists them", printable(c.ID))
		}
		if err != nil {
			return fmt.Errorf("revoke API key %s: %w", c.ID, err)
		}
		return a.done(nil, "Revoked API key %s. Whoever uses it is refused from now on.", c.ID)
	})
}

// warnOfKeys names the API keys that a user leaves behind: they work on without whoever made them. What is printed for
// programs stays as it is, so there it is said on standard error.
func (a *app) warnOfKeys(api *client, u user) error {
	items, err := api.list(nil, 0, "api-keys")
	if err != nil {
		return fmt.Errorf("list the API keys that %s made: %w", u, err)
	}
	keys, err := read[apiKey](items)
	if err != nil {
		return err
	}
	w := a.stdout
	if a.JSON {
		w = a.stderr
	}
	for _, k := range madeBy(u.ID, keys, time.Now()) {
		fmt.Fprintln(w, printable(fmt.Sprintf("API key %s (%s), which they made, still works: `tandem apikey revoke %s` ends it.", k.Name, k.ID, k.ID)))
	}
	return nil
}

// madeBy answers the living keys that a user made, and those that were made with one of them. Keys are listed in the
// order in which they were made.
func madeBy(user string, keys []apiKey, now time.Time) []apiKey {
	makers, living := map[string]bool{user: true}, []apiKey(nil)
	for _, k := range keys {
		if !makers[k.CreatedBy] {
			continue
		}
		makers[k.ID] = true
		if k.RevokedAt == nil && (k.ExpiresAt == nil || k.ExpiresAt.After(now)) {
			living = append(living, k)
		}
	}
	return living
}
