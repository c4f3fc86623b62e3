// Package outage names the one error by which an adapter says that its store cannot be reached, whatever the driver
// calls it. Transports answer it with 503 and Retry-After, never with a refusal: nobody is signed out because a
// database is being restarted.
//
// It is returned by adapters and matched by transports. What to do during an outage is decided per route, see
// docs/operations.md.
package outage

// Error says that a store could not be reached or did not answer in time. Whether a change was made is not known.
type Error struct {
	Store string // as an operator calls it: PostgreSQL, Redis
	Err   error  // of the driver
}

func (e *Error) Error() string { return e.Store + " cannot be reached: " + e.Err.Error() }

func (e *Error) Unwrap() error { return e.Err }
