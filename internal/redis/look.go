package redis

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"tandem.example/tandem/internal/account"
	"tandem.example/tandem/internal/application"
	"tandem.example/tandem/internal/outage"
	"tandem.example/tandem/internal/session"
	"tandem.example/tandem/verify/revocation"
)

// seen is a session as it is: its row and how it stands.
type seen struct {
	found
	view   session.View
	ground session.Ground // without Of
	how    session.Standing
	// forgotten: its bucket was lost and it with it, of which the log does not tell.
	forgotten bool
}

// see joins a row with how it stands. The row was read after the ground, so that it is at least as new as the revision
// says.
func see(f found, g session.Ground, how session.Standing) seen {
	g.Of = nil
	s := seen{found: f, ground: g, how: how}
	s.join()
	return s
}

// join makes the view of the row as it is now.
func (s *seen) join() {
	r := s.row
	one := r.Session
	s.forgotten = one.EndedAt.IsZero() && s.ground.Before(r.started, s.mark.from)
	if s.forgotten {
		one.EndedAt, one.EndReason = s.mark.since, session.Restored
	}
	s.view = s.ground.View(s.how, one, r.started, r.tokens)
	switch told := r.EndedAt.IsZero() && !s.how.Announced.IsZero(); {
	case told && r.fence.kind == ending && s.view.Session.EndedAt.Equal(s.how.Announced):
		s.view.Session.EndedAt, s.view.Session.EndReason = r.fence.at, r.fence.reason
	case r.fence.kind == renewing && r.fence.before.Epoch == s.ground.Head.Epoch:
		// Whatever is minted from it must die by the event of the renewal.
		before := max(r.fence.before.Ordinal, s.ground.Base) - s.ground.Base
		s.view.Revision.Seq = min(s.view.Revision.Seq, before)
	}
}

// endable says whether nothing has ended the session yet. Deadlines that have passed are no end: were the clock to step
// back, it would live again. Nor is a lock, which may be lifted. A session that was forgotten is over, but its access
// tokens are not until the log says so.
func (s *seen) endable() bool {
	if s.forgotten {
		return s.how.Announced.IsZero() && !s.ground.Before(s.row.started, max(s.how.UserFrom, s.how.ApplicationFrom))
	}
	return s.view.Session.EndedAt.IsZero() && s.view.Session.Position >= s.view.SessionsFrom
}

// attempts bounds how often a bucket that cannot be trusted is settled before the store gives up.
const attempts = 4

var errUnsettled = &outage.Error{Store: "Redis", Err: errors.New("it is being brought up to the revocation log")}

// look answers the session as it is now, or session.ErrNotFound.
func (s *Store) look(ctx context.Context, id session.ID) (*seen, error) {
	one, err := s.finder.find(ctx, id)
	if err == nil && one == nil {
		err = session.ErrNotFound
	}
	return one, err
}

// lookAll answers each session as it is now, nil for one that is not there.
func (s *Store) lookAll(ctx context.Context, ids []session.ID) ([]*seen, error) {
	for range attempts {
		all, unsettled, err := s.lookOnce(ctx, ids)
		if err != nil {
			return nil, err
		}
		if len(unsettled) == 0 {
			return all, nil
		}
		if err := s.settle(ctx, unsettled); err != nil && !errors.Is(err, errMoved) {
			return nil, err
		}
	}
	return nil, errUnsettled
}

