// Package token is the wire vocabulary of an access token: which claims it
// carries (RFC 9068), how they are written and how they are read.
//
// It owns the claims' names and types, their canonical encoding, their strict
// decoding, and the revision that ties a token to a position in the revocation
// log. It does not own signatures (verify/jws), the revocation log
// (verify/revocation), or any decision: whether an issuer, an audience, a
// lifetime or a revision is acceptable is said by its callers. Those are the
// SDK (package verify and verify/verifytest), the server when it mints, and
// the command line when it inspects.
//
// Everything here is pure: no I/O, no clock, values that are safe for
// concurrent reading.
package token
