package verify

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// problem is the body of a refusal (RFC 9457).
type problem struct {
	Type      string `json:"type"`
	Title     string `json:"title"`
	Status    int    `json:"status"`
	Detail    string `json:"detail"`
	Code      string `json:"code"`
	RequestID string `json:"request_id,omitempty"`
}

// ServeHTTP writes the refusal: the problem, WWW-Authenticate, Retry-After. It
// repeats the X-Request-Id that the response or the request carries.
func (r *Refusal) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	id := w.Header().Get("X-Request-Id")
	if id == "" {
		id = req.Header.Get("X-Request-Id")
	}
	if !plainID(id) {
		id = ""
	}
	body, err := json.Marshal(problem{
		Type: "about:blank", Title: http.StatusText(r.Status), Status: r.Status, Detail: r.Detail, Code: r.Code, RequestID: id,
	})
	if err != nil {
		http.Error(w, http.StatusText(r.Status), r.Status)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "application/problem+json")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	if challenge := r.challenge(); challenge != "" {
		h.Set("WWW-Authenticate", challenge)
	}
	if r.RetryAfter > 0 {
		h.Set("Retry-After", strconv.FormatInt(int64((r.RetryAfter+time.Second-1)/time.Second), 10))
	}
	w.WriteHeader(r.Status)
	_, _ = w.Write(body) // the client is gone if this fails
}

// challenge is the value of WWW-Authenticate. Nothing but the scheme is said
// to a client that sent nothing (RFC 6750 §3).
func (r *Refusal) challenge() string {
	var b strings.Builder
	b.WriteString("Bearer")
	separator := " "
	add := func(name, value string) {
		if value != "" {
			b.WriteString(separator + name + `="` + quotable(value) + `"`)
			separator = ", "
		}
	}
	switch r.Code {
	case CodeUnauthenticated:
		return b.String()
	case CodeInvalidToken, CodeSessionEnded:
		add("error", "invalid_token") // RFC 6750 §3.1
	case CodeStepUpRequired:
		add("error", "insufficient_user_authentication") // RFC 9470 §3
	case CodeForbidden:
		if r == refusedOrigin {
			return ""
		}
		add("error", "insufficient_scope") // RFC 6750 §3.1
	case CodeInvalidRequest:
		add("error", "invalid_request") // RFC 6750 §3.1
	default:
		return ""
	}
	add("error_description", r.Detail)
	add("reason", r.Reason)
	add("scope", r.Scope)
	add("acr_values", r.ACR)
	if r.MaxAge > 0 {
		add("max_age", strconv.FormatInt(int64(r.MaxAge/time.Second), 10))
	}
	return b.String()
}

// quotable leaves only what may stand in a quoted string unescaped.
func quotable(s string) string {
	return strings.Map(func(c rune) rune {
		if c < ' ' || c > '~' || c == '"' || c == '\\' {
			return -1
		}
		return c
	}, s)
}

func plainID(s string) bool {
	if len(s) == 0 || len(s) > 64 {
		return false
	}
	for _, c := range []byte(s) {
		if (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && c != '-' && c != '_' && c != '.' {
			return false
		}
	}
	return true
}
