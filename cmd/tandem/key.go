package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"time"
)

type keyCmd struct {
	List   keyListCmd   `cmd:"" help:"List the signing keys."`
	Rotate keyRotateCmd `cmd:"" help:"Let the published successors sign from now on. No token becomes invalid."`
	Revoke keyRevokeCmd `cmd:"" help:"Refuse a stolen key everywhere; its successor signs. Nobody is signed out."`
}

// signingKey is a key as the API shows it.
type signingKey struct {
	KID       string     `json:"kid"`
	Use       string     `json:"use"`
	Algorithm string     `json:"alg"`
	State     string     `json:"state"`
	CreatedAt time.Time  `json:"created_at"`
	CurrentAt *time.Time `json:"current_at"`
	RetiredAt *time.Time `json:"retired_at"`
	RevokedAt *time.Time `json:"revoked_at"`
}

var keyTable = table[signingKey]{"There are no keys.", []string{"KID", "USE", "ALG", "STATE", "CREATED", "SIGNS SINCE", "RETIRED", "REVOKED"}, func(k signingKey) []string {
	return []string{k.KID, k.Use, k.Algorithm, k.State, when(&k.CreatedAt), when(k.CurrentAt), when(k.RetiredAt), when(k.RevokedAt)}
}}

type keyListCmd struct{}

func (keyListCmd) Run(a *app) error {
	return a.administer(func(api *client) error {
		items, err := api.list(nil, 0, "keys")
		if err != nil {
			return fmt.Errorf("list keys: %w", err)
		}
		return keyTable.show(a, items)
	})
}

type keyRotateCmd struct{ because }

func (c keyRotateCmd) Run(a *app) error {
	return a.administer(func(api *client) error {
		if err := api.do(http.MethodPost, at(c.query(), "keys", "rotate"), map[string]any{}, nil); err != nil {
			return fmt.Errorf("rotate keys: %w", err)
		}
		items, err := api.list(nil, 0, "keys")
		if err != nil {
			return fmt.Errorf("list keys: %w", err)
		}
		if !a.JSON {
			fmt.Fprintln(a.stdout, "Rotated. Tokens that are out stay valid until they expire; nobody is signed out.")
		}
		return keyTable.show(a, items)
	})
}

type keyRevokeCmd struct {
	order
	KID string `arg:"" name:"kid" help:"Id of the key, as tandem key list has it."`
}

func (keyRevokeCmd) Help() string {
	return `For a key that was stolen. Each verifier refuses what it signed, within the lease; clients renew their access
tokens silently, signed by the successor.

Example:
  tandem key revoke KID --reason "laptop stolen" --wait`
}

func (c keyRevokeCmd) Run(a *app) error {
	return a.administer(func(api *client) error {
		var answer json.RawMessage
		err := api.do(http.MethodPost, at(c.query(), "keys", c.KID, "revoke"), map[string]any{}, &answer)
		if isNotFound(err) {
			return fmt.Errorf("there is no key %s: `tandem key list` lists them", printable(c.KID))
		}
		if err != nil {
			return fmt.Errorf("revoke key %s: %w", c.KID, err)
		}
		return a.done(answer, "Revoked key %s: what it signed is refused, its successor signs. Nobody is signed out.", c.KID)
	})
}
