package console_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"
	"time"

	"tandem.example/tandem/internal/account"
	"tandem.example/tandem/internal/application"
	"tandem.example/tandem/internal/audit"
	"tandem.example/tandem/internal/operator"
)

const (
	// firstTrip is what a server sends before it waits for an answer: ten segments (RFC 6928), less what lies around them.
	firstTrip = 14_000
	allParts  = 100_000
)

// busy fills the room with what a console shows on an ordinary day, and answers somebody of whom there is much to tell.
func busy(r *room, by *person) account.User {
	r.Helper()
	var last *person
	for i := range 60 {
		last = r.enter(fmt.Sprintf("somebody-with-a-long-name-%d@department.example.com", i), "billing", "support")
	}
	for range 30 {
		r.again(last.user)
	}
	reasons := []string{"invalid_credentials", "wrong_code", "locked", "limited", "second_factor", "expired", "unverified"}
	for i := range 20 {
		a := application.Application{Name: fmt.Sprintf("web-shop-%d", i), AllowedOrigins: []string{fmt.Sprintf("https://shop-%d.example.com", i)}, Brand: application.Brand{Title: "The shop of examples"}}
		if _, _, err := r.operator.CreateApplication(r.Context(), a, operator.By{Actor: "system"}); err != nil {
			r.Fatal(err)
		}
	}
	for i := range 60 { // and in each minute of the last hour
		for _, reason := range []string{"invalid_credentials", "wrong_code", "locked", "limited"} {
			r.record(audit.SignInRefused, audit.Refused, reason, time.Duration(i)*time.Minute)
		}
		r.record(audit.SignedIn, audit.Done, "", time.Duration(i)*time.Minute)
	}
	for i := range 48 * 7 { // a week, and in each half hour of the last day something of each
		for k, reason := range reasons {
			ago := time.Duration(i) * 30 * time.Minute
			if i >= 48 && k > 2 {
				break
			}
			e := audit.New(audit.SignInRefused, r.now().Add(-ago-time.Duration(k)*time.Minute))
			e.Outcome, e.Reason, e.IP, e.User, e.Actor = audit.Refused, reason, "2001:db8:17:a4::b7", string(last.user.ID), string(last.user.ID)
			in := audit.New(audit.SignedIn, e.At)
			in.User, in.Actor, in.Target, in.IP = string(last.user.ID), string(last.user.ID), string(last.session), "192.0.2.117"
			done := audit.New(audit.RolesChanged, e.At)
			done.User, done.Actor, done.Reason = string(last.user.ID), string(by.user.ID), "asked for by the head of the department, ticket 4711"
			for _, one := range []audit.Entry{e, in, done} {
				if err := r.store.Audit().Record(r.Context(), one); err != nil {
					r.Fatal(err)
				}
			}
		}
	}
	for i := range 60 {
		r.stopped(fmt.Sprintf("orders-service-%d", i))
	}
	return last.user
}

// Every page arrives in the first round trip as a browser asks for it, header and all, on an ordinary day; with all that
// it loads it weighs less than 100 KB.
func TestTheWeightOfAPage(t *testing.T) {
	r := open(t, "")
	root := r.enter("root@example.com", "admin")
	u := busy(r, root)
	paths := []string{
		"/console", "/console?span=hour", "/console?span=week", "/console/figures", "/console/figures?span=hour", "/console/figures?span=week", "/console/now", "/console/users", "/console/users?q=long", "/console/users/" + string(u.ID), "/console/sessions",
		"/console/sessions?user=" + string(u.ID), "/console/applications", "/console/applications/" + string(r.app.ID), "/console/keys", "/console/audit",
		"/console/audit?user=" + string(u.ID) + "&type=session.signed_in&since=2026-01-01T00:00",
		"/console/audit?user=" + string(u.ID) + "&type=session.signed_in&since=2026-01-01T00:00&until=2099-01-01T00:00&outcome=done", "/console/verifiers", "/console/revoke", "/console/nowhere",
		"/console/acts/lock?id=" + string(u.ID), "/console/acts/revoke?kind=all&end_sessions=1", "/console/acts/rotate-keys", "/console/acts/reset?id=" + string(u.ID), "/console/acts/roles?roles=admin&id=" + string(u.ID),
		"/console/sessions/" + string(root.session),
	}
	paths = append(paths, root.act("revoke", url.Values{"kind": {"authz"}, "id": {string(u.ID)}}, strings.Repeat("because ", 50)))
	for _, lang := range []string{"en", "de"} {
		for _, path := range paths {
			got := root.get(path, "Accept-Language", lang)
			all := sent(root, path, lang)
			if t.Logf("%s %-110s %6d bytes", lang, path, all); all > firstTrip {
				t.Errorf("%s in %s takes more than one round trip: %d bytes", path, lang, all)
			}
			for _, e := range elements(t, path, got.text) {
				for _, name := range []string{"src", "href"} {
					if strings.HasPrefix(e.attrs[name], "/assets/") {
						all += len(root.get(e.attrs[name]).want(t, http.StatusOK).text)
					}
				}
			}
			if all > allParts {
				t.Errorf("%s weighs %d bytes with all parts", path, all)
			}
		}
	}
}

// sent is how many bytes a page takes on the wire, with its header.
func sent(p *person, path, lang string) int {
	p.Helper()
	req := must[*http.Request](p)(http.NewRequestWithContext(p.Context(), http.MethodGet, p.url+path, nil))
	for name, value := range map[string]string{"Accept": "text/html", "Accept-Language": lang, "Accept-Encoding": "gzip, deflate, br, zstd", "Cookie": p.cookie} {
		req.Header.Set(name, value)
	}
	res := must[*http.Response](p)(client.Do(req))
	defer res.Body.Close()
	header := must[[]byte](p)(httputil.DumpResponse(res, false))
	return len(header) + int(must[int64](p)(io.Copy(io.Discard, res.Body)))
}
