// Package application owns the registered applications (OAuth clients) and the policies they set: the mode, the
// lifetimes, the audiences and origins. It does not know users or sessions.
package application

import (
	"context"
	"errors"
	"slices"
	"time"

	"tandem.example/tandem/internal/audit"
	"tandem.example/tandem/internal/feed"
	"tandem.example/tandem/internal/id"
	"tandem.example/tandem/internal/secret"
	"tandem.example/tandem/verify/jws"
	"tandem.example/tandem/verify/revocation"
)

// ID names an application: app_ and 26 characters. It is the `client_id` of access tokens.
type ID string

// NewID makes the id of a new application.
func NewID(now time.Time) ID { return ID(id.Prefixed("app_", now)) }

// DefaultName is the application that exists from the start.
const DefaultName = "default"

// Kind says what an application is.
type Kind string

// The kinds of application.
const (
	User     Kind = "user"     // people sign in to it
	Machine  Kind = "machine"  // acts for itself
	Resource Kind = "resource" // an API: its verifiers read the revocation log
)

// Mode says which credentials a sign-in returns.
type Mode string

// The modes, see product.md.
const (
	ModeSession Mode = "session" // session token only
	ModeJWT     Mode = "jwt"     // access token and rotating refresh token
	ModeHybrid  Mode = "hybrid"  // session token; access tokens are minted from it on demand
)

// Refresh is the policy for refresh tokens. Zero durations take the server's defaults.
type Refresh struct {
	Grace    time.Duration // how long a presented token still answers its successor
	Idle     time.Duration
	Absolute time.Duration
}

// Session is the policy for sessions. Zero values take the server's defaults.
type Session struct {
	Preset   string // "standard" or "strict"
	Idle     time.Duration
	Absolute time.Duration
	Limit    int // sessions a user may have at once; 0 for no limit
}

// Application is a registered client.
type Application struct {
	ID             ID
	Name           string // unique, case-sensitive
	Kind           Kind
	Mode           Mode
	Audiences      []string
	AllowedOrigins []string
	Algorithm      jws.Algorithm // of its access tokens; empty for the server's
	AccessTokenTTL time.Duration // zero for the server's
	Refresh        Refresh
	Session        Session
	Secret         secret.Digest // of the client secret; zero if it has none
	// SessionsFrom ends every session of the application that started below this position of the log: one write
	// ends a million sessions.
	SessionsFrom uint64
	CreatedAt    time.Time
}

// Errors of the package.
var (
	ErrNotFound  = errors.New("application not found")
	ErrNameTaken = errors.New("application name is taken")
	// ErrDefault is answered when the default application would be deleted.
	ErrDefault = errors.New("the default application cannot be deleted")
	// ErrRaced is answered by an amendment that was decided on policies which have been changed since; nothing was
	// written.
	ErrRaced = errors.New("application was changed meanwhile")
)

// Amendment replaces an application's policies or ends its sessions; all of it takes effect in one commit.
type Amendment struct {
	Application Application // replaced whole, but for ID, Kind, CreatedAt and SessionsFrom
	// Was is the application on which the amendment was decided; nil for one that holds whatever it is by now.
	Was *Application
	// KeepPolicies leaves everything but SessionsFrom as it is stored: of Application only the ID counts.
	KeepPolicies bool
	Announce     []revocation.Event
	EndSessions  bool // raises SessionsFrom to the position after this commit
	Audit        []audit.Entry
	At           time.Time
}

// Fits decides whether the amendment was decided on the application as it is, whatever became of its sessions.
func (m Amendment) Fits(a Application) bool {
	if m.Was == nil {
		return true
	}
	w := *m.Was
	same := slices.Equal(w.Audiences, a.Audiences) && slices.Equal(w.AllowedOrigins, a.AllowedOrigins) &&
		w.Name == a.Name && w.Mode == a.Mode && w.Algorithm == a.Algorithm && w.AccessTokenTTL == a.AccessTokenTTL
	return same && w.Refresh == a.Refresh && w.Session == a.Session && w.Secret == a.Secret
}

// Removal deletes an application and ends its sessions.
type Removal struct {
	ID       ID
	Announce []revocation.Event
	Audit    []audit.Entry
	At       time.Time
}

// Store is the port to applications. Every verb is atomic and durable when it returns nil.
type Store interface {
	// Create answers ErrNameTaken and writes nothing if the name exists.
	Create(ctx context.Context, a Application, entries ...audit.Entry) error
	// Find looks up by id or by name; ErrNotFound if there is none.
	Find(ctx context.Context, idOrName string) (Application, error)
	// List answers all applications in the order of their ids: there are few.
	List(ctx context.Context) ([]Application, error)
	// Amend answers ErrNotFound, ErrNameTaken, or ErrRaced unless the amendment Fits, and writes nothing then.
	Amend(ctx context.Context, a Amendment) (Application, feed.Commit, error)
	// Delete answers ErrNotFound if there is none. Sessions of the application are dead from this commit on.
	Delete(ctx context.Context, r Removal) (feed.Commit, error)
}
