package console_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"tandem.example/tandem/internal/audit"
	"tandem.example/tandem/internal/credential"
	"tandem.example/tandem/internal/session"
)

// example is a path that a route answers, about these people.
func example(pattern string, ada *person, order string) (method, path string) {
	method, path, _ = strings.Cut(pattern, " ")
	for from, to := range map[string]string{
		"/users/{id}": "/users/" + string(ada.user.ID), "/sessions/{id}": "/sessions/" + string(ada.session), "/applications/{id}": "/applications/" + string(ada.app.ID),
		"{order}": order, "{rest...}": "nowhere",
	} {
		path = strings.Replace(path, from, to, 1)
	}
	if strings.Contains(path, "/acts/") {
		path += "?id=" + string(ada.user.ID) + "&kind=subject"
	}
	return method, path
}

// Every route, by whoever is not an operator, and what acts by an operator whose proof is old.
func TestWhoMaySeeWhat(t *testing.T) {
	r := open(t, "")
	root, ada := r.enter("root@example.com", "admin"), r.enter("ada@example.com", "user")
	receipt := root.act("revoke", url.Values{"kind": {"authz"}, "id": {string(ada.user.ID)}}, "to have a receipt")
	order := strings.TrimPrefix(strings.SplitN(receipt, "?", 2)[0], "/console/receipts/")
	ended := r.again(ada.user)
	if _, _, err := r.store.Sessions().End(t.Context(), session.Ending{Session: ended.session, Reason: session.SignedOut, At: r.now()}); err != nil {
		t.Fatal(err)
	}
	before := trailOf(r)
	send := func(cookie, method, path string) page {
		if method == http.MethodGet {
			return r.visit(path, cookie, nil)
		}
		form, _ := url.ParseQuery(path[strings.Index(path, "?")+1:])
		form.Set("reason", "because")
		form.Set("order", "ord_"+strings.TrimPrefix(string(session.NewID(r.now())), "ses_"))
		return r.visit(strings.SplitN(path, "?", 2)[0], cookie, form)
	}
	for _, route := range r.console.Routes() {
		method, path := example(route.Pattern, ada, order)
		for name, cookie := range map[string]string{"nobody": "", "forged": "tandem_session=tds_x", "two": root.cookie + "; " + ada.cookie, "ended": ended.cookie} {
			got := send(cookie, method, path)
			if route.Live {
				if got.StatusCode != http.StatusUnauthorized || got.Header.Get("HX-Refresh") != "true" || got.text != "" {
					t.Errorf("%s as %s: %d %q", route.Pattern, name, got.StatusCode, got.text)
				}
				continue
			}
			to, err := url.Parse(got.leads(t))
			if err != nil || to.Path != "/sign-in" || !strings.HasPrefix(to.Query().Get("return_to"), "/console") {
				t.Errorf("%s as %s leads to %s", route.Pattern, name, to)
			}
		}
		got := send(ada.cookie, method, path).want(t, http.StatusForbidden)
		if strings.Contains(got.text, "root@example.com") || strings.Contains(got.text, "/console/keys") {
			t.Errorf("%s tells somebody who is no operator:\n%s", route.Pattern, got.text)
		}
		if !route.Live {
			got.says(t, "takes the role admin")
		}
	}
	r.pass(10*time.Minute + time.Second)
	for _, route := range r.console.Routes() {
		method, path := example(route.Pattern, ada, order)
		got := send(root.cookie, method, path)
		if !route.Acts {
			if got.StatusCode != http.StatusOK && route.Pattern != "GET /console/{rest...}" {
				t.Errorf("%s of an operator whose proof is old: %d\n%s", route.Pattern, got.StatusCode, got.text)
			}
			continue
		}
		to, _ := url.Parse(got.leads(t))
		back := to.Query().Get("return_to")
		if to.Path != "/step-up" || !strings.HasPrefix(back, "/console/acts/") || !strings.Contains(back, string(ada.user.ID)) || strings.Contains(back, "because") {
			t.Errorf("%s of an operator whose proof is old leads to %s", route.Pattern, to)
		}
	}
	if after := trailOf(r); after != before {
		t.Errorf("something was done by somebody who may not: %d entries, then %d", before, after)
	}
}

