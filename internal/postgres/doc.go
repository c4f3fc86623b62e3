// Package postgres is the store for several nodes: every port, kept in a PostgreSQL that any number of processes share.
//
// A verb is one statement, one function of the schema, or one transaction, so it is atomic and, with synchronous_commit
// on, durable when it returns. What is asked often takes one round trip: a live check (and those that wait beside it go
// with the next read, find.go), a refresh, a sign-in without a limit, a sighting, an append, the end of a session, a
// registration, a take from a rate limit. Nothing holds one connection while it waits for another, so a pool of any size
// serves any number of callers.
//
// The revocation log stands on one row, head: an event takes its position and its link of the chain under that row's
// lock, in the transaction of the change that it announces, so positions are in the order of the commits and have no
// gap. Rows are locked in one order: application, user, sessions by id, head. What is read for a check comes from one
// statement, hence one snapshot, together with the head: state is never older than the revision it is named with.
//
// # Isolation and engines
//
// Statements are written for READ COMMITTED and conditions are in the statements that write, or in statements that
// begin after the lock that guards them. They hold under SERIALIZABLE too, where a conflict shows as a serialization
// failure and the verb is run again (call.go); REPEATABLE READ alone is not enough, so a connection that would use it
// by default is set to READ COMMITTED. The conformance suite is run on PostgreSQL 15 with both. Other engines that speak
// PostgreSQL are designed for and not run here: they need sha256, int8send and functions in PL/pgSQL (YugabyteDB has
// them; CockroachDB has no int8send), and those without LISTEN or advisory locks lack wake-ups between nodes and Alone.
// Between Tandem and the server there may be a pooler only if it gives each client a connection of its own: statements
// are prepared, and settings are made once a connection.
//
// The package decides nothing: the rules it follows come from feed, limit, session and revocation; those that are
// repeated in SQL, for the sake of one round trip, are held equal by tests. It keeps what it is given; that no secret
// is among it is for its callers. It is called by package tandem, which wires it. All of a Store is safe for concurrent
// use.
package postgres
