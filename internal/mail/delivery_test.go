package mail_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-smtp"

	"tandem.example/tandem/internal/mail"
)

// TestOutboxOverSMTP goes through what a mail server does to one who sends: refuses for now, refuses for good, is not
// there, comes back.
func TestOutboxOverSMTP(t *testing.T) {
	r := startRelay(t, mail.InsecurePlaintext, "", "")
	tried := map[string]int{}
	r.answer = func(_ int, to string) error {
		tried[to]++
		switch {
		case to == "gone@example.com":
			return &smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 1, 1}, Message: "no " + to}
		case to == "busy@example.com" && tried[to] == 1:
			return &smtp.SMTPError{Code: 451, EnhancedCode: smtp.EnhancedCode{4, 3, 0}, Message: "later, " + to}
		}
		return nil
	}
	o := newOffice(t, r.carrier(t, mail.InsecurePlaintext), nil)
	stop := o.run(t)
	for _, to := range []string{"gone@example.com", "busy@example.com", "anna@example.com"} {
		o.send(t, to)
	}
	until(t, func() bool { return o.waiting(t) == 0 })
	_ = r.server.Close()
	o.send(t, "late@example.com")
	until(t, func() bool { f, _ := o.Figures(t.Context()); return f.Failed >= 3 })
	back := startRelay(t, mail.InsecurePlaintext, r.address, "")
	until(t, func() bool { return o.waiting(t) == 0 })
	stop()
	var to []string
	for _, m := range append(r.received(), back.received()...) {
		to = append(to, m.to)
	}
	slices.Sort(to)
	if !slices.Equal(to, []string{"anna@example.com", "busy@example.com", "late@example.com"}) {
		t.Errorf("arrived: %v", to)
	}
	if f, _ := o.Figures(t.Context()); f.Sent != 3 || f.GivenUp != 1 {
		t.Errorf("figures: %s", f)
	}
	log := o.log.String()
	for _, s := range []string{"042137", "s3cret", "gone@", "anna@", "late@"} {
		if strings.Contains(log, s) {
			t.Errorf("the log holds %q:\n%s", s, log)
		}
	}
	if !strings.Contains(log, "domain=example.com") || !strings.Contains(log, "550") {
		t.Errorf("the log does not say what was refused:\n%s", log)
	}
}

// until waits for a condition for as long as a test may take.
func until(t *testing.T, met func() bool) {
	t.Helper()
	for began := time.Now(); time.Since(began) < time.Minute; time.Sleep(5 * time.Millisecond) {
		if met() {
			return
		}
	}
	t.Fatal("it did not come to pass within a minute")
}
