// Package audit owns the trail of security-relevant acts: who did what to whom, from where, why, and how it ended.
//
// An entry that belongs to a change is written in the same commit as the change (the verbs of the other ports take
// an Entry), so an act without its trace cannot exist. Entries are append-only: there is no verb that alters one.
// The package does not decide what is allowed, and it stores no secret.
package audit

import (
	"context"
	"time"

	"tandem.example/tandem/internal/id"
)

// Type names what happened. Names are stable: operators filter on them.
type Type string

// The acts that are recorded.
const (
	SignedUp          Type = "user.signed_up"
	UserCreated       Type = "user.created"
	UserChanged       Type = "user.changed"
	UserLocked        Type = "user.locked"
	UserUnlocked      Type = "user.unlocked"
	UserDeleted       Type = "user.deleted"
	RolesChanged      Type = "user.roles_changed"
	PasswordChanged   Type = "user.password_changed"
	SignedIn          Type = "session.signed_in"
	SignInRefused     Type = "session.sign_in_refused"
	SteppedUp         Type = "session.stepped_up"
	StepUpRefused     Type = "session.step_up_refused"
	SignedOut         Type = "session.signed_out"
	SessionEnded      Type = "session.ended"
	RefreshReused     Type = "session.refresh_token_reused"
	Revoked           Type = "revocation.appended"
	KeyRotated        Type = "key.rotated"
	KeyRevoked        Type = "key.revoked"
	ApplicationMade   Type = "application.created"
	ApplicationEdited Type = "application.changed"
	ApplicationGone   Type = "application.deleted"
	APIKeyCreated     Type = "api_key.created"
	APIKeyRevoked     Type = "api_key.revoked"
	EmailVerified     Type = "user.email_verified"
	EmailChanged      Type = "user.email_changed"
	AccountClaimed    Type = "user.claimed"           // the owner of the address took over what somebody else had registered
	AccountRecovered  Type = "user.recovered"         // a forgotten password was replaced
	CredentialsReset  Type = "user.credentials_reset" // by an operator, for whoever has lost what they proved themselves with
	PasskeyAdded      Type = "passkey.added"
	PasskeyRenamed    Type = "passkey.renamed"
	PasskeyRemoved    Type = "passkey.removed"
	TOTPAdded         Type = "totp.added"
	TOTPRemoved       Type = "totp.removed"
	RecoveryCodesMade Type = "recovery_codes.made"
	RecoveryCodeUsed  Type = "recovery_codes.used"
	Connected         Type = "connection.added"
	Disconnected      Type = "connection.removed"
	SessionBound      Type = "session.bound"
	BindingRefused    Type = "session.binding_refused"
	StoreRestored     Type = "store.restored"
	StoreRolledBack   Type = "store.rolled_back"
)

// Outcome says how an act ended.
type Outcome string

// The outcomes.
const (
	Done    Outcome = "done"
	Refused Outcome = "refused"
)

// Entry is one act. The zero values of the optional fields mean "does not apply".
type Entry struct {
	ID        string // aud_..., time-ordered
	At        time.Time
	Type      Type
	Actor     string // user, application or API key id; "operator" for the local command line; "system" for Tandem itself
	User      string // the user concerned, if one is
	Target    string // what was acted on: a session, application, key or API key id
	IP        string
	Reason    string // as the actor gave it, or the rule that decided
	Outcome   Outcome
	RequestID string
}

// New makes an entry with a fresh id.
func New(t Type, now time.Time) Entry {
	return Entry{ID: id.Prefixed("aud_", now), At: now, Type: t, Outcome: Done}
}

// Query selects entries, newest first. Zero fields do not restrict.
type Query struct {
	User    string
	Type    Type
	Outcome Outcome
	Since   time.Time // at this time or later
	Until   time.Time // before this time: what begins where another span ends shares nothing with it
	Before  string    // cursor: entries with an id below this one
	Limit   int
}

// Tally is how often something happened in a step of time.
type Tally struct {
	From    time.Time // the step begins here
	Type    Type
	Outcome Outcome
	Reason  string // of what was refused; empty for what was done
	Count   int
}

// Store is the port to the trail.
type Store interface {
	// Record appends entries that belong to no other change, such as a refused sign-in.
	Record(ctx context.Context, entries ...Entry) error
	// List answers entries newest first, at most q.Limit.
	List(ctx context.Context, q Query) ([]Entry, error)
	// Tally counts the entries of the given types since a time in steps of the given length, which the time is a
	// multiple of, oldest step first. Steps in which nothing happened are left out. Errors: ErrStep,
	// ErrTooManyTallies.
	Tally(ctx context.Context, types []Type, since time.Time, step time.Duration) ([]Tally, error)
	// Prune deletes at most limit entries older than before and says how many.
	Prune(ctx context.Context, before time.Time, limit int) (int, error)
}
