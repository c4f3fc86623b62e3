package signin

import "errors"

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
	// ErrSignInAgain is answered at a step-up where nothing can be asked for again, or a provider was asked and does not say
	// that it has asked the person: only a new sign-in is a new proof then.
	ErrSignInAgain = errors.New("nothing here can ask you again: sign out, and sign in again")
	// ErrLastMethod is answered if nothing would be left to sign in with.
	ErrLastMethod = errors.New("this is the last way to sign in to the account")
	// ErrNoMail is answered where mail would have to be sent and none can be.
	ErrNoMail = errors.New("this server cannot send mail")
)
