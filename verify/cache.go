package verify

import (
	"hash/maphash"
	"math/bits"
	"sync"
	"sync/atomic"
	"time"
)

// cache remembers tokens by the whole credential they came from. It never
// grows beyond the slots it was made with. Readers take no lock and do not
// wait, writers exclude each other.
//
// A credential may lie in any slot of two groups; looking it up reads one line
// of tags for each. When both groups are full, the entry that nobody used for
// longest, roughly, makes room (CLOCK). A tag that matches proves nothing: the
// credential itself is compared.
type cache struct {
	seed   maphash.Seed
	groups []group
	mask   uint64
	count  atomic.Int64

	mu   sync.Mutex // of writers
	hand int
}

const groupSize = 8

type group struct {
	tags    [groupSize]atomic.Uint64 // 0: free
	entries [groupSize]atomic.Pointer[Token]
}

// cached is what the cache notes in a Token: there, and not in a record of its
// own, because finding it must touch as little memory as can be. It is written
// before the Token is in the cache and never after, but for used.
type cached struct {
	tag        uint64
	generation uint64 // of the keys it was checked with
	used       uint32 // atomic: lately
}

// newCache returns a cache for about size entries: enough slots for them to
// lie in two-choice groups without crowding each other out.
func newCache(size int) *cache {
	want := max(1, (size+size/4)/groupSize)
	n := 1 << bits.Len(uint(want-1)) // at most 2^24 of them: place takes 31 bits for each
	return &cache{seed: maphash.MakeSeed(), groups: make([]group, n), mask: uint64(n - 1)}
}

// hashed is how much of a credential chooses its place: the end, which is of a
// signature or a secret and differs from token to token as well as chance can.
const hashed = 64

// place returns a credential's tag and its two groups.
func (c *cache) place(credential string) (tag uint64, a, b *group) {
	h := maphash.String(c.seed, credential[max(0, len(credential)-hashed):])
	return h | 1, &c.groups[(h>>1)&c.mask], &c.groups[(h>>33)&c.mask]
}

// find returns the token of a credential, or nil if it is not remembered or was
// checked with keys of another generation.
func (c *cache) find(credential string, generation uint64) *Token {
	tag, a, b := c.place(credential)
	e := a.find(tag, credential)
	if e == nil {
		e = b.find(tag, credential)
	}
	if e == nil || e.cached.generation != generation {
		return nil
	}
	if atomic.LoadUint32(&e.cached.used) == 0 { // most of the time it is set already: no write, no contention
		atomic.StoreUint32(&e.cached.used, 1)
	}
	return e
}

func (g *group) find(tag uint64, credential string) *Token {
	for i := range g.tags {
		if g.tags[i].Load() != tag {
			continue
		}
		if e := g.entries[i].Load(); e != nil && e.cached.tag == tag && e.credential == credential {
			return e
		}
	}
	return nil
}

// keep remembers a token, which nobody else has yet, for its credential until it
// is useless or room is needed.
func (c *cache) keep(t *Token, generation uint64, now time.Duration) {
	tag, a, b := c.place(t.credential)
	t.cached = cached{tag: tag, generation: generation}
	c.mu.Lock()
	defer c.mu.Unlock()
	g, i := c.slot(t, a, b, now)
	if g.entries[i].Swap(t) == nil {
		c.count.Add(1)
	}
	g.tags[i].Store(tag)
}

// slot chooses where an entry goes: over the same credential, a free slot of
// the emptier group, one that is useless by now, one that was not used lately.
func (c *cache) slot(t *Token, a, b *group, now time.Duration) (*group, int) {
	for _, g := range [2]*group{a, b} {
		for i := range g.entries {
			if old := g.entries[i].Load(); old != nil && old.cached.tag == t.cached.tag && old.credential == t.credential {
				return g, i
			}
		}
	}
	freeA, usedA := a.room(now)
	freeB, usedB := b.room(now)
	if freeA >= 0 && usedA <= usedB {
		return a, freeA
	}
	if freeB >= 0 {
		return b, freeB
	}
	for { // both are full
		c.hand = (c.hand + 1) % (2 * groupSize)
		g, i := a, c.hand%groupSize
		if c.hand >= groupSize {
			g = b
		}
		if atomic.SwapUint32(&g.entries[i].Load().cached.used, 0) == 0 {
			return g, i
		}
	}
}

// room returns a slot that is free or useless, or -1, and how many are not.
func (g *group) room(now time.Duration) (free, used int) {
	free = -1
	for i := range g.entries {
		if e := g.entries[i].Load(); e == nil || e.until() <= now {
			free = i
		} else {
			used++
		}
	}
	return free, used
}

// forget drops a token, unless another has taken its place.
func (c *cache) forget(t *Token) {
	_, a, b := c.place(t.credential)
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, g := range [2]*group{a, b} {
		for i := range g.entries {
			if g.entries[i].Load() == t {
				g.tags[i].Store(0)
				g.entries[i].Store(nil)
				c.count.Add(-1)
			}
		}
	}
}

// len is how many entries there are.
func (c *cache) len() int { return int(c.count.Load()) }
