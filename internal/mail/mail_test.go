package mail_test

import (
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"tandem.example/tandem/internal/language"
	"tandem.example/tandem/internal/mail"
)

var happening = mail.Happening{
	To: "anna@example.com", Service: "Example Bank", Device: "Firefox on Linux", IP: "192.0.2.7",
	At: time.Date(2026, 3, 1, 13, 5, 9, 0, time.FixedZone("CET", 3600)),
}

var (
	english = language.For("en")
	german  = language.For("de")
)

func in(s language.Speaker, compose func(mail.Happening, language.Speaker) mail.Message) func(mail.Happening) mail.Message {
	return func(h mail.Happening) mail.Message { return compose(h, s) }
}

var notices = map[mail.Kind]func(mail.Happening) mail.Message{
	mail.KindTheft:           in(english, mail.TheftDetected),
	mail.KindNewDevice:       in(english, mail.NewDevice),
	mail.KindPasswordChanged: in(english, mail.PasswordChanged),
}

func TestNoticesTellWhatHappened(t *testing.T) {
	for kind, compose := range notices {
		m := compose(happening)
		if m.Kind != kind || m.To != happening.To {
			t.Errorf("%s: composed for %q as %q", kind, m.To, m.Kind)
		}
		if err := m.Validate(); err != nil {
			t.Errorf("%s: %v", kind, err)
		}
		for _, fact := range []string{"Example Bank", "Firefox on Linux", "192.0.2.7", "1 March 2026, 12:05 UTC"} {
			if !strings.Contains(m.Text, fact) {
				t.Errorf("%s: does not mention %q:\n%s", kind, fact, m.Text)
			}
		}
		if !strings.HasSuffix(m.Text, "\n") || strings.Contains(m.Text, "\r") {
			t.Errorf("%s: lines are not ended by \\n", kind)
		}
	}
}

func TestNoticesLeaveOutWhatIsUnknown(t *testing.T) {
	for kind, compose := range notices {
		m := compose(mail.Happening{To: "anna@example.com", At: happening.At})
		if err := m.Validate(); err != nil {
			t.Errorf("%s: %v", kind, err)
		}
		for _, label := range []string{"Device:", "Address:", " at .", "()"} {
			if strings.Contains(m.Subject+m.Text, label) {
				t.Errorf("%s: mentions %q of nothing:\n%s", kind, label, m.Text)
			}
		}
	}
}

// The device comes from whoever signs in, which may be the attacker whom the
// notice is about.
func TestNoticesCannotBeWrittenByTheDevice(t *testing.T) {
	evil := happening
	evil.Device = "Phone\r\n\r\nYour account is closed. Call +1 555 0100\x1b[2J\u202egnihsihp\u2028x" + strings.Repeat("z", 5000)
	evil.Service = "Bank\r\nBcc: everyone@example.com"
	evil.IP = "1.2.3.4\n\x00\xff"
	for kind, compose := range notices {
		m := compose(evil)
		if err := m.Validate(); err != nil {
			t.Errorf("%s: %v", kind, err)
		}
		if strings.ContainsAny(m.Text, "\r\x1b\x00\u202e\u2028") {
			t.Errorf("%s: control characters reach the message", kind)
		}
		for line := range strings.Lines(m.Text) {
			if strings.HasPrefix(line, "Your account is closed") || strings.HasPrefix(line, "Bcc:") {
				t.Errorf("%s: the device wrote a line of its own: %q", kind, line)
			}
			if strings.HasPrefix(line, "Device:") && len([]rune(line)) > 100 {
				t.Errorf("%s: the device wrote %d characters", kind, len([]rune(line)))
			}
		}
	}
}

func TestValidateRefusesInjection(t *testing.T) {
	good := mail.NewDevice(happening, english)
	bad := map[string]func(*mail.Message){
		"no recipient":             func(m *mail.Message) { m.To = "" },
		"two recipients":           func(m *mail.Message) { m.To = "a@example.com,b@example.com" },
		"display name":             func(m *mail.Message) { m.To = "Anna <anna@example.com>" },
		"line break in recipient":  func(m *mail.Message) { m.To = "a@example.com\r\nBcc:b@example.com" },
		"line break in subject":    func(m *mail.Message) { m.Subject = "x\nBcc: b@example.com" },
		"no subject":               func(m *mail.Message) { m.Subject = "" },
		"no kind":                  func(m *mail.Message) { m.Kind = "" },
		"no text":                  func(m *mail.Message) { m.Text = "" },
		"no html":                  func(m *mail.Message) { m.HTML = "" },
		"recipient without domain": func(m *mail.Message) { m.To = "root" },
	}
	var out strings.Builder
	for name, spoil := range bad {
		m := good
		spoil(&m)
		for _, s := range []mail.Sender{mail.Discard{}, mail.NewTerminal(&out)} {
			if err := s.Send(t.Context(), m); !errors.Is(err, mail.ErrInvalid) {
				t.Errorf("%s: %T.Send = %v, want ErrInvalid", name, s, err)
			}
		}
	}
	if out.Len() > 0 {
		t.Errorf("a refused message was printed: %q", out.String())
	}
	if err := (mail.Discard{}).Send(t.Context(), good); err != nil {
		t.Errorf("Discard.Send = %v", err)
	}
}

// writes collects what each Write was given.
type writes struct {
	mu  sync.Mutex
	all []string
	err error
}

func (w *writes) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.all = append(w.all, string(b))
	return len(b), w.err
}

func TestTerminalPrintsWholeMessages(t *testing.T) {
	var w writes
	terminal := mail.NewTerminal(&w)
	var wg sync.WaitGroup
	for _, compose := range notices {
		wg.Go(func() {
			if err := terminal.Send(t.Context(), compose(happening)); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if len(w.all) != len(notices) {
		t.Fatalf("%d writes, want one a message", len(w.all))
	}
	for _, text := range w.all {
		if !strings.Contains(text, "To: anna@example.com\nSubject: ") || !strings.Contains(text, "not sent") {
			t.Errorf("printed %q", text)
		}
	}
	w.err = errors.New("closed")
	if err := terminal.Send(t.Context(), mail.NewDevice(happening, english)); !errors.Is(err, w.err) {
		t.Errorf("Send to a closed terminal = %v", err)
	}
}
