package signin

import (
	"context"
	"errors"

	"tandem.example/tandem/internal/secret"
)

// Begin is how an attempt begins.
type Begin struct {
	Purpose  Purpose
	App      string    // id or name; the default application if empty. Of the session from StepUp on
	ReturnTo string    // an URL at one of the application's origins, or a path on this server; empty: the account page
	Who      *Identity // whose session it is about, from StepUp on
	Email    string    // for ToVerifyEmail: the new address; empty for the present one
}

// What a step may be refused for, beside the errors that each names: ErrNoAttempt (begin again), ErrNotNow,
// session.ErrRaced (the same attempt was used in another tab: show where it stands), *LimitedError,
// *credential.OverloadedError.
var (
	// ErrNotNow is answered to a proof that the attempt does not ask for: its policy does not allow it, or not yet.
	ErrNotNow = errors.New("this is not asked for now")
	// ErrReturnTo is answered for a place to return to that the application has not registered.
	ErrReturnTo = errors.New("return_to must be a path here, or lie at one of the application's allowed origins")
	// ErrWrongCode is answered for a code that is wrong, spent or too old; nothing says which.
	ErrWrongCode = errors.New("the code is wrong or was used already")
	// ErrWrongPasskey is answered for a passkey that proves nobody who may sign in.
	ErrWrongPasskey = errors.New("this passkey is not known here")
	// ErrUnverified is answered when a provider's address belongs to an account here, so that signing in needs a proof
	// of it: sign in as usual, then connect the provider on the account page.
	ErrUnverified = errors.New("sign in as you usually do, then connect this provider on the account page")
	// ErrLastMethod is answered if nothing would be left to sign in with.
	ErrLastMethod = errors.New("this is the last way to sign in to the account")
	// ErrNoMail is answered where mail would have to be sent and none can be.
	ErrNoMail = errors.New("this server cannot send mail")
)

var errUnbuilt = errors.New("not built")

// Begin begins an attempt. Errors: *FieldError for App, ErrReturnTo, ErrNoMail.
func (s *Service) Begin(ctx context.Context, in Begin, c Client) (Progress, error) {
	return Progress{}, errUnbuilt
}

// Resume answers where an attempt stands.
func (s *Service) Resume(ctx context.Context, attempt secret.Text) (Progress, error) {
	return Progress{}, errUnbuilt
}

// Identify says who is signing in, signing up or has forgotten their password. It may be called again with another
// address, until something was proven. Nothing that it answers, nor the time it takes, tells whether there is such an
// account. Errors: *FieldError.
func (s *Service) Identify(ctx context.Context, attempt secret.Text, email string, c Client) (Progress, error) {
	return Progress{}, errUnbuilt
}

// ProvePassword proves the password of the account of Email. Errors: ErrInvalidCredentials.
func (s *Service) ProvePassword(ctx context.Context, attempt, password secret.Text, c Client) (Progress, error) {
	return Progress{}, errUnbuilt
}

// SendCode mails a code and a link to Email, or to the user's own address; to an address without an account it mails
// what is to be done, and signing up with one that has an account it mails that it has one. The answer is always alike.
func (s *Service) SendCode(ctx context.Context, attempt secret.Text, c Client) (Progress, error) {
	return Progress{}, errUnbuilt
}

// ProveCode proves the code that was mailed. Errors: ErrWrongCode, ErrTooManyTries.
func (s *Service) ProveCode(ctx context.Context, attempt secret.Text, code string, c Client) (Progress, error) {
	return Progress{}, errUnbuilt
}

// ProveLink proves the secret part of the link that was mailed. It takes the attempt of the browser that asked for it,
// so a link alone, forwarded or fetched ahead, is of no use. Errors: ErrWrongCode.
func (s *Service) ProveLink(ctx context.Context, attempt, link secret.Text, c Client) (Progress, error) {
	return Progress{}, errUnbuilt
}

