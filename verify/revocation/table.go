package revocation

import (
	"encoding/binary"
	"iter"
	"math"
	"math/bits"
	"sync/atomic"
)

// table maps IDs to events, in flat memory by open addressing. One goroutine writes, any number read at the same
// time and never wait.
//
// Slots come in groups of eight. A group has one control word with a byte for each slot: zero if it is free, else
// seven bits of the key under a set top bit. So nearly every lookup of an ID that is not there, which is to say
// nearly every lookup, is decided by one word. (The layout is that of Abseil's Swiss tables.)
//
// What lets readers in is that a slot is taken once and keeps its key for the table's life, and the order of stores:
// the slot first, then the control word. A reader who finds a slot's byte set finds the slot filled. Afterwards only
// the position in it changes, and only upwards. To grow, and to be rid of entries, the Set copies what remains into
// another table.
//
// An entry costs 29 bytes at a load between a half and two thirds: 44 to 58 bytes.
type table struct {
	controls []atomic.Uint64
	slots    []slot

	// The rest is the writer's alone.
	deadlines []uint32    // by slot: from which second the entry may leave
	earliest  uint32      // no entry has a deadline before it
	used      int         // entries
	former    int         // entries of former epochs
	counts    [tagEnd]int // entries by tag
}

// slot is one entry.
type slot struct {
	key key
	seq uint64 // the position of the latest event with this key; atomic once readers see the slot
}

// key is an ID whose last four bits have been replaced by a tag. Entries of several kinds under one ID are in the
// same group, so that one walk finds them all.
type key struct{ first, second uint64 }

// tag is a kind of event and whether it is of an earlier epoch.
type tag uint64

const (
	tagSession tag = 1 + iota
	tagSubject
	tagAuthz
	tagApplication
	tagFormer tag = 8 // added to the others

	tagMask = 15
	tagEnd  = 16
)

// tags maps the kinds that live in the table.
var tags = map[Kind]tag{
	KindSession: tagSession, KindSubject: tagSubject, KindAuthz: tagAuthz, KindApplication: tagApplication,
}

// kinds is a set of tags: 1<<tag for each.
type kinds uint16

func newKey(id ID, t tag) key {
	return key{
		first:  binary.BigEndian.Uint64(id[:8]),
		second: binary.BigEndian.Uint64(id[8:])&^tagMask | uint64(t),
	}
}

func (k key) tag() tag          { return tag(k.second & tagMask) }
func (k key) with(t tag) key    { return key{k.first, k.second | uint64(t)} }
func (k key) sameID(o key) bool { return k.first == o.first && (k.second^o.second)&^tagMask == 0 }

// Arithmetic on the eight bytes of a control word.
const (
	eachByte = 0x0101010101010101
	topBits  = 0x8080808080808080
)

// control is the byte of a taken slot. It is made of bits that do not choose the group.
func (k key) control() uint64 { return 0x80 | k.second>>57 }

// matching has the top bit of each byte of word set that equals control. It may also set that of the byte after one
// that does, so the key decides; but never that of a free slot.
func matching(word, control uint64) uint64 {
	x := word ^ control*eachByte
	return (x - eachByte) &^ x & topBits
}

// free has the top bit of each byte set whose slot is free.
func free(word uint64) uint64 { return ^word & topBits }

// slotOf returns which slot of the eight a top bit stands for.
func slotOf(topBit uint64) int { return bits.TrailingZeros64(topBit) / 8 }

// entry is a slot with its deadline, outside a table.
type entry struct {
	key      key
	seq      uint64
	deadline uint32
}

const minGroups = 32

// newTable returns an empty table of which so many entries fill half.
func newTable(entries int) *table {
	groups := max((entries+3)/4, minGroups)
	return &table{
		controls:  make([]atomic.Uint64, groups),
		slots:     make([]slot, 8*groups),
		deadlines: make([]uint32, 8*groups),
		earliest:  math.MaxUint32,
	}
}

// full reports whether what remains must be copied into another table before the next entry.
func (t *table) full() bool { return 3*(t.used+1) > 2*len(t.slots) }

// present is the number of entries of the present epoch.
func (t *table) present() int { return t.used - t.former }

// bytes is the memory that the table occupies.
func (t *table) bytes() int { return 8*len(t.controls) + 24*len(t.slots) + 4*len(t.deadlines) }

// home is the group where the walk for a key begins. IDs are hashes, so their first half is evenly spread.
func (t *table) home(k key) int {
	high, _ := bits.Mul64(k.first, uint64(len(t.controls)))
	return int(high)
}

// after is the group where the walk goes on.
func (t *table) after(group int) int {
	if group++; group < len(t.controls) {
		return group
	}
	return 0
}

// matches returns which of the wanted kinds hold something against a token that names id and was minted at seq.
// Sessions, and entries of former epochs, are held against every token; others against those minted before.
func (t *table) matches(id ID, seq uint64, want kinds) (found kinds) {
	k := newKey(id, 0)
	for g := t.home(k); ; g = t.after(g) {
		word := t.controls[g].Load()
		for m := matching(word, k.control()); m != 0; m &= m - 1 {
			s := &t.slots[8*g+slotOf(m)]
			if !s.key.sameID(k) {
				continue
			}
			if tag := s.key.tag(); tag == tagSession || tag >= tagFormer || seq < atomic.LoadUint64(&s.seq) {
				found |= 1 << tag
			}
		}
		if free(word) != 0 {
			return found & want
		}
	}
}

// raise looks for an entry with the key of e, raises its position and deadline to those of e, never lowers them, and
// reports whether there was one.
func (t *table) raise(e entry) bool {
	for g := t.home(e.key); ; g = t.after(g) {
		word := t.controls[g].Load()
		for m := matching(word, e.key.control()); m != 0; m &= m - 1 {
			i := 8*g + slotOf(m)
			if s := &t.slots[i]; s.key == e.key {
				atomic.StoreUint64(&s.seq, max(s.seq, e.seq))
				t.deadlines[i] = max(t.deadlines[i], e.deadline)
				return true
			}
		}
		if free(word) != 0 {
			return false
		}
	}
}

// insert adds an entry whose key is not in the table. There must be room.
func (t *table) insert(e entry) {
	g := t.home(e.key)
	word := t.controls[g].Load()
	for free(word) == 0 {
		g = t.after(g)
		word = t.controls[g].Load()
	}
	n := slotOf(free(word))
	i := 8*g + n
	t.slots[i] = slot{e.key, e.seq}
	t.controls[g].Store(word | e.key.control()<<(8*n)) // last: now readers see the slot

	t.deadlines[i] = e.deadline
	t.earliest = min(t.earliest, e.deadline)
	t.used++
	t.counts[e.key.tag()]++
	if e.key.tag() >= tagFormer {
		t.former++
	}
}

// live yields the entries whose deadline lies after now.
func (t *table) live(now uint32) iter.Seq[entry] {
	return func(yield func(entry) bool) {
		for i, deadline := range t.deadlines {
			if deadline <= now { // a free slot has none
				continue
			}
			if s := &t.slots[i]; !yield(entry{s.key, s.seq, deadline}) {
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
