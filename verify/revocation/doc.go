// Package revocation is what a verifier knows about revoked credentials, and how it comes to know it.
//
// It owns the vocabulary of the revocation log on the wire ([Event], [Chain], [Request], [Reply]), the
// verifier's side of the feed as a state machine ([Follower]), the table of what has been revoked that every
// check consults ([Set]), and the arithmetic of the lease ([Reading], [Passage], [Lease]).
//
// It does not own time, randomness, transport or signatures: clock readings and nonces are arguments, and a
// reply has been authenticated before it arrives here. It knows tokens only as hashes and a revision, the place
// in the log at which they were minted. Nothing here blocks, logs or starts a goroutine.
//
// The SDK (package verify) follows the feed with it and checks each token against the Set; the server builds
// events, chains and replies with the same types.
//
// # Deciding
//
// The promise is that a credential whose revocation committed at time t is not accepted after t + L. It holds if
// the parts are used in this order, and only in this order:
//
//	sync:    sent := read clocks; send request; reply authenticated; Follower.Apply; publish reply.Lease(sent)
//	decide:  load the published lease; Set.Check; read clocks; that lease.Holds(now)
//
// A lease vouches for the Set as it was when the lease was published. So a decision loads the lease before it
// looks into the Set, and reads the clocks after: the goroutine may have been paused anywhere in between, and
// a lease published during the pause says nothing about a look into the Set that was taken before it. For the
// same reason the reading must be a real one: a clock cached by a goroutine stands still during the pause too.
package revocation
