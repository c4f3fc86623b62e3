package mail_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"math/big"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net"
	netmail "net/mail"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"

	"tandem.example/tandem/internal/mail"
	"tandem.example/tandem/internal/secret"
)

// relay is a real SMTP server on the loopback.
type relay struct {
	address string
	server  *smtp.Server
	roots   *x509.CertPool

	mu     sync.Mutex
	got    []received
	answer func(try int, to string) error // to RCPT
	tries  int
	auth   string // user and password that were given
	came   chan struct{}
}

type received struct {
	from, to string
	raw      []byte
	tls      bool
}

type relaySession struct {
	r        *relay
	conn     *smtp.Conn
	from, to string
	user     string
}

func (s *relaySession) Reset()        { s.from, s.to = "", "" }
func (s *relaySession) Logout() error { return nil }
func (s *relaySession) Mail(from string, _ *smtp.MailOptions) error {
	s.from = from
	return nil
}

func (s *relaySession) Rcpt(to string, _ *smtp.RcptOptions) error {
	s.r.mu.Lock()
	defer s.r.mu.Unlock()
	s.to = to
	s.r.tries++
	if s.r.answer != nil {
		return s.r.answer(s.r.tries, to)
	}
	return nil
}

func (s *relaySession) Data(body io.Reader) error {
	raw, err := io.ReadAll(body)
	if err != nil {
		return err
	}
	_, secured := s.conn.TLSConnectionState()
	s.r.mu.Lock()
	s.r.got = append(s.r.got, received{s.from, s.to, raw, secured})
	s.r.mu.Unlock()
	select {
	case s.r.came <- struct{}{}:
	default:
	}
	return nil
}

// authSession is for a relay that wants a password.
type authSession struct{ *relaySession }

func (authSession) AuthMechanisms() []string { return []string{sasl.Plain} }

func (s authSession) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, user, password string) error {
		s.r.mu.Lock()
		defer s.r.mu.Unlock()
		if user+" "+password != s.r.auth {
			return &smtp.SMTPError{Code: 535, EnhancedCode: smtp.EnhancedCode{5, 7, 8}, Message: "no " + user}
		}
		s.user = user
		return nil
	}), nil
}

func (s authSession) Mail(from string, o *smtp.MailOptions) error {
	if s.user == "" {
		return &smtp.SMTPError{Code: 530, EnhancedCode: smtp.EnhancedCode{5, 7, 0}, Message: "authenticate first"}
	}
	return s.relaySession.Mail(from, o)
}

// startRelay starts one that protects connections in the given way, at an address of the system's choice unless given.
func startRelay(t *testing.T, protection, address, auth string) *relay {
	t.Helper()
	r := &relay{auth: auth, came: make(chan struct{}, 100)}
	r.server = smtp.NewServer(smtp.BackendFunc(func(c *smtp.Conn) (smtp.Session, error) {
		s := &relaySession{r: r, conn: c}
		if auth != "" {
			return authSession{s}, nil
		}
		return s, nil
	}))
	r.server.Domain, r.server.AllowInsecureAuth = "relay.example.com", true
	r.server.ErrorLog = quiet{}
	if address == "" {
		address = "127.0.0.1:0"
	}
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	r.address = l.Addr().String()
	if protection != mail.InsecurePlaintext {
		var config *tls.Config
		config, r.roots = certificate(t)
		r.server.TLSConfig = config
		if protection == mail.ImplicitTLS {
			l = tls.NewListener(l, config)
			r.server.TLSConfig = nil
		}
	}
	served := make(chan struct{})
	go func() { defer close(served); _ = r.server.Serve(l) }()
	t.Cleanup(func() { _ = r.server.Close(); <-served })
	return r
}

type quiet struct{}

func (quiet) Printf(string, ...any) {}
func (quiet) Println(...any)        {}

func certificate(t *testing.T) (*tls.Config, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(cert)
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}, roots
}

func (r *relay) received() []received {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]received(nil), r.got...)
}

