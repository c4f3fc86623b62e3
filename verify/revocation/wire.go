package revocation

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// Limits of a reply. A log with more live events than MaxEvents cannot be sent as a snapshot: its server merges
// events that name the same thing, or announces KindAll instead.
const (
	MaxEvents     = 2_000_000 // events in one reply
	MaxReplyBytes = 256 << 20 // bytes of one encoded reply
)

// maxMS bounds each span of time in a reply, in milliseconds: a leap year, far from where durations overflow.
const maxMS = int64(366 * 24 * time.Hour / time.Millisecond)

// ErrReply is wrapped by every complaint about a reply's form.
var ErrReply = errors.New("invalid reply")

// Request asks for what a log holds beyond a position, as the body of POST /v1/revocations/sync.
type Request struct {
	Verifier string `json:"verifier"` // name of the service that verifies
	Instance string `json:"instance"` // one process of it: random, new at each start
	Epoch    string `json:"epoch"`    // the epoch followed so far; empty asks for a snapshot
	Position uint64 `json:"position"` // what has been applied, and so the acknowledgement of all up to it
	Chain    string `json:"chain"`    // the chain at that position; empty without an epoch
	Nonce    string `json:"nonce"`    // fresh and unpredictable: ties the reply to this request
	WaitMS   int64  `json:"wait_ms"`  // how long the server may hold the request if there is nothing new
	// Acknowledged is up to where the events are enforced by all who rely on the one that asks, if that is not Position:
	// a relay has events that verifiers behind it still lack. Nil stands for Position.
	Acknowledged *uint64 `json:"acknowledged,omitempty"`
}

// Enforced is the position that the request acknowledges: never one beyond what its sender has.
func (r Request) Enforced() uint64 {
	if r.Acknowledged == nil {
		return r.Position
	}
	return min(r.Position, *r.Acknowledged)
}

// Reply is the answer: the events of (From, To], or a snapshot of all live events at To. The fields are
// explained with the rules that [Follower.Apply] and [Reply.Validate] hold them to.
type Reply struct {
	Epoch        string  `json:"epoch"`
	From         uint64  `json:"from"`           // the position asked from; 0 in a snapshot
	To           uint64  `json:"to"`             // the log's head when it was read
	Chain        string  `json:"chain"`          // the chain at To
	Nonce        string  `json:"nonce"`          // as asked
	Snapshot     bool    `json:"snapshot"`       // whether Events replaces a history or continues one
	Events       []Event `json:"events"`         // in order of Seq
	LeaseMS      int64   `json:"lease_ms"`       // length of the lease granted
	AgeMS        int64   `json:"age_ms"`         // how old the answer is, if it comes from a relay
	ServerTimeMS int64   `json:"server_time_ms"` // the server's wall clock, Unix milliseconds
	MaxTokenMS   int64   `json:"max_token_ms"`   // the longest lifetime of an access token
	NextMS       int64   `json:"next_ms"`        // how long the verifier should wait before it asks again
}

// DecodeReply reads a reply from the exact bytes its signature was checked over, and validates it; errors wrap
// [ErrReply].
//
// Unknown members are ignored, so that replies can grow: whatever a verifier must not ignore comes as a new kind
// of event, and that is refused. A member that occurs twice has the value of its last occurrence, as everywhere
// in encoding/json. Tokens are held to stricter rules; here the bytes are those that the holder of the feed key
// signed, nobody on the way could add a second spelling, and the signer gains nothing from one.
func DecodeReply(body []byte) (Reply, error) {
	if len(body) > MaxReplyBytes {
		return Reply{}, fmt.Errorf("decode reply: %w: %d bytes, limit %d", ErrReply, len(body), MaxReplyBytes)
	}
	var r Reply
	if err := json.Unmarshal(body, &r); err != nil {
		return Reply{}, fmt.Errorf("decode reply: %w: %w", ErrReply, err)
	}
	if err := r.Validate(); err != nil {
		return Reply{}, fmt.Errorf("decode reply: %w", err)
	}
	return r, nil
}

// Validate reports whether the reply is well formed in itself, whatever was asked; the error wraps [ErrReply].
// Its events are checked one by one with [Event.Validate] when it is applied.
func (r Reply) Validate() error {
	switch {
	case !validEpoch(r.Epoch):
		return fmt.Errorf("%w: epoch is not %d letters and digits", ErrReply, epochLength)
	case r.To > MaxPosition:
		return fmt.Errorf("%w: position out of range", ErrReply)
	case len(r.Events) > MaxEvents:
		return fmt.Errorf("%w: %d events, limit %d", ErrReply, len(r.Events), MaxEvents)
	case r.ServerTimeMS < 0:
		return fmt.Errorf("%w: server_time_ms out of range", ErrReply)
	}
	if _, err := ParseChain(r.Chain); err != nil {
		return fmt.Errorf("%w: %w", ErrReply, err)
	}
	for _, span := range [...]struct {
		name string
		ms   int64
	}{{"lease_ms", r.LeaseMS}, {"age_ms", r.AgeMS}, {"max_token_ms", r.MaxTokenMS}, {"next_ms", r.NextMS}} {
		if span.ms < 0 || span.ms > maxMS {
			return fmt.Errorf("%w: %s out of range", ErrReply, span.name)
		}
	}
	return nil
}

// Lease returns the lease that the reply grants to whoever sent the request at that reading. It must be
// published only after the reply has been applied.
func (r Reply) Lease(sent Reading) Lease {
	return Lease{
		Sent:   sent,
		Age:    time.Duration(r.AgeMS) * time.Millisecond,
		Length: time.Duration(r.LeaseMS) * time.Millisecond,
	}
}
