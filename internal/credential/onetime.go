package credential

import (
	"context"
	"errors"
	"time"

	"tandem.example/tandem/internal/account"
	"tandem.example/tandem/internal/audit"
	"tandem.example/tandem/internal/secret"
)

// TOTP is a user's seed for one-time codes (RFC 6238).
type TOTP struct {
	User      account.ID
	Sealed    []byte // the seed, sealed under the master key, bound to the row "totp:" + user
	CreatedAt time.Time
	Step      int64 // the last time step whose code was used: it and those before it are dead
}

// Errors of OneTimeCodes.
var (
	ErrNoTOTP         = errors.New("no one-time codes are set up")
	ErrStepSpent      = errors.New("the code of this time step was used already")
	ErrNoRecoveryCode = errors.New("no such recovery code is left")
)

// OneTimeCodes is the port to what yields each code once: TOTP and recovery codes. Every verb is atomic and durable when
// it returns nil. SetTOTP, RemoveTOTP and SetRecoveryCodes raise the user's Revision. All of it answers
// account.ErrNotFound where a user would be needed and there is none. Of `was` see Passkeys.
type OneTimeCodes interface {
	// TOTP answers ErrNoTOTP if there is none.
	TOTP(ctx context.Context, user account.ID) (TOTP, error)
	// SetTOTP puts it in place of what was there.
	SetTOTP(ctx context.Context, t TOTP, was *account.User, entry audit.Entry) error
	// SpendStep answers ErrStepSpent and changes nothing unless the step is above the last spent one; ErrNoTOTP.
	SpendStep(ctx context.Context, user account.ID, step int64) error
	// RemoveTOTP removes the seed and the recovery codes; ErrNoTOTP if there is no seed.
	RemoveTOTP(ctx context.Context, user account.ID, was *account.User, entry audit.Entry) error
	// RecoveryCodes says how many are left.
	RecoveryCodes(ctx context.Context, user account.ID) (int, error)
	// SetRecoveryCodes puts these in place of all that were there.
	SetRecoveryCodes(ctx context.Context, user account.ID, codes []secret.Digest, was *account.User, entry audit.Entry) error
	// SpendRecoveryCode removes one and says how many are left; ErrNoRecoveryCode and nothing written if it is not
	// there. Of any number of parallel calls for one code exactly one succeeds.
	SpendRecoveryCode(ctx context.Context, user account.ID, code secret.Digest, entry audit.Entry) (int, error)
}
