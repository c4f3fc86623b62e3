// Package account owns users: who they are, their roles and whether they may sign in.
//
// It does not know how a user proves who they are (credential), nor their sessions (session). Flows that join these
// live in signin and operator.
package account

import (
	"context"
	"errors"
	"slices"
	"time"

	"tandem.example/tandem/internal/audit"
	"tandem.example/tandem/internal/feed"
	"tandem.example/tandem/internal/id"
	"tandem.example/tandem/verify/revocation"
)

// ID names a user: usr_ and 26 characters, time-ordered. It is the `sub` of access tokens.
type ID string

// NewID makes the id of a new user.
func NewID(now time.Time) ID { return ID(id.Prefixed("usr_", now)) }

// Status says whether a user may sign in.
type Status string

// The statuses of a user.
const (
	Active Status = "active"
	Locked Status = "locked"
)

// RoleAdmin is the one role with a meaning inside Tandem: it opens the administration API.
const RoleAdmin = "admin"

// User is a person who can sign in.
type User struct {
	ID            ID
	Email         string // as given; compared by NormalizeEmail
	EmailVerified bool
	Name          string
	Roles         []string // sorted, without duplicates
	Status        Status
	CreatedAt     time.Time
	// Revision grows with every change that must undo a sign-in under way: lock, unlock, a new password, a passkey,
	// seed, set of recovery codes or connected account more or less. A session starts only if the revision is still the
	// one that was read with the password (see session.Start).
	Revision uint64
	// TheftAt is when reuse of a refresh token was last detected, zero if never. It is told to the user.
	TheftAt time.Time
}

// HasRole reports whether the user holds the role.
func (u User) HasRole(role string) bool {
	for _, r := range u.Roles {
		if r == role {
			return true
		}
	}
	return false
}

// Still decides whether the user is as whoever changes what they can prove themselves with has seen them; nil holds for
// whatever they are by now. ErrRaced unless the Revision is the same.
func (u User) Still(was *User) error {
	if was != nil && was.Revision != u.Revision {
		return ErrRaced
	}
	return nil
}

// Errors of the package.
var (
	ErrNotFound   = errors.New("user not found")
	ErrEmailTaken = errors.New("email is taken")
	// ErrRaced is answered by an amendment that was decided on a user who has been changed since; nothing was written.
	ErrRaced = errors.New("user was changed meanwhile")
)

// Query selects users, in the order of their ids.
type Query struct {
	Search string // part of the e-mail or the name, case-insensitive; empty for all
	After  ID     // cursor
	Limit  int
}

// Amendment is a change of a user that announces itself in the same commit. Nil fields stay as they are.
type Amendment struct {
	ID ID
	// Was is the user on whom the amendment was decided; nil for one that holds whatever the user is by now.
	Was           *User
	Email         *string
	EmailVerified *bool
	Name          *string
	Roles         *[]string
	Status        *Status
	// Announce is appended to the revocation log in the same commit: an authz event for roles, a subject event for
	// a lock. EndSessions ends all sessions of the user with this reason, if not empty.
	Announce    []revocation.Event
	EndSessions string
	// DropCredentials removes in the same commit all that the user could prove themselves with: password, passkeys,
	// one-time codes, recovery codes, connected accounts. It raises Revision. For an account whose address turned out
	// to be somebody else's.
	DropCredentials bool
	// TheftSeen clears TheftAt: the user was told.
	TheftSeen bool
	Audit     []audit.Entry
	At        time.Time
}

// Fits decides whether the amendment was decided on the user as they are: nothing that an amendment can change has
// changed since.
func (a Amendment) Fits(u User) bool {
	w := a.Was
	return w == nil || w.Email == u.Email && w.EmailVerified == u.EmailVerified && w.Name == u.Name &&
		slices.Equal(w.Roles, u.Roles) && w.Status == u.Status
}

// Of answers the user as the amendment leaves them. A change of status and DropCredentials raise Revision.
func (a Amendment) Of(u User) User {
	if a.DropCredentials || a.Status != nil && *a.Status != u.Status {
		u.Revision++
	}
	if a.TheftSeen {
		u.TheftAt = time.Time{}
	}
	set(&u.Email, a.Email)
	set(&u.EmailVerified, a.EmailVerified)
	set(&u.Name, a.Name)
	set(&u.Roles, a.Roles)
	set(&u.Status, a.Status)
	return u
}

func set[T any](field *T, value *T) {
	if value != nil {
		*field = *value
	}
}

// Removal deletes a user, ends their sessions and announces it in one commit.
type Removal struct {
	ID       ID
	Announce []revocation.Event
	Audit    []audit.Entry
	At       time.Time
}

// Store is the port to users. Every verb is atomic and durable when it returns nil.
type Store interface {
	// ByID answers ErrNotFound for an id that is not there.
	ByID(ctx context.Context, user ID) (User, error)
	// ByEmail looks the user up by NormalizeEmail(email); ErrNotFound if there is none.
	ByEmail(ctx context.Context, email string) (User, error)
	List(ctx context.Context, q Query) ([]User, error)
	// Amend applies the change, its events and its audit entries in one commit. A status change raises Revision.
	// Errors: ErrNotFound, ErrEmailTaken, ErrRaced unless the amendment Fits; nothing is written then.
	Amend(ctx context.Context, a Amendment) (User, feed.Commit, error)
	// Delete removes the user, their credentials and their sessions; ErrNotFound if there is none.
	Delete(ctx context.Context, r Removal) (feed.Commit, error)
}
