package feed

import (
	"crypto/rand"
	"errors"
	"strings"
	"time"

	"tandem.example/tandem/internal/audit"
)

// RandomEpoch makes the name of a new epoch: 26 characters, all of them random, since tokens carry only the first 8 and
// two epochs that began at the same moment must differ in those.
func RandomEpoch() string { return strings.ToLower(rand.Text()) }

// ErrEpochMoved is answered when another node has begun a new epoch meanwhile; nothing was written.
var ErrEpochMoved = errors.New("a new epoch has begun meanwhile")

// NewEpoch begins a new history of the log, because the store was restored from a backup: what was appended after
// the backup is lost, so no position of the old history means anything any more.
//
// The commit empties the log and the list of lease holders; key events are appended again from position 1, since a
// stolen key stays stolen, on a chain that starts from the new epoch. Positions kept in sessions and applications
// become 0, for positions of two epochs cannot be compared; sessions that only such a position had ended are dead for
// good, so that none comes back: they have ended, or their SessionsFrom lies above their position from now on. Sign-in
// attempts are forgotten: one that was finished, or guessed at, after the backup was taken must not go on from before.
type NewEpoch struct {
	Epoch string // from RandomEpoch
	// EndSessions ends every session that is alive, because one that was revoked after the backup was taken cannot
	// be told from a living one.
	EndSessions bool
	// From must still be the epoch, so that of several nodes which notice a rollback one begins the next; empty for
	// whatever the epoch is. ErrEpochMoved is answered, and nothing written, if it is not.
	From string
	// KeepHolders leaves the list of lease holders, because the nodes that granted their leases are running.
	KeepHolders bool
	Audit       audit.Entry
	At          time.Time
}
