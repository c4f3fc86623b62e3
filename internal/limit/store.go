package limit

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"time"
)

// Store keeps the state of keys and applies Decide to them.
//
// Each call is atomic for its key: of any number of parallel takes exactly as
// many are allowed as of the same takes one after the other. now is the
// caller's clock and need not ascend between calls. A key that was never seen
// has its whole burst. The same key must always come with the same policy;
// when a policy changes, what is owed carries over, at most one Period of it.
//
// An error means that nothing is known of the key, and that the take may or may
// not have been counted; whether to go on is the caller's decision. States need
// not survive a restart. All methods are safe for concurrent use.
type Store interface {
	// Take takes one from key's allowance, if there is one.
	Take(ctx context.Context, key string, p Policy, now time.Time) (Decision, error)

	// Refund gives back one take that was allowed. For a key that is whole,
	// or that was forgotten since, it does nothing.
	Refund(ctx context.Context, key string, p Policy, now time.Time) error
}

// Key names what is limited: a rule such as "sign-in/account" and the one it
// applies to, such as an e-mail address. The subject is hashed, so that a key
// has a bounded length however long the input was, and a store holds nobody's
// address.
func Key(rule, subject string) string {
	sum := sha256.Sum256([]byte(subject))
	return rule + ":" + base64.RawURLEncoding.EncodeToString(sum[:16])
}
