package session

import (
	"bytes"
	"context"
	"errors"
	"time"

	"tandem.example/tandem/internal/audit"
)

// Bound says to which device a session is bound: the one that holds the private key (W3C, Device Bound Session
// Credentials). Zero if it is bound to none, as every session begins.
type Bound struct {
	Key []byte    // the public key, PKIX in DER; empty: not bound
	At  time.Time // since when
}

// Binding binds a session to the device that holds the key.
type Binding struct {
	ID    ID
	Key   []byte // PKIX in DER
	Audit audit.Entry
	At    time.Time
}

// Bindings is the port to what binds sessions to devices, where sessions are kept.
type Bindings interface {
	// Bind sets the key of a living session that has none, and since when. The first one wins: ErrBound if the session
	// has another key. The same key again changes nothing and is answered as if it had: the first answer may have been
	// lost. ErrNotFound, ErrEnded or ErrExpired if the session is not there or dead at b.At. Nothing else of the session
	// changes, its credentials least of all. Durable when it returns.
	Bind(ctx context.Context, b Binding) (View, error)
}

// ErrBound is answered for the key of another device than the one that the session is bound to.
var ErrBound = errors.New("session is bound to another device")

// Decide says whether there is something to write: not if the session has this key already. ErrBound if it has another.
func (b Binding) Decide(s Session) (write bool, err error) {
	switch {
	case len(s.Bound.Key) == 0:
		return true, nil
	case bytes.Equal(s.Bound.Key, b.Key):
		return false, nil
	}
	return false, ErrBound
}
