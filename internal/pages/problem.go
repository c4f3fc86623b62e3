package pages

import (
	"net/http"
	"strings"
	"time"

	"tandem.example/tandem/internal/ui"
	"tandem.example/tandem/internal/web"
)

// trouble is what a page that refuses is rendered with.
type trouble struct {
	Text      string
	Wait      time.Duration // after which to come again; 0: unknown
	RequestID string        // finds the request in the log, where the fault is the server's
	Retry     string        // path to try again at
	Home      string        // path to go on at
}

// told are the statuses that have words of their own.
var told = map[int]string{
	http.StatusBadRequest: "request", http.StatusForbidden: "forbidden", http.StatusNotFound: "not_found", http.StatusMethodNotAllowed: "method",
	http.StatusRequestEntityTooLarge: "too_large", http.StatusConflict: "conflict", http.StatusTooManyRequests: "limited",
	http.StatusInternalServerError: "internal", http.StatusServiceUnavailable: "unavailable",
}

// showProblem shows a problem to a person. If even that fails, the problem is answered as to a program.
func (p *Pages) showProblem(x *web.Exchange, r *http.Request, problem *web.Problem) {
	v := &visit{Pages: p, x: x, r: r, speaker: ui.Speaker(r)}
	id, known := told[problem.Status]
	if !known {
		id = "request"
	}
	t := trouble{Text: v.say("pages.problem." + id), Wait: problem.RetryAfter, Home: "/"}
	if problem.Status >= http.StatusInternalServerError {
		t.RequestID = x.ID
	}
	if r.Method == http.MethodGet && (problem.Status == http.StatusServiceUnavailable || problem.Status == http.StatusTooManyRequests) {
		t.Retry = "/" + strings.TrimLeft(r.URL.EscapedPath(), "/")
		if r.URL.RawQuery != "" {
			t.Retry += "?" + r.URL.RawQuery
		}
	}
	for name, values := range problem.GetHeaders() {
		x.Header()[name] = values
	}
	page := ui.Page{Title: v.say("pages.problem_title." + id), Data: t}
	if err := p.set.Render(x, r, problem.Status, "trouble", page); err != nil {
		p.SignIn.Log.ErrorContext(r.Context(), "problem was not shown", "error", err, "request_id", x.ID)
		problem.ServeHTTP(x, r)
	}
}

// showTrouble says what is wrong with a link or a browser, rather than with the server.
func (v *visit) showTrouble(status int, name string) error {
	return v.render(status, "trouble", ui.Page{Title: v.say("pages.title.problem"), Data: trouble{Text: v.say("pages.trouble." + name), Home: "/"}})
}
