package browser

// Authenticator is a virtual authenticator built into the device: it holds passkeys, and its person is always there.
type Authenticator struct {
	tab *Tab
	id  string
}

// PasskeyHeld is a passkey as the authenticator holds it.
type PasskeyHeld struct {
	CredentialID         string `json:"credentialId"` // base64, as all binary members
	IsResidentCredential bool   `json:"isResidentCredential"`
	RpID                 string `json:"rpId"`
	PrivateKey           string `json:"privateKey"`
	UserHandle           string `json:"userHandle"`
	SignCount            int    `json:"signCount"`
	UserName             string `json:"userName,omitempty"`
	UserDisplayName      string `json:"userDisplayName,omitempty"`
}

// Authenticator gives the tab a virtual authenticator with discoverable passkeys and user verification. It stays while
// the tab lives.
func (t *Tab) Authenticator() *Authenticator {
	t.t.Helper()
	t.Command("WebAuthn.enable", nil, nil)
	var made struct{ AuthenticatorID string }
	t.Command("WebAuthn.addVirtualAuthenticator", map[string]any{"options": map[string]any{
		"protocol": "ctap2", "transport": "internal", "hasResidentKey": true, "hasUserVerification": true, "isUserVerified": true,
		"automaticPresenceSimulation": true}}, &made)
	return &Authenticator{t, made.AuthenticatorID}
}

// Present says whether its person answers when asked. While they do not, requests wait: that of a page that offers
// passkeys in its fields (conditional mediation) for instance.
func (a *Authenticator) Present(there bool) {
	a.tab.t.Helper()
	a.tab.Command("WebAuthn.setAutomaticPresenceSimulation", map[string]any{"authenticatorId": a.id, "enabled": there}, nil)
}

// Verified says whether its person proves who they are (fingerprint, PIN).
func (a *Authenticator) Verified(is bool) {
	a.tab.t.Helper()
	a.tab.Command("WebAuthn.setUserVerified", map[string]any{"authenticatorId": a.id, "isUserVerified": is}, nil)
}

// Passkeys lists what it holds.
func (a *Authenticator) Passkeys() []PasskeyHeld {
	a.tab.t.Helper()
	var held struct{ Credentials []PasskeyHeld }
	a.tab.Command("WebAuthn.getCredentials", map[string]any{"authenticatorId": a.id}, &held)
	return held.Credentials
}

// Take puts a passkey into it, as one that is synced between devices.
func (a *Authenticator) Take(p PasskeyHeld) {
	a.tab.t.Helper()
	a.tab.Command("WebAuthn.addCredential", map[string]any{"authenticatorId": a.id, "credential": p}, nil)
}
