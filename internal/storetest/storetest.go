// Package storetest holds the conformance suites of the ports: what every adapter must do, written once.
//
// An adapter's test calls Run with a function that opens an empty store; memory is the reference. The suites ask
// through the ports alone, so they say nothing of how an adapter keeps its rows: that what it keeps is unreadable,
// or survives a crash, is for the adapter's own tests.
//
// Each test is a function of a scene, a fresh store with one application in it. Tests that race take no time from
// the clock: the outcome they assert is the same for every schedule.
package storetest

import (
	"context"
	"testing"
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

// Store is what an adapter offers: every port, and what concerns the store as a whole.
type Store interface {
	Audit() audit.Store
	Accounts() account.Store
	Applications() application.Store
	Log() feed.Log
	Leases() feed.Leases
	Sessions() session.Store
	Bindings() session.Bindings
	Keys() signing.Store
	SignIn() signin.Store
	APIKeys() credential.APIKeys
	Passkeys() credential.Passkeys
	Codes() credential.OneTimeCodes
	Connections() credential.Connections
	Attempts() signin.Attempts
	MailQueue() mail.Queue

	// Ping answers nil while the store can be used.
	Ping(ctx context.Context) error
	// LastCommit is the latest time that a commit carried: the server's clock must not go below it. Where several nodes
	// share the store, it may miss the last second of another node, and of one that was killed.
	LastCommit(ctx context.Context) (time.Time, error)
	// BeginEpoch starts a new history of the log after a restore.
	BeginEpoch(ctx context.Context, n feed.NewEpoch) (feed.Commit, error)
	Close() error
}

// test is one case: it fails through the scene's t.
type test struct {
	name string
	run  func(s *scene)
}

// Run runs every suite. open answers an empty store; Run closes it.
func Run(t *testing.T, open func(t *testing.T) Store) {
	suites := []struct {
		port  string
		tests []test
	}{
		{"accounts", accountTests},
		{"applications", applicationTests},
		{"audit", auditTests},
		{"audit/tally", tallyTests},
		{"log", logTests},
		{"retention", retentionTests},
		{"leases", leaseTests},
		{"sessions/start", startTests},
		{"sessions/end", endTests},
		{"sessions/rotate", rotateTests},
		{"sessions/renew", renewTests},
		{"sessions/bind", bindTests},
		{"sessions/touch", touchTests},
		{"sessions/list", listTests},
		{"keys", keyTests},
		{"signin", signInTests},
		{"api keys", apiKeyTests},
		{"proofs", proofTests},
		{"passkeys", passkeyTests},
		{"one-time codes", oneTimeTests},
		{"connections", connectionTests},
		{"attempts", attemptTests},
		{"mail", mailTests},
		{"epoch", epochTests},
		{"store", storeTests},
		{"races", raceTests},
	}
	for _, suite := range suites {
		t.Run(suite.port, func(t *testing.T) {
			for _, c := range suite.tests {
				t.Run(c.name, func(t *testing.T) { c.run(newScene(t, open)) })
			}
		})
	}
}
