package limit

import (
	"container/list"
	"context"
	"sync"
	"time"
)

// DefaultMemoryKeys is how many keys a Memory keeps unless told otherwise:
// about 14 MB when full.
const DefaultMemoryKeys = 100_000

// Memory is a Store in the memory of one process, bounded in size.
//
// Keys whose allowance is whole again are dropped, since they are as good as
// never seen. If there is no room even so, the key that was asked for least
// recently goes. So no key is ever refused for want of room, and a flood of
// fresh keys locks nobody out; while whoever floods the store to have it forget
// an exhausted key must touch as many other keys as it holds for each new
// burst, which is no way to guess faster. (Dropping the key that owes least
// would be: then one fresh key for each guess is enough.)
type Memory struct {
	mu     sync.Mutex
	max    int
	byKey  map[string]*list.Element
	recent *list.List // of *entry, the one asked for last in front
}

type entry struct {
	key   string
	state State
}

var _ Store = (*Memory)(nil)

// NewMemory returns an empty Memory for at most maxKeys keys; zero or less
// means DefaultMemoryKeys.
func NewMemory(maxKeys int) *Memory {
	if maxKeys <= 0 {
		maxKeys = DefaultMemoryKeys
	}
	return &Memory{max: maxKeys, byKey: make(map[string]*list.Element), recent: list.New()}
}

// Take implements Store. It never fails.
func (m *Memory) Take(_ context.Context, key string, p Policy, now time.Time) (Decision, error) {
	if p.Unlimited() {
		_, decision := Decide(0, p, now)
		return decision, nil
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	e := m.entry(key)
	var decision Decision
	e.state, decision = Decide(e.state, p, now)
	m.forget(now)
	return decision, nil
}

// Refund implements Store. It never fails.
func (m *Memory) Refund(_ context.Context, key string, p Policy, now time.Time) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if found := m.byKey[key]; found != nil {
		e := found.Value.(*entry)
		e.state = Return(e.state, p, now)
	}
	return nil
}

// Len returns how many keys are kept.
func (m *Memory) Len() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.byKey)
}

// entry returns the entry of key, new if need be, and puts it in front.
func (m *Memory) entry(key string) *entry {
	if found := m.byKey[key]; found != nil {
		m.recent.MoveToFront(found)
		return found.Value.(*entry)
	}
	e := &entry{key: key}
	m.byKey[key] = m.recent.PushFront(e)
	return e
}

// forget drops from the end what is over the bound, and up to two keys that are
// whole again: one more than a call can add, so that the store shrinks after a
// flood without ever being swept.
func (m *Memory) forget(now time.Time) {
	for dropped := 0; ; dropped++ {
		last := m.recent.Back()
		if last == nil {
			return
		}
		e := last.Value.(*entry)
		whole := int64(e.state) <= now.UnixNano()
		if len(m.byKey) <= m.max && (!whole || dropped >= 2) {
			return
		}
		m.recent.Remove(last)
		delete(m.byKey, e.key)
	}
}
