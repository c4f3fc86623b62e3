package rig_test

import (
	"context"
	"testing"
	"time"

	"tandem.example/tandem/internal/lab/rig"
)

func TestSynchronousStandbyKeepsTheLastCommit(t *testing.T) {
	t.Parallel()
	s := rig.Postgres(t, rig.PostgresConfig{Standbys: 1, Synchronous: true})
	url := s.NewDatabase(t)
	db := connect(t, url)
	execute(t, db, "CREATE TABLE kept (n int)")
	if got := value[string](t, db, "SELECT sync_state FROM pg_stat_replication"); got != "sync" {
		t.Fatalf("the standby is %s", got)
	}
	for n := range 20 {
		execute(t, db, "INSERT INTO kept VALUES ("+string(rune('0'+n%10))+")")
	}
	s.Kill(t)
	s.Standby(0).Promote(t)
	after := connect(t, s.Standby(0).Same(url))
	if n := value[int](t, after, "SELECT count(*) FROM kept"); n != 20 {
		t.Errorf("%d commits of 20 after the failover", n)
	}
	execute(t, after, "INSERT INTO kept VALUES (21)")
	s.Standby(0).Kill(t)
	s.Standby(0).Start(t)
	if n := value[int](t, connect(t, s.Standby(0).Same(url)), "SELECT count(*) FROM kept"); n != 21 {
		t.Errorf("%d commits of 21 after a crash of the new primary", n)
	}
}

func TestSynchronousPrimaryWaitsForItsStandby(t *testing.T) {
	t.Parallel()
	s := rig.Postgres(t, rig.PostgresConfig{Standbys: 1, Synchronous: true})
	db := connect(t, s.NewDatabase(t))
	execute(t, db, "CREATE TABLE kept (n int)")
	s.Standby(0).Hold(t)
	committed := make(chan error, 1)
	go func() {
		_, err := db.Exec(t.Context(), "INSERT INTO kept VALUES (1)")
		committed <- err
	}()
	select {
	case err := <-committed:
		t.Errorf("a commit did not wait for the standby: %v", err)
	case <-time.After(300 * time.Millisecond):
	}
	s.Standby(0).Release(t)
	if err := <-committed; err != nil {
		t.Error(err)
	}
}

func TestAsynchronousStandbyLosesTheTail(t *testing.T) {
	t.Parallel()
	s := rig.Postgres(t, rig.PostgresConfig{Standbys: 1})
	url := s.NewDatabase(t)
	db := connect(t, url)
	execute(t, db, "CREATE TABLE kept (n int)", "INSERT INTO kept VALUES (1)")
	s.Standby(0).CatchUp(t)
	if db := connect(t, s.Standby(0).Same(url)); value[int](t, db, "SELECT count(*) FROM kept") != 1 {
		t.Error("the standby has caught up without the commit")
	} else if _, err := db.Exec(t.Context(), "INSERT INTO kept VALUES (0)"); err == nil {
		t.Error("a standby writes")
	}
	s.Standby(0).Hold(t)
	execute(t, db, "INSERT INTO kept VALUES (2)")
	s.Standby(0).Release(t)
	s.Standby(0).CatchUp(t)
	s.Standby(0).Hold(t)
	execute(t, db, "INSERT INTO kept VALUES (3)", "INSERT INTO kept VALUES (4)")
	s.Kill(t)
	s.Standby(0).Promote(t)
	if n := value[int](t, connect(t, s.Standby(0).Same(url)), "SELECT max(n) FROM kept"); n != 2 {
		t.Errorf("the standby has %d, although it was held after 2", n)
	}
	s.Start(t) // as one does by mistake
	if n := value[int](t, connect(t, url), "SELECT max(n) FROM kept"); n != 4 {
		t.Errorf("the old primary has %d of 4", n)
	}
}

func TestSecondStandbyTakesOver(t *testing.T) {
	t.Parallel()
	s := rig.Postgres(t, rig.PostgresConfig{Standbys: 2, Synchronous: true})
	db := connect(t, s.URL())
	s.Standby(0).Pause(t)
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	// The commit is there all the same when the client gives up; only nobody was told.
	if _, err := db.Exec(ctx, "CREATE TABLE kept (n int)"); err == nil {
		t.Error("a commit did not wait for the paused standby")
	}
	s.Standby(0).Kill(t)
	execute(t, connect(t, s.URL()), "CREATE TABLE more (n int)")
	s.Kill(t)
	s.Standby(1).Promote(t)
	execute(t, connect(t, s.Standby(1).URL()), "SELECT FROM more", "SELECT FROM kept")
}