func (r *relay) carrier(t *testing.T, protection string, change ...func(*mail.SMTPConfig)) *mail.SMTP {
	t.Helper()
	c := mail.SMTPConfig{Server: r.address, From: "Tandem <no-reply@example.com>", TLS: protection, Host: "sign-in.example.com", Roots: r.roots}
	for _, f := range change {
		f(&c)
	}
	s, err := mail.NewSMTP(c)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

var code = mail.Proof{Use: mail.ToSignIn, Code: secret.NewText("042137"), Link: secret.NewText(link), Valid: 10 * time.Minute}

func TestMailArrivesAsTextAndHTML(t *testing.T) {
	for _, protection := range []string{mail.StartTLS, mail.ImplicitTLS, mail.InsecurePlaintext} {
		t.Run(protection, func(t *testing.T) {
			r := startRelay(t, protection, "", "tandem s3cret")
			s := r.carrier(t, protection, func(c *mail.SMTPConfig) { c.Username, c.Password = "tandem", secret.NewText("s3cret") })
			m := mail.Code(happening, code, german)
			if err := s.Carry(t.Context(), "msg_1", m); err != nil {
				t.Fatal(err)
			}
			got := r.received()
			if len(got) != 1 || got[0].from != "no-reply@example.com" || got[0].to != happening.To {
				t.Fatalf("arrived: %d", len(got))
			}
			if got[0].tls != (protection != mail.InsecurePlaintext) {
				t.Errorf("under %s, TLS is %t", protection, got[0].tls)
			}
			checkMail(t, got[0].raw, m)
		})
	}
}

func checkMail(t *testing.T, raw []byte, m mail.Message) {
	t.Helper()
	read, err := netmail.ReadMessage(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	subject, err := new(mime.WordDecoder).DecodeHeader(read.Header.Get("Subject"))
	if err != nil || subject != m.Subject {
		t.Errorf("subject %q, %v", subject, err)
	}
	for name, want := range map[string]string{"Message-Id": "<msg_1@sign-in.example.com>", "Auto-Submitted": "auto-generated",
		"Content-Language": "de", "From": `"Tandem" <no-reply@example.com>`, "To": "<anna@example.com>", "Mime-Version": "1.0"} {
		if got := read.Header.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if _, err := read.Header.Date(); err != nil {
		t.Error(err)
	}
	kind, params, err := mime.ParseMediaType(read.Header.Get("Content-Type"))
	if err != nil || kind != "multipart/alternative" {
		t.Fatalf("is %s, %v", kind, err)
	}
	parts := multipart.NewReader(read.Body, params["boundary"])
	for _, want := range []struct{ kind, text string }{{"text/plain", m.Text}, {"text/html", m.HTML}} {
		p, err := parts.NextRawPart()
		if err != nil {
			t.Fatal(err)
		}
		kind, params, _ := mime.ParseMediaType(p.Header.Get("Content-Type"))
		text, err := io.ReadAll(quotedprintable.NewReader(p))
		if got := strings.ReplaceAll(string(text), "\r\n", "\n"); err != nil || kind != want.kind || !strings.EqualFold(params["charset"], "utf-8") ||
			strings.TrimRight(got, "\n") != strings.TrimRight(want.text, "\n") {
			t.Errorf("%s %v %v arrived as\n%s", kind, params, err, got)
		}
	}
}

func TestNothingIsSentWithoutTheProtectionAskedFor(t *testing.T) {
	plain := startRelay(t, mail.InsecurePlaintext, "", "tandem s3cret")
	auth := func(c *mail.SMTPConfig) { c.Username, c.Password = "tandem", secret.NewText("s3cret") }
	if err := plain.carrier(t, mail.StartTLS, auth).Carry(t.Context(), "msg_1", mail.NewDevice(happening, english)); err == nil {
		t.Error("mail left without STARTTLS")
	}
	secured := startRelay(t, mail.StartTLS, "", "")
	s := secured.carrier(t, mail.StartTLS, func(c *mail.SMTPConfig) { c.Roots = x509.NewCertPool() })
	if err := s.Carry(t.Context(), "msg_1", mail.NewDevice(happening, english)); err == nil || errors.Is(err, mail.ErrRefused) {
		t.Errorf("with a certificate that nobody vouches for: %v", err)
	}
	if len(plain.received())+len(secured.received()) > 0 {
		t.Error("a message arrived")
	}
}

func TestKnockGoesAsFarAsAMessageAndSendsNone(t *testing.T) {
	r := startRelay(t, mail.StartTLS, "", "tandem s3cret")
	login := func(password string) func(*mail.SMTPConfig) {
		return func(c *mail.SMTPConfig) { c.Username, c.Password = "tandem", secret.NewText(password) }
	}
	if err := r.carrier(t, mail.StartTLS, login("s3cret")).Knock(t.Context()); err != nil {
		t.Errorf("let in: %v", err)
	}
	for name, fault := range map[string]struct {
		change []func(*mail.SMTPConfig)
		says   string
	}{
		"wrong password":        {[]func(*mail.SMTPConfig){login("guess")}, "535"},
		"unknown certificate":   {[]func(*mail.SMTPConfig){login("s3cret"), func(c *mail.SMTPConfig) { c.Roots = x509.NewCertPool() }}, "unknown authority"},
		"no TLS at the far end": {[]func(*mail.SMTPConfig){func(c *mail.SMTPConfig) { c.Server = startRelay(t, mail.InsecurePlaintext, "", "").address }}, "STARTTLS"},
		"nobody there":          {[]func(*mail.SMTPConfig){func(c *mail.SMTPConfig) { c.Server = "127.0.0.1:1" }}, "connection refused"},
	} {
		err := r.carrier(t, mail.StartTLS, fault.change...).Knock(t.Context())
		if err == nil || !strings.Contains(err.Error(), fault.says) || strings.Contains(err.Error(), "tandem") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if n := len(r.received()); n != 0 {
		t.Errorf("%d messages were sent", n)
	}
}

func TestAnswersOfTheServer(t *testing.T) {
	r := startRelay(t, mail.InsecurePlaintext, "", "")
	for status, refused := range map[int]bool{550: true, 554: true, 451: false, 421: false} {
		r.mu.Lock()
		r.answer = func(_ int, to string) error { return &smtp.SMTPError{Code: status, Message: "mailbox of " + to} }
		r.mu.Unlock()
		err := r.carrier(t, mail.InsecurePlaintext).Carry(t.Context(), "msg_1", mail.NewDevice(happening, english))
		if err == nil || errors.Is(err, mail.ErrRefused) != refused {
			t.Errorf("%d: %v", status, err)
		} else if strings.Contains(err.Error(), "anna") {
			t.Errorf("%d: the error holds the address: %v", status, err)
		}
	}
	locked := startRelay(t, mail.StartTLS, "", "tandem other")
	s := locked.carrier(t, mail.StartTLS, func(c *mail.SMTPConfig) { c.Username, c.Password = "tandem", secret.NewText("s3cret") })
	err := s.Carry(t.Context(), "msg_1", mail.NewDevice(happening, english))
	if err == nil || errors.Is(err, mail.ErrRefused) || strings.Contains(err.Error(), "s3cret") || !strings.Contains(err.Error(), "535") {
		t.Errorf("a wrong password: %v", err)
	}
	err = locked.carrier(t, mail.StartTLS).Carry(t.Context(), "msg_1", mail.NewDevice(happening, english))
	if err == nil || errors.Is(err, mail.ErrRefused) || !strings.Contains(err.Error(), "530") {
		t.Errorf("no password: %v", err)
	}
}

// A message that Validate lets through cannot say more to the server than what it is; one that tries is not sent.
func TestHeadersCannotBeInjected(t *testing.T) {
	r := startRelay(t, mail.InsecurePlaintext, "", "")
	evil := happening
	evil.Service, evil.Device = "Bank\r\nBcc: everyone@example.com\r\n\r\nbody", "x\r\n.\r\nMAIL FROM:<a@b.example>"
	if err := r.carrier(t, mail.InsecurePlaintext).Carry(t.Context(), "msg_1", mail.NewDevice(evil, english)); err != nil {
		t.Fatal(err)
	}
	got := r.received()
	read, err := netmail.ReadMessage(bytes.NewReader(got[0].raw))
	if len(got) != 1 || err != nil || read.Header.Get("Bcc") != "" {
		t.Errorf("arrived: %d, %v, Bcc %q", len(got), err, read.Header.Get("Bcc"))
	}
	for _, spoil := range []func(*mail.Message){
		func(m *mail.Message) { m.Subject = "x\r\nBcc: everyone@example.com" },
		func(m *mail.Message) { m.To = "anna@example.com>\r\nRCPT TO:<b@example.com" },
		func(m *mail.Message) { m.To = "anna@example.com\r\nBcc: b@example.com" },
	} {
		m := mail.NewDevice(happening, english)
		spoil(&m)
		if err := r.carrier(t, mail.InsecurePlaintext).Carry(t.Context(), "msg_2", m); !errors.Is(err, mail.ErrInvalid) {
			t.Errorf("Carry = %v", err)
		}
	}
	if len(r.received()) != 1 {
		t.Error("a spoilt message arrived")
	}
}

func TestCarryEndsWithItsContext(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0") // greets, and says no more
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	accepted := make(chan net.Conn, 1)
	go func() {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		if _, err := io.WriteString(conn, "220 relay.example.com\r\n"); err == nil {
			_, _ = conn.Read(make([]byte, 1)) // the client has greeted, and waits for the answer
		}
		accepted <- conn
	}()
	r := &relay{address: l.Addr().String()}
	ctx, cancel := context.WithCancel(t.Context())
	failed := make(chan error, 1)
	s := r.carrier(t, mail.StartTLS, func(c *mail.SMTPConfig) { c.Timeout = time.Hour })
	go func() { failed <- s.Carry(ctx, "msg_1", mail.NewDevice(happening, english)) }()
	conn := <-accepted
	cancel()
	if err := <-failed; err == nil || errors.Is(err, mail.ErrRefused) {
		t.Errorf("Carry = %v", err)
	}
	if _, err := io.ReadAll(conn); err != nil {
		t.Errorf("the connection stays: %v", err)
	}
	_ = conn.Close()
}
