package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// A server that is promoted begins a new timeline. What its predecessor had committed and not handed on is lost then,
// with the end of the log among it, and only a new epoch makes up for that. Which timeline is current every role may
// ask, unless that was taken away; then a failover cannot be told from a restart.
const selectTimeline = `SELECT substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8)`

// Rolled reports that the server's history is not the one last confirmed: it is another server than before, and the
// end of the log may be lost. Whoever learns of it begins a new epoch, or knows that nothing was lost (the standby was
// synchronous), and then calls ConfirmTimeline.
func (s *Store) Rolled(ctx context.Context) (rolled bool, err error) {
	var now, confirmed string
	err = s.call(ctx, reading, func(ctx context.Context, c *pgxpool.Conn) error {
		return c.QueryRow(ctx, selectTimeline+`, (SELECT timeline FROM head WHERE one)`).Scan(&now, &confirmed)
	})
	if code(err) == codeNoPrivilege {
		return false, nil // said once, at Open
	}
	if err != nil {
		return false, fmt.Errorf("compare timelines: %w", err)
	}
	return now != confirmed, nil
}

// selectReplication tells beside the timeline whether commits wait for a standby.
const selectReplication = selectTimeline + `, coalesce(current_setting('synchronous_standby_names', true), '') <> ''
	AND current_setting('synchronous_commit', true) IN ('on', 'remote_apply', 'remote_write')`

// WatchReplication notes whether commits wait for a standby, as long as the server's history is the confirmed one. It
// is to be called every second or so: after a failover, Replicated tells how it was before.
func (s *Store) WatchReplication(ctx context.Context) error {
	var now string
	var waits bool
	err := s.call(ctx, reading, func(ctx context.Context, c *pgxpool.Conn) error {
		return c.QueryRow(ctx, selectReplication).Scan(&now, &waits)
	})
	if code(err) == codeNoPrivilege {
		return nil
	}
	if err != nil {
		return fmt.Errorf("look at replication: %w", err)
	}
	known := s.timeline.Load()
	switch {
	case known != nil && now == *known:
		s.replicated.Store(waits)
	case known != nil && s.config.OnTimeline != nil:
		s.config.OnTimeline()
	}
	return nil
}

// Replicated reports whether commits waited for a standby when that was last looked at, so that a standby which takes
// over lacks none of them.
func (s *Store) Replicated() bool { return s.replicated.Load() }

// ConfirmTimeline records the server's history as the one that is followed from now on.
func (s *Store) ConfirmTimeline(ctx context.Context) error {
	var now string
	err := s.call(ctx, writing, func(ctx context.Context, c *pgxpool.Conn) error {
		return c.QueryRow(ctx, `UPDATE head SET timeline = (`+selectTimeline+`) WHERE one RETURNING timeline`).Scan(&now)
	})
	if code(err) == codeNoPrivilege {
		return nil
	}
	if err != nil {
		return fmt.Errorf("confirm timeline: %w", err)
	}
	s.timeline.Store(&now)
	return nil
}

// adoptTimeline confirms the history of a store that has none yet, and notes the confirmed one.
func (s *Store) adoptTimeline(ctx context.Context) error {
	var confirmed string
	err := s.pool.QueryRow(ctx, `SELECT timeline FROM head WHERE one`).Scan(&confirmed)
	if err != nil {
		return err
	}
	if confirmed != "" {
		s.timeline.Store(&confirmed)
		rolled, err := s.Rolled(ctx)
		if rolled && s.config.OnTimeline != nil {
			s.config.OnTimeline()
		}
		return err
	}
	if err := s.ConfirmTimeline(ctx); err != nil {
		return err
	}
	if s.timeline.Load() == nil {
		s.config.Logger.Warn("this role may not ask PostgreSQL for its timeline: a failover that loses commits will not be noticed",
			"remedy", "GRANT EXECUTE ON FUNCTION pg_current_wal_lsn(), pg_walfile_name(pg_lsn)")
	}
	return nil
}

// lookAtTimeline tells of a new connection that leads to another history.
func (s *Store) lookAtTimeline(ctx context.Context, c *pgx.Conn) {
	known := s.timeline.Load()
	if known == nil || s.config.OnTimeline == nil {
		return
	}
	var now string
	if err := c.QueryRow(ctx, selectTimeline, pgx.QueryExecModeExec).Scan(&now); err == nil && now != *known {
		s.config.OnTimeline()
	}
}
