package mail

import (
	"context"
	"fmt"
	"io"
	"strings"
	"sync"
)

// Terminal prints messages instead of sending them, for development. The text
// is printed as it is, secrets and links included: it must not be where a log
// is kept.
type Terminal struct {
	mu sync.Mutex
	w  io.Writer
}

var _ Sender = (*Terminal)(nil)

// NewTerminal returns a Terminal that writes each message to w in one Write.
func NewTerminal(w io.Writer) *Terminal { return &Terminal{w: w} }

// Send implements Sender. It does not look at ctx, since there is nothing to
// wait for.
func (t *Terminal) Send(_ context.Context, m Message) error {
	if err := m.Validate(); err != nil {
		return err
	}
	var b strings.Builder
	fmt.Fprintf(&b, "--- mail (%s), not sent: printed here\nTo: %s\nSubject: %s\n\n", m.Kind, m.To, m.Subject)
	for line := range strings.Lines(m.Text) {
		b.WriteString("  " + line)
	}
	b.WriteString("\n---\n")
	t.mu.Lock()
	defer t.mu.Unlock()
	if _, err := io.WriteString(t.w, b.String()); err != nil {
		return fmt.Errorf("mail: printing a message: %w", err)
	}
	return nil
}
