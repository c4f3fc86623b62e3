// Package chaos holds the promise of revocation against a whole deployment: three tandem nodes behind a balancer that
// knows no sticky sessions, twenty verifiers, people who sign in, refresh and are revoked, and real PostgreSQL and Redis
// beneath. By a seeded schedule processes are killed and stopped, networks are cut, stores restart, fail over, lose
// their end and are restored. What each verifier accepted is read afterwards and held against what was committed.
//
// It is tests only, and nothing of it outlives them. `go test` plays each scenario for seconds, always the same one; `make
// chaos` for TANDEM_CHAOS_SECONDS each (180), with several seeds. TANDEM_TEST_SEED plays the faults of one again. The neighbour process
// does the same with one node on the embedded store; model and the schedules of package tandem do it in simulated time.
package chaos
