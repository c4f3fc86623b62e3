// Package rig gives tests real servers: PostgreSQL, alone or with standbys, and Redis, alone or as a cluster of six. It
// finds their programs or installs them, starts them on sockets and directories of their own, does to them what
// machines and networks do (kill, pause, cut off, promote), and leaves nothing behind.
//
// It knows nothing of what the product keeps in them. The tests of internal/postgres and internal/redis call it, those
// of package tandem, and what in internal/lab injects faults or measures.
//
// What is not a test, like a program that measures, brings a testing.TB of its own: Helper, Cleanup, Failed, Logf, Errorf
// and Fatalf are called, the last of which must not return.
//
// A server that cannot be had is a failure that says how to install it; only -short, which promises to need Go alone,
// skips.
package rig
