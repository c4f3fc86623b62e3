package credential

import (
	"context"
	"errors"
	"time"

	"tandem.example/tandem/internal/account"
	"tandem.example/tandem/internal/audit"
	"tandem.example/tandem/internal/id"
)

// Connection is an account at a provider of identities with which a user may sign in.
type Connection struct {
	ID        string // con_...
	User      account.ID
	Provider  string // its configured name
	Subject   string // the provider's `sub`; with Provider unique
	Email     string // as the provider last told it
	CreatedAt time.Time
	UsedAt    time.Time // zero if never
}

// NewConnectionID makes the id of a new connection.
func NewConnectionID(now time.Time) string { return id.Prefixed("con_", now) }

// Errors of Connections.
var (
	ErrConnectionNotFound = errors.New("connected account not found")
	ErrConnectionTaken    = errors.New("this account at the provider is connected already")
)

// Connections is the port to connected accounts. Every verb is atomic and durable when it returns nil. Connect and
// Disconnect raise the user's Revision. Of `was` see Passkeys.
type Connections interface {
	// Find answers ErrConnectionNotFound if nobody has connected this account.
	Find(ctx context.Context, provider, subject string) (Connection, error)
	// Of lists a user's connections in the order of their ids.
	Of(ctx context.Context, user account.ID) ([]Connection, error)
	// Connect answers ErrConnectionTaken or account.ErrNotFound, and writes nothing then.
	Connect(ctx context.Context, c Connection, was *account.User, entry audit.Entry) error
	// Use stores Email and UsedAt; ErrConnectionNotFound if it is gone.
	Use(ctx context.Context, c Connection) error
	// Disconnect answers ErrConnectionNotFound if the user has no such connection.
	Disconnect(ctx context.Context, user account.ID, connection string, was *account.User, entry audit.Entry) error
}
