// Package sqlite is the embedded store: every port, kept in one SQLite database that one process owns.
//
// Writing goes through one connection and one goroutine, which gathers all writes that wait and commits them
// together, durably (group commit, writer.go). Reading goes through a pool of connections that cannot write. The
// sessions in use are mirrored in memory (mirror.go), which is safe because no other process may write: a lock on
// the directory sees to that (lock.go). The order of a commit is what the revocation log stands on: the transaction
// is durable, then the mirror is brought up to date, then the new head is published, then callers are answered. So
// whoever reads the head and then a session reads a session at least as new as the head says.
//
// The package decides nothing: the rules it follows come from feed, session and revocation. It keeps what it is
// given; that no secret is among it is for its callers, who hand over digests and sealed values.
//
// It is called by package tandem, which wires it, and by the command line for backup, migration and the doctor. All
// of a Store is safe for concurrent use.
package sqlite
