package console_test

import (
	"crypto/sha256"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"tandem.example/tandem/internal/account"
	"tandem.example/tandem/internal/application"
	"tandem.example/tandem/internal/audit"
	"tandem.example/tandem/internal/feed"
	"tandem.example/tandem/internal/mail"
	"tandem.example/tandem/internal/session"
	"tandem.example/tandem/internal/signin"
	"tandem.example/tandem/verify/jws"
	"tandem.example/tandem/verify/revocation"
)

// hostile is text that wants to be markup, wherever it stands: in text, in an attribute in or without quotes, in a URL, a
// script, a style, a comment, a template, or in what htmx reads.
func hostile(where string) string {
	return where + `"'><xss id=x onxss=1 hx-get=/xss style=color:red></title></textarea></style></script><script>xss()</script>` +
		`<img src=x onerror=xss()><a href="javascript:xss()">` + "`${xss()}{{.}}{{say}}<!--<svg/onload=xss()>" + `javascript:xss()`
}

// haunt fills every field that the console shows with hostile text, and answers a user, a session and an application.
func haunt(r *room) (account.User, session.ID, application.ID) {
	r.Helper()
	ctx, now, st := r.Context(), r.now(), r.store
	check := func(err error) {
		r.Helper()
		if err != nil {
			r.Fatal(err)
		}
	}
	a := application.Application{ID: application.NewID(now), Name: hostile("app"), Kind: application.User, Mode: application.Mode(hostile("mode")),
		Audiences: []string{hostile("audience")}, AllowedOrigins: []string{hostile("origin")}, Algorithm: jws.Algorithm(hostile("alg")), CreatedAt: now,
		Session: application.Session{Preset: hostile("preset")}, Brand: application.Brand{Title: hostile("title"), Logo: hostile("logo"), Color: hostile("color")},
		SignIn: application.SignIn{Methods: []application.Method{application.Method(hostile("method"))}, SecondFactor: application.SecondFactor(hostile("second")), ACR: hostile("acr")}}
	check(st.Applications().Create(ctx, a, audit.New(audit.ApplicationMade, now)))
	u := account.User{ID: account.NewID(now), Email: hostile("email") + "@example.com", Name: hostile("name"), Roles: []string{hostile("role")}, Status: account.Active, CreatedAt: now, TheftAt: now}
	check(st.SignIn().Register(ctx, signin.Registration{User: u}))
	s := session.Session{ID: session.NewID(now), User: u.ID, Application: a.ID, CreatedAt: now, AuthenticatedAt: now, LastSeenAt: now, IdleExpiresAt: now.Add(time.Hour),
		ExpiresAt: now.Add(time.Hour), Idle: time.Hour, ACR: hostile("level"), AMR: []string{hostile("amr")}, Device: hostile("device"), IP: hostile("ip")}
	view, err := st.Accounts().ByID(ctx, u.ID)
	check(err)
	_, err = st.Sessions().Start(ctx, session.Start{Session: s, AccountRevision: view.Revision, Audit: audit.New(audit.SignedIn, now)})
	check(err)
	for _, t := range []audit.Type{audit.Type(hostile("type")), audit.SignInRefused, audit.UserLocked} {
		e := audit.New(t, now)
		e.Actor, e.User, e.Target, e.IP, e.Reason, e.Outcome, e.RequestID = hostile("actor"), string(u.ID), hostile("target"), hostile("ip"), hostile("reason"), audit.Refused, hostile("request")
		check(st.Audit().Record(ctx, e))
		e = audit.New(t, now)
		e.Actor, e.User, e.Target = "usr_"+hostile("actor"), "usr_"+hostile("user"), "app_"+hostile("target")
		check(st.Audit().Record(ctx, e))
	}
	_, err = r.feed.Sync(ctx, feed.Caller{Application: hostile("app")}, revocation.Request{Verifier: hostile("v")[:128], Instance: hostile("i")[:128], Nonce: "0123456789abcdef"})
	check(err)
	r.mail = mail.Figures{Waiting: 3, Oldest: time.Minute, GivenUp: 1}
	return u, s.ID, a.ID
}

