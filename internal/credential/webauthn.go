package credential

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"

	"tandem.example/tandem/internal/account"
)

// RelyingParty asks browsers for passkeys and checks what they answer (WebAuthn Level 3 §7). It keeps nothing: what has
// to be kept between asking and checking, the ceremony, is its caller's. Immutable and safe for concurrent use.
type RelyingParty struct{ party *webauthn.WebAuthn }

// Errors of a RelyingParty.
var (
	// ErrCeremony is wrapped by what is wrong with an answer: challenge, origin, signature, flags.
	ErrCeremony = errors.New("the answer of the passkey is not valid")
	// ErrCloned: the counter of a passkey has not grown since it was last used, so two devices may hold it.
	ErrCloned = errors.New("the counter of the passkey went back")
)

// NewRelyingParty makes the one for the site of an issuer, which people know by the name. Browsers make no passkeys for
// a host that is an IP address.
func NewRelyingParty(issuer, name string) (*RelyingParty, error) {
	u, err := url.Parse(issuer)
	if err != nil {
		return nil, fmt.Errorf("relying party: %w", err)
	}
	if err := protocol.ValidateRPID(u.Hostname()); err != nil {
		return nil, fmt.Errorf("relying party %q: %w", u.Hostname(), err)
	}
	if name == "" {
		name = u.Hostname()
	}
	party, err := webauthn.New(&webauthn.Config{
		RPID: u.Hostname(), RPDisplayName: name, RPOrigins: []string{u.Scheme + "://" + u.Host},
		AttestationPreference: protocol.PreferNoAttestation,
		AuthenticatorSelection: protocol.AuthenticatorSelection{
			RequireResidentKey: protocol.ResidentKeyRequired(), ResidentKey: protocol.ResidentKeyRequirementRequired,
			UserVerification: protocol.VerificationPreferred,
		},
		// Password managers that speak for the browser answer extensions that nobody asked for. None is looked at.
		ExtensionsUnsolicitedOutputPolicy: protocol.UnsolicitedOutputPolicyIgnore,
	})
	if err != nil {
		return nil, fmt.Errorf("relying party: %w", err)
	}
	return &RelyingParty{party: party}, nil
}

// Holder is whose passkeys are asked for. The user handle is the user's id: it says nothing private.
type Holder struct {
	User     account.ID
	Email    string
	Name     string
	Passkeys []Passkey
}

// WebAuthnID implements webauthn.User.
func (h Holder) WebAuthnID() []byte { return []byte(h.User) }

// WebAuthnName implements webauthn.User.
func (h Holder) WebAuthnName() string { return h.Email }

// WebAuthnDisplayName implements webauthn.User.
func (h Holder) WebAuthnDisplayName() string {
	if h.Name != "" {
		return h.Name
	}
	return h.Email
}

// WebAuthnCredentials implements webauthn.User. A record that cannot be read is a passkey that proves nothing.
func (h Holder) WebAuthnCredentials() []webauthn.Credential {
	out := make([]webauthn.Credential, 0, len(h.Passkeys))
	for _, p := range h.Passkeys {
		var c webauthn.Credential
		if json.Unmarshal(p.Record, &c) == nil {
			c.ID, c.Authenticator.SignCount, c.Authenticator.CloneWarning = p.CredentialID, p.SignCount, false
			out = append(out, c)
		}
	}
	return out
}

// AskNew answers the options for navigator.credentials.create, as JSON, and the ceremony to be kept. A passkey that is
// to sign somebody in by itself has to verify the person: `alone`.
func (r *RelyingParty) AskNew(h Holder, alone bool) (options, ceremony []byte, err error) {
	selection := r.party.Config.AuthenticatorSelection
	if alone {
		selection.UserVerification = protocol.VerificationRequired
	}
	exclude := make([]protocol.CredentialDescriptor, 0, len(h.Passkeys))
	for _, c := range h.WebAuthnCredentials() {
		exclude = append(exclude, c.Descriptor())
	}
	asked, kept, err := r.party.BeginRegistration(h, webauthn.WithAuthenticatorSelection(selection), webauthn.WithExclusions(exclude))
	if err != nil {
		return nil, nil, fmt.Errorf("ask for a new passkey: %w", err)
	}
	return both(asked.Response, kept)
}

// Proven is a passkey that has just been made or used, with the Record and SignCount to be stored.
type Proven struct {
	Passkey  Passkey
	Verified bool // the person unlocked it: by itself it is two factors
	Synced   bool // it may be copied to other devices of the person (WebAuthn §6.1.3, backup eligible)
}