// An application's pages may read the API for its users. They may not read the console for its operators.
func TestNoOtherPageReadsTheConsole(t *testing.T) {
	r := open(t, "")
	root := r.enter("root@example.com", "admin")
	for _, from := range [][]string{
		{"Origin", "https://app.example.com"},
		{"Origin", "https://app.example.com", "Sec-Fetch-Site", "same-site"},
		{"Origin", "null", "Sec-Fetch-Site", "cross-site"},
	} {
		if got := root.get("/console/users", from...); got.StatusCode != http.StatusForbidden || strings.Contains(got.text, "root@example.com") {
			t.Errorf("%v: %d\n%s", from, got.StatusCode, got.text)
		}
	}
	root.get("/console/users", "Sec-Fetch-Site", "cross-site").want(t, http.StatusOK) // a link from elsewhere
	for _, site := range []string{"cross-site", "same-site"} {
		form := root.get("/console/acts/lock?id=" + string(root.user.ID)).form("because")
		if got := r.visit("/console/acts/lock", root.cookie, form, "Sec-Fetch-Site", site); got.StatusCode != http.StatusForbidden {
			t.Errorf("a form of another origin (%s): %d", site, got.StatusCode)
		}
	}
	root.get("/console").want(t, http.StatusOK)
}

// A bearer token opens nothing here, and does not stand in the way of the cookie.
func TestTheCookieAloneDecides(t *testing.T) {
	r := open(t, "")
	root, ada := r.enter("root@example.com", "admin"), r.enter("ada@example.com")
	token := strings.TrimPrefix(root.cookie, "tandem_session=")
	r.visit("/console", "", nil, "Authorization", "Bearer "+token).leads(t)
	r.visit("/console", ada.cookie, nil, "Authorization", "Bearer "+token).want(t, http.StatusForbidden)
	r.visit("/console", root.cookie, nil, "Authorization", "Bearer nonsense").want(t, http.StatusOK)
}

// Below an issuer with a path, every link, form and redirect stays below it.
func TestBelowAPath(t *testing.T) {
	r := open(t, "/auth")
	root, ada := r.enter("root@example.com", "admin"), r.enter("ada@example.com")
	if to := r.visit("/console/users", "", nil).leads(t); to != "/auth/sign-in?return_to=%2Fconsole%2Fusers" {
		t.Errorf("leads to %s", to)
	}
	for _, route := range r.console.Routes() {
		method, path := example(route.Pattern, ada, "ord_x")
		if method != http.MethodGet || strings.Contains(path, "export") {
			continue
		}
		for _, e := range elements(t, path, root.get(path).text) {
			for _, name := range []string{"href", "action", "src", "hx-get"} {
				if to := e.attrs[name]; strings.HasPrefix(to, "/") && !strings.HasPrefix(to, "/auth/") {
					t.Errorf("%s: <%s %s=%q> leaves the issuer's path", path, e.name, name, to)
				}
			}
		}
	}
	if to := root.act("lock", url.Values{"id": {string(ada.user.ID)}}, "because"); !strings.HasPrefix(to, "/console/receipts/") {
		t.Errorf("a lock leads to %s", to)
	}
}

// A proof of an operator who has a second factor is one of that, however new the session is: a remembered device, or a
// password by the API, is none.
func TestActsTakeTheSecondFactorOfWhoHasOne(t *testing.T) {
	r := open(t, "")
	root, ada := r.enter("root@example.com", "admin"), r.enter("ada@example.com")
	seed := credential.TOTP{User: root.user.ID, Sealed: []byte("sealed"), CreatedAt: r.now()}
	if err := r.store.Codes().SetTOTP(t.Context(), seed, nil, audit.New(audit.TOTPAdded, r.now())); err != nil {
		t.Fatal(err)
	}
	lock := "/console/acts/lock?id=" + string(ada.user.ID)
	if to := root.get(lock).leads(t); !strings.HasPrefix(to, "/step-up?") {
		t.Errorf("leads to %s", to)
	}
	root.get("/console/users").want(t, http.StatusOK)
	view, err := r.store.Sessions().Find(t.Context(), root.session)
	if err != nil {
		t.Fatal(err)
	}
	_, _, err = r.store.Sessions().Renew(t.Context(), session.Renewal{ID: root.session, Version: view.Session.Version, Token: view.Session.Token,
		AuthenticatedAt: r.now(), ACR: "2", AMR: []string{"pwd", "otp", "mfa"}, Audit: audit.New(audit.SteppedUp, r.now()), At: r.now()})
	if err != nil {
		t.Fatal(err)
	}
	root.get(lock).want(t, http.StatusOK)
}