// lookOnce also answers the buckets whose marks do not reach up to what the log still holds.
func (s *Store) lookOnce(ctx context.Context, ids []session.ID) (all []*seen, unsettled []int, err error) {
	all = make([]*seen, len(ids))
	names, err := s.names(ctx, ids)
	if err != nil {
		return nil, nil, err
	}
	subjects, of, read := make([]session.Subject, 0, len(ids)), make([]int, 0, len(ids)), make([]*name, 0, len(ids))
	for i, n := range names {
		if n != nil {
			subjects, of, read = append(subjects, n.subject), append(of, i), append(read, n)
		}
	}
	if len(of) == 0 {
		return all, nil, nil
	}
	ground, err := s.ledger.Standing(ctx, subjects)
	if err != nil {
		return nil, nil, fmt.Errorf("how sessions stand: %w", err)
	}
	rows, err := s.rows(ctx, read)
	if err != nil {
		return nil, nil, err
	}
	looked := make([]seen, len(rows))
	for n, f := range rows {
		if f.row == nil || f.row.ID != ids[of[n]] || ground.Of[n].Gone {
			continue
		}
		if !f.mark.trusted(ground) {
			unsettled = append(unsettled, read[n].bucket)
			continue
		}
		looked[n] = see(f, ground, ground.Of[n])
		all[of[n]] = &looked[n]
	}
	slices.Sort(unsettled)
	return all, slices.Compact(unsettled), nil
}

// name is what is known of a session for good: on whom it depends, and where its row is.
type name struct {
	subject session.Subject
	bucket  int
	row     string
}

func (s *Store) name(id revocation.ID) *name { return &name{bucket: bucketOf(id), row: s.keys.row(id)} }

// nameOf makes the name of a session whose row was seen. Nothing of it is part of the row, which would be kept whole.
func (s *Store) nameOf(r *row) *name {
	n := s.name(revocation.Hash(string(r.ID)))
	n.subject = session.Subject{ID: session.ID(strings.Clone(string(r.ID))), User: account.ID(strings.Clone(string(r.User))),
		Application: application.ID(strings.Clone(string(r.Application)))}
	s.remembered.put(n)
	return n
}

// names answers what is known of the sessions, nil for those that are not there.
func (s *Store) names(ctx context.Context, ids []session.ID) ([]*name, error) {
	names := make([]*name, len(ids))
	var unknown []int
	var read []*name
	for i, id := range ids {
		if names[i] = s.remembered.get(id); names[i] == nil {
			unknown = append(unknown, i)
			read = append(read, s.name(revocation.Hash(string(id))))
		}
	}
	if len(unknown) == 0 {
		return names, nil
	}
	rows, err := s.rows(ctx, read)
	if err != nil {
		return nil, err
	}
	for n, f := range rows {
		if i := unknown[n]; f.row != nil && f.row.ID == ids[i] {
			names[i] = s.nameOf(f.row)
		}
	}
	return names, nil
}

// memory remembers names, so that a look needs one read of the row and not two.
type memory struct {
	mu         sync.RWMutex
	young, old map[session.ID]*name
}

// remembers is how many sessions a memory holds at least, once it has seen more: about 30 MB when full.
const remembers = 1 << 16

func (m *memory) get(id session.ID) *name {
	m.mu.RLock()
	defer m.mu.RUnlock()
	n := m.young[id]
	if n == nil {
		n = m.old[id]
	}
	return n
}

func (m *memory) put(n *name) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.young == nil || len(m.young) >= remembers {
		m.young, m.old = make(map[session.ID]*name), m.young
	}
	m.young[n.subject.ID] = n
}

// patience is how long a fence may stand. Whoever put it up has died if it stands longer.
const patience = 3 * time.Second

// wait is the patience of one caller with fences.
type wait struct {
	nonce string
	since time.Time
	pause time.Duration
}

// out waits a moment if the fence stands and is not to be broken yet, and then says that the caller must look again.
// Time is the caller's own: clocks of nodes are not compared.
func (w *wait) out(ctx context.Context, f fence) (again bool, err error) {
	if f.kind == none {
		return false, nil
	}
	if f.nonce != w.nonce {
		*w = wait{nonce: f.nonce, since: time.Now(), pause: time.Millisecond}
	}
	if time.Since(w.since) > patience {
		return false, nil
	}
	timer := time.NewTimer(w.pause)
	defer timer.Stop()
	w.pause = min(2*w.pause, 50*time.Millisecond)
	select {
	case <-timer.C:
		return true, nil
	case <-ctx.Done():
		return false, context.Cause(ctx)
	}
}
