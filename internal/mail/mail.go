// Package mail composes the messages that Tandem sends to users, in their language, and brings them away.
//
// It owns the messages (their words are in package language), the port Sender, and delivery: Outbox keeps a message in
// the durable Queue until SMTP has taken it. Two senders need no network: Terminal for development and Discard for when
// mail is not configured. It does not own when a message is sent (package signin).
package mail

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"unicode"
)

// Kind says what a message is about. It is stable: metrics and tests match on
// it, and an operator may turn one off.
type Kind string

// The kinds of message.
const (
	KindTheft           Kind = "theft_detected"
	KindNewDevice       Kind = "new_device"
	KindPasswordChanged Kind = "password_changed"
	KindCode            Kind = "code"
	KindNoAccount       Kind = "no_account"
	KindHaveAccount     Kind = "have_account"
	KindFactorChanged   Kind = "factor_changed"
	KindEmailChanged    Kind = "email_changed"
	KindClaimed         Kind = "claimed"
)

// Message is one message to one person. Its text may hold a code, so it prints as its kind alone.
type Message struct {
	To       string // one address, without a display name
	Kind     Kind
	Language string // of the texts, as in the attribute lang of HTML
	Subject  string // one line
	Text     string // plain, lines ended by "\n"
	HTML     string // the same content
}

// Format implements fmt.Formatter.
func (m Message) Format(f fmt.State, _ rune) { _, _ = fmt.Fprintf(f, "[mail %s]", string(m.Kind)) }

// LogValue implements slog.LogValuer.
func (m Message) LogValue() slog.Value { return slog.StringValue("[mail " + string(m.Kind) + "]") }

// ErrInvalid is wrapped by the error of a message that no sender may send.
var ErrInvalid = errors.New("invalid message")

// Validate checks what would let the content of a message change its envelope:
// a line break or other control character in To or Subject (header injection).
func (m Message) Validate() error {
	switch {
	case strings.Count(m.To, "@") == 0 || strings.ContainsFunc(m.To, unbecoming) || strings.ContainsAny(m.To, " ,;<>"):
		return fmt.Errorf("mail: %w: recipient is not one plain address", ErrInvalid)
	case m.Subject == "" || strings.ContainsFunc(m.Subject, unbecoming):
		return fmt.Errorf("mail: %w: subject is not one line of text", ErrInvalid)
	case m.Kind == "" || m.Text == "" || m.HTML == "":
		return fmt.Errorf("mail: %w: no kind or no text", ErrInvalid)
	}
	return nil
}

// Sender sends messages.
//
// Send returns nil once the message is in other hands (a queue, a relay, a
// screen), which is no promise that it was read or delivered. An error wraps
// ErrInvalid if the message can never be sent; any other may be tried again,
// and the message may then arrive twice. Send respects ctx, keeps no reference
// to m, and is safe for concurrent use. Nothing that must be true may depend on
// a message having been sent: call it after the commit.
type Sender interface {
	Send(ctx context.Context, m Message) error
}

// Discard is the Sender for when mail is not configured: it checks messages and
// drops them.
type Discard struct{}

// Send implements Sender.
func (Discard) Send(_ context.Context, m Message) error { return m.Validate() }

// unbecoming reports characters that have no place in one line of text: control
// characters, and those that turn the direction of writing, with which a device
// could name itself into a different sentence.
func unbecoming(r rune) bool {
	return unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || r == '\u2028' || r == '\u2029' || r == unicode.ReplacementChar
}
