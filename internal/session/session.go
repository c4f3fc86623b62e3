// Package session owns sessions, the source of truth from which every credential is derived: their tokens, their
// deadlines, the rotation of refresh tokens, and the port to where they are kept.
//
// It decides (Alive, Decide, Policy) and names atomic verbs (Store). It does not prove who a user is (credential) and
// does not mint access tokens (signing); signin joins these.
package session

import (
	"context"
	"errors"
	"time"

	"tandem.example/tandem/internal/account"
	"tandem.example/tandem/internal/application"
	"tandem.example/tandem/internal/audit"
	"tandem.example/tandem/internal/feed"
	"tandem.example/tandem/internal/id"
	"tandem.example/tandem/internal/secret"
	"tandem.example/tandem/verify/token"
)

// ID names a session: ses_ and 26 characters, time-ordered. It is a name, not a secret; the `sid` of access tokens.
type ID string

const idPrefix = "ses_"

// NewID makes the id of a new session.
func NewID(now time.Time) ID { return ID(id.Prefixed(idPrefix, now)) }

// Reason says why a session ended.
type Reason string

// The reasons for which sessions end.
const (
	SignedOut       Reason = "signed_out"
	EndedByUser     Reason = "ended_by_user"     // from the list of devices
	EndedByOperator Reason = "ended_by_operator" // DELETE /v1/admin/sessions/{id}
	UserLocked      Reason = "user_locked"
	UserDeleted     Reason = "user_deleted"
	UserRevoked     Reason = "user_revoked"
	PasswordChanged Reason = "password_changed"
	AccountClaimed  Reason = "account_claimed" // by the owner of its address
	AppRevoked      Reason = "application_revoked"
	RefreshReused   Reason = "refresh_token_reused"
	LimitReached    Reason = "session_limit"
	Restored        Reason = "store_restored"
)

// Session is one sign-in on one device.
type Session struct {
	ID          ID
	User        account.ID
	Application application.ID

	CreatedAt       time.Time
	AuthenticatedAt time.Time // when the person last proved themselves
	LastSeenAt      time.Time
	IdleExpiresAt   time.Time
	ExpiresAt       time.Time     // absolute: nothing moves it
	Idle            time.Duration // by which IdleExpiresAt slides

	ACR    string // "1" for one factor, "2" for two
	AMR    []string
	Device string
	IP     string

	EndedAt   time.Time // zero while alive
	EndReason Reason

	// Version grows each time the session's credentials are replaced (step-up, new password).
	Version uint64
	// Position of the log head at the start: dead if below the application's SessionsFrom.
	Position uint64
	// TokensFrom is the least position an access token of this session must carry: older ones died with a
	// replacement of the session's credentials.
	TokensFrom uint64

	Token   secret.Digest // of the session token's secret; zero in mode jwt
	Refresh Refresh       // zero but in mode jwt
	Bound   Bound         // zero unless bound to a device; never changes once set
}

// View is a session with what a check needs, read in one go and after the log head that Revision names.
type View struct {
	Session  Session
	User     account.User
	Revision token.Revision
	// SessionsFrom is the position below which sessions like this one are dead, as its application has it.
	SessionsFrom uint64
	// Ring is the version of the signing keys (signing.Store) at that moment.
	Ring uint64
}

// Errors of the package. Ended and Expired sessions answer these rather than ErrNotFound while the row exists.
var (
	ErrNotFound = errors.New("session not found")
	ErrEnded    = errors.New("session has ended")
	ErrExpired  = errors.New("session has expired")
	// ErrRaced is answered by a conditional verb whose condition no longer holds; nothing was written.
	ErrRaced = errors.New("session was changed meanwhile")
	// ErrAccountChanged is answered by Start when the user was locked, deleted or given a new password since the
	// proof was checked.
	ErrAccountChanged = errors.New("user was changed while signing in")
)

// Alive decides whether the session may act at `now`: nil, ErrEnded or ErrExpired.
func (v View) Alive(now time.Time) error {
	s := v.Session
	switch {
	case !s.EndedAt.IsZero(), v.User.Status != account.Active, s.Position < v.SessionsFrom:
		return ErrEnded
	case !now.Before(s.ExpiresAt), !now.Before(s.IdleExpiresAt):
		return ErrExpired
	}
	return nil
}

