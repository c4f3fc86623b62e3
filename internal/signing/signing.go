// Package signing owns the keys that sign access tokens and the feed: their states, their schedule and the minting
// of access tokens. Private keys are sealed under the master key before they reach a store.
package signing

import (
	"context"
	"errors"
	"time"

	"tandem.example/tandem/internal/audit"
	"tandem.example/tandem/internal/feed"
	"tandem.example/tandem/verify/jws"
	"tandem.example/tandem/verify/revocation"
)

// Use says what a key signs. The feed key is separate, so a stolen token key cannot forge the feed.
type Use string

// The uses.
const (
	ForTokens Use = "token"
	ForFeed   Use = "feed"
)

// State is where a key stands in its life.
type State string

// The states: next -> current -> retired -> gone (deleted), and revoked from any of them.
const (
	Next    State = "next"    // published, not used yet
	Current State = "current" // signs
	Retired State = "retired" // still verifies until its last token has expired
	Revoked State = "revoked" // refused at once; kept as a name, without its private half
)

// Stored is a key as the store keeps it.
type Stored struct {
	KID       string
	Use       Use
	Algorithm jws.Algorithm
	State     State
	Sealed    []byte // private half, AES-256-GCM under the master key with the KID as associated data; nil once revoked
	CreatedAt time.Time
	CurrentAt time.Time // when it began to sign; zero before
	RetiredAt time.Time
	RevokedAt time.Time
}

// Change is one step of the schedule: it is conditional on the ring's version, so two nodes cannot both take it.
type Change struct {
	Version  uint64   // must still be the stored one; the commit raises it by one
	Put      []Stored // inserted or replaced by KID
	Delete   []string // by KID
	Announce []revocation.Event
	Audit    []audit.Entry
	At       time.Time
}

// ErrRaced is answered when another node changed the keys meanwhile; nothing was written.
var ErrRaced = errors.New("signing keys were changed meanwhile")

// ErrNotFound is answered for a key id that is not there.
var ErrNotFound = errors.New("signing key not found")

// Store is the port to the keys.
type Store interface {
	// Keys answers all keys and the version of the ring.
	Keys(ctx context.Context) (keys []Stored, version uint64, err error)
	// Change applies c in one commit, or answers ErrRaced and writes nothing.
	Change(ctx context.Context, c Change) (feed.Commit, error)
}
