package console_test

import (
	"errors"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"tandem.example/tandem/internal/audit"
)

var errDisk = errors.New("the disk is full")

var anchor = regexp.MustCompile(`<a [^>]*href="([^"]*)"[^>]*>(?:<svg.*?</svg>)?([^<]*)`)

// linkAfter is where the link with that text leads.
func linkAfter(t testing.TB, p page, text string) string {
	t.Helper()
	for _, m := range anchor.FindAllStringSubmatch(p.text, -1) {
		if strings.TrimSpace(m[2]) == text {
			return strings.ReplaceAll(m[1], "&amp;", "&")
		}
	}
	t.Fatalf("%s has no link %q", p.Request.URL, text)
	return ""
}

func (r *room) record(t audit.Type, outcome audit.Outcome, reason string, ago time.Duration) {
	r.Helper()
	e := audit.New(t, r.now().Add(-ago))
	e.Outcome, e.Reason = outcome, reason
	if err := r.store.Audit().Record(r.Context(), e); err != nil {
		r.Fatal(err)
	}
}

func TestOverviewCountsWhatHappened(t *testing.T) {
	r := open(t, "")
	root := r.enter("root@example.com", "admin")
	r.enter("ada@example.com")
	for range 3 {
		r.record(audit.SignInRefused, audit.Refused, "invalid_credentials", 0)
	}
	r.record(audit.SignInRefused, audit.Refused, "wrong_code", 3*time.Hour)
	r.record(audit.RefreshReused, audit.Refused, "a refresh token was used by two parties", 3*time.Hour)
	r.record(audit.SignedIn, audit.Done, "", 30*time.Hour)
	r.ask(r.stopped("orders"))
	day := root.get("/console").want(t, http.StatusOK)
	day.says(t, "2 sign-ins, last 24 hours, UTC", "5 refused, last 24 hours, UTC", "Wrong e-mail or password", "Wrong code", "Refresh token used by two parties",
		"orders", `<span class="chip good">fresh</span>`, "nothing waits")
	outlines := 0
	for _, e := range elements(t, "/console", day.text) {
		if e.name == "path" && strings.HasPrefix(e.attrs["class"], "k") && e.attrs["d"] != "" {
			outlines++
		}
	}
	if outlines != 4 {
		t.Errorf("%d series are drawn, want sign-ins and three reasons", outlines)
	}
	table := root.get(linkAfter(t, day, "As a table")).want(t, http.StatusOK).says(t, "Refused: Wrong e-mail or password", "Refused: Wrong code")
	in, out := 0, 0
	for _, row := range regexp.MustCompile(`<tr><th scope="row">[0-9:]+<td>(\d+)<td>(\d+)<td>(\d+)<td>(\d+)`).FindAllStringSubmatch(table.text, -1) {
		for i, n := range row[1:] {
			if count := must[int](t)(strconv.Atoi(n)); i == 0 {
				in += count
			} else {
				out += count
			}
		}
	}
	if in != 2 || out != 5 {
		t.Errorf("the table counts %d sign-ins and %d refusals:\n%s", in, out, table.text)
	}
	root.get("/console?span=week").want(t, http.StatusOK).says(t, "3 sign-ins, last 7 days, UTC")
	root.get("/console?span=hour").want(t, http.StatusOK).says(t, "3 refused, last hour, UTC")
}

// While the store is away, the last figures stay, and say of when they are. What cannot be decided without it is not.
func TestTheLastFiguresStayDuringAnOutage(t *testing.T) {
	r := open(t, "")
	root := r.enter("root@example.com", "admin")
	r.stopped("orders")
	root.get("/console").want(t, http.StatusOK).says(t, "1 sign-in, last 24 hours, UTC")
	r.pass(time.Minute)
	r.fail("audit.", "log.", "session.List")
	for _, path := range []string{"/console", "/console/live/overview"} {
		got := root.get(path).want(t, http.StatusOK).says(t, "1 sign-in, last 24 hours, UTC", "cannot be reached", "The figures are of", `<span class="chip bad">not well</span>`)
		if strings.Contains(got.text, "connection refused") {
			t.Error("the page tells what the driver said")
		}
	}
	root.get("/console?span=hour").want(t, http.StatusServiceUnavailable).says(t, "cannot be reached") // never read before
	root.get("/console/now").want(t, http.StatusServiceUnavailable).says(t, "cannot be reached")
	if got := root.get("/console/live/now").want(t, http.StatusServiceUnavailable); got.text != "" {
		t.Errorf("a piece of a page that cannot be read is %q", got.text)
	}
	r.fail("session.Find")
	got := root.get("/console").want(t, http.StatusServiceUnavailable)
	if strings.Contains(got.text, "sign-in, last 24 hours") {
		t.Error("figures are shown to somebody of whom it is not known who they are")
	}
	r.store.Fault(nil)
	if got := root.get("/console").want(t, http.StatusOK); strings.Contains(got.text, "The figures are of") {
		t.Error("the figures stay old")
	}
}

// A fault is told as such, by the id under which the log has it, and nothing of it is shown.
func TestAFaultIsNotShown(t *testing.T) {
	r := open(t, "")
	root := r.enter("root@example.com", "admin")
	r.store.Fault(func(verb string) (before, after error) {
		if verb == "account.List" {
			return errDisk, nil
		}
		return nil, nil
	})
	got := root.get("/console/users", "X-Request-Id", "req-77").want(t, http.StatusInternalServerError).says(t, "req-77")
	if strings.Contains(got.text, "disk") || !strings.Contains(r.log.String(), "the disk is full") {
		t.Errorf("shown is\n%s\nlogged is\n%s", got.text, r.log)
	}
}
