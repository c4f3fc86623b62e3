package memory

import (
	"context"
	"slices"
	"time"

	"tandem.example/tandem/internal/audit"
	"tandem.example/tandem/internal/feed"
	"tandem.example/tandem/verify/revocation"
)

// history is the log of one epoch.
type history struct {
	epoch    string
	base     uint64           // ordinal of position 0
	position uint64           // of the last event
	chain    revocation.Chain // after the last event
	floor    uint64           // events up to here have been pruned
	anchor   revocation.Chain // after the event at the floor
	events   []feed.Stored    // (floor, position], without a gap
	kept     []feed.Stored    // key events at or below the floor: still live, so part of every snapshot
	ends     map[string]end   // the last session event of each session, until it is pruned
	lifetime feed.Lifetimes
	ring     uint64 // version of the signing keys
}

func begin(epoch string) history {
	genesis := revocation.Genesis(epoch)
	return history{epoch: epoch, chain: genesis, anchor: genesis, ends: map[string]end{}}
}

// end is a session event.
type end struct {
	position uint64
	at       time.Time
}

func (h *history) head() feed.Head {
	return feed.Head{Epoch: h.epoch, Position: h.position, Chain: h.chain, MaxToken: h.lifetime.Longest, Ring: h.ring}
}

func (h *history) append(events []revocation.Event, at time.Time) {
	for _, e := range events {
		h.position++
		e.Seq, e.RetainMS = h.position, 0
		h.chain = h.chain.Next(e)
		if e.Kind == revocation.KindSession {
			h.ends[e.ID] = end{e.Seq, at}
		}
		h.events = append(h.events, feed.Stored{
			Event:       e,
			Chain:       h.chain,
			RetainUntil: feed.RetainUntil(e.Kind, at, h.lifetime.Longest),
		})
	}
}

// marks is what Plan wants to know.
func (h *history) marks(ask feed.Ask) feed.Marks {
	m := feed.Marks{Epoch: h.epoch, Floor: h.floor, Head: h.position}
	switch {
	case ask.Position == h.floor:
		m.ChainAtAsk, m.HasChainAsk = h.anchor, true
	case ask.Position > h.floor && ask.Position <= h.position:
		m.ChainAtAsk, m.HasChainAsk = h.events[ask.Position-h.floor-1].Chain, true
	}
	return m
}

// all are the live events in the order of their positions.
func (h *history) all() []feed.Stored {
	return slices.Concat(h.kept, h.events)
}

// finish is the end of every verb that may announce something: events and entries in one commit.
func (s *Store) finish(at time.Time, events []revocation.Event, entries ...audit.Entry) feed.Commit {
	s.log.append(events, at)
	s.trail = append(s.trail, entries...)
	s.seen(at)
	return feed.Commit{Position: s.log.position, At: at}
}

// Log answers the port to the revocation log.
func (s *Store) Log() feed.Log { return feedLog{s} }

type feedLog struct{ s *Store }

func (l feedLog) Head(ctx context.Context) (head feed.Head, err error) {
	err = l.s.do(ctx, "log.Head", func() error {
		head = l.s.log.head()
		return nil
	})
	return head, err
}

func (l feedLog) Read(ctx context.Context, ask feed.Ask) (page feed.Page, err error) {
	err = l.s.do(ctx, "log.Read", func() error {
		h := &l.s.log
		page = feed.Page{Head: h.head(), Snapshot: feed.Plan(ask, h.marks(ask))}
		if page.Snapshot {
			page.Events = h.all()
		} else {
			page.Events = slices.Clone(h.events[ask.Position-h.floor:])
		}
		return nil
	})
	return page, err
}

func (l feedLog) Append(ctx context.Context, a feed.Append) (commit feed.Commit, err error) {
	err = l.s.do(ctx, "log.Append", func() error {
		commit = l.s.finish(a.At, a.Events, a.Audit...)
		return nil
	})
	return commit, err
}

func (l feedLog) KeepFor(ctx context.Context, lifetime time.Duration, now time.Time) (kept time.Duration, err error) {
	err = l.s.do(ctx, "log.KeepFor", func() error {
		l.s.log.lifetime = feed.Longest(l.s.log.lifetime, lifetime, now)
		kept = l.s.log.lifetime.Longest
		return nil
	})
	return kept, err
}

// Prune moves the floor. A key event that is still live is set aside rather than in the way: it is kept for years,
// and the events of years must not wait for it.
func (l feedLog) Prune(ctx context.Context, now time.Time, limit int) (pruned int, err error) {
	err = l.s.do(ctx, "log.Prune", func() error {
		h := &l.s.log
		h.kept = slices.DeleteFunc(h.kept, func(e feed.Stored) bool {
			if pruned == limit || now.Before(e.RetainUntil) {
				return false
			}
			pruned++
			return true
		})
		moved := 0
		for _, e := range h.events {
			live := now.Before(e.RetainUntil)
			if pruned == limit || live && e.Event.Kind != revocation.KindKey {
				break
			}
			if live {
				h.kept = append(h.kept, e)
			} else {
				pruned++
			}
			if h.ends[e.Event.ID].position == e.Event.Seq {
				delete(h.ends, e.Event.ID)
			}
			h.floor, h.anchor = e.Event.Seq, e.Chain
			moved++
		}
		h.events = slices.Clone(h.events[moved:])
		return nil
	})
	return pruned, err
}

func (l feedLog) OnCommit(hint func()) {
	l.s.mu.Lock()
	defer l.s.mu.Unlock()
	l.s.hints = append(l.s.hints, hint)
}
