package rig_test

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"tandem.example/tandem/internal/lab/rig"
)

// connect opens a connection that lasts as long as the test.
func connect(t *testing.T, url string) *pgx.Conn {
	t.Helper()
	db, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatalf("connect to %s: %v", url, err)
	}
	t.Cleanup(func() { db.Close(context.Background()) })
	return db
}

func execute(t *testing.T, db *pgx.Conn, statements ...string) {
	t.Helper()
	for _, statement := range statements {
		if _, err := db.Exec(t.Context(), statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
}

// value is the one that a query answers.
func value[T any](t *testing.T, db *pgx.Conn, query string) (v T) {
	t.Helper()
	if err := db.QueryRow(t.Context(), query).Scan(&v); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return v
}

func TestSharedDatabasesAreSeparate(t *testing.T) {
	first := rig.SharedPostgres(t).NewDatabase(t)
	second := rig.SharedPostgres(t).NewDatabase(t)
	execute(t, connect(t, first), "CREATE TABLE mine (n int)")
	execute(t, connect(t, second), "CREATE TABLE mine (n int)")
	if rig.SharedPostgres(t).Same(first) != first {
		t.Errorf("%s is another database on its own server: %s", first, rig.SharedPostgres(t).Same(first))
	}
}

func TestSharedDatabaseIsDropped(t *testing.T) {
	var url string
	t.Run("user", func(t *testing.T) {
		url = rig.SharedPostgres(t).NewDatabase(t)
		db, err := pgx.Connect(t.Context(), url)
		if err != nil {
			t.Fatal(err)
		}
		execute(t, db, "SELECT 1") // and never closed
	})
	if db, err := pgx.Connect(t.Context(), url); err == nil {
		db.Close(t.Context())
		t.Error("the database outlives its test")
	}
}

func TestPostgresKilledKeepsWhatWasCommitted(t *testing.T) {
	s := rig.Postgres(t, rig.PostgresConfig{Durable: true, TCP: true})
	url := s.NewDatabase(t)
	db := connect(t, url)
	if got := value[string](t, db, "SHOW fsync"); got != "on" {
		t.Errorf("fsync is %s", got)
	}
	execute(t, db, "CREATE TABLE kept (n int)", "INSERT INTO kept VALUES (1), (2)")
	s.Kill(t)
	if err := db.Ping(t.Context()); err == nil {
		t.Error("a killed server answers")
	}
	s.Start(t)
	if n := value[int](t, connect(t, url), "SELECT count(*) FROM kept"); n != 2 {
		t.Errorf("%d rows of 2 after a crash", n)
	}
	s.Stop(t)
	s.Start(t)
	if n := value[int](t, connect(t, s.Through(s.Address(), url)), "SELECT count(*) FROM kept"); n != 2 {
		t.Errorf("%d rows of 2 after a shutdown, over TCP", n)
	}
}

func TestPostgresPaused(t *testing.T) {
	s := rig.Postgres(t, rig.PostgresConfig{})
	url := s.NewDatabase(t)
	db := connect(t, url)
	s.Pause(t)
	answered := make(chan error, 1)
	go func() {
		_, err := db.Exec(t.Context(), "SELECT 1")
		answered <- err
	}()
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if other, err := pgx.Connect(ctx, url); err == nil {
		other.Close(ctx)
		t.Error("a paused server takes connections")
	}
	select {
	case err := <-answered:
		t.Errorf("a paused server answers: %v", err)
	default:
	}
	s.Resume(t)
	if err := <-answered; err != nil {
		t.Errorf("a connection does not live through a pause: %v", err)
	}
	s.Pause(t) // and is stopped as it stands
}
