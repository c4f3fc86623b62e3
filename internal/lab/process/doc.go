// Package process holds the promise of revocation against real processes: the tandem binary on its embedded store, and
// three verifiers that decide as fast as they can, each behind a proxy that can cut, delay and reset its connections.
// Verifiers are stopped, the server is killed, and all the while people sign in and are revoked. What each verifier
// accepted is read afterwards and held against what was committed.
//
// It is tests only, and nothing of it outlives them. TANDEM_TEST_SOAK=1 makes it play for minutes instead of seconds.
// The neighbours model and the schedules of package tandem do the same in simulated time, with a meaner adversary.
package process
