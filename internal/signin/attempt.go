package signin

import (
	"context"
	"errors"
	"time"

	"tandem.example/tandem/internal/application"
	"tandem.example/tandem/internal/federate"
	"tandem.example/tandem/internal/id"
	"tandem.example/tandem/internal/secret"
	"tandem.example/tandem/internal/session"
)

// Purpose is what an attempt is for.
type Purpose string

// The purposes. Those after StepUp belong to a session that is signed in.
const (
	ToSignIn      Purpose = "sign_in"
	ToSignUp      Purpose = "sign_up"
	ToRecover     Purpose = "recover" // a forgotten password
	ToStepUp      Purpose = "step_up"
	ToAddPasskey  Purpose = "add_passkey"
	ToAddTOTP     Purpose = "add_totp"
	ToConnect     Purpose = "connect"
	ToVerifyEmail Purpose = "verify_email" // the present address, or a new one in its place
)

// Attempt is a proof under way, as it is kept between the requests of one browser. All that it knows is sealed in State.
type Attempt struct {
	ID        string        // att_...
	Digest    secret.Digest // of the secret that the browser holds
	State     []byte        // sealed under the master key, bound to the row "attempt:" + ID
	Version   uint64        // grows with each Advance
	Tries     int           // guesses that were counted
	ExpiresAt time.Time
}

// NewAttemptID makes the id of a new attempt.
func NewAttemptID(now time.Time) string { return id.Prefixed("att_", now) }

// ErrNoAttempt is answered for an attempt that never was, has expired or is finished: begin again.
var ErrNoAttempt = errors.New("this attempt has expired or is finished: begin again")

// ErrTooManyTries is answered when the guesses of one code are used up: ask for another.
var ErrTooManyTries = errors.New("too many wrong codes: ask for a new one")

// Attempts is the port to attempts. Every verb is atomic; what it did is seen by all nodes when it returns.
type Attempts interface {
	Begin(ctx context.Context, a Attempt) error
	// Find answers ErrNoAttempt for one that is not there or has expired at `now`.
	Find(ctx context.Context, attempt string, now time.Time) (Attempt, error)
	// Advance stores State and ExpiresAt, sets Tries to 0 if the attempt's is 0, and raises Version; session.ErrRaced unless the
	// stored Version is the attempt's, ErrNoAttempt if it is gone.
	Advance(ctx context.Context, a Attempt) error
	// Try counts a guess, before it is compared: of any number of parallel calls exactly `limit` are let through between
	// two resets. ErrTooManyTries for the others, ErrNoAttempt if it is gone.
	Try(ctx context.Context, attempt string, limit int) error
	// Finish removes the attempt: exactly one caller gets nil, all others ErrNoAttempt.
	Finish(ctx context.Context, attempt string) error
	// Sweep deletes at most limit attempts that expired before the given time and says how many.
	Sweep(ctx context.Context, before time.Time, limit int) (int, error)
}

// Progress is where an attempt stands, and what may come next. It is all that a page needs.
type Progress struct {
	// Token is for the browser to keep and send with each step, in a cookie of its own. It proves nothing but that it is
	// the same browser; it opens no session.
	Token       secret.Text
	Purpose     Purpose
	Session     session.ID // it is about, from StepUp on: it may go on for whoever has its credentials, and nobody else
	Application application.Application
	ReturnTo    string // where the browser goes when it is done, checked when the attempt began; empty: the account page
	Email       string // as the person typed it; of the session's user from StepUp on
	// Ask are the methods of which one has to be proven next. They depend on the application's policy alone until the
	// person has proven a first factor: nothing here tells whether an account exists.
	Ask []application.Method
	// SecondFactor: a first factor was proven, so Ask is of the second.
	SecondFactor bool
	// Enrol: the policy asks for a second factor, and the person who has proven the first has none: set one of Ask up
	// first, with Service.Enrol... and the same token.
	Enrol bool
	// CodeSent: a code was mailed to Email, if that is an account's (or, signing up, if it is not yet one's).
	CodeSent bool
	// NewPassword: the person is to choose a name and password (signing up), or a password (recovering), by Choose.
	NewPassword bool
	// Done: Grant is what the person got. The attempt is gone.
	Done  bool
	Grant Grant
	// RecoveryCodes are shown once, after TOTP was enrolled in the attempt.
	RecoveryCodes []secret.Text
}

// Providers is the port to sign-in with other providers of identities.
type Providers interface {
	List() []federate.Named
	// Begin answers the URL to send the browser to. again: whoever is signed in there is to be asked all the same, of
	// those that can be told to. ErrUnknownProvider, ErrUnreachable.
	Begin(ctx context.Context, provider, redirect string, again bool) (url string, h federate.Handshake, err error)
	// Finish reads the parameters that the browser came back with, and asks the provider who it is.
	// Errors: federate.ErrDenied, ErrAnswer, ErrUnreachable, ErrUnknownProvider.
	Finish(ctx context.Context, provider, redirect string, h federate.Handshake, query map[string][]string) (federate.Identity, error)
}
