package revocation

import (
	"slices"
	"sync/atomic"
)

// Token is what a check needs to know of a token, hashed once when the token was verified.
type Token struct {
	SessionID ID     // Hash of "sid"; zero if the token belongs to no session
	Subject   ID     // Hash of "sub"
	ClientID  ID     // Hash of "client_id"
	KeyID     ID     // Hash of the id of the key that signed it
	Epoch     string // the epoch of its revision, in short form
	Seq       uint64 // the position of its revision: the log's head when it was minted
}

// Verdict is what a Set says of a token.
type Verdict uint8

// The verdicts. Only Clear is an acceptance, and only under a lease that held from before the check.
const (
	// Clear: nothing is held against the token.
	Clear Verdict = iota
	// Revoked: the session, all the user's sessions or the application's grants have ended. Sign in again.
	Revoked
	// Stale: the token must be renewed; the session may well be alive.
	Stale
	// Ahead: the token was minted at a position, or in an epoch, that the verifier has not reached. Sync, check
	// again, and take Ahead for Stale if it is still the verdict after a reply to a request sent since then.
	Ahead
)

// String returns the verdict in lower case.
func (v Verdict) String() string {
	switch v {
	case Clear:
		return "clear"
	case Revoked:
		return "revoked"
	case Stale:
		return "stale"
	case Ahead:
		return "ahead"
	default:
		return "unknown"
	}
}

// DefaultLimit is the number of entries that a Set holds unless told otherwise: at most 112 MiB.
const DefaultLimit = 2 << 20

// Set holds all that a verifier knows to be revoked. A [Follower] writes it; any number of goroutines check
// tokens against it meanwhile, without locks, and never wait. A check sees every event whose Apply returned
// before the check began.
//
// A Set that has seen no reply clears nothing: its verdict is Ahead. It never forgets what may still matter.
// Entries leave when no token they forbid can be unexpired. When there are more than its limit, those of the
// present epoch are collapsed into a floor, the position of the latest of them, below which every token is
// Stale: that costs each client one silent renewal, and accepts nothing. Revoked keys are kept for good and
// never collapsed, since a stolen key signs any revision.
//
// When a new epoch begins, the entries of earlier ones stay until they expire and match whatever a token's
// revision, because revisions of two epochs cannot be compared. They cannot be collapsed either, and do not
// count towards the limit.
type Set struct {
	limit   int
	current atomic.Pointer[view]
	sweepAt uint32 // the writer's: when to look for expired entries next
}

// view is what a check looks at: immutable, but for the table, into which entries are added in place.
type view struct {
	epoch     string   // in short form; empty before the first reply
	past      []string // epochs left behind, in short form, oldest first
	position  uint64
	floor     uint64 // tokens of this epoch minted before it are stale
	keys      map[ID]struct{}
	table     *table
	counts    [tagEnd]int // entries by tag
	held      kinds       // the tags that have entries
	collapses uint64
}

// NewSet returns an empty Set that holds so many entries before it collapses them; 0 means [DefaultLimit].
func NewSet(limit int) *Set {
	if limit <= 0 {
		limit = DefaultLimit
	}
	s := &Set{limit: limit}
	s.current.Store(&view{table: newTable(0)})
	return s
}

// The kinds, whether of this epoch or of earlier ones.
const (
	ofSession     kinds = 1<<tagSession | 1<<(tagSession|tagFormer)
	ofSubject     kinds = 1<<tagSubject | 1<<(tagSubject|tagFormer)
	ofAuthz       kinds = 1<<tagAuthz | 1<<(tagAuthz|tagFormer)
	ofApplication kinds = 1<<tagApplication | 1<<(tagApplication|tagFormer)
)

// Check returns what is held against a token. It does not allocate, and looks nothing up for kinds of which there
// is no entry.
func (s *Set) Check(t *Token) Verdict {
	v := s.current.Load()
	seq := t.Seq
	foreign := t.Epoch != v.epoch || v.epoch == ""
	if foreign {
		seq = 0 // its revision says nothing here: whatever names the token matches
	}
	var found kinds
	if v.held&ofSession != 0 {
		found |= v.table.matches(t.SessionID, seq, ofSession)
	}
	if v.held&(ofSubject|ofAuthz) != 0 {
		found |= v.table.matches(t.Subject, seq, ofSubject|ofAuthz)
	}
	if v.held&ofApplication != 0 {
		found |= v.table.matches(t.ClientID, seq, ofApplication)
	}
	switch {
	case found&^ofAuthz != 0:
		return Revoked
	case found != 0 || v.distrusts(t.KeyID):
		return Stale
	case foreign && !v.left(t.Epoch):
		return Ahead
	case foreign || seq < v.floor:
		return Stale
	case seq > v.position:
		return Ahead
	}
	return Clear
}

// Distrusts reports whether the key has been revoked, as far as this Set knows. keyID is the hash of its id. Unlike the
// verdict Stale it says that of the key alone.
func (s *Set) Distrusts(keyID ID) bool { return s.current.Load().distrusts(keyID) }

// Outdates reports whether this Set knows of an event after which what t was made from has to be read anew: a change of the
// subject's rights, or of everything, behind its position, or a new epoch. Unlike the verdict Stale it says nothing of what
// is held against any revision of t alike, however new: a key, and entries of former epochs.
func (s *Set) Outdates(t *Token) bool {
	v := s.current.Load()
	if t.Epoch != v.epoch {
		return v.left(t.Epoch)
	}
	return t.Seq < v.floor || v.held&ofAuthz != 0 && v.table.matches(t.Subject, t.Seq, 1<<tagAuthz) != 0
}

// distrusts reports whether a key has been revoked.
func (v *view) distrusts(key ID) bool {
	if len(v.keys) == 0 {
		return false
	}
	_, revoked := v.keys[key]
	return revoked
}

// left reports whether an epoch is known to lie in the past, so that syncing will not bring it.
func (v *view) left(epoch string) bool {
	return slices.Contains(v.past, epoch)
}

// Stats describes a Set at one moment, for status pages and metrics.
type Stats struct {
	Epoch        string // in short form; empty before the first reply
	Position     uint64
	Floor        uint64 // tokens minted before it are stale
	Sessions     int
	Subjects     int
	Authz        int
	Applications int
	Keys         int
	Former       int    // of the entries above, but keys: those kept from earlier epochs
	Collapses    uint64 // how often entries were collapsed into the floor
	Bytes        int    // memory of the table
}

// Stats may be called at any time from any goroutine.
func (s *Set) Stats() Stats {
	v := s.current.Load()
	n := &v.counts
	both := func(t tag) int { return n[t] + n[t|tagFormer] }
	former := 0
	for t := tagFormer; t < tagEnd; t++ {
		former += n[t]
	}
	return Stats{
		Epoch: v.epoch, Position: v.position, Floor: v.floor,
		Sessions: both(tagSession), Subjects: both(tagSubject), Authz: both(tagAuthz),
		Applications: both(tagApplication), Keys: len(v.keys), Former: former,
		Collapses: v.collapses, Bytes: v.table.bytes(),
	}
}
