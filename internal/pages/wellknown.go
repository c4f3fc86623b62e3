package pages

import (
	"encoding/json"
	"fmt"
	"net/http"
)

// wellKnownRoutes are where password managers look. Where the issuer has a path they are below it, and found by nobody.
func wellKnownRoutes() []route {
	return []route{
		{"GET /.well-known/change-password", (*visit).changePasswordURL},
		{"GET /.well-known/passkey-endpoints", (*visit).passkeyEndpoints},
	}
}

// changePasswordURL leads to the form for a new password (W3C, A Well-Known URL for Changing Passwords).
func (v *visit) changePasswordURL() error { return v.redirect("/account/password") }

// passkeyEndpoints tells where passkeys are made and looked after (W3C, A Well-Known URL for Relying Party Passkey
// Endpoints).
func (v *visit) passkeyEndpoints() error {
	body, err := json.Marshal(struct {
		Enroll string `json:"enroll"`
		Manage string `json:"manage"`
	}{v.Issuer + addPath, v.Issuer + "/account/security"})
	if err != nil {
		return fmt.Errorf("tell of passkeys: %w", err)
	}
	v.x.Header().Set("Content-Type", "application/json")
	v.x.WriteHeader(http.StatusOK)
	_, _ = v.x.Write(body) // the client is gone if this fails
	return nil
}
