// Package verify checks the credentials that a Tandem server issues, at the
// freshness that each route asks for.
//
//	v, err := verify.New(ctx, verify.Config{Issuer: "https://auth.example.com", Audience: "https://api.example.com"})
//	mux.Handle("GET /feed", v.Protect(feed))                                   // Within(10 s), decided in memory
//	mux.Handle("POST /transfer", v.Protect(transfer, verify.Live(), verify.Scope("payments")))
//	token, ok := verify.FromContext(r.Context())
//
// # The promise
//
// A credential whose revocation committed at time t is never accepted after
// t + L on a route that asks for Within(L) or stricter, whatever the network,
// the clocks or crashes do. A Verifier keeps a small set of what has been
// revoked, fed by the issuer's revocation log under a lease; when the lease
// runs out it stops deciding by itself and answers 503 (or asks the server, if
// the route says so). No clock is compared between machines for it.
//
// # What is here and what is not
//
// The package owns the decision about a presented credential: finding it in a
// request, the cache of verified tokens, the key set, the lease and the loop
// that renews it, the live check, the contexts of open requests and the form
// of a refusal. It does not own the meaning of claims (verify/token), of
// signatures (verify/jws) or of the revocation log (verify/revocation), and it
// issues nothing. Services import it; so do the gate, the command line and the
// examples. Tests of guarded handlers use verify/verifytest.
//
// It requires nothing but the standard library. Everything exported is safe
// for concurrent use.
package verify
