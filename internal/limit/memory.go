package limit

import (
	"container/heap"
	"context"
	"sync"
	"time"
)

// DefaultMemoryKeys is how many keys a Memory keeps unless told otherwise:
// about 25 MB when full.
const DefaultMemoryKeys = 100_000

// Memory is a Store in the memory of one process, bounded in size.
//
// Keys whose allowance is whole again are dropped, since they are as good as
// never seen. If there is no room even so, the key that owes least goes: whoever
// floods the store with fresh keys, to have it forget one that is exhausted,
// pushes out the fresh ones first. A key is never refused for want of room, so
// a flood locks nobody out either.
type Memory struct {
	mu     sync.Mutex
	max    int
	byKey  map[string]*entry
	byDebt debts
}

type entry struct {
	key   string
	state State
	place int // in byDebt
}

var _ Store = (*Memory)(nil)

// NewMemory returns an empty Memory for at most maxKeys keys; zero or less
// means DefaultMemoryKeys.
func NewMemory(maxKeys int) *Memory {
	if maxKeys <= 0 {
		maxKeys = DefaultMemoryKeys
	}
	return &Memory{max: maxKeys, byKey: make(map[string]*entry)}
}

// Take implements Store. It never fails.
func (m *Memory) Take(_ context.Context, key string, p Policy, now time.Time) (Decision, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	e := m.byKey[key]
	var s State
	if e != nil {
		s = e.state
	}
	next, decision := Decide(s, p, now)
	m.keep(e, key, next, now)
	return decision, nil
}

// Refund implements Store. It never fails.
func (m *Memory) Refund(_ context.Context, key string, p Policy, now time.Time) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if e := m.byKey[key]; e != nil {
		m.keep(e, key, Return(e.state, p, now), now)
	}
	return nil
}

// Len returns how many keys are kept.
func (m *Memory) Len() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.byKey)
}

// keep stores s for key, whose entry is e or nil, and drops what is whole again.
func (m *Memory) keep(e *entry, key string, s State, now time.Time) {
	switch {
	case e != nil:
		e.state = s
		heap.Fix(&m.byDebt, e.place)
	case int64(s) > now.UnixNano():
		e = &entry{key: key, state: s}
		m.byKey[key] = e
		heap.Push(&m.byDebt, e)
	}
	// Two drops a call outrun the one entry that a call can add.
	for range 2 {
		if len(m.byDebt) == 0 || int64(m.byDebt[0].state) > now.UnixNano() {
			break
		}
		m.drop(m.byDebt[0])
	}
	if len(m.byKey) > m.max {
		m.drop(m.byDebt[0])
	}
}

func (m *Memory) drop(e *entry) {
	heap.Remove(&m.byDebt, e.place)
	delete(m.byKey, e.key)
}

// debts is a heap.Interface with the key that is whole soonest on top.
type debts []*entry

func (d debts) Len() int           { return len(d) }
func (d debts) Less(i, j int) bool { return d[i].state < d[j].state }
func (d debts) Swap(i, j int) {
	d[i], d[j] = d[j], d[i]
	d[i].place, d[j].place = i, j
}

func (d *debts) Push(x any) {
	e := x.(*entry)
	e.place = len(*d)
	*d = append(*d, e)
}

func (d *debts) Pop() any {
	last := len(*d) - 1
	e := (*d)[last]
	(*d)[last] = nil
	*d = (*d)[:last]
	return e
}
