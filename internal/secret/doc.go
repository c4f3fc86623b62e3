// Package secret holds what must not be read by accident, and what seals it at
// rest.
//
// It owns four things: Text, a readable secret that prints as "[redacted]";
// Digest, the SHA-256 of a random value, which is all that the store keeps of a
// credential; Box, authenticated encryption under the master key for the few
// things that must be read back (signing keys, TOTP seeds); and the file of the
// master key. It does not own passwords, which are guessable and need a slow
// hash (package credential), nor tokens (package session).
//
// Every domain package may call it. Functions and types are safe for
// concurrent use; nothing here reads a clock or the network.
package secret

// redacted is what every type of this package prints as.
const redacted = "[redacted]"
