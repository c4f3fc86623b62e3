package memory

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"tandem.example/tandem/internal/account"
	"tandem.example/tandem/internal/application"
	"tandem.example/tandem/internal/session"
	"tandem.example/tandem/verify/revocation"
)

// Sessions answers the port to sessions.
func (s *Store) Sessions() session.Store { return sessions{s} }

type sessions struct{ s *Store }

func (p sessions) Start(ctx context.Context, start session.Start) (view session.View, err error) {
	err = p.s.do(ctx, "session.Start", func() error {
		row := cloneSession(start.Session)
		u, ok := p.s.users[row.User]
		if !ok || u.account.Status != account.Active || u.account.Revision != start.AccountRevision {
			return session.ErrAccountChanged
		}
		if _, ok := p.s.apps[row.Application]; !ok {
			return application.ErrNotFound
		}
		if _, ok := p.s.sessions[row.ID]; ok {
			return fmt.Errorf("session %s exists already", row.ID)
		}
		p.s.finish(row.CreatedAt, p.s.makeRoom(row, start.Limit), start.Audit)
		row.Position = p.s.log.position
		p.s.put(row)
		if row.IP != "" {
			u.addresses[row.IP] = true
		}
		view = p.s.view(&row)
		return nil
	})
	return view, err
}

// makeRoom ends the oldest living sessions that the new one pushes over the limit.
func (s *Store) makeRoom(starting session.Session, limit int) (events []revocation.Event) {
	if limit <= 0 {
		return nil
	}
	var living []*session.Session
	for _, row := range s.ofUser[starting.User] {
		if row.Application == starting.Application && s.view(row).Alive(starting.CreatedAt) == nil {
			living = append(living, row)
		}
	}
	slices.SortFunc(living, func(a, b *session.Session) int {
		return cmp.Or(a.CreatedAt.Compare(b.CreatedAt), cmp.Compare(a.ID, b.ID))
	})
	for len(living) >= limit {
		s.end(living[0], session.LimitReached, starting.CreatedAt)
		events = append(events, revocation.SessionEvent(string(living[0].ID)))
		living = living[1:]
	}
	return events
}

func (p sessions) Find(ctx context.Context, id session.ID) (view session.View, err error) {
	err = p.s.do(ctx, "session.Find", func() error {
		row, ok := p.s.sessions[id]
		if !ok {
			return session.ErrNotFound
		}
		view = p.s.view(row)
		return nil
	})
	return view, err
}

func (p sessions) List(ctx context.Context, q session.Query) (found []session.View, err error) {
	err = p.s.do(ctx, "session.List", func() error {
		for _, row := range p.s.sessions {
			view := p.s.view(row)
			wanted := (q.User == "" || row.User == q.User) &&
				(q.Application == "" || row.Application == q.Application) &&
				!row.LastSeenAt.Before(q.SeenSince) &&
				(q.AliveAt.IsZero() || view.Alive(q.AliveAt) == nil) &&
				(q.Before == "" || row.ID < q.Before)
			if wanted {
				found = append(found, view)
			}
		}
		slices.SortFunc(found, func(a, b session.View) int { return cmp.Compare(b.Session.ID, a.Session.ID) })
		found = first(found, q.Limit)
		return nil
	})
	return found, err
}

func (p sessions) Touch(ctx context.Context, sightings []session.Sighting) error {
	return p.s.do(ctx, "session.Touch", func() error {
		for _, seen := range sightings {
			row, ok := p.s.sessions[seen.ID]
			if ok && p.s.view(row).Alive(seen.At) == nil {
				slide(row, seen.At, row.IdleDeadline(seen.At))
			}
		}
		return nil
	})
}

func (p sessions) Sweep(ctx context.Context, before time.Time, limit int) (swept int, err error) {
	err = p.s.do(ctx, "session.Sweep", func() error {
		for _, row := range p.s.sessions {
			ended := !row.EndedAt.IsZero() && row.EndedAt.Before(before)
			if swept < limit && (ended || row.ExpiresAt.Before(before) || row.IdleExpiresAt.Before(before)) {
				p.s.drop(row)
				swept++
			}
		}
		return nil
	})
	return swept, err
}

// put inserts the row into the maps.
func (s *Store) put(row session.Session) {
	s.sessions[row.ID] = &row
	if s.ofUser[row.User] == nil {
		s.ofUser[row.User] = map[session.ID]*session.Session{}
	}
	s.ofUser[row.User][row.ID] = &row
}

func (s *Store) drop(row *session.Session) {
	delete(s.sessions, row.ID)
	delete(s.ofUser[row.User], row.ID)
	if len(s.ofUser[row.User]) == 0 {
		delete(s.ofUser, row.User)
	}
}

// end ends the session unless something has ended it before, and says whether it did. Deadlines that have passed are
// no reason to leave it: were the clock to step back, the session would live again.
func (s *Store) end(row *session.Session, reason session.Reason, at time.Time) bool {
	if !row.EndedAt.IsZero() {
		return false
	}
	row.EndedAt, row.EndReason = at, reason
	return true
}

// slide moves the session's last use and idle deadline forward, never back and never past the absolute deadline.
func slide(row *session.Session, seen, idle time.Time) {
	if seen.After(row.LastSeenAt) {
		row.LastSeenAt = seen
	}
	if idle.After(row.ExpiresAt) {
		idle = row.ExpiresAt
	}
	if idle.After(row.IdleExpiresAt) {
		row.IdleExpiresAt = idle
	}
}

func (s *Store) view(row *session.Session) session.View {
	return session.View{
		Session:      cloneSession(*row),
		User:         cloneUser(s.users[row.User].account),
		Revision:     s.log.head().Revision(),
		SessionsFrom: s.sessionsFrom(row.Application),
		Ring:         s.log.ring,
	}
}

func cloneSession(v session.Session) session.Session {
	v.AMR = slices.Clone(v.AMR)
	v.Refresh.Sealed = slices.Clone(v.Refresh.Sealed)
	v.Bound.Key = slices.Clone(v.Bound.Key)
	return v
}
