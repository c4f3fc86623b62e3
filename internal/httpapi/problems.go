package httpapi

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"tandem.example/tandem/internal/account"
	"tandem.example/tandem/internal/application"
	"tandem.example/tandem/internal/credential"
	"tandem.example/tandem/internal/federate"
	"tandem.example/tandem/internal/feed"
	"tandem.example/tandem/internal/operator"
	"tandem.example/tandem/internal/outage"
	"tandem.example/tandem/internal/session"
	"tandem.example/tandem/internal/signin"
	"tandem.example/tandem/internal/signing"
	"tandem.example/tandem/internal/web"
)

// errNoCredential is answered where a request was sent with nothing.
var errNoCredential = errors.New("no credential was sent")

// basicChallenge asks for a client id and secret (RFC 7617 §2).
const basicChallenge = `Basic realm="tandem", charset="UTF-8"`

// retryRefused is when a refused application may ask again.
const retryRefused = 5 * time.Second

// retrySoon is when to come again where nobody knows better.
const retrySoon = time.Second

// row turns one kind of error into a problem, and answers nil for any other.
type row func(error) *web.Problem

// table says which error is which problem. What is not in it is an opaque 500. The first row that matches counts, so
// errors that carry data stand before the plain ones.
var table = []row{
	carrying(func(e *signin.FieldError) *web.Problem { return web.Invalid(e.Field, e.Rule) }),
	carrying(func(e *feed.RequestError) *web.Problem { return web.Invalid(e.Field, e.Rule) }),
	carrying(policyProblem),
	carrying(func(e *signin.RefreshError) *web.Problem { return refreshProblem(e.Cause) }),
	carrying(func(e *signin.LimitedError) *web.Problem {
		return later(http.StatusTooManyRequests, web.CodeRateLimited, "too many attempts", e.RetryAfter)
	}),
	carrying(func(*signin.ChallengeError) *web.Problem {
		return web.NewProblem(http.StatusForbidden, web.CodeForbidden, "the device is to sign the challenge in Secure-Session-Challenge")
	}),
	carrying(func(e *credential.OverloadedError) *web.Problem {
		return later(http.StatusServiceUnavailable, web.CodeOverloaded, "too many sign-ins at this moment", e.RetryAfter)
	}),

	carrying(factorProblem),
	carrying(stepUpProblem),

	carrying(func(*outage.Error) *web.Problem {
		return later(http.StatusServiceUnavailable, web.CodeUnavailable, "the store cannot be reached at the moment", retrySoon)
	}),

	is(errNoCredential, http.StatusUnauthorized, web.CodeUnauthenticated, "send a session token, an access token or the session cookie"),
	is(signin.ErrInvalidCredentials, http.StatusUnauthorized, web.CodeInvalidCredentials, "e-mail or password is wrong"),
	is(signin.ErrWrongCode, http.StatusUnauthorized, web.CodeInvalidCredentials, "the code is wrong or was used already"),
	is(signin.ErrWrongPasskey, http.StatusUnauthorized, web.CodeInvalidCredentials, "this passkey is not known here"),
	is(signin.ErrUnverified, http.StatusUnauthorized, web.CodeInvalidCredentials, "sign in as usual, then connect the provider on the account page"),
	is(signin.ErrStepUp, http.StatusUnauthorized, web.CodeStepUpRequired, "prove yourself again first"),
	is(session.ErrAccountChanged, http.StatusUnauthorized, web.CodeInvalidCredentials, "e-mail or password is wrong"),
	refused(signin.ErrInvalidToken, "unknown", "it is not a credential of this server"),
	refused(signing.ErrKeyRevoked, "stale", "the access token must be renewed"), // before ErrToken, which it is as well
	refused(signing.ErrToken, "unknown", "it is not a credential of this server"),
	refused(session.ErrMalformed, "unknown", "it is not a credential of this server"),
	refused(operator.ErrAPIKey, "unknown", "it is not a credential of this server"),
	refused(credential.ErrMalformedKey, "unknown", "it is not a credential of this server"),
	refused(credential.ErrWrongKey, "unknown", "it is not a credential of this server"),
	refused(credential.ErrKeyExpired, "unknown", "it is not a credential of this server"),
	refused(credential.ErrKeyRevoked, "unknown", "it is not a credential of this server"),
	refused(signin.ErrTokenExpired, "expired", "the access token has expired"),
	refused(signing.ErrTokenExpired, "expired", "the access token has expired"),
	refused(signin.ErrTokenStale, "stale", "the access token must be renewed"),
	refused(signin.ErrBindingRequired, "unbound", "the session is bound to a device: send its bound cookie too"),
	refused(signin.ErrNotBound, "unbound", "the session is not bound to this browser"),
	refused(session.ErrProof, "unbound", "it is not a proof of the session's device"),
	refused(session.ErrChallenge, "unbound", "the challenge was not issued to the session, or is too old"),
	ended(session.ErrEnded, "revoked", "the session has ended: sign in again"),
	ended(session.ErrExpired, "expired", "the session has expired: sign in again"),
	client(operator.ErrClientSecret),

	is(signin.ErrNoMint, http.StatusForbidden, web.CodeForbidden, "this application uses session tokens only"),
	is(signin.ErrUsePages, http.StatusForbidden, web.CodeForbidden, "this application asks for more than this call can give: sign in on the pages of this server, at /sign-in"),
	is(federate.ErrDenied, http.StatusForbidden, web.CodeForbidden, "the sign-in was cancelled at the provider"),
	is(federate.ErrAnswer, http.StatusForbidden, web.CodeForbidden, "the provider's answer is not valid"),
	is(federate.ErrUnknownProvider, http.StatusNotFound, web.CodeNotFound, "there is no such provider"),
	is(credential.ErrPasskeyNotFound, http.StatusNotFound, web.CodeNotFound, "there is no such passkey"),
	is(credential.ErrConnectionNotFound, http.StatusNotFound, web.CodeNotFound, "there is no such connected account"),
	is(credential.ErrNoTOTP, http.StatusNotFound, web.CodeNotFound, "no one-time codes are set up"),
	is(session.ErrNotFound, http.StatusNotFound, web.CodeNotFound, "there is no such session"),
	is(account.ErrNotFound, http.StatusNotFound, web.CodeNotFound, "there is no such user"),
	is(application.ErrNotFound, http.StatusNotFound, web.CodeNotFound, "there is no such application"),
	is(signing.ErrNotFound, http.StatusNotFound, web.CodeNotFound, "there is no such signing key"),
	is(credential.ErrAPIKeyNotFound, http.StatusNotFound, web.CodeNotFound, "there is no such api key"),

	is(account.ErrEmailTaken, http.StatusConflict, web.CodeConflict, "the e-mail address is in use"),
	is(application.ErrNameTaken, http.StatusConflict, web.CodeConflict, "the name is in use"),
	is(application.ErrDefault, http.StatusConflict, web.CodeConflict, "the default application cannot be deleted"),
	is(account.ErrRaced, http.StatusConflict, web.CodeConflict, "the user was changed meanwhile: try again"),
	is(application.ErrRaced, http.StatusConflict, web.CodeConflict, "the application was changed meanwhile: try again"),
	is(session.ErrRaced, http.StatusConflict, web.CodeConflict, "the session was changed meanwhile: try again"),
	is(session.ErrBound, http.StatusConflict, web.CodeConflict, "the session is bound to another device"),
	is(signing.ErrRaced, http.StatusConflict, web.CodeConflict, "the signing keys were changed meanwhile: try again"),
	is(signing.ErrNoShared, http.StatusConflict, web.CodeConflict, "HS256 takes a secret that verifiers share, and this server has none: use ES256"),
	is(signing.ErrTooLarge, http.StatusConflict, web.CodeConflict, "the access token would be too large: the user holds too many roles"),

	is(signin.ErrNoAttempt, http.StatusConflict, web.CodeConflict, "this attempt has expired or is finished: begin again"),
	is(signin.ErrNotNow, http.StatusConflict, web.CodeConflict, "this is not asked for now"),
	is(signin.ErrSignInAgain, http.StatusConflict, web.CodeConflict, "nothing here can ask you again: sign out, and sign in again"),
	is(signin.ErrLastMethod, http.StatusConflict, web.CodeConflict, "this is the last way to sign in to the account"),
	is(signin.ErrNoMail, http.StatusConflict, web.CodeConflict, "this server cannot send mail"),
	is(signin.ErrTooManyTries, http.StatusTooManyRequests, web.CodeRateLimited, "too many wrong codes: begin again"),
	is(credential.ErrPasskeyTaken, http.StatusConflict, web.CodeConflict, "the passkey is registered already"),
	is(credential.ErrTooManyPasskeys, http.StatusConflict, web.CodeConflict, "the account has as many passkeys as it may have"),
	is(credential.ErrConnectionTaken, http.StatusConflict, web.CodeConflict, "this account at the provider is connected already"),

	rule(signin.ErrReturnTo, "return_to"),
	rule(account.ErrEmail, "email"),
	rule(account.ErrName, "name"),
	rule(account.ErrRole, "roles"),
	is(credential.ErrPasswordTooLong, http.StatusUnprocessableEntity, web.CodeInvalidRequest, "the password is too long"),

	unavailable(federate.ErrUnreachable, "the provider cannot be reached"),
	unavailable(feed.ErrClosed, "the server is shutting down"),
	unavailable(feed.ErrStale, "the revocation log could not be read for too long"),
	unavailable(feed.ErrRolledBack, "the store has lost what was committed last, and the revocation log begins anew"),
	unavailable(context.Canceled, "the request was given up"),
	unavailable(context.DeadlineExceeded, "the server did not answer in time"),
}

