package memory

import (
	"context"
	"math"
	"time"

	"tandem.example/tandem/internal/account"
	"tandem.example/tandem/internal/application"
	"tandem.example/tandem/internal/audit"
	"tandem.example/tandem/internal/feed"
	"tandem.example/tandem/internal/session"
	"tandem.example/tandem/verify/revocation"
)

// Ledger answers the port to what sessions in another store stand on. Such sessions are none of this store's own.
func (s *Store) Ledger() session.Ledger { return ledger{s} }

type ledger struct{ s *Store }

// ending is the last end of all sessions of a user: those that began at an ordinal below from.
type ending struct {
	from   uint64
	at     time.Time
	reason session.Reason
}

// finishAll is finish for a verb that ends all sessions of a user. If nobody announces that, it does so itself: the log
// has to move, or a session that began at its head would not lie before the end.
func (s *Store) finishAll(u *user, e ending, events []revocation.Event, entries ...audit.Entry) feed.Commit {
	if len(events) == 0 {
		events = []revocation.Event{revocation.SubjectEvent(string(u.account.ID))}
	}
	commit := s.finish(e.at, events, entries...)
	e.from = s.log.base + commit.Position
	u.ended = e
	return commit
}

func (l ledger) Admit(ctx context.Context, start session.Start) (ground session.Ground, err error) {
	err = l.s.do(ctx, "ledger.Admit", func() error {
		row := start.Session
		u, ok := l.s.users[row.User]
		if !ok || u.account.Status != account.Active || u.account.Revision != start.AccountRevision {
			return session.ErrAccountChanged
		}
		if _, ok := l.s.apps[row.Application]; !ok {
			return application.ErrNotFound
		}
		l.s.finish(row.CreatedAt, nil, start.Audit)
		if row.IP != "" {
			u.addresses[row.IP] = true
		}
		ground = l.s.ground([]session.Subject{{ID: row.ID, User: row.User, Application: row.Application}})
		return nil
	})
	return ground, err
}

func (l ledger) Standing(ctx context.Context, of []session.Subject) (ground session.Ground, err error) {
	err = l.s.do(ctx, "ledger.Standing", func() error {
		ground = l.s.ground(of)
		return nil
	})
	return ground, err
}

func (s *Store) ground(of []session.Subject) session.Ground {
	h := &s.log
	g := session.Ground{Head: h.head(), Base: h.base, Floor: h.base + h.floor, Of: make([]session.Standing, len(of))}
	for i, who := range of {
		how := session.Standing{ApplicationFrom: math.MaxUint64}
		if _, ok := s.apps[who.Application]; ok {
			how.ApplicationFrom = s.appsFrom[who.Application]
		}
		if u, ok := s.users[who.User]; ok {
			how.User = cloneUser(u.account)
			how.UserFrom, how.UserEndedAt, how.UserEndReason = u.ended.from, u.ended.at, u.ended.reason
		} else {
			how.Gone = true
		}
		how.Announced = h.ends[revocation.Hash(string(who.ID)).String()].at
		g.Of[i] = how
	}
	return g
}

func (l ledger) Conclude(ctx context.Context, c session.Conclusion) (done session.Concluded, err error) {
	err = l.s.do(ctx, "ledger.Conclude", func() error {
		u, ok := l.s.users[c.User]
		if ok && c.Theft {
			u.account.TheftAt = c.At
		}
		if ok && c.All {
			done.Commit = l.s.finishAll(u, ending{at: c.At, reason: c.Reason}, c.Events(), c.Audit...)
		} else {
			done.Commit = l.s.finish(c.At, c.Events(), c.Audit...)
		}
		done.Place = session.Place{Epoch: l.s.log.epoch, Ordinal: l.s.log.base + done.Position}
		return nil
	})
	return done, err
}
