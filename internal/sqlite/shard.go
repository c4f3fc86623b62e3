package sqlite

import (
	"sync"
	"sync/atomic"
)

// shard is a part of the mirror's sessions: a table that gives up, when full, a session that nobody has asked for since
// the hand of the clock passed it last (the CLOCK algorithm).
type shard struct {
	mu    sync.RWMutex
	stamp atomic.Uint64 // grows with each change by a commit; written under mu
	index map[key]uint32
	slots []slot
	hand  int
	bound int
}

type slot struct {
	key         key
	record      string // encodeSession
	user        *userLink
	application *applicationLink
	used        atomic.Bool // since the hand passed
}

// add needs the lock, and room.
func (sh *shard) add(k key, record string, user *userLink, app *applicationLink) {
	sh.index[k] = uint32(len(sh.slots))
	sh.slots = append(sh.slots, slot{})
	s := &sh.slots[len(sh.slots)-1]
	s.key, s.record, s.user, s.application = k, record, user, app
}

// evict removes a session that is little used and answers its user.
func (sh *shard) evict() *userLink {
	for {
		if sh.hand >= len(sh.slots) {
			sh.hand = 0
		}
		s := &sh.slots[sh.hand]
		if !s.used.Load() {
			return sh.remove(uint32(sh.hand))
		}
		s.used.Store(false)
		sh.hand++
	}
}

// remove needs the lock. The last slot takes the place of the one removed.
func (sh *shard) remove(i uint32) *userLink {
	gone, last := &sh.slots[i], &sh.slots[len(sh.slots)-1]
	user := gone.user
	delete(sh.index, gone.key)
	if gone != last {
		gone.key, gone.record, gone.user, gone.application = last.key, last.record, last.user, last.application
		gone.used.Store(last.used.Load())
		sh.index[gone.key] = i
	}
	*last = slot{}
	sh.slots = sh.slots[:len(sh.slots)-1]
	return user
}