// problemOf answers the problem that an error is.
func problemOf(err error) *web.Problem {
	var made *web.Problem
	if errors.As(err, &made) {
		return made
	}
	for _, r := range table {
		if p := r(err); p != nil {
			p.Err = err
			return p
		}
	}
	p := web.NewProblem(http.StatusInternalServerError, web.CodeInternal, "an internal error occurred")
	p.Err, p.Fault = err, true
	return p
}

// is maps a sentinel.
func is(target error, status int, code, detail string) row {
	return func(err error) *web.Problem {
		if !errors.Is(err, target) {
			return nil
		}
		return web.NewProblem(status, code, detail)
	}
}

// carrying maps a type of error that carries data.
func carrying[E error](make func(E) *web.Problem) row {
	return func(err error) *web.Problem {
		var found E
		if !errors.As(err, &found) {
			return nil
		}
		return make(found)
	}
}

// refused maps a sentinel about a token that is not accepted.
func refused(target error, reason, detail string) row {
	return func(err error) *web.Problem {
		p := is(target, http.StatusUnauthorized, web.CodeInvalidToken, detail)(err)
		if p != nil {
			p.Reason = reason
		}
		return p
	}
}

// ended maps a sentinel about a session that is no more.
func ended(target error, reason, detail string) row {
	return func(err error) *web.Problem {
		p := is(target, http.StatusUnauthorized, web.CodeSessionEnded, detail)(err)
		if p != nil {
			p.Reason = reason
		}
		return p
	}
}

