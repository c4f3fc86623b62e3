package web_test

import (
	"errors"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"tandem.example/tandem/internal/web"
)

func TestProblemHeaders(t *testing.T) {
	t.Parallel()
	make401 := func(code string, change func(*web.Problem)) *web.Problem {
		p := web.NewProblem(401, code, `say "please" \ twice`)
		change(p)
		return p
	}
	for _, c := range []struct {
		p         *web.Problem
		challenge string
		retry     string
	}{
		{make401(web.CodeUnauthenticated, func(*web.Problem) {}), `Bearer`, ""},
		{
			make401(web.CodeInvalidToken, func(p *web.Problem) { p.Reason = "stale" }),
			`Bearer error="invalid_token", error_description="say please  twice", reason="stale"`, "",
		},
		{
			make401(web.CodeSessionEnded, func(p *web.Problem) { p.Reason = "revoked" }),
			`Bearer error="invalid_token", error_description="say please  twice", reason="revoked"`, "",
		},
		{
			make401(web.CodeStepUpRequired, func(p *web.Problem) { p.MaxAge = 10 * time.Minute }),
			`Bearer error="insufficient_user_authentication", error_description="say please  twice", max_age="600"`, "",
		},
		{
			make401(web.CodeInvalidGrant, func(p *web.Problem) { p.Cause = "reused" }),
			`Bearer error="invalid_grant", error_description="say please  twice", reason="reused"`, "",
		},
		{make401(web.CodeInvalidCredentials, func(p *web.Problem) { p.Challenge = `Basic realm="tandem"` }), `Basic realm="tandem"`, ""},
		{web.NewProblem(403, web.CodeForbidden, "no"), "", ""},
		{&web.Problem{Status: 503, RetryAfter: 1500 * time.Millisecond}, "", "2"},
	} {
		w := httptest.NewRecorder()
		c.p.ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
		if got := w.Header().Get("WWW-Authenticate"); got != c.challenge {
			t.Errorf("%s: WWW-Authenticate %q", c.p.Code, got)
		}
		if got := w.Header().Get("Retry-After"); got != c.retry {
			t.Errorf("%s: Retry-After %q", c.p.Code, got)
		}
		if w.Code != c.p.Status || w.Header().Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %d, %v", c.p.Code, w.Code, w.Header())
		}
	}
}

func TestProblemSaysNothingOfWhatLiesBehind(t *testing.T) {
	t.Parallel()
	p := web.NewProblem(500, web.CodeInternal, "an internal error occurred")
	p.Err = errors.New("disk full")
	w := httptest.NewRecorder()
	p.ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
	if strings.Contains(w.Body.String(), "disk") {
		t.Errorf("%s", w.Body)
	}
	if !errors.Is(p, p.Err) || !strings.Contains(p.Error(), "disk full") {
		t.Errorf("the log lacks the cause: %v", p)
	}
}
