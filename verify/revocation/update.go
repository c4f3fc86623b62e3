package revocation

import (
	"maps"
	"math"
	"slices"
	"time"
)

// update is a reply that has been checked, in the form in which a Set applies it.
type update struct {
	epoch    string // in short form
	position uint64 // the log's head once the changes are applied
	changes  []change
	floor    uint64        // tokens minted before it are stale, for whatever other reason
	now      time.Duration // monotonic
}

// sweepEvery is how long expired entries may linger, in seconds.
const sweepEvery = 60

// maxPast is how many epochs left behind are told from unknown ones. Tokens of those before are Ahead, and after
// a sync in vain refused all the same.
const maxPast = 8

// apply brings the Set to a new position. It cannot fail, and only one goroutine may be in it. Entries appear in
// the table one by one; position, floor, keys and a table that was copied appear at once, when all entries are in
// place. A check meanwhile misses only what is being applied just now.
func (s *Set) apply(u update) {
	d := draft{view: *s.current.Load(), limit: s.limit, now: seconds(u.now)}
	if d.epoch != u.epoch {
		d.enter(u.epoch)
	}
	if d.now >= s.sweepAt && d.table.earliest <= d.now {
		d.sweep()
		s.sweepAt = d.now + sweepEvery
	}
	for i := range u.changes {
		d.add(&u.changes[i])
	}
	d.position = u.position
	d.floor = max(d.floor, u.floor)
	s.current.Store(d.seal())
}

// draft is the next view in the making.
type draft struct {
	view
	limit    int
	now      uint32
	ownsKeys bool // keys are a copy already, which no reader has seen
}

// seal returns the finished view.
func (d *draft) seal() *view {
	v := d.view
	v.counts, v.held = v.table.counts, 0
	for t, n := range v.counts {
		if n > 0 {
			v.held |= 1 << t
		}
	}
	return &v
}

// add applies one event.
func (d *draft) add(c *change) {
	switch c.kind {
	case KindAll:
		d.floor = max(d.floor, c.seq)
	case KindKey:
		if !d.ownsKeys {
			keys := make(map[ID]struct{}, len(d.keys)+1)
			maps.Copy(keys, d.keys)
			d.keys, d.ownsKeys = keys, true
		}
		d.keys[c.id] = struct{}{}
	default:
		e := entry{newKey(c.id, tags[c.kind]), c.seq, deadline(d.now, c.retainMS)}
		if !d.table.raise(e) {
			d.makeRoom()
			d.table.insert(e)
		}
	}
}

// makeRoom sees to it that one more entry fits into the table and the limit: by leaving out expired entries, by
// growing, and as the last resort by collapsing.
func (d *draft) makeRoom() {
	if d.table.full() || d.table.present() >= d.limit {
		d.sweep()
	}
	if d.table.present() >= d.limit {
		d.collapse()
	}
}

// sweep copies the entries that have not expired into a new table, at most half full.
func (d *draft) sweep() {
	next := newTable(d.table.countLive(d.now))
	for e := range d.table.live(d.now) {
		next.insert(e)
	}
	d.table = next
}

// enter begins a new epoch. The floor goes, since whatever was minted in an earlier epoch is refused as such. The
// entries stay, but as former ones: a log that was rolled back does not bring back what it had revoked.
func (d *draft) enter(epoch string) {
	past := slices.Clone(d.past)
	if d.epoch != "" {
		past = append(past, d.epoch)
	}
	past = slices.DeleteFunc(past, func(p string) bool { return p == epoch })
	d.past = past[max(0, len(past)-maxPast):]
	d.epoch, d.floor = epoch, 0

	next := newTable(d.table.countLive(d.now))
	for e := range d.table.live(d.now) {
		e.key = e.key.with(tagFormer)
		if !next.raise(e) {
			next.insert(e)
		}
	}
	d.table = next
}

// collapse replaces the entries of the present epoch by a floor at the latest of them. It refuses no fewer tokens
// than they did: a session or user that ended has no tokens minted after the end.
func (d *draft) collapse() {
	next := newTable(d.table.former)
	for e := range d.table.live(d.now) {
		if e.key.tag() >= tagFormer {
			next.insert(e)
		} else {
			d.floor = max(d.floor, e.seq)
		}
	}
	d.table = next
	d.collapses++
}

// seconds is a monotonic reading in whole seconds, rounded down.
func seconds(now time.Duration) uint32 {
	return uint32(min(max(now, 0)/time.Second, math.MaxUint32))
}

// deadline is the second at which an event that arrived at now has been retained for long enough: one more than
// its milliseconds round up to, because now has been rounded down.
func deadline(now uint32, retainMS int64) uint32 {
	return uint32(min(uint64(now)+(uint64(retainMS)+999)/1000+1, math.MaxUint32))
}
