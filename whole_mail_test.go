package tandem

import (
	"bytes"
	"io"
	"mime"
	"mime/multipart"
	"net"
	"net/http/httptest"
	"net/mail"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"

	"tandem.example/tandem/internal/config"
)

// relay is a real mail server that keeps what it is sent.
type relay struct {
	password string      // that it asks for; empty: for none
	full     atomic.Bool // it takes nothing for now
	told     io.Writer   // also gets each message as it reads, if there is one
	mu       sync.Mutex
	got      []string // recipient, a line break, the message
}

func (r *relay) NewSession(*smtp.Conn) (smtp.Session, error) { return &relaying{relay: r}, nil }

// serve starts it on the loopback until the test ends, and answers its address.
func (r *relay) serve(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server, served := smtp.NewServer(r), make(chan struct{})
	server.Domain, server.AllowInsecureAuth = "relay.example.com", true
	go func() { defer close(served); _ = server.Serve(l) }()
	t.Cleanup(func() { _ = server.Close(); <-served })
	return l.Addr().String()
}

func (r *relay) letters() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]string(nil), r.got...)
}

type relaying struct {
	relay *relay
	known bool
	to    string
}

func (*relaying) AuthMechanisms() []string { return []string{sasl.Plain} }

func (s *relaying) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, _, password string) error {
		if password != s.relay.password {
			return smtp.ErrAuthFailed
		}
		s.known = true
		return nil
	}), nil
}

func (*relaying) Reset()        {}
func (*relaying) Logout() error { return nil }

func (s *relaying) Mail(string, *smtp.MailOptions) error {
	switch {
	case s.relay.password != "" && !s.known:
		return smtp.ErrAuthRequired
	case s.relay.full.Load():
		return &smtp.SMTPError{Code: 452, EnhancedCode: smtp.EnhancedCode{4, 3, 1}, Message: "full"}
	}
	return nil
}

func (s *relaying) Rcpt(to string, _ *smtp.RcptOptions) error {
	s.to = to
	return nil
}

func (s *relaying) Data(body io.Reader) error {
	raw, err := io.ReadAll(body)
	if err != nil {
		return err
	}
	s.relay.mu.Lock()
	defer s.relay.mu.Unlock()
	s.relay.got = append(s.relay.got, s.to+"\n"+string(raw))
	if s.relay.told == nil {
		return nil
	}
	text, err := readable(raw)
	if err == nil {
		_, err = io.WriteString(s.relay.told, "--- mail (relayed)\nTo: "+s.to+"\n\n"+text)
	}
	return err
}

// readable is the plain text of a message.
func readable(raw []byte) (string, error) {
	m, err := mail.ReadMessage(bytes.NewReader(raw))
	if err != nil {
		return "", err
	}
	_, params, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	if err != nil {
		return "", err
	}
	part, err := multipart.NewReader(m.Body, params["boundary"]).NextPart() // which undoes quoted-printable
	if err != nil {
		return "", err
	}
	text, err := io.ReadAll(part)
	return strings.ReplaceAll(string(text), "\r\n", "\n"), err
}

// TestMailSurvivesARestart: what was put while the mail server was down is carried by the next process, once.
func TestMailSurvivesARestart(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	if err := l.Close(); err != nil { // down
		t.Fatal(err)
	}
	h := furnish(t, func(into *Config) {
		into.Mail = config.Mail{Server: address, From: "Example <no-reply@example.com>", TLS: config.TLSPlaintext}
		into.ServiceName = "Example Bank"
	})
	in := h.must(201, h.post("/v1/sign-up", "", map[string]any{"email": "ada@example.com", "password": password, "delivery": "body"}))
	h.must(200, h.post("/v1/me/password", in.text("session_token"), map[string]any{"current": password, "new": password + " anew"}))
	waiting := func(s *Server) int {
		n, _, err := s.store.MailQueue().Waiting(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	if n := waiting(h.server); n != 1 {
		t.Fatalf("%d messages wait", n)
	}
	h.eventually("the queue is seen in the metrics", func() bool {
		seen := httptest.NewRecorder()
		h.server.Admin().ServeHTTP(seen, httptest.NewRequest("GET", "/metrics", nil))
		shown := seen.Body.String()
		return strings.Contains(shown, "tandem_mail_waiting 1\n") && strings.Contains(shown, "tandem_mail_oldest_seconds ") &&
			!strings.Contains(shown, `tandem_mail_total{outcome="failed"} 0`)
	})
	if err := h.server.Close(); err != nil {
		t.Fatal(err)
	}

	r := &relay{}
	server := smtp.NewServer(r)
	server.Domain = "relay.example.com"
	if l, err = net.Listen("tcp", address); err != nil {
		t.Fatal(err)
	}
	served := make(chan struct{})
	go func() { defer close(served); _ = server.Serve(l) }()
	defer func() { _ = server.Close(); <-served }()
	again, err := Open(t.Context(), h.server.config, cheaply)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = again.Close() }()
	h.eventually("the message has left", func() bool { return waiting(again) == 0 })
	got := r.letters()
	if len(got) != 1 || !strings.HasPrefix(got[0], "ada@example.com\n") || !strings.Contains(got[0], "multipart/alternative") ||
		!strings.Contains(got[0], "Your password was changed") {
		t.Errorf("arrived: %d\n%s", len(got), strings.Join(got, "\n"))
	}
}
