package credential

import (
	"context"
	"errors"
	"time"

	"tandem.example/tandem/internal/account"
	"tandem.example/tandem/internal/audit"
	"tandem.example/tandem/internal/id"
)

// Passkey is a WebAuthn credential of a user (WebAuthn Level 3 §4).
type Passkey struct {
	ID           string // pky_..., a name, not a secret
	User         account.ID
	Name         string // as the user calls it
	CredentialID []byte // as the authenticator calls it; unique
	Record       []byte // public key, flags, transports: JSON, without a secret
	SignCount    uint32 // of the last assertion
	CreatedAt    time.Time
	UsedAt       time.Time // zero if never
}

// NewPasskeyID makes the id of a new passkey.
func NewPasskeyID(now time.Time) string { return id.Prefixed("pky_", now) }

// MaxPasskeys is how many passkeys a user may have.
const MaxPasskeys = 20

// Errors of Passkeys.
var (
	ErrPasskeyNotFound = errors.New("passkey not found")
	ErrPasskeyTaken    = errors.New("passkey is registered already")
	ErrTooManyPasskeys = errors.New("the account has as many passkeys as it may have")
	// ErrPasskeyRaced is answered if the passkey was used meanwhile: its counter has moved.
	ErrPasskeyRaced = errors.New("passkey was used meanwhile")
)

// Passkeys is the port to passkeys. Every verb is atomic and durable when it returns nil. Add and Remove raise the
// user's Revision, so that what rests on the factors as they were is void.
//
// Where a verb of a port takes `was`, that is the user for whom it was decided, as in account.User.Still; account.ErrRaced,
// and nothing written, if they are not the same any more.
type Passkeys interface {
	// Add answers ErrPasskeyTaken, ErrTooManyPasskeys or account.ErrNotFound, and writes nothing then.
	Add(ctx context.Context, p Passkey, was *account.User, entry audit.Entry) error
	// Find answers ErrPasskeyNotFound for an unknown credential id.
	Find(ctx context.Context, credentialID []byte) (Passkey, error)
	// Of lists a user's passkeys in the order of their ids.
	Of(ctx context.Context, user account.ID) ([]Passkey, error)
	// Use stores Record, SignCount and UsedAt of a passkey that was just proven; ErrPasskeyRaced unless the stored
	// counter is `from`, ErrPasskeyNotFound if it is gone.
	Use(ctx context.Context, p Passkey, from uint32) error
	// Rename answers ErrPasskeyNotFound if the user has no such passkey.
	Rename(ctx context.Context, user account.ID, passkey, name string, entry audit.Entry) error
	// Remove answers ErrPasskeyNotFound if the user has no such passkey.
	Remove(ctx context.Context, user account.ID, passkey string, was *account.User, entry audit.Entry) error
}
