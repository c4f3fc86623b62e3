package pages_test

import (
	"io/fs"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"tandem.example/tandem/internal/audit"
	"tandem.example/tandem/internal/credential"
	"tandem.example/tandem/internal/language"
	"tandem.example/tandem/internal/pages"
	"tandem.example/tandem/internal/session"
	"tandem.example/tandem/internal/ui"
	"tandem.example/tandem/internal/web"
)

// parts are templates that stand within others.
var parts = []string{"summary", "field", "secret", "digits", "identity", "ways", "remember", "where", "passkey-form", "step-heading", "device"}

// TestEveryTemplate: with hostile text in every field, in both languages, each page is well-formed, can be used, runs
// nothing, and is light.
func TestEveryTemplate(t *testing.T) {
	t.Parallel()
	kit, err := ui.New(ui.Config{Issuer: "https://auth.example.com/in"})
	if err != nil {
		t.Fatal(err)
	}
	assets, err := fs.Sub(pages.Files, "assets")
	if err != nil {
		t.Fatal(err)
	}
	if err := kit.Publish(assets); err != nil {
		t.Fatal(err)
	}
	set, err := kit.Templates(pages.Files, "templates/*.html")
	if err != nil {
		t.Fatal(err)
	}
	shows := pages.Shows()
	for _, name := range defined(t) {
		for i, page := range shows[name] {
			for _, tag := range language.Tags() {
				w, r := httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil)
				r.Header.Set("Accept-Language", tag)
				if err := set.Render(&web.Exchange{ResponseWriter: w, Request: r}, r, 200, name, page); err != nil {
					t.Fatalf("%s %d: %v", name, i, err)
				}
				what, body := name+" in "+tag, w.Body.String()
				examine(t, what, body)
				harmless(t, what, body)
			}
		}
	}
}

// defined are the templates, each of which must be shown by the test or stand within others.
func defined(t *testing.T) []string {
	t.Helper()
	var names []string
	entries, err := fs.ReadDir(pages.Files, "templates")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		text, err := fs.ReadFile(pages.Files, "templates/"+e.Name())
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`\{\{define "([^"]+)"`).FindAllStringSubmatch(string(text), -1) {
			names = append(names, m[1])
			within := false
			for _, part := range parts {
				within = within || part == m[1]
			}
			if !within && len(pages.Shows()[m[1]]) == 0 {
				t.Errorf("the template %s is shown by no test", m[1])
			}
		}
	}
	return names
}

// harmless fails the test if a page has an element or attribute that runs something, or a text that the catalogue
// lacks.
func harmless(t *testing.T, what, body string) {
	t.Helper()
	for _, one := range tags(body) {
		if one.name == "script" && !one.end && !strings.HasPrefix(one.attr["src"], "/in/assets/") || one.attr["src"] == "x" || one.name == "iframe" {
			t.Errorf("%s: <%s> got in: %v", what, one.name, one.attr)
		}
		for name, value := range one.attr {
			if strings.HasPrefix(name, "on") || name == "style" {
				t.Errorf("%s: <%s> has %s", what, one.name, name)
			}
			if (name == "href" || name == "src" || name == "action") && strings.HasPrefix(strings.TrimSpace(value), "javascript:") {
				t.Errorf("%s: <%s> leads to %s", what, one.name, value)
			}
		}
	}
	if i := strings.Index(body, "pages."); i >= 0 {
		t.Errorf("%s: a text is not in the catalogue: %s", what, body[i:i+40])
	}
	if strings.Contains(body, "&lt;no value") || strings.Contains(body, "ZgotmplZ") {
		t.Errorf("%s: a value is missing", what)
	}
}

// TestNothingIsUnsaid: whatever code puts together an id for has words in every language.
func TestNothingIsUnsaid(t *testing.T) {
	t.Parallel()
	var ids []string
	for _, name := range pages.Notices() {
		ids = append(ids, "pages.notice."+name)
	}
	for _, why := range []session.Reason{
		session.SignedOut, session.EndedByUser, session.EndedByOperator, session.UserLocked, session.UserRevoked, session.PasswordChanged, session.AppRevoked,
		session.RefreshReused, session.LimitReached, session.AccountClaimed,
	} {
		ids = append(ids, "pages.notice."+string(why))
	}
	for _, rule := range []credential.Rule{credential.RuleMinLength, credential.RuleMaxLength, credential.RuleText, credential.RuleCommon, credential.RulePersonal} {
		ids = append(ids, "pages.fault.password_"+string(rule))
	}
	for _, kind := range []audit.Type{
		audit.SignedUp, audit.UserCreated, audit.UserChanged, audit.UserLocked, audit.UserUnlocked, audit.RolesChanged, audit.PasswordChanged, audit.SignedIn,
		audit.SignInRefused, audit.SteppedUp, audit.StepUpRefused, audit.SignedOut, audit.SessionEnded, audit.RefreshReused, audit.Revoked, audit.EmailVerified,
		audit.EmailChanged, audit.AccountClaimed, audit.AccountRecovered, audit.CredentialsReset, audit.PasskeyAdded, audit.PasskeyRenamed, audit.PasskeyRemoved, audit.TOTPAdded,
		audit.TOTPRemoved, audit.RecoveryCodesMade, audit.RecoveryCodeUsed, audit.Connected, audit.Disconnected, audit.SessionBound, audit.BindingRefused,
	} {
		ids = append(ids, "pages.history."+string(kind))
	}
	for _, name := range []string{"password", "passkey", "totp", "email_code", "provider"} {
		ids = append(ids, "pages.method."+name)
	}
	ids = append(ids, pages.FaultIDs()...)
	for _, missing := range pages.Unsaid(ids...) {
		t.Error(missing)
	}
}
