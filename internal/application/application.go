// Package application owns the registered applications (OAuth clients) and the policies they set: the mode, the
// lifetimes, the audiences and origins. It does not know users or sessions.
package application

import (
	"context"
	"errors"
	"slices"
	"strings"
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

// Method is a way to prove who one is.
type Method string

// The methods. A provider of identities has a method of its own, see Provider.
const (
	Password     Method = "password"
	Passkey      Method = "passkey"
	EmailCode    Method = "email_code" // a code by e-mail, and a link that works in the browser that asked for it
	TOTP         Method = "totp"
	RecoveryCode Method = "recovery_code"
)

// providerPrefix begins the method of a provider of identities.
const providerPrefix = "provider:"

// Provider is the method of signing in with the named provider of identities.
func Provider(name string) Method { return Method(providerPrefix + name) }

// Provider answers the provider's name if the method is one.
func (m Method) Provider() (name string, ok bool) {
	return strings.CutPrefix(string(m), providerPrefix)
}

// SecondFactor says when a second factor is asked for.
type SecondFactor string

// The answers. Empty takes the server's, which is IfEnrolled unless configured.
const (
	IfEnrolled SecondFactor = "if_enrolled" // of whoever has one
	Required   SecondFactor = "required"    // of everybody; whoever has none sets one up before the session begins
	Never      SecondFactor = "never"       // of nobody at sign-in; a step-up may still ask for it
)

// SignIn is the policy for proving who one is. Zero values take the server's defaults.
type SignIn struct {
	Methods      []Method // with which a sign-in may begin, in the order in which they are offered
	SecondFactor SecondFactor
	// Remember is for how long a device on which a second factor was proven is not asked for one again; negative: not
	// at all.
	Remember time.Duration
	// ACR is the level that a session must have at the least, "1" or "2": with "2", a second factor is Required.
	ACR string
}

// Brand is how pages show the application.
type Brand struct {
	Title string // its name for people; Name if empty
	Logo  string // a data: URI of a PNG, JPEG, WebP or SVG image of at most 32 KiB
	Color string // #rrggbb, of buttons and links; readable on white is checked when it is set
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
	SignIn         SignIn
	Brand          Brand
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
	same = same && w.Brand == a.Brand && slices.Equal(w.SignIn.Methods, a.SignIn.Methods) &&
		w.SignIn.SecondFactor == a.SignIn.SecondFactor && w.SignIn.Remember == a.SignIn.Remember && w.SignIn.ACR == a.SignIn.ACR
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
