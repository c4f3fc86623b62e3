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

// add needs the lock. If there is no room, the session takes the place of one that is little used, whose user is
// answered.
func (sh *shard) add(k key, record string, user *userLink, app *applicationLink) (evicted *userLink) {
	i := len(sh.slots)
	if i < sh.bound {
		sh.slots = append(sh.slots, slot{})
	} else {
		i = sh.victim()
		evicted = sh.slots[i].user
		delete(sh.index, sh.slots[i].key)
	}
	s := &sh.slots[i]
	s.key, s.record, s.user, s.application = k, record, user, app
	s.used.Store(false)
	sh.index[k] = uint32(i)
	return evicted
}

// victim moves the hand past the first session that was not asked for, which is then the one to go.
func (sh *shard) victim() int {
	for {
		i := sh.hand % len(sh.slots)
		sh.hand = i + 1
		if !sh.slots[i].used.Swap(false) {
			return i
		}
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