// Start is the birth of a session. It is conditional on the user's Revision, so a lock or a new password that
// commits while the proof is being checked leaves no session behind.
type Start struct {
	Session         Session
	AccountRevision uint64
	Limit           int // end the user's oldest sessions with this application so that at most Limit live; 0: no limit
	Audit           audit.Entry
}

// Renewal replaces the credentials of a living session after the person proved themselves anew.
type Renewal struct {
	ID              ID
	Version         uint64 // must still be the session's
	Token           secret.Digest
	Refresh         Refresh
	AuthenticatedAt time.Time
	ACR             string
	AMR             []string
	Audit           audit.Entry
	At              time.Time
}

// Fits decides whether the renewal was made for the session as it is: nobody replaced its credentials meanwhile, and no
// refresh has used up the generation of the new refresh token. Two tokens of one generation would make an honest one
// look stolen.
func (r Renewal) Fits(s Session) bool {
	return r.Version == s.Version && (r.Refresh.Generation == 0 || r.Refresh.Generation > s.Refresh.Generation)
}

// Rotation moves a session's refresh token one generation on: a compare-and-swap on (generation, digest, alive).
type Rotation struct {
	ID            ID
	Generation    uint32 // that is presented
	Digest        secret.Digest
	Next          secret.Digest // of the successor's secret; its generation is Generation+1
	Sealed        []byte        // the successor, readable only with the presented token
	At            time.Time
	IdleExpiresAt time.Time
}

// Ending ends one session (Session, and User if it must be that user's), or all of a user's but Except.
type Ending struct {
	Session ID
	User    account.ID
	Except  ID
	Reason  Reason
	Audit   []audit.Entry
	At      time.Time
	// Theft marks the user's TheftAt with At: they will be told.
	Theft bool
}

// Query selects sessions, newest first.
type Query struct {
	User        account.ID
	Application application.ID
	SeenSince   time.Time // last seen at or after
	AliveAt     time.Time // neither ended nor expired at this time; zero includes the dead
	Before      ID        // cursor
	Limit       int
}

// Sighting is the coalesced news that a session was used.
type Sighting struct {
	ID ID
	At time.Time
}

// Store is the port to sessions. Every verb is atomic; a verb that appends events does so in the same commit, and
// is durable when it returns nil. Reads that follow a commit on this node see it.
type Store interface {
	// Start inserts the session with Position = the head; ErrAccountChanged if the user is not active at that
	// revision. Sessions ended by the limit are announced one session event each.
	Start(ctx context.Context, s Start) (View, error)
	// Find answers the session with its user, whether alive or not; ErrNotFound if there is no such row.
	Find(ctx context.Context, session ID) (View, error)
	// Renew replaces the credentials and announces an authz event for the user, whose position becomes TokensFrom;
	// ErrRaced unless the renewal Fits, ErrEnded if the session is dead at r.At.
	Renew(ctx context.Context, r Renewal) (View, feed.Commit, error)
	// Rotate swaps the refresh state and slides the session; ErrRaced if (generation, digest) is not current,
	// ErrEnded or ErrExpired if the session is dead at r.At. The view is read in the same transaction.
	Rotate(ctx context.Context, r Rotation) (View, error)
	// End ends what e names and says how many. One session: a session event. A user's all: one subject event. A
	// user's all but one: a session event each. A session that was dead already is left as it is, counts 0, and
	// Commit is the head. ErrNotFound if one session is named and not there (or not that user's).
	End(ctx context.Context, e Ending) (feed.Commit, int, error)
	List(ctx context.Context, q Query) ([]View, error)
	// Touch records sightings of living sessions, sliding their idle deadline: LastSeenAt only grows, and a session
	// that has ended stays as it is.
	Touch(ctx context.Context, sightings []Sighting) error
	// Sweep deletes at most limit sessions that ended or expired before the given time and says how many.
	Sweep(ctx context.Context, before time.Time, limit int) (int, error)
}
