// Package memory is the reference adapter: every port, kept in plain maps under one mutex.
//
// It is what the conformance suites of storetest are written against, what the tests of services run on, and what
// `store: memory` gives to whoever wants a server that forgets all when it stops. It decides nothing: the rules that
// a store must follow come from feed, session and revocation. Values are copied on their way in and out, so a caller
// can never change what is kept.
package memory

import (
	"context"
	"errors"
	"sync"
	"time"

	"tandem.example/tandem/internal/account"
	"tandem.example/tandem/internal/application"
	"tandem.example/tandem/internal/audit"
	"tandem.example/tandem/internal/credential"
	"tandem.example/tandem/internal/feed"
	"tandem.example/tandem/internal/mail"
	"tandem.example/tandem/internal/session"
	"tandem.example/tandem/internal/signin"
	"tandem.example/tandem/internal/signing"
)

// ErrClosed is answered by every verb after Close.
var ErrClosed = errors.New("memory store is closed")

// Options of a Store. The zero value is useful.
type Options struct {
	// Now is the time at which the store begins its first epoch; zero for the present.
	Now time.Time
}

// Store holds everything. Safe for concurrent use: each verb runs alone, under the mutex, which makes it atomic.
// Nothing is durable.
type Store struct {
	mu     sync.Mutex
	closed bool
	fault  func(verb string) (before, after error)
	hints  []func() // of OnCommit

	log        history
	holders    map[holderKey]feed.Holder
	users      map[account.ID]*user
	emails     map[string]account.ID // by account.NormalizeEmail
	apps       map[application.ID]application.Application
	appsFrom   map[application.ID]uint64 // their SessionsFrom as ordinals, which outlive an epoch
	sessions   map[session.ID]*session.Session
	ofUser     map[account.ID]map[session.ID]*session.Session
	keys       map[string]signing.Stored
	apiKeys    map[string]credential.APIKey
	attempts   map[string]signin.Attempt
	mails      map[string]mail.Queued
	trail      []audit.Entry
	lastCommit time.Time
	proofs
}

// user is an account with what only signing in needs.
type user struct {
	account   account.User
	password  credential.PHC
	addresses map[string]bool // from which they have signed in
	ended     ending          // all sessions from before
}

// Open makes an empty store with a log of its own.
func Open(o Options) *Store {
	if o.Now.IsZero() {
		o.Now = time.Now()
	}
	return &Store{
		log:      begin(feed.RandomEpoch()),
		holders:  map[holderKey]feed.Holder{},
		users:    map[account.ID]*user{},
		emails:   map[string]account.ID{},
		apps:     map[application.ID]application.Application{},
		appsFrom: map[application.ID]uint64{},
		sessions: map[session.ID]*session.Session{},
		ofUser:   map[account.ID]map[session.ID]*session.Session{},
		keys:     map[string]signing.Stored{},
		apiKeys:  map[string]credential.APIKey{},
		attempts: map[string]signin.Attempt{},
		mails:    map[string]mail.Queued{},
		proofs:   newProofs(),
	}
}

// Fault installs a hook for tests, or removes it with nil. It is asked before each verb, by the name of the port and
// the verb ("session.Rotate"). An error `before` means that nothing happened; an error `after` means that the verb
// was committed and its answer was lost: the caller gets the error and cannot tell.
func (s *Store) Fault(hook func(verb string) (before, after error)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fault = hook
}

// Ping answers nil until the store is closed.
func (s *Store) Ping(ctx context.Context) error {
	return s.do(ctx, "store.Ping", func() error { return nil })
}

// LastCommit is the latest time that a commit carried, for a server clock that never steps back; zero if there was
// none.
func (s *Store) LastCommit(ctx context.Context) (at time.Time, err error) {
	err = s.do(ctx, "store.LastCommit", func() error {
		at = s.lastCommit
		return nil
	})
	return at, err
}

// Close makes every later verb answer ErrClosed.
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	return nil
}

// do runs one verb under the mutex. A verb checks all its conditions before it changes anything, so one that answers
// an error has changed nothing. The hints are given after the mutex is free, since they may call the store.
func (s *Store) do(ctx context.Context, verb string, run func() error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	before, after := s.asked(verb)
	if before != nil {
		return before
	}
	hints, err := s.locked(run)
	for _, hint := range hints {
		hint()
	}
	if err != nil {
		return err
	}
	return after
}

func (s *Store) asked(verb string) (before, after error) {
	s.mu.Lock()
	hook := s.fault
	s.mu.Unlock()
	if hook == nil {
		return nil, nil
	}
	return hook(verb)
}

// locked runs the verb and answers the hints that are due: all of them if the log has moved.
func (s *Store) locked(run func() error) (due []func(), err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, ErrClosed
	}
	epoch, position := s.log.epoch, s.log.position
	if err := run(); err != nil {
		return nil, err
	}
	if s.log.epoch != epoch || s.log.position != position {
		due = s.hints[:len(s.hints):len(s.hints)]
	}
	return due, nil
}

// seen notes the time of a commit.
func (s *Store) seen(at time.Time) {
	if at.After(s.lastCommit) {
		s.lastCommit = at
	}
}
