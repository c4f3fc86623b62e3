// Package credential holds what people and machines prove themselves with:
// passwords, API keys and client secrets.
//
// Passwords are chosen by people, so they are guessable and get the slow path:
// a Policy decides what may become one, a Hasher makes and verifies hashes
// (Argon2id; bcrypt, scrypt and PBKDF2 too if they were imported), and does so
// behind a queue, because a hash costs 19 MiB and a core for some 20 ms. API
// keys and client secrets are 256 random bits, so a SHA-256 is all that is kept
// of them and checking them is fast.
//
// The package owns no storage (APIKeys is a port) and no flows: package signin
// joins it with accounts, sessions and limits. Passwords are compared byte for
// byte as they arrive in UTF-8; no Unicode normalisation is applied.
package credential
