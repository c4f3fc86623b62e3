package revocation

import "fmt"

// Reason says in which respect a reply was refused.
type Reason string

// The reasons. After the first two the Follower stands where it stood and asks on from there: such a reply says
// nothing about the log. After the others it asks for a snapshot.
const (
	ReasonNonce     Reason = "nonce"     // the reply answers another request: replayed, or mixed up
	ReasonRequest   Reason = "request"   // another reply has been applied since the request was made
	ReasonForm      Reason = "form"      // the reply or an event in it is malformed, or beyond a limit
	ReasonEpoch     Reason = "epoch"     // the epoch is not the one asked for, or one that was left
	ReasonPositions Reason = "positions" // events are missing, doubled or out of order
	ReasonChain     Reason = "chain"     // the history is not the one known: the log was edited or replaced
	ReasonRollback  Reason = "rollback"  // the log ends before a position it had reached
)

// Mismatch is the error of a reply that was refused: it does not fit the request, or what is known of the log.
// A verifier drops its lease on any Mismatch with an Alarm; a lease it had before stays sound after the others.
type Mismatch struct {
	Reason Reason
	err    error
}

func mismatch(r Reason, format string, args ...any) *Mismatch {
	return &Mismatch{Reason: r, err: fmt.Errorf(format, args...)}
}

// Error names the reason and the detail; it contains nothing secret.
func (m *Mismatch) Error() string { return fmt.Sprintf("apply reply: %s: %v", m.Reason, m.err) }

// Unwrap returns the detail, which may wrap [ErrReply] or [ErrEvent].
func (m *Mismatch) Unwrap() error { return m.err }

// Alarm reports that the log contradicts what was known of it, which an operator must hear of.
func (m *Mismatch) Alarm() bool {
	switch m.Reason {
	case ReasonEpoch, ReasonChain, ReasonRollback:
		return true
	}
	return false
}
