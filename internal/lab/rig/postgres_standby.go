package rig

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5"
)

// Standby is the i-th standby, from zero: a server like the other, but that it follows the primary and refuses to
// write until it is promoted.
func (s *PostgresServer) Standby(i int) *PostgresServer { return s.standbys[i] }

func standbyName(i int) string { return fmt.Sprintf("standby_%d", i) }

// primaryConninfo is how a standby reaches its primary.
func (s *PostgresServer) primaryConninfo() string {
	config, err := pgx.ParseConfig(s.primary.URL())
	if err != nil {
		panic(err) // the address is ours
	}
	return fmt.Sprintf("host=%s port=%d user=postgres application_name=%s", config.Host, config.Port, s.name)
}

// Hold keeps the standby from receiving anything more, as a cut network does. What is committed from now on is lost
// when it is promoted; a synchronous primary does not commit without it.
func (s *PostgresServer) Hold(t testing.TB) {
	t.Helper()
	s.asStandby(t, func() error {
		if err := s.do("ALTER SYSTEM SET primary_conninfo = ''", "SELECT pg_reload_conf()"); err != nil {
			return err
		}
		return s.proc.await("let go of its primary", func() error { return s.expect(false, "SELECT EXISTS (SELECT FROM pg_stat_wal_receiver)") })
	})
}

// Release ends Hold, and waits until the standby streams again.
func (s *PostgresServer) Release(t testing.TB) {
	t.Helper()
	s.asStandby(t, func() error {
		if err := s.do("ALTER SYSTEM RESET primary_conninfo", "SELECT pg_reload_conf()"); err != nil {
			return err
		}
		return s.streams()
	})
}

// CatchUp waits until the standby has replayed everything that its primary has written.
func (s *PostgresServer) CatchUp(t testing.TB) {
	t.Helper()
	s.asStandby(t, func() error {
		var written string
		err := s.primary.ask(func(ctx context.Context, db *pgx.Conn) error {
			return db.QueryRow(ctx, "SELECT pg_current_wal_flush_lsn()::text").Scan(&written)
		})
		if err != nil {
			return err
		}
		return s.proc.await("caught up", func() error {
			return s.expect(true, "SELECT pg_last_wal_replay_lsn() >= $1::pg_lsn", written)
		})
	})
}

// Promote makes a primary of the standby, and waits until it writes. Nobody fences the old one: Kill it before, or
// show what happens when it lives on.
func (s *PostgresServer) Promote(t testing.TB) {
	t.Helper()
	s.asStandby(t, func() error {
		if err := s.expect(true, "SELECT pg_promote(true, $1)", int(patience.Seconds())); err != nil {
			return err
		}
		return s.proc.await("become a primary", func() error { return s.expect(false, "SELECT pg_is_in_recovery()") })
	})
}

func (s *PostgresServer) asStandby(t testing.TB, act func() error) {
	t.Helper()
	if s.primary == nil {
		t.Fatalf("PostgreSQL (%s) is no standby", s.name)
	}
	s.fault(t, act)
}

// streams waits until the standby receives what its primary writes, as it writes it.
func (s *PostgresServer) streams() error {
	return s.proc.await("followed its primary", func() error {
		return s.primary.expect(true, "SELECT EXISTS (SELECT FROM pg_stat_replication WHERE application_name = $1 AND state = 'streaming')", s.name)
	})
}

// expect asks a question and fails on the other answer.
func (s *PostgresServer) expect(want bool, question string, args ...any) error {
	return s.ask(func(ctx context.Context, db *pgx.Conn) error {
		var got bool
		if err := db.QueryRow(ctx, question, args...).Scan(&got); err != nil {
			return err
		}
		if got != want {
			return errors.New(question + " is not so")
		}
		return nil
	})
}
