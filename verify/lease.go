package verify

import (
	"time"

	"tandem.example/tandem/verify/revocation"
)

// lease is the permission to decide offline, as the last sync gave it, and
// what that sync said besides. It is never changed: the next sync replaces it.
//
// Whoever decides must take the lease BEFORE looking into the set. The sync
// loop writes the set first and the lease after, so a set looked at later is at
// least as new as the lease taken earlier. The other way round, a decision
// could check the old set and then borrow the freshness of a newer lease.
type lease struct {
	revocation.Lease // the zero value permits nothing

	granted  time.Duration // how long the server lets a lease be, though this one be withdrawn; 0 if not known yet
	maxToken time.Duration // longest lifetime of an access token; 0 if not known yet
	epoch    string        // short form, as in the claim rv; "" if not known yet
	position uint64
	clock    timebase
}

// What a server may grant at most, and at least.
const (
	maxLease   = 60 * time.Second
	leastLease = time.Second
)

// remaining is how long the set may still be relied on by a route of that
// freshness; zero or less if it may not.
func (l *lease) remaining(now reading, freshness time.Duration) time.Duration {
	staleness, ok := l.Staleness(now)
	if !ok {
		return 0
	}
	return min(l.Length, freshness) - staleness
}

// bound is how old an answer to a question may be when a route of that freshness
// relies on it: no older than memory may be. As long as the server has granted
// no lease, it is taken for one that grants the least.
func (l *lease) bound(freshness time.Duration) time.Duration {
	if l.granted == 0 {
		return min(freshness, leastLease)
	}
	return min(freshness, l.granted)
}

// readAfter reports whether what the lease vouches for was read at or after
// the earlier reading.
func (l *lease) readAfter(earlier reading) bool {
	return l.Length > 0 && l.Sent.Mono-l.Age >= earlier.Mono
}

// withdrawn is what is left of a lease that must not be relied on any more.
func (l *lease) withdrawn() *lease {
	gone := *l
	gone.Lease = revocation.Lease{}
	return &gone
}
