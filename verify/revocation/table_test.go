package revocation

import (
	"encoding/binary"
	"math/rand/v2"
	"testing"
	"time"
	"unsafe"
)

func TestCheckAllocatesNothing(t *testing.T) {
	s := filled(1000, KindSession, KindSubject, KindAuthz, KindApplication, KindKey)
	tok := liveTokens()[0]
	if n := testing.AllocsPerRun(1000, func() { s.Check(&tok) }); n != 0 {
		t.Errorf("%v allocations a check", n)
	}
}

func TestChainNextAllocatesNothing(t *testing.T) {
	c, e := Genesis(benchEpoch), SessionEvent("ses")
	if n := testing.AllocsPerRun(1000, func() { c = c.Next(e) }); n != 0 {
		t.Errorf("%v allocations an event", n)
	}
}

// At every size on the way, not just right before it grows.
func TestBytesPerEntry(t *testing.T) {
	const budget = 60
	s, n := NewSet(0), 0
	for n < 200_000 {
		u := update{epoch: Short(benchEpoch), position: uint64(n), changes: make([]change, 97)}
		for i := range u.changes {
			n++
			id := ID{8: 1}
			binary.BigEndian.PutUint64(id[:], rand.Uint64())
			u.changes[i] = change{KindSession, id, uint64(n), 1000}
		}
		s.apply(u)
		if stats := s.Stats(); n > 1000 && stats.Bytes > budget*stats.Sessions {
			t.Fatalf("%d bytes for %d entries: more than %d each", stats.Bytes, stats.Sessions, budget)
		}
	}
}

func TestTableBytes(t *testing.T) {
	table := newTable(1000)
	want := cap(table.slots)*int(unsafe.Sizeof(slot{})+unsafe.Sizeof(uint32(0))) + cap(table.controls)*int(unsafe.Sizeof(uint64(0)))
	if got := table.bytes(); got != want || len(table.slots) != 8*len(table.controls) || len(table.deadlines) != len(table.slots) {
		t.Errorf("bytes %d, want %d", got, want)
	}
}

// IDs that all begin alike fill groups from one home on, around the end of the table: the walk still finds each, and ends
// for those that are not there. Differences in the last bytes alone keep them apart.
func TestTableWithCrowdedHomes(t *testing.T) {
	for _, first := range []byte{0x00, 0x7f, 0xff} {
		table := newTable(0)
		id := func(i int) (id ID) {
			for j := range 8 {
				id[j] = first
			}
			binary.BigEndian.PutUint64(id[8:], uint64(i+1)<<4)
			return id
		}
		n := 0
		for ; !table.full(); n++ {
			table.insert(entry{newKey(id(n), tagSubject), uint64(n + 1), 100})
		}
		for i := range n {
			if got := table.matches(id(i), uint64(i), ofSubject); got != 1<<tagSubject {
				t.Fatalf("entry %d of %d: found %b", i, n, got)
			}
			if got := table.matches(id(i), uint64(i+1), ofSubject); got != 0 {
				t.Fatalf("entry %d of %d holds against a token minted at it: %b", i, n, got)
			}
			if !table.raise(entry{newKey(id(i), tagSubject), 1, 1}) || table.raise(entry{newKey(id(i), tagAuthz), 1, 1}) {
				t.Fatalf("entry %d of %d is not the one found by its key", i, n)
			}
		}
		if got := table.matches(id(n), 0, ofSubject); got != 0 {
			t.Fatalf("found %b where nothing was put", got)
		}
		if table.countLive(99) != n || table.countLive(100) != 0 {
			t.Errorf("live: %d before and %d at the deadline, want %d and none", table.countLive(99), table.countLive(100), n)
		}
	}
}

// A byte of a control word that matches may make the next one look as if it did; a free slot never looks so.
func TestMatching(t *testing.T) {
	pick := rand.New(rand.NewPCG(1, 2))
	for range 100_000 {
		var word uint64
		for i := range 8 {
			if pick.IntN(3) > 0 {
				word |= (0x80 | uint64(pick.IntN(3))) << (8 * i)
			}
		}
		control := 0x80 | uint64(pick.IntN(3))
		found := matching(word, control)
		for i := range 8 {
			b, hit := word>>(8*i)&0xff, found>>(8*i)&0xff != 0
			if b == control && !hit || b == 0 && hit || (free(word)>>(8*i)&0xff != 0) != (b == 0) {
				t.Fatalf("word %x, control %x: slot %d: matching %x, free %x", word, control, i, found, free(word))
			}
		}
	}
}

func TestDeadline(t *testing.T) {
	for _, c := range []struct {
		now      time.Duration
		retainMS int64
		earliest time.Duration // the deadline may not be before
	}{
		{0, 0, 0}, {0, 1, time.Millisecond}, {0, 1000, time.Second}, {1999 * time.Millisecond, 1, 2 * time.Second},
		{1999 * time.Millisecond, 1001, 3 * time.Second}, {time.Hour, 300_000, time.Hour + 5*time.Minute}, {-time.Hour, 5, 0},
	} {
		got := time.Duration(deadline(seconds(c.now), c.retainMS)) * time.Second
		if got < c.earliest || got > c.earliest+2*time.Second {
			t.Errorf("at %v for %d ms: deadline %v, want %v, rounded up", c.now, c.retainMS, got, c.earliest)
		}
	}
	if got := deadline(5, 1<<63-1); got != 1<<32-1 {
		t.Errorf("deadline of an endless event = %d, want the last", got)
	}
	if got := seconds(1<<63 - 1); got != 1<<32-1 {
		t.Errorf("seconds of the last duration = %d", got)
	}
}
