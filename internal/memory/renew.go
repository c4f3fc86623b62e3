package memory

import (
	"cmp"
	"context"
	"slices"
	"time"

	"tandem.example/tandem/internal/audit"
	"tandem.example/tandem/internal/feed"
	"tandem.example/tandem/internal/session"
	"tandem.example/tandem/verify/revocation"
)

func (p sessions) Renew(ctx context.Context, r session.Renewal) (view session.View, commit feed.Commit, err error) {
	err = p.s.do(ctx, "session.Renew", func() error {
		row, err := p.s.renewable(r, r.At)
		if err != nil {
			return err
		}
		commit = p.s.finish(r.At, []revocation.Event{revocation.AuthzEvent(string(row.User))}, r.Audit)
		renew(row, r, r.At, commit.Position)
		view = p.s.view(row)
		return nil
	})
	return view, commit, err
}

// renewable finds the session if its credentials may be replaced at `at`.
func (s *Store) renewable(r session.Renewal, at time.Time) (*session.Session, error) {
	row, ok := s.sessions[r.ID]
	if !ok {
		return nil, session.ErrNotFound
	}
	if s.view(row).Alive(at) != nil {
		return nil, session.ErrEnded
	}
	if !r.Fits(*row) {
		return nil, session.ErrRaced
	}
	return row, nil
}

// renew replaces the credentials; access tokens from before the position are dead.
func renew(row *session.Session, r session.Renewal, at time.Time, position uint64) {
	row.Version++
	row.TokensFrom = position
	row.Token = r.Token
	row.Refresh = r.Refresh
	row.Refresh.Sealed = slices.Clone(r.Refresh.Sealed)
	row.AuthenticatedAt = r.AuthenticatedAt
	row.ACR, row.AMR = r.ACR, slices.Clone(r.AMR)
	slide(row, at, row.IdleDeadline(at))
}

func (p sessions) Rotate(ctx context.Context, r session.Rotation) (view session.View, err error) {
	err = p.s.do(ctx, "session.Rotate", func() error {
		row, ok := p.s.sessions[r.ID]
		if !ok {
			return session.ErrNotFound
		}
		if err := p.s.view(row).Alive(r.At); err != nil {
			return err
		}
		old := row.Refresh
		if old.Generation == 0 || old.Generation != r.Generation || !old.Digest.Equal(r.Digest) {
			return session.ErrRaced
		}
		row.Refresh = session.Refresh{
			Generation: old.Generation + 1,
			Digest:     r.Next,
			Previous:   old.Digest,
			Sealed:     slices.Clone(r.Sealed),
			RotatedAt:  r.At,
			Floor:      old.Floor,
		}
		slide(row, r.At, r.IdleExpiresAt)
		p.s.seen(r.At)
		view = p.s.view(row)
		return nil
	})
	return view, err
}

func (p sessions) End(ctx context.Context, e session.Ending) (commit feed.Commit, ended int, err error) {
	err = p.s.do(ctx, "session.End", func() error {
		var events []revocation.Event
		if e.Session != "" {
			row, ok := p.s.sessions[e.Session]
			if !ok || e.User != "" && row.User != e.User {
				return session.ErrNotFound
			}
			if e.User = row.User; p.s.endable(row) {
				events = append(events, p.s.ending(row, e))
			}
			ended = len(events)
		} else {
			events, ended = p.s.endOf(e)
		}
		entries := e.Audit
		if len(events) == 0 {
			entries = []audit.Entry{} // nothing happened, so there is nothing to tell
		} else if u, ok := p.s.users[e.User]; ok && e.Theft {
			u.account.TheftAt = e.At
		}
		if u, ok := p.s.users[e.User]; ok && e.Session == "" && e.Except == "" {
			commit = p.s.finishAll(u, ending{at: e.At, reason: e.Reason}, events, entries...)
		} else {
			commit = p.s.finish(e.At, events, entries...)
		}
		return nil
	})
	return commit, ended, err
}

// endOf ends the user's sessions but the excepted one: with a subject event if none is, with an event each if one is.
func (s *Store) endOf(e session.Ending) (events []revocation.Event, ended int) {
	var rows []*session.Session
	for _, row := range s.ofUser[e.User] {
		if row.ID != e.Except && s.endable(row) {
			rows = append(rows, row)
		}
	}
	slices.SortFunc(rows, func(a, b *session.Session) int { return cmp.Compare(a.ID, b.ID) })
	for _, row := range rows {
		events = append(events, s.ending(row, e))
	}
	if e.Except == "" {
		events = []revocation.Event{revocation.SubjectEvent(string(e.User))}
	}
	return events, len(rows)
}

// endable says whether nothing has ended the session yet, neither its own end nor its application's.
func (s *Store) endable(row *session.Session) bool {
	return row.EndedAt.IsZero() && row.Position >= s.sessionsFrom(row.Application)
}

func (s *Store) ending(row *session.Session, e session.Ending) revocation.Event {
	s.end(row, e.Reason, e.At)
	return revocation.SessionEvent(string(row.ID))
}