// ProveTOTP proves a one-time code of an authenticator app. Errors: ErrWrongCode.
func (s *Service) ProveTOTP(ctx context.Context, attempt secret.Text, code string, remember bool, c Client) (Progress, error) {
	return Progress{}, errUnbuilt
}

// ProveRecoveryCode proves a recovery code. Errors: ErrWrongCode.
func (s *Service) ProveRecoveryCode(ctx context.Context, attempt secret.Text, code string, c Client) (Progress, error) {
	return Progress{}, errUnbuilt
}

// AskPasskey answers the options for navigator.credentials.get as JSON (PublicKeyCredentialRequestOptions). For a first
// factor they name no passkey, so they tell nothing of any account; for a second they name the user's.
func (s *Service) AskPasskey(ctx context.Context, attempt secret.Text, c Client) ([]byte, error) {
	return nil, errUnbuilt
}

// ProvePasskey proves a passkey by what navigator.credentials.get answered, as JSON. Errors: ErrWrongPasskey.
func (s *Service) ProvePasskey(ctx context.Context, attempt secret.Text, response []byte, remember bool, c Client) (Progress, error) {
	return Progress{}, errUnbuilt
}

// AskProvider answers the URL to send the browser to, to sign in there or to connect the account there.
// Errors: federate.ErrUnknownProvider, federate.ErrUnreachable.
func (s *Service) AskProvider(ctx context.Context, attempt secret.Text, provider string, c Client) (string, error) {
	return "", errUnbuilt
}

// ProveProvider reads what the browser came back with. It signs in whoever has connected the account there; connects
// it, if that is the purpose; and makes an account for whoever is new, if the provider vouches for the address and
// nobody has it. Errors: those of federate, ErrUnverified, credential.ErrConnectionTaken.
func (s *Service) ProveProvider(ctx context.Context, attempt secret.Text, provider string, query map[string][]string, c Client) (Progress, error) {
	return Progress{}, errUnbuilt
}

// Choose ends a sign-up or a recovery: a name (signing up) and a password, which may be empty while signing up where
// another method can sign the user in. Errors: *FieldError, *credential.PolicyError, account.ErrEmailTaken.
func (s *Service) Choose(ctx context.Context, attempt secret.Text, name string, password secret.Text, c Client) (Progress, error) {
	return Progress{}, errUnbuilt
}

// TOTPSetup is a seed to be put into an authenticator app.
type TOTPSetup struct {
	Seed secret.Text // base32, in groups of four for people who type it
	URI  secret.Text // otpauth://totp/...
	QR   []byte      // PNG of the URI
}

// EnrolTOTP answers a new seed, or the same one again while the attempt lasts. For the purpose ToAddTOTP, and where
// Progress says Enrol.
func (s *Service) EnrolTOTP(ctx context.Context, attempt secret.Text, c Client) (TOTPSetup, error) {
	return TOTPSetup{}, errUnbuilt
}

// ConfirmTOTP proves that the seed has arrived: from now on it is the user's second factor, and the session, if there is
// one, has new credentials. RecoveryCodes of the progress are shown once. Errors: ErrWrongCode.
func (s *Service) ConfirmTOTP(ctx context.Context, attempt secret.Text, code string, c Client) (Progress, error) {
	return Progress{}, errUnbuilt
}

// EnrolPasskey answers the options for navigator.credentials.create as JSON. For the purpose ToAddPasskey, for signing up
// in place of a password, and where Progress says Enrol.
func (s *Service) EnrolPasskey(ctx context.Context, attempt secret.Text, c Client) ([]byte, error) {
	return nil, errUnbuilt
}

// ConfirmPasskey stores what navigator.credentials.create answered, as JSON, under the name; one made of the device if
// empty. Errors: ErrWrongPasskey, *FieldError, credential.ErrPasskeyTaken, credential.ErrTooManyPasskeys.
func (s *Service) ConfirmPasskey(ctx context.Context, attempt secret.Text, response []byte, name string, c Client) (Progress, error) {
	return Progress{}, errUnbuilt
}
