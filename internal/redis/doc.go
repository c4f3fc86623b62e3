// Package redis keeps sessions, the state of their refresh tokens and rate limits in Redis, alone or as a cluster, and
// passes wake-up hints between nodes. Users, credentials, applications, keys, the audit trail and the revocation log
// stay in a SQL store, which it knows by the ports in Base.
//
// A session lives as long as its row here lives and the SQL store says that it still stands (session.Ledger). So what
// is committed there ends sessions at once and for good: nothing has to be written here for it, and a Redis that was
// emptied, restored or failed over cannot bring back what was ended. The end of a single session is appended to the log
// first, then written here, then answered; every node follows the log and does here what a node that died in between
// has left undone.
//
// Rows lie in 256 buckets, chosen by the hash of the session's id, which is all that an event names. A bucket's keys
// share a slot of a cluster, and a mark among them says up to which position of the log the bucket has seen every end.
// If the log no longer holds what came after the mark, nobody can tell which of the bucket's sessions were ended
// meanwhile: they all are. A bucket without a mark begins empty.
//
// What a loss of Redis' latest writes does undo is what was in them: a sign-in, whose user signs in again; a refresh,
// whose newer token is unknown then, which is no theft and signs out too; a step-up, whose older credentials work again.
// So a Redis that failed is better started empty than from a backup: as long as nothing was pruned from the log since,
// the backup's sessions are believed, with the refresh tokens of that time.
//
// Every write of a row is a compare-and-set on the random stamp of the row it was decided upon, done by one script. The
// rules stay in package session and in plain Go; losers look again and decide anew.
package redis
