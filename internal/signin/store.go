package signin

import (
	"context"
	"time"

	"tandem.example/tandem/internal/account"
	"tandem.example/tandem/internal/audit"
	"tandem.example/tandem/internal/credential"
	"tandem.example/tandem/internal/feed"
	"tandem.example/tandem/internal/session"
	"tandem.example/tandem/verify/revocation"
)

// Registration creates a user together with their password.
type Registration struct {
	User     account.User
	Password credential.PHC // empty: the user cannot sign in with a password yet
	Audit    []audit.Entry
}

// NewPassword sets a user's password, ends their sessions but the kept one, and raises the user's Revision, so a
// sign-in under way with the old password starts no session.
type NewPassword struct {
	User     account.ID
	From     credential.PHC // must still be the stored one, unless Reset
	To       credential.PHC
	Reset    bool             // whatever the old one is, and no session is kept: by an operator, or at the end of a recovery
	Was      *account.User    // the user for whom it was decided, as in account.User.Still; nil for whoever they are by now
	Keep     *session.Renewal // the session that stays, with new credentials; nil to end all
	Announce []revocation.Event
	Audit    []audit.Entry
	At       time.Time
}

// Store is the port to what only signing in needs. Every verb is atomic and durable when it returns nil.
type Store interface {
	// Register answers account.ErrEmailTaken and writes nothing if the address is in use.
	Register(ctx context.Context, r Registration) error
	// Password answers the stored hash and the user's Revision in one read; account.ErrNotFound if the user has none.
	Password(ctx context.Context, user account.ID) (credential.PHC, uint64, error)
	// SetPassword answers session.ErrRaced and writes nothing if From moved or the renewal does not fit the kept session,
	// account.ErrRaced if the user is not as they Was, and
	// account.ErrNotFound if the user is not there. The view is of the kept session, zero without one; TokensFrom of
	// the kept session is the position of the subject event that the commit appends.
	SetPassword(ctx context.Context, p NewPassword) (session.View, feed.Commit, error)
	// Rehash replaces the hash by a stronger one of the same password if it is still `from`; it changes nothing else.
	Rehash(ctx context.Context, user account.ID, from, to credential.PHC) error
	// KnownAddress reports whether the user has signed in from the address before.
	KnownAddress(ctx context.Context, user account.ID, ip string) (bool, error)
}
