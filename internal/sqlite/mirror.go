package sqlite

import (
	"sync"
	"sync/atomic"

	"tandem.example/tandem/internal/application"
	"tandem.example/tandem/internal/session"
)

// mirror keeps the sessions in use in memory, with their users. It is exact, not a cache that may lag: the writer
// brings it up to date between the commit and the publishing of the head, and nobody else writes.
//
// Two things are to be got right. A reader that filled the mirror from a read of the database older than a commit
// would bring back what the commit changed: so a fill carries a ticket from before its read, and is dropped if the
// writer has been at work since (fill). And a reader must not see one half of a commit, such as a session ended and
// its user not yet locked: so it reads under a sequence number that the writer makes odd while it works (find).
type mirror struct {
	sequence atomic.Uint64 // odd while apply works
	applying sync.RWMutex  // held by apply, for readers that met it too often

	shards [shardCount]shard
	links  links

	filled, dropped, evicted atomic.Uint64
}

const shardCount = 64

// newMirror makes a mirror of at most so many sessions.
func newMirror(sessions int) *mirror {
	m := &mirror{}
	m.links.users = map[key]*userLink{}
	m.links.applications = map[application.ID]*applicationLink{}
	for i := range m.shards {
		m.shards[i].index = map[key]uint32{}
		m.shards[i].bound = max(1, sessions/shardCount)
	}
	return m
}

// sighted is what a look into the mirror saw, all at one moment.
type sighted struct {
	session, user string // records
	application   application.ID
	sessionsFrom  uint64
}

// read spells the view out.
func (s *sighted) read(id session.ID, v *session.View) {
	v.Session.ID, v.Session.Application, v.SessionsFrom = id, s.application, s.sessionsFrom
	amr := decodeSession(s.session, &v.Session)
	roles := decodeUser(s.user, &v.User)
	v.Session.AMR, v.User.Roles = twoLists(amr, roles)
	v.Session.User = v.User.ID
}

// patience is how often a reader tries to get between two commits before it queues for its turn.
const patience = 4

// find reads the session, as the last commit left it, into the zero view; false if the mirror does not hold it. The
// view is passed by reference because copying its 700 bytes costs as much as finding them.
func (m *mirror) find(k key, id session.ID, v *session.View) bool {
	for range patience {
		before := m.sequence.Load()
		if before%2 == 1 {
			continue
		}
		seen, ok := m.look(k)
		if m.sequence.Load() == before {
			if ok {
				seen.read(id, v)
			}
			return ok
		}
	}
	m.applying.RLock()
	seen, ok := m.look(k)
	m.applying.RUnlock()
	if ok {
		seen.read(id, v)
	}
	return ok
}

func (m *mirror) look(k key) (seen sighted, ok bool) {
	sh := &m.shards[k.shard()]
	sh.mu.RLock()
	i, ok := sh.index[k]
	if !ok {
		sh.mu.RUnlock()
		return sighted{}, false
	}
	s := &sh.slots[i]
	seen.session = s.record
	user, app := s.user, s.application
	if !s.used.Load() {
		s.used.Store(true)
	}
	sh.mu.RUnlock()
	seen.user = *user.record.Load()
	seen.application, seen.sessionsFrom = app.id, app.sessionsFrom.Load()
	return seen, true
}

// ticket is a mark in time, to be taken before a read of the database.
type ticket struct{ shard, links uint64 }

func (m *mirror) ticket(k key) ticket {
	return ticket{shard: m.shards[k.shard()].stamp.Load(), links: m.links.stamp.Load()}
}

// fill adds what a read of the database brought, unless a commit since the ticket could have made it old. A commit
// that the read did not see stamps after it is durable, and so after the ticket; the stamp is compared under the lock
// under which apply stamps.
func (m *mirror) fill(k key, t ticket, v *session.View) {
	sh := &m.shards[k.shard()]
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if sh.stamp.Load() != t.shard {
		m.dropped.Add(1)
		return
	}
	if _, ok := sh.index[k]; ok {
		return
	}
	user, app, ok := m.links.take(v, t.links)
	if !ok {
		m.dropped.Add(1)
		return
	}
	m.insert(sh, k, v, user, app)
	m.filled.Add(1)
}

// insert adds a slot to the locked shard.
func (m *mirror) insert(sh *shard, k key, v *session.View, user *userLink, app *applicationLink) {
	if evicted := sh.add(k, encodeSession(&v.Session), user, app); evicted != nil {
		m.links.drop(evicted)
		m.evicted.Add(1)
	}
}

// apply brings the mirror up to date with a commit. The writer alone calls it.
func (m *mirror) apply(c *changes) {
	if !c.all && len(c.list) == 0 {
		return
	}
	m.applying.Lock()
	m.sequence.Add(1)
	if c.all {
		m.clear()
	}
	for i := range c.list {
		m.applyOne(&c.list[i])
	}
	m.sequence.Add(1)
	m.applying.Unlock()
}

func (m *mirror) applyOne(c *change) {
	switch c.kind {
	case userChanged:
		m.links.setUser(c.key, &c.view.User)
		return
	case applicationChanged:
		m.links.setApplication(c.view.Session.Application, c.view.SessionsFrom)
		return
	}
	sh := &m.shards[c.key.shard()]
	sh.mu.Lock()
	defer sh.mu.Unlock()
	sh.stamp.Add(1)
	i, held := sh.index[c.key]
	switch {
	case c.kind == sessionPut && held:
		sh.slots[i].record = encodeSession(&c.view.Session)
	case c.kind == sessionPut:
		if user, app, ok := m.links.take(c.view, m.links.stamp.Load()); ok {
			m.insert(sh, c.key, c.view, user, app)
		}
	case c.kind == sessionEnded && held:
		var s session.Session
		s.AMR = list(decodeSession(sh.slots[i].record, &s))
		s.EndedAt, s.EndReason = c.view.Session.EndedAt, c.view.Session.EndReason
		sh.slots[i].record = encodeSession(&s)
	case c.kind == sessionGone && held:
		m.links.drop(sh.remove(i))
	}
}

// clear empties the mirror and makes every ticket void.
func (m *mirror) clear() {
	for i := range m.shards {
		sh := &m.shards[i]
		sh.mu.Lock()
		sh.stamp.Add(1)
		sh.slots, sh.hand = nil, 0
		clear(sh.index)
		sh.mu.Unlock()
	}
	m.links.clear()
}

// MirrorStats are figures for metrics.
type MirrorStats struct {
	Sessions int
	Filled   uint64 // sessions read from the database, each a miss
	Dropped  uint64 // of those, the ones that met a commit and were not kept
	Evicted  uint64
}

func (m *mirror) stats() MirrorStats {
	s := MirrorStats{Filled: m.filled.Load(), Dropped: m.dropped.Load(), Evicted: m.evicted.Load()}
	for i := range m.shards {
		m.shards[i].mu.RLock()
		s.Sessions += len(m.shards[i].slots)
		m.shards[i].mu.RUnlock()
	}
	return s
}
