package memory

import (
	"context"

	"tandem.example/tandem/internal/feed"
	"tandem.example/tandem/internal/session"
	"tandem.example/tandem/verify/revocation"
)

// BeginEpoch replaces the log by a new one after a restore, see feed.NewEpoch. It answers the position of the last
// key event that was carried over, 0 if there is none.
func (s *Store) BeginEpoch(ctx context.Context, n feed.NewEpoch) (commit feed.Commit, err error) {
	err = s.do(ctx, "store.BeginEpoch", func() error {
		if n.From != "" && n.From != s.log.epoch {
			return feed.ErrEpochMoved
		}
		for _, row := range s.sessions {
			switch {
			case row.Position < s.sessionsFrom(row.Application):
				s.end(row, session.AppRevoked, n.At) // before the positions that say so are gone
			case n.EndSessions && s.view(row).Alive(n.At) == nil:
				s.end(row, session.Restored, n.At)
			}
			row.Position, row.TokensFrom = 0, 0
		}
		for key, app := range s.apps {
			app.SessionsFrom = 0
			s.apps[key] = app
		}
		clear(s.attempts)
		if !n.KeepHolders {
			clear(s.holders)
		}

		var keys []revocation.Event
		for _, e := range s.log.all() {
			if e.Event.Kind == revocation.KindKey {
				keys = append(keys, e.Event)
			}
		}
		old := s.log
		s.log = begin(n.Epoch)
		s.log.base, s.log.lifetime, s.log.ring = old.base+old.position+1, old.lifetime, old.ring
		commit = s.finish(n.At, keys, n.Audit)
		return nil
	})
	return commit, err
}
