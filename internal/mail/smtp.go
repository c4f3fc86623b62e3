package mail

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	netmail "net/mail"
	"net/textproto"
	"strconv"
	"sync"
	"time"

	gomail "github.com/wneessen/go-mail"
	"github.com/wneessen/go-mail/smtp"

	"tandem.example/tandem/internal/secret"
)

// How the connection to a mail server is protected.
const (
	StartTLS          = "starttls"           // STARTTLS or no mail (RFC 3207)
	ImplicitTLS       = "implicit"           // TLS from the first byte (RFC 8314)
	InsecurePlaintext = "insecure_plaintext" // readable on the way
)

// SMTPConfig says how mail leaves.
type SMTPConfig struct {
	Server   string // host:port
	From     string // as in `Tandem <no-reply@example.com>`
	Username string // empty for none
	Password secret.Text
	TLS      string
	Host     string         // the issuer's, in Message-ID and EHLO
	Roots    *x509.CertPool // whom to believe; nil for the system's
	Timeout  time.Duration  // of a connection, and of each message; 15 s if zero
}

// SMTP is the Carrier that hands messages to a mail server (RFC 5321).
type SMTP struct {
	c    SMTPConfig
	host string
	port int
	from *netmail.Address
}

var _ Carrier = (*SMTP)(nil)

// NewSMTP checks the configuration. It does not connect.
func NewSMTP(c SMTPConfig) (*SMTP, error) {
	host, port, err := net.SplitHostPort(c.Server)
	if err != nil {
		return nil, fmt.Errorf("mail server: %w", err)
	}
	s := &SMTP{c: c, host: host}
	if s.port, err = strconv.Atoi(port); err != nil {
		return nil, fmt.Errorf("mail server: port: %w", err)
	}
	if s.from, err = netmail.ParseAddress(c.From); err != nil {
		return nil, fmt.Errorf("mail sender: %w", err)
	}
	switch c.TLS {
	case StartTLS, ImplicitTLS, InsecurePlaintext:
	default:
		return nil, fmt.Errorf("mail server: unknown protection %q", c.TLS)
	}
	if s.c.Timeout <= 0 {
		s.c.Timeout = 15 * time.Second
	}
	return s, nil
}

// Carry implements Carrier. Each message has a connection of its own: mail is rare, and a connection that was kept may
// be dead when it is needed.
func (s *SMTP) Carry(ctx context.Context, id string, m Message) error {
	if err := m.Validate(); err != nil {
		return err
	}
	msg, err := s.compose(id, m)
	if err != nil {
		return err
	}
	client, conn, hangUp, err := s.connect(ctx)
	defer hangUp()
	if err != nil {
		return err
	}
	err = client.SendWithSMTPClient(conn, msg)
	if msg.IsDelivered() { // what goes wrong after it is of no account
		_ = client.CloseWithSMTPClient(conn)
		return nil
	}
	return refusal(err)
}

// Knock goes as far as the envelope of a message: it connects, protects the connection as configured, gives the password,
// and leaves. It is for whoever wants to know before a message does. Errors are those of Carry until there.
func (s *SMTP) Knock(ctx context.Context) error {
	client, conn, hangUp, err := s.connect(ctx)
	defer hangUp()
	if err == nil {
		_ = client.CloseWithSMTPClient(conn) // it has let us in
	}
	return err
}

// connect opens a connection over which messages can be handed in. hangUp is to be called in any case; whatever the
// protocol waits for, it also ends with ctx.
func (s *SMTP) connect(ctx context.Context) (_ *gomail.Client, _ *smtp.Client, hangUp func(), err error) {
	line := &line{protection: s.c.TLS, tls: s.tls()}
	stop := context.AfterFunc(ctx, line.hangUp)
	hangUp = func() { stop(); line.hangUp() }
	client, err := gomail.NewClient(s.host, s.options(line)...)
	if err != nil {
		return nil, nil, hangUp, fmt.Errorf("mail: prepare connection: %w", err)
	}
	conn, err := client.DialToSMTPClientWithContext(ctx)
	if err != nil {
		return nil, nil, hangUp, fmt.Errorf("mail: connect to %s: %w", s.c.Server, wordless(err))
	}
	return client, conn, hangUp, nil
}

