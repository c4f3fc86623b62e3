package console

import (
	"strings"
	"sync"
	"time"

	"tandem.example/tandem/internal/account"
	"tandem.example/tandem/internal/feed"
	"tandem.example/tandem/internal/id"
)

const (
	orderPrefix = "ord_"
	// orderFor is for how long a confirmation that was shown may be sent.
	orderFor = 15 * time.Minute
	// orderKept is for how long it is known what became of an order: longer than it may be sent again.
	orderKept = time.Hour
	// mostOrders bounds what is kept. The oldest go first.
	mostOrders = 1000
)

// newOrder names one confirmation that is shown. Sent twice, it is one order.
func newOrder(now time.Time) string { return id.Prefixed(orderPrefix, now) }

// order is one act that was ordered. Its fields are set before done is closed, and not changed after.
type order struct {
	id     string
	by     account.ID
	at     time.Time
	done   chan struct{}
	failed bool

	what   string // that was done, in the words of whoever did it
	reason string
	commit feed.Commit
	after  string        // path to go to
	fills  *feed.Filling // nil if there is nothing to wait for
}

func (o *order) finished() bool {
	select {
	case <-o.done:
		return !o.failed
	default:
		return false
	}
}

// orders remembers what was ordered at this node. At another one, an order that is sent again is carried out again: the
// acts are such that this changes nothing more, or they hold for what was shown alone (keys, roles).
type orders struct {
	mu  sync.Mutex
	all map[string]*order
}

// claim takes an order for whoever sends it first, and answers it to whoever sends it again. errOrder for one that was
// made up, is too old, or is somebody else's.
func (o *orders) claim(name string, by account.ID, now time.Time) (claimed *order, first bool, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if known, ok := o.all[name]; ok {
		if known.by != by {
			return nil, false, errOrder
		}
		return known, false, nil
	}
	made, ok := id.Time(strings.TrimPrefix(name, orderPrefix))
	if !ok || !id.Check(name, orderPrefix) || now.Sub(made) > orderFor || made.Sub(now) > feed.Skew {
		return nil, false, errOrder
	}
	o.keep(&order{id: name, by: by, at: now, done: make(chan struct{})}, now)
	return o.all[name], true, nil
}

// keep adds an order and drops those that are too old, or too many.
func (o *orders) keep(one *order, now time.Time) {
	if o.all == nil {
		o.all = make(map[string]*order)
	}
	oldest := one
	for name, other := range o.all {
		if now.Sub(other.at) > orderKept {
			delete(o.all, name)
		} else if other.at.Before(oldest.at) {
			oldest = other
		}
	}
	if len(o.all) >= mostOrders {
		delete(o.all, oldest.id)
	}
	o.all[one.id] = one
}

// drop forgets an order that was not carried out: it may be sent again.
func (o *orders) drop(one *order) {
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.all, one.id)
	one.failed = true
	close(one.done)
}

// find answers what became of an order.
func (o *orders) find(name string) (*order, bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	one, ok := o.all[name]
	return one, ok
}

// adopt answers the order of that name, or takes up one that another node carried out.
func (o *orders) adopt(name string, by account.ID, now time.Time, fill func() *order) *order {
	o.mu.Lock()
	defer o.mu.Unlock()
	if known, ok := o.all[name]; ok {
		return known
	}
	one := fill()
	one.id, one.by, one.at, one.done = name, by, now, make(chan struct{})
	close(one.done)
	o.keep(one, now)
	return one
}
