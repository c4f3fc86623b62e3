package web

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// The codes of problems. They are stable: clients match on them.
const (
	CodeUnauthenticated    = "unauthenticated" // no credential was sent
	CodeInvalidCredentials = "invalid_credentials"
	CodeInvalidRequest     = "invalid_request"
	CodeInvalidToken       = "invalid_token"
	CodeInvalidGrant       = "invalid_grant"
	CodeSessionEnded       = "session_ended"
	CodeStepUpRequired     = "step_up_required"
	CodeForbidden          = "forbidden"
	CodeNotFound           = "not_found"
	CodeConflict           = "conflict"
	CodeRateLimited        = "rate_limited"
	CodeOverloaded         = "overloaded"
	CodeUnavailable        = "unavailable"
	CodeInternal           = "internal"
)

// ProblemType is the media type of a Problem.
const ProblemType = "application/problem+json"

// Problem is an answer that refuses (RFC 9457), and the error that stands for it. Nothing in it comes from inside
// the server or repeats what a client sent, but for the names of fields.
type Problem struct {
	Type      string       `json:"type" doc:"Always about:blank: the code says which problem it is."`
	Title     string       `json:"title" doc:"The HTTP status in words."`
	Status    int          `json:"status" doc:"The HTTP status."`
	Detail    string       `json:"detail" doc:"What is wrong, for people."`
	Code      string       `json:"code" doc:"Stable name of the problem, for programs." enum:"unauthenticated,invalid_credentials,invalid_request,invalid_token,invalid_grant,session_ended,step_up_required,forbidden,not_found,conflict,rate_limited,overloaded,unavailable,internal"`
	RequestID string       `json:"request_id" doc:"Finds the request in the server's log."`
	Reason    string       `json:"reason,omitempty" doc:"Why a token is not accepted: revoked, stale, expired, unbound or unknown."`
	Cause     string       `json:"cause,omitempty" doc:"Why a refresh token is not accepted: reused, expired, ended or unknown."`
	Errors    []FieldError `json:"errors,omitempty" doc:"The fields that break a rule."`
	Factors   []string     `json:"factors,omitempty" doc:"The factors of which one is needed: password, totp, passkey, recovery_code, email_code or provider:NAME."`

	// RetryAfter is when the client should come again, zero if that is not known.
	RetryAfter time.Duration `json:"-"`
	// Challenge is the value of WWW-Authenticate; empty for the one that follows from the code.
	Challenge string `json:"-"`
	// MaxAge is how old a proof of the person may be, where a newer one is needed (RFC 9470 §3).
	MaxAge time.Duration `json:"-"`
	// Err is what lies behind the problem, for the log. It is never sent.
	Err error `json:"-"`
	// Fault says that the server or what it stands on has failed: the problem is logged.
	Fault bool `json:"-"`
}

// FieldError says which field of a request breaks which rule. It never holds the value.
type FieldError struct {
	Field string `json:"field"`
	Rule  string `json:"rule"`
}

// NewProblem makes a problem.
func NewProblem(status int, code, detail string) *Problem {
	return &Problem{Type: "about:blank", Title: http.StatusText(status), Status: status, Code: code, Detail: detail}
}

// Invalid makes the problem of a field that breaks a rule.
func Invalid(field, rule string) *Problem {
	p := NewProblem(http.StatusUnprocessableEntity, CodeInvalidRequest, field+" "+rule)
	p.Errors = []FieldError{{Field: field, Rule: rule}}
	return p
}

// Error implements error, for the log.
func (p *Problem) Error() string {
	if p.Err != nil {
		return p.Code + ": " + p.Err.Error()
	}
	return p.Code + ": " + p.Detail
}

// Unwrap answers what lies behind the problem.
func (p *Problem) Unwrap() error { return p.Err }

// GetStatus is the HTTP status.
func (p *Problem) GetStatus() int { return p.Status }

// ContentType is the media type, whatever was negotiated: a client that takes JSON takes problems.
func (p *Problem) ContentType(string) string { return ProblemType }

// GetHeaders answers the headers that go with the problem.
func (p *Problem) GetHeaders() http.Header {
	h := make(http.Header, 2)
	if challenge := p.challenge(); challenge != "" {
		h.Set("WWW-Authenticate", challenge)
	}
	if p.RetryAfter > 0 {
		h.Set("Retry-After", strconv.FormatInt(int64((p.RetryAfter+time.Second-1)/time.Second), 10))
	}
	return h
}

// challenge is the value of WWW-Authenticate, which every 401 must carry (RFC 9110 §15.5.2). A client that sent
// nothing is told the scheme and no error (RFC 6750 §3).
func (p *Problem) challenge() string {
	if p.Status != http.StatusUnauthorized || p.Challenge != "" {
		return p.Challenge
	}
	name := ""
	switch p.Code {
	case CodeUnauthenticated:
		return "Bearer"
	case CodeInvalidToken, CodeSessionEnded:
		name = "invalid_token" // RFC 6750 §3.1
	case CodeStepUpRequired:
		name = "insufficient_user_authentication" // RFC 9470 §3
	default:
		name = p.Code
	}
	var b strings.Builder
	b.WriteString(`Bearer error="` + quotable(name) + `", error_description="` + quotable(p.Detail) + `"`)
	reason := p.Reason
	if reason == "" {
		reason = p.Cause
	}
	if reason != "" {
		b.WriteString(`, reason="` + quotable(reason) + `"`)
	}
	if p.MaxAge > 0 {
		b.WriteString(`, max_age="` + strconv.FormatInt(int64(p.MaxAge/time.Second), 10) + `"`)
	}
	return b.String()
}

// quotable leaves what may stand in a quoted string as it is.
func quotable(s string) string {
	return strings.Map(func(c rune) rune {
		if c < ' ' || c > '~' || c == '"' || c == '\\' {
			return -1
		}
		return c
	}, s)
}

// ServeHTTP writes the problem.
func (p *Problem) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	told := *p
	if x := Of(r.Context()); x != nil {
		told.RequestID = x.ID
		x.Problem = &told
	}
	body, err := json.Marshal(&told)
	if err != nil {
		panic(err) // strings and numbers always have a JSON form
	}
	h := w.Header()
	for name, values := range told.GetHeaders() {
		h[name] = values
	}
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Type", ProblemType)
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(told.Status)
	_, _ = w.Write(body) // the client is gone if this fails
}
