package mail_test

import (
	"fmt"
	"html"
	"regexp"
	"strings"
	"testing"
	"time"

	"tandem.example/tandem/internal/language"
	"tandem.example/tandem/internal/mail"
	"tandem.example/tandem/internal/secret"
)

const link = "https://sign-in.example.com/sign-in/link?attempt=att_1&secret=s3cret"

// every composes each message there is about the happening, with `name` for what else comes from outside.
func every(h mail.Happening, name string, s language.Speaker) map[string]mail.Message {
	all := map[string]mail.Message{
		"theft": mail.TheftDetected(h, s), "device": mail.NewDevice(h, s), "password": mail.PasswordChanged(h, s),
		"no account": mail.NoAccount(h, link, s), "no account, closed": mail.NoAccount(h, "", s), "have account": mail.HaveAccount(h, link, link, s),
		"email": mail.EmailChanged(h, s), "claimed": mail.Claimed(h, s),
		"password by an operator": mail.SetByOperator(h, s), "reset by an operator": mail.ResetByOperator(h, s), "address by an operator": mail.MovedByOperator(h, s),
	}
	for _, u := range []mail.Use{mail.ToSignIn, mail.ToSignUp, mail.ToRecover, mail.ToVerifyEmail, mail.ToStepUp} {
		p := mail.Proof{Use: u, Code: secret.NewText("042137"), Link: secret.NewText(link), Valid: 10 * time.Minute}
		all["code to "+string(u)] = mail.Code(h, p, s)
	}
	for _, c := range []mail.Change{mail.PasskeyAdded, mail.PasskeyRemoved, mail.TOTPOn, mail.TOTPOff, mail.RecoveryCodesMade,
		mail.RecoveryCodeUsed, mail.Connected, mail.Disconnected, mail.PasswordSet} {
		all[string(c)] = mail.FactorChanged(h, c, name, s)
	}
	return all
}

// TestEveryMessageIsWholeInEachLanguage: nothing is missing from the catalogue, and HTML says what the text says.
func TestEveryMessageIsWholeInEachLanguage(t *testing.T) {
	with := happening
	with.Account = "https://sign-in.example.com/account"
	for _, s := range []language.Speaker{english, german} {
		for name, m := range every(with, "Anna's key", s) {
			if err := m.Validate(); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			if m.Language != s.Tag() || !strings.Contains(m.HTML, `<html lang="`+s.Tag()+`">`) {
				t.Errorf("%s: is not marked as %s", name, s.Tag())
			}
			if strings.Contains(m.Subject+m.Text+m.HTML, "mail.") || strings.Contains(m.Subject+m.Text+m.HTML, "<no value>") || strings.Contains(m.Text, "{{") {
				t.Errorf("%s in %s lacks a text:\n%s\n%s", name, s.Tag(), m.Subject, m.Text)
			}
			shown := plain(m.HTML)
			for line := range strings.Lines(m.Text) {
				if said := strings.Join(strings.Fields(line), " "); !strings.Contains(shown, strings.TrimSuffix(said, ":")) && !strings.Contains(html.UnescapeString(m.HTML), said) {
					t.Errorf("%s in %s: HTML does not say %q", name, s.Tag(), said)
				}
			}
		}
	}
	if en, de := every(with, "", english)["email"], every(with, "", german)["email"]; en.Text == de.Text || en.Subject == de.Subject {
		t.Error("German is English")
	}
}

var tag = regexp.MustCompile(`<[^>]*>`)

// plain is what a reader sees of HTML, on one line.
func plain(source string) string {
	return strings.Join(strings.Fields(html.UnescapeString(tag.ReplaceAllString(source, " "))), " ")
}

func TestNothingFromOutsideBecomesMarkupOrALink(t *testing.T) {
	evil := happening
	evil.Service, evil.Device = `<b>Bank</b>`, `<img src=x onerror=alert(1)>`+strings.Repeat("é", 4000)
	evil.IP, evil.Account = `"><script>x</script>`, "javascript:alert(1)"
	for name, m := range every(evil, `{{.Service}}</p><script>`, german) {
		for _, markup := range []string{"<b>", "<img", "<script", "javascript:", "</p><"} {
			if strings.Contains(m.HTML, markup) {
				t.Errorf("%s: %q reaches the HTML", name, markup)
			}
		}
		if len(m.Text) > 4000 || len(m.HTML) > 12000 {
			t.Errorf("%s: has %d and %d bytes", name, len(m.Text), len(m.HTML))
		}
	}
	for _, bad := range []string{"javascript:alert(1)", "//evil.example", "https://u:p@evil.example/", "https://a.example/\nBcc: x", "data:text/html,x",
		"https://a.example/ b", "https://a.example/" + strings.Repeat("x", 3000)} {
		m := mail.NoAccount(happening, bad, english)
		if strings.Contains(m.HTML, "<a ") || strings.Contains(m.Text, "Sign up:") {
			t.Errorf("%q became a link", bad)
		}
	}
}

func TestCodeStandsInTheBodyAlone(t *testing.T) {
	p := mail.Proof{Use: mail.ToSignIn, Code: secret.NewText("042137"), Link: secret.NewText(link), Valid: 10 * time.Minute}
	m := mail.Code(happening, p, english)
	if strings.Contains(m.Subject, "042137") {
		t.Error("the code is in the subject")
	}
	if !strings.Contains(m.Text, "\n    042137\n") || !strings.Contains(m.HTML, ">042137<") {
		t.Errorf("the code is not in the message:\n%s", m.Text)
	}
	if !strings.Contains(m.Text, "\n"+link+"\n") || !strings.Contains(m.HTML, `href="`+html.EscapeString(link)+`"`) {
		t.Errorf("the link is not in the message:\n%s\n%s", m.Text, m.HTML)
	}
	if !strings.Contains(m.Text, "within 10 minutes") || !strings.Contains(m.Text, "If you did not ask for this, ignore it") {
		t.Errorf("the message does not say what it has to:\n%s", m.Text)
	}
	if p.Link = (secret.Text{}); strings.Contains(mail.Code(happening, p, english).Text, "link") {
		t.Error("a message without a link speaks of one")
	}
	for _, printed := range []string{fmt.Sprint(m), fmt.Sprintf("%+v %#v", m, &m), m.LogValue().String()} {
		if strings.Contains(printed, "042137") || strings.Contains(printed, "anna@") {
			t.Errorf("printing a message shows %s", printed)
		}
	}
}
