package signin

import (
	"context"
	"errors"
	"time"

	"tandem.example/tandem/internal/account"
	"tandem.example/tandem/internal/audit"
	"tandem.example/tandem/internal/credential"
	"tandem.example/tandem/internal/secret"
)

// Factors are what a user can prove themselves with.
type Factors struct {
	Password      bool
	Passkeys      []credential.Passkey
	TOTPSince     time.Time // zero if none
	RecoveryCodes int       // left
	Connections   []credential.Connection
}

// Factors answers the caller's.
func (s *Service) Factors(ctx context.Context, who Identity) (Factors, error) {
	return Factors{}, errUnbuilt
}

// Fresh reports whether the person proved themselves recently enough, and with enough, to change what they can prove
// themselves with: within 10 minutes, and with a second factor if they have one. If not, a step-up comes first.
func (s *Service) Fresh(ctx context.Context, who Identity) (bool, error) {
	return false, errUnbuilt
}

// ErrStepUp is answered where the caller has to prove themselves anew first.
var ErrStepUp = errors.New("prove yourself again first")

// RenamePasskey renames one of the caller's. Errors: credential.ErrPasskeyNotFound, *FieldError.
func (s *Service) RenamePasskey(ctx context.Context, who Identity, passkey, name string, c Client) error {
	return errUnbuilt
}

// RemovePasskey removes one of the caller's, and gives the session new credentials.
// Errors: ErrStepUp, ErrLastMethod, credential.ErrPasskeyNotFound.
func (s *Service) RemovePasskey(ctx context.Context, who Identity, passkey string, c Client) (Grant, error) {
	return Grant{}, errUnbuilt
}

// RemoveTOTP turns one-time codes off, recovery codes too, and gives the session new credentials.
// Errors: ErrStepUp, credential.ErrNoTOTP, ErrNotNow if the application's policy requires a second factor and no other
// is left.
func (s *Service) RemoveTOTP(ctx context.Context, who Identity, c Client) (Grant, error) {
	return Grant{}, errUnbuilt
}

// NewRecoveryCodes puts new ones in place of all that were left. Errors: ErrStepUp, credential.ErrNoTOTP.
func (s *Service) NewRecoveryCodes(ctx context.Context, who Identity, c Client) ([]secret.Text, error) {
	return nil, errUnbuilt
}

// SetFirstPassword gives a password to an account that has none. Errors: ErrStepUp, ErrNotNow if it has one,
// *credential.PolicyError.
func (s *Service) SetFirstPassword(ctx context.Context, who Identity, password secret.Text, c Client) (Grant, error) {
	return Grant{}, errUnbuilt
}

// Disconnect removes a connected account. Errors: ErrStepUp, ErrLastMethod, credential.ErrConnectionNotFound.
func (s *Service) Disconnect(ctx context.Context, who Identity, connection string, c Client) (Grant, error) {
	return Grant{}, errUnbuilt
}

// History lists what happened to the caller's account, newest first.
func (s *Service) History(ctx context.Context, who Identity, before string, limit int) ([]audit.Entry, error) {
	return nil, errUnbuilt
}

// TheftSeen takes the notice of a detected theft away: the user was told.
func (s *Service) TheftSeen(ctx context.Context, who Identity, c Client) (account.User, error) {
	return account.User{}, errUnbuilt
}
