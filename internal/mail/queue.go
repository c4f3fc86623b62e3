package mail

import (
	"context"
	"strings"
	"time"

	"tandem.example/tandem/internal/id"
)

// Queued is a message that waits to be sent.
type Queued struct {
	ID     string // msg_..., time-ordered
	Sealed []byte // the message, sealed under the master key, bound to the row "mail:" + ID: it may hold a code
	Tries  int
	NextAt time.Time // not to be tried before
	// Until is when there is no point in sending it any more.
	Until time.Time
}

// NewQueuedID makes the id of a new message.
func NewQueuedID(now time.Time) string { return id.Prefixed("msg_", now) }

// PutAt is when the message with that id was made, the zero time if it is no such id.
func PutAt(msg string) time.Time {
	at, _ := id.Time(strings.TrimPrefix(msg, "msg_"))
	return at
}

// Queue is the port to messages that wait. Every verb is atomic and durable when it returns nil.
type Queue interface {
	Put(ctx context.Context, q Queued) error
	// Due lists at most limit messages to be tried at `now`, the longest due first.
	Due(ctx context.Context, now time.Time, limit int) ([]Queued, error)
	// Again stores Tries and NextAt of a message that could not be sent; a message that is gone stays gone.
	Again(ctx context.Context, q Queued) error
	// Remove forgets a message, sent or given up; no error if it is gone.
	Remove(ctx context.Context, id string) error
	// Waiting counts what waits and says how long the oldest has.
	Waiting(ctx context.Context) (n int, oldest time.Time, err error)
}
