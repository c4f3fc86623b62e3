package relay

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"tandem.example/tandem/internal/feed"
	"tandem.example/tandem/verify/revocation"
)

// mirror is the upstream's log as far as it has been read: every live event, and how new that knowledge is. It is the
// feed.Log of the zone. Safe for concurrent use; follower alone writes to it.
type mirror struct {
	clock func() revocation.Reading

	mu       sync.Mutex
	lease    revocation.Lease // of the answer read last; zero if it must not be relied on
	issuer   issuerClock
	maxToken time.Duration

	epoch    string
	position uint64
	chain    revocation.Chain
	floor    uint64           // the zone is served events from here on, and snapshots before
	anchor   revocation.Chain // the chain at the floor
	kept     []entry          // live events at or below the floor, in order
	recent   []entry          // (floor, position], without a gap

	hints    []func()
	answered chan struct{} // closed when upstream has answered once more
}

// entry is an event with what is left of its life, by this process' monotonic clock: if that stands still while the
// machine sleeps, the event is kept for longer than it need be, which does no harm.
type entry struct {
	event revocation.Event // RetainMS is not set
	chain revocation.Chain // after this event, if it is recent
	until time.Time
}

func newMirror(clock func() revocation.Reading) *mirror {
	return &mirror{clock: clock, answered: make(chan struct{})}
}

// maxRetain bounds what an upstream may ask to be retained, far below where durations overflow.
const maxRetain = 20 * 365 * 24 * time.Hour

// apply takes over a reply that a Follower has applied. The request was sent, and the reply had come, at those
// readings: from the first counts how old it is.
func (m *mirror) apply(rep revocation.Reply, chain revocation.Chain, sent, received revocation.Reading) {
	m.mu.Lock()
	moved := rep.Epoch != m.epoch || rep.To != m.position || rep.Snapshot
	now := time.Now()
	if rep.Snapshot {
		m.epoch, m.floor, m.anchor, m.kept, m.recent = rep.Epoch, rep.To, chain, nil, nil
	}
	at := m.chain
	for _, e := range rep.Events {
		retain := min(time.Duration(min(e.RetainMS, int64(maxRetain/time.Millisecond)))*time.Millisecond, maxRetain)
		e.RetainMS = 0
		one := entry{event: e, until: now.Add(retain)}
		if rep.Snapshot {
			m.kept = append(m.kept, one)
			continue
		}
		at = at.Next(e)
		one.chain = at
		m.recent = append(m.recent, one)
	}
	m.position, m.chain = rep.To, chain
	m.maxToken = time.Duration(rep.MaxTokenMS) * time.Millisecond
	m.issuer = m.issuer.observe(sent, received, time.Duration(rep.ServerTimeMS)*time.Millisecond)
	m.lease = rep.Lease(sent)
	close(m.answered)
	m.answered = make(chan struct{})
	hints := m.hints
	m.mu.Unlock()
	if !moved {
		return
	}
	for _, hint := range hints {
		hint()
	}
}

// drop stops the zone from being answered until upstream has answered anew.
func (m *mirror) drop() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.lease = revocation.Lease{}
}

// staleness is how old the mirror's knowledge may be; false if that cannot be told.
func (m *mirror) staleness() (time.Duration, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.lease.Staleness(m.clock())
}

// leased reports whether the relay's own lease upstream holds.
func (m *mirror) leased() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.lease.Holds(m.clock())
}

// now is the issuer's time.
func (m *mirror) now() time.Time {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.issuer.now(m.clock())
}

// readSince reports whether what is known was read upstream at or after the reading.
func (m *mirror) readSince(r revocation.Reading) bool {
	return m.lease.Length > 0 && m.lease.Sent.Mono-m.lease.Age >= r.Mono
}

// errBehind: a verifier has seen more of the log than this relay, which cannot tell yet whether the log was rolled back.
// Answering a snapshot from further back would make the verifier believe it was.
var errBehind = errors.New("relay: a verifier is ahead, and upstream has not answered since it asked")

