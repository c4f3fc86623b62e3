// Package jws signs and checks JSON Web Signatures with a closed set of
// algorithms, in the compact form and the detached form only.
//
// It owns the algorithms and their constants, keys that are good for exactly
// one algorithm, the strict reading of the compact form, and key sets. The
// algorithm a token names is compared with its key's and never chooses
// anything. It does not own what a payload means (verify/token), which keys
// are trusted or when they change (package verify, the server's signing), or
// where key sets come from: nothing here does I/O or reads a clock. Server,
// SDK and verifytest share it so that there is one implementation.
//
// What is refused on sight: the JSON serialization, any number of parts but
// three, non-canonical base64url, headers that name a member twice, and the
// header parameters crit, zip, b64, jwk, jku, x5u, x5c and x5t, which would
// change how a token is read or let it bring its own key (RFC 8725 §3).
//
// All types are safe for concurrent use once made. Keys and signers print as
// their algorithm and id, never as their material.
package jws
