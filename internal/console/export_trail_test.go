package console_test

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"tandem.example/tandem/internal/audit"
	"tandem.example/tandem/internal/console"
)

func TestExportOfTheTrail(t *testing.T) {
	r := open(t, "")
	root := r.enter("root@example.com", "admin")
	for i := range 1203 { // some batches
		e := audit.New(audit.SignInRefused, r.now().Add(time.Duration(min(i, 1))*time.Minute))
		e.Outcome, e.Reason, e.IP, e.User = audit.Refused, "wrong, \"quoted\"\nand more", "192.0.2.1", "usr_x"
		if i == 0 {
			e.Reason, e.Actor = `=cmd|' /C calc'!A0`, "@SUM(1+1)"
		}
		if err := r.store.Audit().Record(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
	want := r.entries(audit.Query{Type: audit.SignInRefused})
	filter := "?type=session.sign_in_refused&user=usr_x&format="

	got := root.get("/console/audit/export"+filter+"csv").want(t, http.StatusOK)
	rows, err := csv.NewReader(strings.NewReader(got.text)).ReadAll()
	if err != nil || len(rows) != len(want)+1 {
		t.Fatalf("%d rows for %d entries: %v", len(rows), len(want), err)
	}
	if !slices.Equal(rows[0], []string{"id", "at", "type", "outcome", "actor", "user", "target", "ip", "reason", "request_id"}) {
		t.Errorf("the head is %q", rows[0])
	}
	for i, e := range want {
		if row := rows[i+1]; row[0] != e.ID || e.Reason[0] != '=' && row[8] != e.Reason {
			t.Fatalf("row %d is %q of %+v", i, row, e)
		}
	}
	if row := rows[len(rows)-1]; row[8] != `'=cmd|' /C calc'!A0` || row[4] != "'@SUM(1+1)" {
		t.Errorf("a formula is exported as %q", row)
	}
	disposition, kind := got.Header.Get("Content-Disposition"), got.Header.Get("Content-Type")
	if !strings.HasPrefix(disposition, `attachment; filename="audit-`) || !strings.HasSuffix(disposition, `.csv"`) || !strings.HasPrefix(kind, "text/csv") {
		t.Errorf("it comes as %s, %s", disposition, kind)
	}

	got = root.get("/console/audit/export"+filter+"jsonl").want(t, http.StatusOK)
	lines := strings.Split(strings.TrimSuffix(got.text, "\n"), "\n")
	if len(lines) != len(want) {
		t.Fatalf("%d lines for %d entries", len(lines), len(want))
	}
	for i, e := range want {
		var line map[string]string
		if err := json.Unmarshal([]byte(lines[i]), &line); err != nil || line["id"] != e.ID || line["reason"] != e.Reason || line["actor"] != e.Actor {
			t.Fatalf("line %d is %s: %v", i, lines[i], err)
		}
	}
	if empty := root.get("/console/audit/export?user=usr_none&format=csv"); strings.Count(empty.text, "\n") != 1 {
		t.Errorf("an empty export is %q", empty.text)
	}
	root.get("/console/audit/export?since=yesterday").want(t, http.StatusUnprocessableEntity)
	if plain := root.get("/console/audit/export"+strings.TrimSuffix(filter, "&format=")).want(t, http.StatusOK); !strings.HasSuffix(plain.Header.Get("Content-Disposition"), `.csv"`) {
		t.Errorf("without a format it comes as %s", plain.Header.Get("Content-Disposition"))
	}
	for _, format := range []string{"xml", "CSV", "json", "csv%3B", "jsonl%00"} {
		refused := root.get("/console/audit/export"+filter+format).want(t, http.StatusUnprocessableEntity).says(t, "format must be csv or jsonl")
		if refused.Header.Get("Content-Disposition") != "" {
			t.Errorf("%s: the refusal comes as a file", format)
		}
	}
	root.get("/console/audit/export?format=xml", "Accept-Language", "de").want(t, http.StatusUnprocessableEntity).says(t, "(format)", "csv oder jsonl")
}

// The list, its further pages and the export ask for the same: between two times, what was done or what was refused.
func TestTheTrailOfASpanAndAnOutcome(t *testing.T) {
	r := open(t, "")
	root := r.enter("root@example.com", "admin")
	start := time.Date(2026, 1, 2, 3, 4, 0, 0, time.UTC)
	for i := range 60 { // one a minute, of which every second was refused
		e := audit.New(audit.SignInRefused, start.Add(time.Duration(i)*time.Minute))
		e.Reason = fmt.Sprintf("minute-%02d.", i)
		if i%2 == 0 {
			e.Outcome = audit.Refused
		}
		if err := r.store.Audit().Record(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
	minutes := regexp.MustCompile(`minute-(\d\d)\.`)
	found := func(text string) (all []string) {
		for _, m := range minutes.FindAllStringSubmatch(text, -1) {
			all = append(all, m[1])
		}
		return all
	}
	first := root.get("/console/audit?since=2026-01-02T03:14&until=2026-01-02T03:44&outcome=refused").want(t, http.StatusOK)
	first.says(t, `value="2026-01-02T03:44"`, `<option value="refused" selected>`)
	want := []string{"38", "36", "34", "32", "30", "28", "26", "24", "22", "20", "18", "16", "14", "12", "10"}
	second := root.get(linkAfter(t, first, "Next page")).want(t, http.StatusOK)
	if got := append(found(first.text), found(second.text)...); !slices.Equal(got, want) {
		t.Errorf("the pages show %q, want %q", got, want)
	}
	for _, name := range []string{"CSV", "JSON Lines"} {
		if got := found(root.get(linkAfter(t, first, name)).want(t, http.StatusOK).text); !slices.Equal(got, want) {
			t.Errorf("%s holds %q, want %q", name, got, want)
		}
	}
	done := root.get("/console/audit?since=2026-01-02T03:14&until=2026-01-02T03:18&outcome=done").want(t, http.StatusOK)
	if got := found(done.text); !slices.Equal(got, []string{"13", "11"}) {
		t.Errorf("done: %q", got)
	}
	for _, wrong := range []string{"until=tomorrow", "outcome=perhaps", "since=2026-01-02&until=2026-01-01"} {
		root.get("/console/audit/export?"+wrong).want(t, http.StatusUnprocessableEntity)
	}
}

func TestCellsThatASpreadsheetWouldRun(t *testing.T) {
	for cell, want := range map[string]string{
		"": "", "phone call": "phone call", "a=b": "a=b", "=1+1": "'=1+1", "+1": "'+1", "-1": "'-1", "@x": "'@x", "\t=1": "'\t=1", "\r=1": "'\r=1", "\n=1": "'\n=1",
		"＝1": "'＝1", "|x": "'|x", "%x": "'%x", "2026-01-02T03:04:05Z": "2026-01-02T03:04:05Z",
	} {
		if got := console.Harmless(cell); got != want {
			t.Errorf("%q is exported as %q, want %q", cell, got, want)
		}
	}
}

// An export that cannot be completed is broken off: nobody takes it for whole.
func TestABrokenExport(t *testing.T) {
	r := open(t, "")
	root := r.enter("root@example.com", "admin")
	for range 1100 {
		if err := r.store.Audit().Record(t.Context(), audit.New(audit.SignedIn, r.now())); err != nil {
			t.Fatal(err)
		}
	}
	read := 0
	r.store.Fault(func(verb string) (before, after error) {
		if verb == "audit.List" {
			if read++; read > 1 {
				return errDisk, nil
			}
		}
		return nil, nil
	})
	req := must[*http.Request](t)(http.NewRequestWithContext(t.Context(), http.MethodGet, r.url+"/console/audit/export?format=csv", nil))
	req.Header.Set("Cookie", root.cookie)
	res, err := client.Do(req)
	if err == nil {
		defer res.Body.Close()
		var buf [1 << 20]byte
		for err == nil {
			_, err = res.Body.Read(buf[:])
		}
		if err.Error() == "EOF" {
			t.Error("half an export looks whole")
		}
	}
	if !strings.Contains(r.log.String(), "export of the audit trail was broken off") {
		t.Errorf("the log says %s", r.log)
	}
}

func TestFiltersAndPages(t *testing.T) {
	r := open(t, "")
	root, ada := r.enter("root@example.com", "admin"), r.enter("ada@example.com")
	for range 60 {
		r.again(ada.user)
	}
	first := root.get("/console/sessions?user=ada@example.com").want(t, http.StatusOK)
	rows := func(p page) int { return strings.Count(p.text, `<a href="/console/sessions/ses_`) }
	if n := rows(first); n != 9 || strings.Contains(first.text, "root@example.com</a>") {
		t.Errorf("%d rows on the first page", n)
	}
	if n := rows(root.get(linkAfter(t, first, "Next page")).want(t, http.StatusOK)); n != 9 {
		t.Errorf("%d rows on the second page", n)
	}
	first = root.get(linkAfter(t, first, "50 a page")).want(t, http.StatusOK)
	if n := rows(first); n != 50 || strings.Contains(first.text, "50 a page") || strings.Contains(first.text, "root@example.com</a>") {
		t.Errorf("%d rows on the first long page", n)
	}
	next := root.get(linkAfter(t, first, "Next page")).want(t, http.StatusOK).says(t, "First page")
	if n := rows(next); n != 11 || strings.Contains(next.text, "Next page") {
		t.Errorf("%d rows on the second long page", n)
	}
	if n := rows(root.get(linkAfter(t, next, "First page"))); n != 50 {
		t.Errorf("%d rows on the first long page again", n)
	}
	if n := rows(root.get("/console/sessions?rows=1000000")); n != 9 {
		t.Errorf("%d rows for whoever asks for a million", n)
	}
	root.get("/console/sessions?user=nobody@example.com").want(t, http.StatusNotFound).says(t, "There is no such user.")
	root.get("/console/sessions?app=nothing").want(t, http.StatusNotFound).says(t, "There is no such application.")
	trail := root.get("/console/audit?user=ada@example.com&type=session.signed_in&rows=50").want(t, http.StatusOK)
	if n := strings.Count(trail.text, "<code>session.signed_in</code>"); n != 50 {
		t.Errorf("%d entries on the first page", n)
	}
	if n := strings.Count(root.get(linkAfter(t, trail, "Next page")).text, "<code>session.signed_in</code>"); n != 11 {
		t.Errorf("%d entries on the second page", n)
	}
	root.get("/console/audit?since="+r.now().UTC().Add(time.Minute).Format("2006-01-02T15:04")).want(t, http.StatusOK).says(t, "No entry matches.")
	root.get("/console/audit?since=tomorrow").want(t, http.StatusUnprocessableEntity).says(t, "The time is not one")
	root.get("/console/audit?until=tomorrow").want(t, http.StatusUnprocessableEntity).says(t, "The time is not one", `value="tomorrow"`)
	root.get("/console/audit?outcome=perhaps").want(t, http.StatusUnprocessableEntity).says(t, "outcome must be done or refused", `id="outcome"`)
	root.get("/console/audit?since=2026-01-02&until=2026-01-02").want(t, http.StatusUnprocessableEntity).says(t, "Until must be later than since", `type="datetime-local" value="2026-01-02"`)
	root.get("/console/audit?since=2026-01-02&until=2026-01-01", "Accept-Language", "de").want(t, http.StatusUnprocessableEntity).says(t, "muss später sein")
	root.get("/console/users?q=ADA").want(t, http.StatusOK).says(t, "ada@example.com")
	root.get("/console/users?q=nobody").want(t, http.StatusOK).says(t, "No user matches.")
	root.get("/console/users/usr_none").want(t, http.StatusNotFound).says(t, "There is no such user.")
	root.get("/console/users", "Accept-Language", "de").says(t, "Benutzer", `lang="de"`)
}
