// Package relay serves the revocation log of an upstream (a Tandem server, or another relay) to a zone of verifiers, so
// that ten thousand of them do not hang on one place.
//
// It owns the way from an upstream's replies to a feed.Service of its own: the follower that asks upstream, the mirror
// of the live events that answers the zone, the acknowledgements that go back up, the relay's own feed key, and the
// HTTP of both sides. It does not decide what is revoked and holds no key that signs tokens. `tandem relay` runs it.
//
// # Why the bound holds
//
// Call base the moment at which the upstream's answer was as new as can be: the relay's clock when it sent the request
// that was answered last, less the age_ms of the answer. Everything that committed before the base is in the mirror. A
// verifier of the zone sends its request at v; the relay answers at r >= v, by its own clock with an age of r - base, of
// which feed.Service takes off no more than what passed since the request arrived, hence since v. The verifier counts
// its lease from v less the age: it ends no later than
//
//	v - (r - base - (r - v)) + L  =  base + L
//
// which is when the relay's own lease upstream ends. By induction the last verifier behind a chain of relays decides
// offline for at most L after the moment that its answer was true at the server. No clocks are compared between
// machines: each age is a span that one clock measured.
//
// It follows for receipts: whatever lease was granted from a mirror without an event ends before the lease under
// which the mirror was read. Upstream counts the relay as one verifier; the relay acknowledges a position when every
// verifier of its zone that held a lease has, or its lease has lapsed; and if the relay dies first, its lease upstream
// outlives those of the zone.
package relay
