package credential

import (
	"context"
	"errors"
	"time"

	"tandem.example/tandem/internal/audit"
)

// ErrAPIKeyNotFound is answered for an API key id that is not there.
var ErrAPIKeyNotFound = errors.New("api key not found")

// APIKeys is the port to API keys. Every verb is atomic and durable when it returns nil.
type APIKeys interface {
	Create(ctx context.Context, k APIKey, entry audit.Entry) error
	// Find answers ErrAPIKeyNotFound for an unknown id; a revoked or expired key is answered as it is stored.
	Find(ctx context.Context, id string) (APIKey, error)
	// List answers all keys in the order of their ids.
	List(ctx context.Context) ([]APIKey, error)
	// Revoke is effective for every check that begins after it returns; revoking twice changes nothing.
	Revoke(ctx context.Context, id string, at time.Time, entry audit.Entry) error
}
