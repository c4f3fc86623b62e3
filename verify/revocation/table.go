package revocation

import (
	"encoding/binary"
	"iter"
	"math"
	"math/bits"
	"sync/atomic"
)

// table maps IDs to events, in flat memory by open addressing with linear probing. One goroutine writes, any
// number read at the same time and never wait.
//
// What makes that sound is the order of stores. A slot is taken once and keeps its key for the table's life;
// nothing is ever removed in place. The writer stores the value, then the rest of the key, and last the word
// that readers look at first, so a reader that finds a key finds its value. Later changes of a slot only raise
// its position. Entries leave, and the table grows, by being copied into a new table (see Set).
//
// An entry costs 28 bytes at a load between a half and two thirds: 42 to 56 bytes.
type table struct {
	slots []slot
	// deadlines says, slot by slot, from when an entry may leave; the writer's alone, like all that follows.
	deadlines []uint32
	used      int
	earliest  uint32      // no entry has a deadline before it
	former    int         // entries of former epochs
	counts    [tagEnd]int // entries by tag
}

// slot is one entry, readable while it is written. A zero tagged word means that it is free.
type slot struct {
	tagged atomic.Uint64 // the second half of the ID, its low bits replaced by a tag
	rest   atomic.Uint64 // the first half
	seq    atomic.Uint64 // the latest position of an event of that tag and ID
}

// tag is a kind of event, as it stands in the low bits of a slot's key. So entries of several kinds under one ID
// lie side by side, and one walk finds them all. It is never zero.
type tag uint64

const (
	tagSession tag = 1 + iota
	tagSubject
	tagAuthz
	tagApplication
	tagFormer tag = 8 // added to the others: the entry is of an earlier epoch

	tagMask = 15
	tagEnd  = 16
)

// tags maps those kinds that live in the table.
var tags = map[Kind]tag{
	KindSession: tagSession, KindSubject: tagSubject, KindAuthz: tagAuthz, KindApplication: tagApplication,
}

// former reports whether the entry is of an earlier epoch.
func (t tag) former() bool { return t&tagFormer != 0 }

// kinds is a set of tags.
type kinds uint16

func setOf(tags ...tag) (s kinds) {
	for _, t := range tags {
		s |= 1 << t
	}
	return s
}

// entry is one slot with its deadline, outside a table.
type entry struct {
	tagged, rest, seq uint64
	deadline          uint32
}

func (e entry) tag() tag { return tag(e.tagged & tagMask) }

func newEntry(id ID, t tag, seq uint64, deadline uint32) entry {
	rest, tagged := words(id)
	return entry{tagged: tagged | uint64(t), rest: rest, seq: seq, deadline: deadline}
}

// words splits an ID into the half that decides the place and the half that makes room for a tag.
func words(id ID) (rest, untagged uint64) {
	return binary.BigEndian.Uint64(id[:8]), binary.BigEndian.Uint64(id[8:]) &^ tagMask
}

const minSlots = 256

// newTable returns an empty table in which so many entries fill half of the slots.
func newTable(entries int) *table {
	n := max(2*entries, minSlots)
	return &table{slots: make([]slot, n), deadlines: make([]uint32, n), earliest: math.MaxUint32}
}

// full reports whether the table must be copied into a larger one before the next entry.
func (t *table) full() bool { return 3*(t.used+1) > 2*len(t.slots) }

// bytes is the memory that the table occupies.
func (t *table) bytes() int { return 28 * len(t.slots) }

// home is where the walk for an ID begins. IDs are hashes, so their first half is evenly spread.
func (t *table) home(rest uint64) int {
	high, _ := bits.Mul64(rest, uint64(len(t.slots)))
	return int(high)
}

// matches returns which of the wanted kinds hold something against a token that names id and was minted at seq.
// Sessions and entries of former epochs are held against every token, others against those minted before.
func (t *table) matches(id ID, seq uint64, want kinds) (found kinds) {
	rest, untagged := words(id)
	for i := t.home(rest); ; i++ {
		if i == len(t.slots) {
			i = 0
		}
		s := &t.slots[i]
		tagged := s.tagged.Load()
		if tagged == 0 {
			return found & want
		}
		if tagged&^tagMask != untagged || s.rest.Load() != rest {
			continue
		}
		if t := tag(tagged & tagMask); t == tagSession || t.former() || seq < s.seq.Load() {
			found |= 1 << t
		}
	}
}

// raise looks for an entry with the same key, raises its position and deadline to those of e, never lowers them,
// and reports whether there was one.
func (t *table) raise(e entry) bool {
	i, found := t.find(e)
	if found {
		t.slots[i].seq.Store(max(t.slots[i].seq.Load(), e.seq))
		t.deadlines[i] = max(t.deadlines[i], e.deadline)
	}
	return found
}

// insert adds an entry whose key is not in the table. There must be room.
func (t *table) insert(e entry) {
	i, _ := t.find(e)
	t.deadlines[i] = e.deadline
	t.earliest = min(t.earliest, e.deadline)
	t.used++
	t.counts[e.tag()]++
	if e.tag().former() {
		t.former++
	}
	s := &t.slots[i]
	s.seq.Store(e.seq)
	s.rest.Store(e.rest)
	s.tagged.Store(e.tagged) // last: now readers see it
}

// find returns the slot that has the key of e, or else the free one where it belongs.
func (t *table) find(e entry) (i int, found bool) {
	for i = t.home(e.rest); ; i++ {
		if i == len(t.slots) {
			i = 0
		}
		switch t.slots[i].tagged.Load() {
		case 0:
			return i, false
		case e.tagged:
			if t.slots[i].rest.Load() == e.rest {
				return i, true
			}
		}
	}
}

// present is the number of entries of the present epoch.
func (t *table) present() int { return t.used - t.former }

// live yields the entries whose deadline lies after now.
func (t *table) live(now uint32) iter.Seq[entry] {
	return func(yield func(entry) bool) {
		for i := range t.slots {
			s := &t.slots[i]
			e := entry{s.tagged.Load(), s.rest.Load(), s.seq.Load(), t.deadlines[i]}
			if e.tagged != 0 && e.deadline > now && !yield(e) {
				return
			}
		}
	}
}

// countLive returns how many entries live yields.
func (t *table) countLive(now uint32) (n int) {
	for range t.live(now) {
		n++
	}
	return n
}
