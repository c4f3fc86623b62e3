package main

import "slices"

// The traps: ways to break the promise that somebody has fallen for, or that a reader of the proof would try.
const (
	heartbeat      = "freshness by the arrival of a heartbeat"
	arrivalLease   = "lease counted from the reply's arrival"
	outOfOrder     = "sequence not in commit order"
	splitCommit    = "event and change in different transactions"
	cachedSync     = "sync answered from a cache, or from before the request"
	lateRevision   = "rv read after the state"
	shortRetention = "pruning by a shortened lifetime"
	suspend        = "monotonic clock that stands still during suspend"
	stepBack       = "wall clock that steps back keeps the lease"
	setAhead       = "wall clock that is set ahead has entries forgotten"
	afterPause     = "first decision after a pause by the old lease"
	emptyStart     = "empty set at start-up"
	overflow       = "set overflow that evicts"
	checkOrder     = "lease or clock taken in another order than the proof has it"
	ahead          = "token ahead of the set decided at once"
	keys           = "revoked keys that come back"
	unauthentic    = "reply believed without its proof"
	receipts       = "receipt without its proof"
	staleKeys      = "a node that goes on with the keys it remembers"
	epochs         = "old entries dropped at a new epoch"
	openStreams    = "open streams that outlive what carried them"
	remembered     = "remembered answers that outlive an event"
	ages           = "age of a relay or of a token not counted"

	replays   = "a proof that counts more than once"
	guesses   = "guesses that are not counted before they are compared"
	tells     = "work that tells who has an account"
	links     = "a mailed link that is worth something by itself"
	claims    = "an account that was prepared for somebody else"
	skipped   = "a step that is skipped"
	stepUps   = "a step-up that proves too little"
	attempts  = "an attempt in other hands"
	bindings  = "a copied cookie of a bound session"
	rows      = "sealed rows that can be swapped"
	unrenewed = "credentials that outlive a change of factors"
)

// table is every mutation, by trap.
func table() []mutation {
	return slices.Concat(leaseMutations, clockMutations, setMutations, feedMutations, keyMutations, openMutations, logMutations, receiptMutations, relayMutations,
		peopleMutations, stepUpMutations)
}