// catchUp returns once what is known was read after the call, or, unless fresh is asked for, holds the place asked
// from; it hurries upstream on. Failing that for the patience, it is errBehind for a place not known, and nothing for
// one that is.
func (m *mirror) catchUp(ctx context.Context, from feed.Ask, fresh bool, patience time.Duration, hurry func()) error {
	arrived := m.clock()
	hurry()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	for {
		m.mu.Lock()
		known := from.Epoch == "" || from.Epoch == m.epoch && from.Position <= m.position
		done := m.readSince(arrived) || known && !fresh
		answered := m.answered
		m.mu.Unlock()
		if done {
			return nil
		}
		select {
		case <-answered:
		case <-timer.C:
			if known {
				return nil
			}
			return errBehind
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// place is where the mirror stands, and what is closed when upstream has answered once more.
func (m *mirror) place() (epoch string, position uint64, answered <-chan struct{}) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.epoch, m.position, m.answered
}

// Head implements feed.Log.
func (m *mirror) Head(context.Context) (feed.Head, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.head(), nil
}

func (m *mirror) head() feed.Head {
	return feed.Head{Epoch: m.epoch, Position: m.position, Chain: m.chain, MaxToken: m.maxToken}
}

// Read implements feed.Log, but that it answers from what was read upstream and says how old that is. If it cannot be
// told, it is feed.ErrStale.
func (m *mirror) Read(_ context.Context, ask feed.Ask) (feed.Page, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	reading := m.clock()
	age, ok := m.lease.Staleness(reading)
	if !ok {
		return feed.Page{}, feed.ErrStale
	}
	page := feed.Page{Head: m.head(), Snapshot: feed.Plan(ask, m.marks(ask)), Age: age}
	list := m.recent
	if page.Snapshot {
		list = slices.Concat(m.kept, m.recent)
	} else {
		list = list[ask.Position-m.floor:]
	}
	local, issuer := time.Now(), m.issuer.now(reading)
	page.Events = make([]feed.Stored, len(list))
	for i, e := range list {
		page.Events[i] = feed.Stored{Event: e.event, Chain: e.chain, RetainUntil: issuer.Add(e.until.Sub(local))}
	}
	return page, nil
}

// marks is what Plan wants to know.
func (m *mirror) marks(ask feed.Ask) feed.Marks {
	marks := feed.Marks{Epoch: m.epoch, Floor: m.floor, Head: m.position}
	switch {
	case ask.Position == m.floor:
		marks.ChainAtAsk, marks.HasChainAsk = m.anchor, true
	case ask.Position > m.floor && ask.Position <= m.position:
		marks.ChainAtAsk, marks.HasChainAsk = m.recent[ask.Position-m.floor-1].chain, true
	}
	return marks
}

// Prune implements feed.Log, by the time that has passed here: the issuer's clock says nothing about when an event came.
func (m *mirror) Prune(_ context.Context, _ time.Time, limit int) (pruned int, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now()
	m.kept = slices.DeleteFunc(m.kept, func(e entry) bool {
		if pruned == limit || now.Before(e.until) {
			return false
		}
		pruned++
		return true
	})
	moved := 0
	for _, e := range m.recent {
		live := now.Before(e.until)
		if pruned == limit || live && e.event.Kind != revocation.KindKey { // a key's event lives for years: it is set aside
			break
		}
		if live {
			m.kept = append(m.kept, e)
		} else {
			pruned++
		}
		m.floor, m.anchor = e.event.Seq, e.chain
		moved++
	}
	m.recent = slices.Clone(m.recent[moved:])
	return pruned, nil
}

// OnCommit implements feed.Log.
func (m *mirror) OnCommit(hint func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.hints = append(m.hints, hint)
}

// errReadOnly: a relay repeats a log and adds nothing to it.
var errReadOnly = errors.New("relay: the log is the upstream's")

// Append implements feed.Log.
func (m *mirror) Append(context.Context, feed.Append) (feed.Commit, error) {
	return feed.Commit{}, errReadOnly
}

// KeepFor implements feed.Log.
func (m *mirror) KeepFor(context.Context, time.Duration, time.Time) (time.Duration, error) {
	return 0, errReadOnly
}
