package revocation

import (
	"errors"
	"fmt"
)

// Kind says what an event revokes, and with it which tokens a verifier refuses.
type Kind string

// The kinds of event. A verifier that meets another kind refuses the whole reply: it cannot obey what it does
// not understand.
const (
	KindSession     Kind = "session"     // tokens of one session, always: the session has ended
	KindSubject     Kind = "subject"     // tokens of one user minted before the event: all sessions have ended
	KindAuthz       Kind = "authz"       // tokens of one user minted before the event: roles or rights changed
	KindApplication Kind = "application" // tokens of one application minted before the event
	KindKey         Kind = "key"         // tokens signed by one key, always and for good: the key is not trusted
	KindAll         Kind = "all"         // every token minted before the event
)

// MaxPosition is the highest position a log can reach: what JSON numbers carry exactly in every language.
const MaxPosition = 1<<53 - 1

// maxKeyID is the longest id of a signing key, in bytes.
const maxKeyID = 128

// ErrEvent is wrapped by every complaint about an event's form.
var ErrEvent = errors.New("invalid event")

// Event is one entry of the revocation log.
type Event struct {
	// Seq is the position of the event: 1 for the first of an epoch, without gaps. 0 in a draft.
	Seq uint64 `json:"seq"`
	// Kind says what is revoked.
	Kind Kind `json:"kind"`
	// ID names it, as sent: an [ID] in base64url; the key's id itself for KindKey; empty for KindAll.
	ID string `json:"id"`
	// RetainMS is for how many more milliseconds, counted from the reply, a token that the event forbids could
	// still be unexpired. It has no meaning for KindKey and KindAll, which are kept for good.
	RetainMS int64 `json:"retain_ms"`
}

// SessionEvent drafts the end of one session.
func SessionEvent(sid string) Event { return Event{Kind: KindSession, ID: Hash(sid).String()} }

// SubjectEvent drafts the end of all sessions of one user.
func SubjectEvent(sub string) Event { return Event{Kind: KindSubject, ID: Hash(sub).String()} }

// AuthzEvent drafts a change of what one user may do.
func AuthzEvent(sub string) Event { return Event{Kind: KindAuthz, ID: Hash(sub).String()} }

// ApplicationEvent drafts the end of all that one application was granted.
func ApplicationEvent(clientID string) Event {
	return Event{Kind: KindApplication, ID: Hash(clientID).String()}
}

// KeyEvent drafts the end of trust in one signing key.
func KeyEvent(kid string) Event { return Event{Kind: KindKey, ID: kid} }

// AllEvent drafts the end of every token minted so far.
func AllEvent() Event { return Event{Kind: KindAll} }

// Validate reports whether the event is well formed; the error wraps [ErrEvent]. A draft, without position and
// retention, is. It is safe on untrusted input.
func (e Event) Validate() error {
	_, err := e.parse()
	return err
}

// change is an event that has been found well formed, as the Set applies it.
type change struct {
	kind     Kind
	id       ID
	seq      uint64
	retainMS int64
}

func (e Event) parse() (change, error) {
	c := change{kind: e.Kind, seq: e.Seq, retainMS: e.RetainMS}
	var err error
	switch e.Kind {
	case KindSession, KindSubject, KindAuthz, KindApplication:
		c.id, err = parseName(e.ID)
	case KindKey:
		c.id, err = parseKeyID(e.ID)
	case KindAll:
		if e.ID != "" {
			err = errors.New("an id where none belongs")
		}
	default:
		err = errors.New("unknown kind")
	}
	switch {
	case err != nil:
	case e.Seq > MaxPosition:
		err = errors.New("position out of range")
	case e.RetainMS < 0:
		err = errors.New("negative retention")
	}
	if err != nil {
		return change{}, fmt.Errorf("%w %d of kind %.16q: %w", ErrEvent, e.Seq, e.Kind, err)
	}
	return c, nil
}

func parseName(s string) (ID, error) {
	id, err := ParseID(s)
	if err == nil && id == (ID{}) {
		err = errors.New("the id that names nothing")
	}
	return id, err
}

func parseKeyID(kid string) (ID, error) {
	if kid == "" || len(kid) > maxKeyID {
		return ID{}, fmt.Errorf("key id of %d bytes, want 1 to %d", len(kid), maxKeyID)
	}
	for i := range len(kid) {
		if kid[i] < ' ' || kid[i] > '~' {
			return ID{}, errors.New("key id is not printable ASCII")
		}
	}
	return Hash(kid), nil
}