// Names, user agents, reasons, addresses and all the rest are hostile: on no page does any of it become markup.
func TestNothingThatIsShownBecomesMarkup(t *testing.T) {
	r := open(t, "")
	root := r.enter("root@example.com", "admin")
	u, s, a := haunt(r)
	q := url.QueryEscape(hostile("query"))
	paths := []string{
		"/console", "/console?span=" + q, "/console/live/overview?span=week", "/console/now", "/console/live/now", "/console/users", "/console/users?q=" + q,
		"/console/users?q=xss", "/console/users/" + string(u.ID), "/console/users/" + url.PathEscape("x"+hostile("id")), "/console/sessions", "/console/sessions?user=" + q + "&app=" + q,
		"/console/sessions/" + string(s), "/console/applications", "/console/applications/" + string(a), "/console/keys", "/console/verifiers", "/console/live/verifiers",
		"/console/revoke?kind=" + q + "&id=" + q, "/console/audit", "/console/audit?type=" + q + "&user=" + q, "/console/audit?since=" + q, "/console/audit?until=" + q, "/console/audit?outcome=" + q, "/console/" + q,
		"/console/receipts/" + q, "/console?done=" + q, "/console/acts/lock?id=" + string(u.ID), "/console/acts/unlock?id=" + string(u.ID), "/console/acts/delete-user?id=" + string(u.ID),
		"/console/acts/roles?id=" + string(u.ID) + "&roles=", "/console/acts/roles?id=" + string(u.ID) + "&roles=" + q, "/console/acts/rotate-keys?was=" + q, "/console/acts/reset?id=" + string(u.ID) + "&was=" + q, "/console/acts/lock?id=" + q,
		"/console/acts/revoke?kind=all&end_sessions=1",
	}
	for _, kind := range []string{"session", "subject", "authz", "application", "key", q} {
		id := map[string]string{"session": string(s), "subject": string(u.ID), "authz": string(u.ID), "application": string(a), "key": r.operator.Keys()[0].KID, q: q}[kind]
		paths = append(paths, "/console/acts/revoke?kind="+kind+"&id="+id)
	}
	haunted := 0
	for _, path := range paths {
		got := root.get(path)
		if got.StatusCode >= 500 {
			t.Errorf("%s answered %d", path, got.StatusCode)
		}
		haunted += strings.Count(got.text, "xss")
		harmlessMarkup(t, path, got.text)
	}
	asked := root.get("/console/acts/lock?id=" + string(u.ID))
	harmlessMarkup(t, "asked again", root.post("/console/acts/lock", asked.form(hostile("reason")+strings.Repeat("x", 500))).text)
	to := root.act("lock", url.Values{"id": {string(u.ID)}}, hostile("reason"))
	got := root.get(to).want(t, http.StatusOK).says(t, "is locked")
	harmlessMarkup(t, "receipt", got.text)
	if haunted < 200 {
		t.Errorf("only %d pieces of hostile text were shown: the test shows nothing", haunted)
	}
}

// harmlessMarkup fails if anything in the page is not what the console wrote.
func harmlessMarkup(t *testing.T, where, text string) {
	t.Helper()
	if i := strings.Index(text, "ZgotmplZ"); i >= 0 {
		t.Errorf("%s: a template met something unsafe: %s", where, text[max(0, i-80):i+20])
	}
	for _, e := range elements(t, where, text) {
		if e.name == "xss" || e.name == "script" && e.attrs["src"] == "" {
			t.Errorf("%s: hostile text became <%s>", where, e.name)
		}
		for name, value := range e.attrs {
			value = strings.ToLower(strings.TrimSpace(value))
			urls := name == "href" || name == "src" || name == "action" || name == "hx-get"
			if strings.HasPrefix(name, "on") || name == "style" || name == "srcdoc" || urls && !strings.HasPrefix(value, "/") && value != "#main" && value != "#whole" {
				t.Errorf("%s: <%s> has %s=%q", where, e.name, name, value)
			}
		}
	}
}

// The policy lets a browser run nothing else than the console's two scripts.
func TestThePolicyOfAPage(t *testing.T) {
	r := open(t, "")
	root := r.enter("root@example.com", "admin")
	for _, path := range []string{"/console", "/console/users", "/console/live/now", "/console/nowhere"} {
		got := root.get(path)
		policy := got.Header.Get("Content-Security-Policy")
		for _, want := range []string{"default-src 'none'", "script-src 'self'", "form-action 'self'", "frame-ancestors 'none'", "base-uri 'none'", "require-trusted-types-for 'script'"} {
			if !strings.Contains(policy, want) {
				t.Errorf("%s: the policy lacks %s: %s", path, want, policy)
			}
		}
		if strings.Contains(policy, "unsafe") || got.Header.Get("Cache-Control") != "no-store" || got.Header.Get("X-Frame-Options") != "DENY" {
			t.Errorf("%s: %v", path, got.Header)
		}
	}
}

// What is vendored is what was looked at when it was chosen.
func TestTheVendoredScriptIsTheOneThatWasChosen(t *testing.T) {
	script := must[[]byte](t)(os.ReadFile("assets/htmx.js"))
	decision := must[[]byte](t)(os.ReadFile("../../docs/decisions/0019-console.md"))
	if sum := fmt.Sprintf("%x", sha256.Sum256(script)); !strings.Contains(string(decision), sum) {
		t.Errorf("assets/htmx.js has the SHA-256 %s, which the decision does not name", sum)
	}
}
