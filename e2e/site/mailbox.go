package site

import (
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// patience is how long a message may take.
const patience = 30 * time.Second

// Message is a message as it was sent.
type Message struct {
	Kind, To, Subject, Text string
}

// Mailbox catches messages: it is what tandem.WithMailTo prints to. Its zero value is empty.
type Mailbox struct {
	mu  sync.Mutex
	all []Message
}

var printed = regexp.MustCompile(`(?s)^--- mail \(([a-z_]+)\)[^\n]*\nTo: ([^\n]*)\nSubject: ([^\n]*)\n(.*)\n---\n$`)

// Write implements io.Writer: each call is one message.
func (m *Mailbox) Write(p []byte) (int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if parts := printed.FindStringSubmatch(string(p)); parts != nil {
		m.all = append(m.all, Message{parts[1], parts[2], parts[3], strings.ReplaceAll(parts[4], "\n  ", "\n")})
	} else {
		m.all = append(m.all, Message{Text: string(p)})
	}
	return len(p), nil
}

// All answers what was sent to the address.
func (m *Mailbox) All(to string) (sent []Message) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, one := range m.all {
		if one.To == to {
			sent = append(sent, one)
		}
	}
	return sent
}

// Await waits for a message to the address that was not there when `after` messages to it were, and that matches.
func (m *Mailbox) Await(t testing.TB, to string, after int, matches func(Message) bool) Message {
	t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		sent := m.All(to)
		if i := slices.IndexFunc(sent[min(after, len(sent)):], matches); i >= 0 {
			return sent[min(after, len(sent)):][i]
		}
		if time.Now().After(deadline) {
			t.Fatalf("no such message to %s came; all that came: %+v", to, m.all)
		}
	}
}

var (
	codes = regexp.MustCompile(`(?m)^\s*([0-9]{6,8}|[0-9]{3,4}[ -][0-9]{3,4})\s*$`)
	links = regexp.MustCompile(`https?://\S+`)
)

// Code answers the code of a message that stands on a line of its own; empty if there is none.
func (m Message) Code() string {
	if found := codes.FindStringSubmatch(m.Text); found != nil {
		return strings.NewReplacer(" ", "", "-", "").Replace(found[1])
	}
	return ""
}

// Link answers the first link of a message; empty if there is none.
func (m Message) Link() string { return strings.TrimRight(links.FindString(m.Text), ".,)>") }
