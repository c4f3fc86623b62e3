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
	written time.Time // when its row was last written by this process, by Config.Now: that counts a sleep of the machine too
	// noted is whether the row says what was acknowledged, for other nodes to read.
	noted     bool
	notedUpTo uint64    // what the row says, within epoch
	renewals  uint64    // of the row, when it was last read
	renewed   time.Time // when the row was first seen to have that many
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
	t.mu.Lock()
	defer t.mu.Unlock()
	t.holders[holderKey{h.Application, h.Instance}] = &holder{name: h.Name, until: until, noted: true, renewals: h.Renewals}
}

// arrive records a request before it is read for: its lease at the latest. It reports whether the holder's row must be
// written before a lease is granted: it was not within `every`, at that time by Config.Now.
func (t *tracker) arrive(key holderKey, name string, lease, every time.Duration, at time.Time) (write bool, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := time.Now()
	until := now.Add(lease)
	h := t.holders[key]
	if h == nil {
		if len(t.holders) >= maxHolders || len(t.holders) >= maxHolders/10 && t.of(key.application) >= maxHolders/2 {
			return false, &RequestError{"instance", "is one too many: a verifier keeps its instance for the life of its process"}
		}
		h = &holder{noted: true}
		t.holders[key] = h
	}
	h.name, h.arrived = name, now
	if until.After(h.until) {
		h.until = until
	}
	return h.written.IsZero() || at.Sub(h.written) >= every, nil
}

// of counts the holders of an application, whose verifiers must not take up what others need.
func (t *tracker) of(application string) (n int) {
	for key := range t.holders {
		if key.application == application {
			n++
		}
	}
	return n
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
	if h.epoch != epoch {
		h.notedUpTo = 0
	}
	h.epoch, h.acked, h.noted = epoch, position, false
	t.tell()
}

// tell wakes whoever waits for acknowledgements.
func (t *tracker) tell() {
	close(t.moved)
	t.moved = make(chan struct{})
}

// next is closed at the next acknowledgement.
func (t *tracker) next() <-chan struct{} {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.moved
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

// row is what is to be written of the holder.
func (t *tracker) row(key holderKey, seen time.Time) Holder {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.rowOf(key, t.holders[key], seen)
}

func (t *tracker) rowOf(key holderKey, h *holder, seen time.Time) Holder {
	r := Holder{Application: key.application, Instance: key.instance, SeenAt: seen}
	if h != nil {
		r.Name, r.Epoch, r.Acknowledged = h.name, h.epoch, h.acked
	}
	return r
}

// unwritten answers the holders whose row does not say what they have acknowledged here: of those that have
// acknowledged a position which is waited for, the ones whose row does not say so.
func (t *tracker) unwritten(seen time.Time, position uint64) (rows []Holder) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for key, h := range t.holders {
		if !h.noted && (position == 0 || h.notedUpTo < position && position <= h.acked) {
			rows = append(rows, t.rowOf(key, h, seen))
		}
	}
	return rows
}

// noted records that the rows were written.
func (t *tracker) noted(rows []Holder) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, r := range rows {
		h := t.holders[holderKey{r.Application, r.Instance}]
		if h != nil && h.epoch == r.Epoch {
			h.noted, h.notedUpTo = h.acked == r.Acknowledged, r.Acknowledged
		}
	}
}

// observe takes up what the rows tell: whoever's row was written since the last look may have been granted a lease by
// another node, until `until` at the latest; and what was acknowledged there in the present epoch.
func (t *tracker) observe(rows []Holder, epoch string, until time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	moved := false
	for _, r := range rows {
		key := holderKey{r.Application, r.Instance}
		h := t.holders[key]
		if h == nil {
			h = &holder{name: r.Name, noted: true}
			t.holders[key] = h
		}
		if h.renewals != r.Renewals {
			h.renewals, h.renewed = r.Renewals, time.Now()
			if until.After(h.until) {
				h.until = until
			}
		}
		if r.Epoch == epoch && (h.epoch != epoch || r.Acknowledged > h.acked) {
			h.epoch, h.acked, h.noted, h.notedUpTo, moved = r.Epoch, r.Acknowledged, true, r.Acknowledged, true
		}
	}
	if moved {
		t.tell()
	}
}

// doubt has every row count as written since the last look: how often the rows of a store that has lost its end were
// written says nothing, since the numbers are given again.
func (t *tracker) doubt() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, h := range t.holders {
		h.renewals = 0
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