func (s *SMTP) tls() *tls.Config {
	return &tls.Config{ServerName: s.host, RootCAs: s.c.Roots, MinVersion: tls.VersionTLS12}
}

func (s *SMTP) options(l *line) []gomail.Option {
	o := []gomail.Option{
		gomail.WithPort(s.port), gomail.WithTimeout(s.c.Timeout), gomail.WithHELO(s.c.Host), gomail.WithoutNoop(),
		gomail.WithTLSConfig(s.tls()), gomail.WithDialContextFunc(l.dial),
	}
	auth := gomail.SMTPAuthAutoDiscover
	switch s.c.TLS {
	case ImplicitTLS:
		o = append(o, gomail.WithTLSPolicy(gomail.TLSOpportunistic)) // finds that it is protected already
	case InsecurePlaintext:
		o = append(o, gomail.WithTLSPolicy(gomail.NoTLS))
		auth = gomail.SMTPAuthPlain // which go-mail sends in the clear to this machine only
	default:
		o = append(o, gomail.WithTLSPolicy(gomail.TLSMandatory))
	}
	if s.c.Username != "" {
		o = append(o, gomail.WithSMTPAuth(auth), gomail.WithUsername(s.c.Username), gomail.WithPassword(s.c.Password.Reveal()))
	}
	return o
}

// line is the connection of one message. go-mail leaves one open if the greeting or the handshake fails on it.
type line struct {
	protection string
	tls        *tls.Config

	mu   sync.Mutex
	conn net.Conn
}

func (l *line) dial(ctx context.Context, network, address string) (conn net.Conn, err error) {
	if l.protection == ImplicitTLS {
		conn, err = (&tls.Dialer{Config: l.tls}).DialContext(ctx, network, address)
	} else {
		conn, err = new(net.Dialer).DialContext(ctx, network, address)
	}
	if err != nil {
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.conn = conn
	if err := ctx.Err(); err != nil { // it ended before there was anything to hang up
		_ = conn.Close()
		return nil, err
	}
	return conn, nil
}

func (l *line) hangUp() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.conn != nil {
		_ = l.conn.Close()
	}
}

// compose writes the message in the form of mail. Errors wrap ErrInvalid, and hold no address.
func (s *SMTP) compose(id string, m Message) (*gomail.Msg, error) {
	msg := gomail.NewMsg(gomail.WithNoDefaultUserAgent())
	msg.FromMailAddress(s.from)
	if err := msg.To(m.To); err != nil {
		return nil, fmt.Errorf("mail: %w: recipient is not one plain address", ErrInvalid)
	}
	msg.Subject(m.Subject)
	msg.SetDate()
	msg.SetMessageIDWithValue(id + "@" + s.c.Host) // the same at each try
	msg.SetGenHeader(gomail.HeaderContentLang, m.Language)
	msg.SetGenHeader("Auto-Submitted", "auto-generated") // RFC 3834: no answers from machines
	msg.SetBodyString(gomail.TypeTextPlain, m.Text)
	msg.AddAlternativeString(gomail.TypeTextHTML, m.HTML)
	return msg, nil
}

// wordless keeps an answer of the server to its code.
func wordless(err error) error {
	var answer *textproto.Error
	if errors.As(err, &answer) {
		return fmt.Errorf("the server answers %d", answer.Code)
	}
	return err
}

// refusal says what the server answered by its code alone: its words may hold the address.
func refusal(err error) error {
	var failed *gomail.SendError
	if !errors.As(err, &failed) {
		return errors.New("mail: the message was not taken")
	}
	code := failed.ErrorCode()
	if code == 0 {
		return fmt.Errorf("mail: %s: the connection broke", failed.Reason)
	}
	if code >= 500 && code != 530 && code != 535 { // to be let in is not the message's business
		return fmt.Errorf("mail: %s: %w: the server answers %d %s", failed.Reason, ErrRefused, code, failed.EnhancedStatusCode())
	}
	return fmt.Errorf("mail: %s: the server answers %d %s", failed.Reason, code, failed.EnhancedStatusCode())
}