// CheckNew checks what navigator.credentials.create answered. The passkey has neither ID nor Name yet.
// ErrCeremony unless it is valid.
func (r *RelyingParty) CheckNew(h Holder, ceremony, response []byte, now time.Time) (Proven, error) {
	var kept webauthn.SessionData
	if err := json.Unmarshal(ceremony, &kept); err != nil {
		return Proven{}, fmt.Errorf("check new passkey: %w", ErrCeremony)
	}
	parsed, err := protocol.ParseCredentialCreationResponseBytes(response)
	if err != nil {
		return Proven{}, fmt.Errorf("check new passkey: %w: %w", ErrCeremony, err)
	}
	made, err := r.party.CreateCredential(h, kept, parsed)
	if err != nil {
		return Proven{}, fmt.Errorf("check new passkey: %w: %w", ErrCeremony, err)
	}
	return provenBy(Passkey{User: h.User, CredentialID: made.ID, CreatedAt: now}, made, made.Flags.UserVerified)
}

// Ask answers the options for navigator.credentials.get, as JSON, and the ceremony to be kept. Without a holder they name
// no passkey and ask for one that verifies the person; with one they name the holder's.
func (r *RelyingParty) Ask(h *Holder) (options, ceremony []byte, err error) {
	var (
		asked *protocol.CredentialAssertion
		kept  *webauthn.SessionData
	)
	if h == nil {
		asked, kept, err = r.party.BeginDiscoverableLogin(webauthn.WithUserVerification(protocol.VerificationRequired))
	} else {
		asked, kept, err = r.party.BeginLogin(*h)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("ask for a passkey: %w", err)
	}
	return both(asked.Response, kept)
}

// Check checks what navigator.credentials.get answered. find answers the holder of the passkey with that credential id.
// ErrCeremony unless it is valid, ErrCloned with the passkey if its counter went back, else the error of find.
func (r *RelyingParty) Check(ceremony, response []byte, now time.Time, find func(credentialID []byte) (Holder, error)) (Proven, error) {
	var kept webauthn.SessionData
	if err := json.Unmarshal(ceremony, &kept); err != nil {
		return Proven{}, fmt.Errorf("check passkey: %w", ErrCeremony)
	}
	parsed, err := protocol.ParseCredentialRequestResponseBytes(response)
	if err != nil {
		return Proven{}, fmt.Errorf("check passkey: %w: %w", ErrCeremony, err)
	}
	h, err := find(parsed.RawID)
	if err != nil {
		return Proven{}, err
	}
	var used *webauthn.Credential
	if len(kept.UserID) == 0 {
		_, used, err = r.party.ValidatePasskeyLogin(func(_, _ []byte) (webauthn.User, error) { return h, nil }, kept, parsed)
	} else {
		used, err = r.party.ValidateLogin(h, kept, parsed)
	}
	if err != nil {
		return Proven{}, fmt.Errorf("check passkey: %w: %w", ErrCeremony, err)
	}
	for _, p := range h.Passkeys {
		if string(p.CredentialID) != string(used.ID) {
			continue
		}
		p.UsedAt = now
		proven, err := provenBy(p, used, parsed.Response.AuthenticatorData.Flags.HasUserVerified())
		if err == nil && used.Authenticator.CloneWarning {
			err = ErrCloned
		}
		return proven, err
	}
	return Proven{}, fmt.Errorf("check passkey: %w", ErrCeremony)
}

// provenBy puts what is to be stored into the passkey: no attestation, which nobody checks and which tells what device
// the person has.
func provenBy(p Passkey, c *webauthn.Credential, verified bool) (Proven, error) {
	kept := *c
	kept.Attestation = webauthn.CredentialAttestation{}
	kept.Authenticator.CloneWarning = false
	record, err := json.Marshal(kept)
	if err != nil {
		return Proven{}, fmt.Errorf("write record of a passkey: %w", err)
	}
	p.Record, p.SignCount = record, c.Authenticator.SignCount
	return Proven{Passkey: p, Verified: verified, Synced: c.Flags.BackupEligible}, nil
}

func both(options any, kept *webauthn.SessionData) ([]byte, []byte, error) {
	asked, err := json.Marshal(options)
	if err != nil {
		return nil, nil, fmt.Errorf("write options for a passkey: %w", err)
	}
	ceremony, err := json.Marshal(kept)
	if err != nil {
		return nil, nil, fmt.Errorf("write ceremony of a passkey: %w", err)
	}
	return asked, ceremony, nil
}
