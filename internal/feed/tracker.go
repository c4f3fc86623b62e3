package feed

import (
	"sync"
	"time"
)

const (
	// forgetAfter is how long a verifier that went silent is listed.
	forgetAfter = time.Hour
	// holdEvery is how often a living holder's row is refreshed, so that Forget spares it.
	holdEvery = forgetAfter / 6
	// maxHolders bounds what verifiers with ever new instances can take up.
	maxHolders = 100_000
)

type holderKey struct{ application, instance string }

// holder is what is known of a verifier instance. Times with a monotonic reading are compared on this process' clock only.
type holder struct {
	name    string
	until   time.Time // its lease has lapsed by then, whatever it received
	arrived time.Time // of its last request; zero for one restored from the store
	epoch   string
	acked   uint64    // everything up to here has been applied there, within epoch
	written time.Time // when its row was last written
}

// tracker keeps the holders and wakes receipts when one acknowledges.
type tracker struct {
	mu      sync.Mutex
	holders map[holderKey]*holder
	moved   chan struct{} // closed at the next acknowledgement
}

func (t *tracker) init() {
	t.holders = make(map[holderKey]*holder)
	t.moved = make(chan struct{})
}

func (t *tracker) restore(h Holder, until time.Time) {
	t.holders[holderKey{h.Application, h.Instance}] = &holder{name: h.Name, until: until, written: h.SeenAt}
}

// arrive records a request before it is read for: its lease at the latest. It reports whether the holder's row must be
// written before a lease is granted.
func (t *tracker) arrive(key holderKey, name string, until, now time.Time) (write bool, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	h := t.holders[key]
	if h == nil {
		if len(t.holders) >= maxHolders {
			return false, &RequestError{"instance", "is one too many: a verifier keeps its instance for the life of its process"}
		}
		h = &holder{}
		t.holders[key] = h
	}
	h.name, h.arrived = name, time.Now()
	if until.After(h.until) {
		h.until = until
	}
	return now.Sub(h.written) >= holdEvery, nil
}

// acknowledge records that everything up to the position has been applied there. The caller has compared the chains: a
// position of another history says nothing about this one.
func (t *tracker) acknowledge(key holderKey, epoch string, position uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	h := t.holders[key]
	if h == nil || h.epoch == epoch && position <= h.acked {
		return
	}
	h.epoch, h.acked = epoch, position
	close(t.moved)
	t.moved = make(chan struct{})
}

// astray records that what the holder had applied is not this history: it is about to receive a snapshot.
func (t *tracker) astray(key holderKey) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if h := t.holders[key]; h != nil {
		h.epoch, h.acked = "", 0
	}
}

func (t *tracker) held(key holderKey, at time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if h := t.holders[key]; h != nil {
		h.written = at
	}
}

// forget drops holders whose lease lapsed before the given time.
func (t *tracker) forget(before time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for key, h := range t.holders {
		if h.until.Before(before) {
			delete(t.holders, key)
		}
	}
}
