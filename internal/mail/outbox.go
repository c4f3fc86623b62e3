package mail

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"tandem.example/tandem/internal/secret"
)

// Carrier takes messages away.
//
// Carry returns nil once the message is in other hands for good. An error wraps ErrRefused if it never will be; after
// any other it may be tried again with the same id, which lets a receiver see that it is the same message. Errors hold
// no address and nothing of the message. Safe for concurrent use.
type Carrier interface {
	Carry(ctx context.Context, id string, m Message) error
}

// ErrRefused is wrapped by the error of a message that the mail server refuses for good.
var ErrRefused = errors.New("refused for good")

// OutboxConfig wires an Outbox. All fields are required but Parallel.
type OutboxConfig struct {
	Queue   Queue
	Box     *secret.Box
	Carrier Carrier
	// Alone does the task unless another node is doing it.
	Alone    func(ctx context.Context, task string, do func(context.Context) error) error
	Parallel int // messages under way at once; 4 if zero
	Now      func() time.Time
	Log      *slog.Logger
}

// Outbox is the Sender that puts messages into the durable Queue, and brings them from there to the Carrier: what was
// put is carried at least once or given up at its end, through any number of restarts. One node carries at a time.
type Outbox struct {
	OutboxConfig
	wake                  chan struct{}
	sent, failed, givenUp atomic.Uint64
	restless              bool // the last round failed; of Run alone
}

var _ Sender = (*Outbox)(nil)

// NewOutbox makes an Outbox. Nothing is carried before Run.
func NewOutbox(c OutboxConfig) *Outbox {
	if c.Parallel <= 0 {
		c.Parallel = 4
	}
	return &Outbox{OutboxConfig: c, wake: make(chan struct{}, 1)}
}

// row is what a queued message is sealed for.
func row(id string) string { return "mail:" + id }

// Send implements Sender: the message is durable when it returns nil.
func (o *Outbox) Send(ctx context.Context, m Message) error {
	if err := m.Validate(); err != nil {
		return err
	}
	plain, err := json.Marshal(m)
	if err != nil {
		return fmt.Errorf("mail: %w: %w", ErrInvalid, err)
	}
	now := o.Now()
	q := Queued{ID: NewQueuedID(now), NextAt: now, Until: now.Add(m.Kind.life())}
	if q.Sealed, err = o.Box.Seal(plain, row(q.ID)); err != nil {
		return fmt.Errorf("mail: sealing a message: %w", err)
	}
	if err := o.Queue.Put(ctx, q); err != nil {
		return fmt.Errorf("mail: queueing a message: %w", err)
	}
	select {
	case o.wake <- struct{}{}:
	default: // it is about to look anyway
	}
	return nil
}

// life is for how long there is a point in sending such a message.
func (k Kind) life() time.Duration {
	if k == KindCode {
		return 10 * time.Minute // by then the code has expired
	}
	return 3 * 24 * time.Hour
}

// Figures say how the mail goes.
type Figures struct {
	Sent, Failed, GivenUp uint64 // since the start of this node; Failed are tries
	Waiting               int
	Oldest                time.Duration // how long the oldest has waited
}

// Figures asks the queue too.
func (o *Outbox) Figures(ctx context.Context) (Figures, error) {
	f := Figures{Sent: o.sent.Load(), Failed: o.failed.Load(), GivenUp: o.givenUp.Load()}
	n, oldest, err := o.Queue.Waiting(ctx)
	if err != nil {
		return f, fmt.Errorf("mail: counting what waits: %w", err)
	}
	if f.Waiting = n; n > 0 {
		f.Oldest = max(0, o.Now().Sub(oldest))
	}
	return f, nil
}