// client maps a refused application. It is told to wait: a verifier that lost its secret asks for ever.
func client(target error) row {
	return func(err error) *web.Problem {
		p := is(target, http.StatusUnauthorized, web.CodeInvalidCredentials, "client id or secret is wrong")(err)
		if p != nil {
			p.Challenge, p.RetryAfter = basicChallenge, retryRefused
		}
		return p
	}
}

// rule maps a broken rule about the field of that name.
func rule(target error, field string) row {
	return func(err error) *web.Problem {
		if !errors.Is(err, target) {
			return nil
		}
		return web.Invalid(field, target.Error())
	}
}

func unavailable(target error, detail string) row {
	return func(err error) *web.Problem {
		if !errors.Is(err, target) {
			return nil
		}
		return later(http.StatusServiceUnavailable, web.CodeUnavailable, detail, retrySoon)
	}
}

func later(status int, code, detail string, after time.Duration) *web.Problem {
	p := web.NewProblem(status, code, detail)
	p.RetryAfter = max(after, time.Second)
	return p
}

func refreshProblem(cause signin.Cause) *web.Problem {
	detail := map[signin.Cause]string{
		signin.CauseReused:  "the refresh token was used by two parties, so its session was ended: sign in again",
		signin.CauseExpired: "the refresh token has expired: sign in again",
		signin.CauseEnded:   "the session has ended: sign in again",
	}[cause]
	if detail == "" {
		detail = "it is not a refresh token of this server"
	}
	p := web.NewProblem(http.StatusUnauthorized, web.CodeInvalidGrant, detail)
	p.Cause = string(cause)
	return p
}

// factorProblem says which factors there are to choose from.
func factorProblem(e *signin.SecondFactorError) *web.Problem {
	return withFactors("two factors are needed: send one of factors as well (password, totp, recovery_code), or use the pages of this server", e.Factors)
}

// stepUpProblem says of which factors one has to be among the proofs of a step-up that comes first.
func stepUpProblem(e *signin.StepUpError) *web.Problem {
	p := withFactors("prove yourself again first: this takes a proof of the last 10 minutes, with a second factor", e.Factors)
	p.MaxAge = stepUpWithin
	return p
}

func withFactors(detail string, factors []application.Method) *web.Problem {
	p := web.NewProblem(http.StatusUnauthorized, web.CodeStepUpRequired, detail)
	for _, m := range factors {
		p.Factors = append(p.Factors, string(m))
	}
	return p
}

// policyProblem names the field `password`; where it has another name, inField says so.
func policyProblem(e *credential.PolicyError) *web.Problem {
	said := e.Error()
	p := web.Invalid("password", strings.TrimPrefix(said, "password "))
	p.Detail = said
	return p
}

// inField says what the password that breaks the policy is called in the request.
func inField(err error, field string) error {
	var policy *credential.PolicyError
	if !errors.As(err, &policy) {
		return err
	}
	p := policyProblem(policy)
	p.Errors[0].Field, p.Err = field, err
	return p
}
