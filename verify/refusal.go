package verify

import (
	"errors"
	"math/rand/v2"
	"net/http"
	"strings"
	"time"
)

// Sentinels to match with errors.Is, against the errors of Verify and against
// context.Cause of a request's or a watch's context.
var (
	ErrUnauthenticated = errors.New("no credential was sent")
	ErrInvalidRequest  = errors.New("the credential cannot be told") // more than one was sent
	ErrInvalidToken    = errors.New("the token is not accepted")     // matches the three below too
	ErrRevoked         = errors.New("the token was revoked")
	ErrStale           = errors.New("the token must be renewed")
	ErrExpired         = errors.New("the token has expired")
	ErrStepUp          = errors.New("a newer or stronger authentication is needed")
	ErrForbidden       = errors.New("the token does not permit this")
	ErrUnavailable     = errors.New("the token cannot be decided on now") // matches the two below too
	ErrLeaseLost       = errors.New("the lease was lost")
	ErrClosed          = errors.New("the verifier is closed")
)

// Codes of refusals, as clients match on them. They are those of the server.
const (
	CodeUnauthenticated = "unauthenticated"
	CodeInvalidRequest  = "invalid_request"
	CodeInvalidToken    = "invalid_token"
	CodeSessionEnded    = "session_ended"
	CodeStepUpRequired  = "step_up_required"
	CodeForbidden       = "forbidden"
	CodeUnavailable     = "unavailable"
)

// Refusal is why a credential was not accepted: an error for programs, and an
// http.Handler that writes it as Protect does. It holds no part of the
// credential.
type Refusal struct {
	Status int    // the HTTP status
	Code   string // one of the Code constants
	Reason string // of an invalid token: revoked, stale, expired, signature, audience, ...
	Detail string // for people

	// RetryAfter is set where the client should come again: 503.
	RetryAfter time.Duration
	// Scope holds the scopes needed, where one is lacking.
	Scope string
	// ACR and MaxAge hold what a step-up must reach (RFC 9470 §3).
	ACR    string
	MaxAge time.Duration

	matches []error
	cause   error
}

func (r *Refusal) Error() string {
	var b strings.Builder
	b.WriteString("verify: " + r.Code)
	if r.Reason != "" {
		b.WriteString(" (" + r.Reason + ")")
	}
	b.WriteString(": " + r.Detail)
	if r.cause != nil {
		b.WriteString(": " + r.cause.Error())
	}
	return b.String()
}

// Is matches the sentinels above.
func (r *Refusal) Is(target error) bool {
	for _, m := range r.matches {
		if m == target {
			return true
		}
	}
	return false
}

// Unwrap returns what lies behind the refusal, for logs; it is never sent.
func (r *Refusal) Unwrap() error { return r.cause }

// Refusals that are always the same are made once, so that refusing is cheap.
var (
	refusedMissing = &Refusal{
		Status: http.StatusUnauthorized, Code: CodeUnauthenticated,
		Detail: "send an access token or a session token", matches: []error{ErrUnauthenticated},
	}
	refusedHeaders = ambiguous("more than one Authorization header was sent")
	refusedCookies = ambiguous("more than one session cookie was sent")

	refusedRevoked = invalid("revoked", "the token was revoked: sign in again", ErrRevoked)
	refusedStale   = invalid("stale", "the token must be renewed", ErrStale)
	refusedExpired = invalid("expired", "the token has expired", ErrExpired)

	refusedMalformed = invalid("malformed", "it is not a token of this issuer")
	refusedType      = invalid("type", "it is not an access token")
	refusedKey       = invalid("key", "it was not signed by a key of this issuer")
	refusedSignature = invalid("signature", "its signature does not match")
	refusedIssuer    = invalid("issuer", "it is of another issuer")
	refusedAudience  = invalid("audience", "it is not meant for this service")
	refusedLifetime  = invalid("lifetime", "its lifetime is longer than this issuer's")
	refusedFuture    = invalid("not_yet_valid", "it was issued in the future")
	refusedAhead     = invalid("ahead", "it names a place in the revocation log that does not exist")
	refusedUnknown   = invalid("unknown", "the issuer does not know it")
	refusedUnbound   = invalid("unbound", "its session is bound to a device: send its bound cookie too")

	refusedEnded = &Refusal{
		Status: http.StatusUnauthorized, Code: CodeSessionEnded, Reason: "revoked",
		Detail: "the session has ended: sign in again", matches: []error{ErrInvalidToken, ErrRevoked},
	}
	refusedRole = &Refusal{
		Status: http.StatusForbidden, Code: CodeForbidden, Detail: "a role is lacking", matches: []error{ErrForbidden},
	}
	refusedOrigin = &Refusal{
		Status: http.StatusForbidden, Code: CodeForbidden,
		Detail: "a state-changing request with a session cookie came from another origin", matches: []error{ErrForbidden},
	}
)

func invalid(reason, detail string, more ...error) *Refusal {
	return &Refusal{
		Status: http.StatusUnauthorized, Code: CodeInvalidToken, Reason: reason, Detail: detail,
		matches: append(more, ErrInvalidToken),
	}
}

func ambiguous(detail string) *Refusal {
	return &Refusal{Status: http.StatusBadRequest, Code: CodeInvalidRequest, Detail: detail, matches: []error{ErrInvalidRequest}}
}

func lacksScope(scopes string) *Refusal {
	return &Refusal{
		Status: http.StatusForbidden, Code: CodeForbidden, Detail: "a scope is lacking", Scope: scopes, matches: []error{ErrForbidden},
	}
}

func needsStepUp(p *policy) *Refusal {
	return &Refusal{
		Status: http.StatusUnauthorized, Code: CodeStepUpRequired, Detail: "authenticate again, and as strongly as asked",
		ACR: p.acr, MaxAge: p.authenticated, matches: []error{ErrStepUp},
	}
}

// unavailable refuses because nothing can be decided now. The time to come
// again is spread out, so that clients do not come back as one.
func unavailable(detail string, cause error, more ...error) *Refusal {
	return &Refusal{
		Status: http.StatusServiceUnavailable, Code: CodeUnavailable, Detail: detail,
		RetryAfter: time.Duration(1+rand.IntN(5)) * time.Second,
		matches:    append(more, ErrUnavailable), cause: cause,
	}
}
