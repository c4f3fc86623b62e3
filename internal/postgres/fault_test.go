package postgres

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"tandem.example/tandem/internal/account"
	"tandem.example/tandem/internal/audit"
	"tandem.example/tandem/internal/feed"
	"tandem.example/tandem/internal/lab/rig"
	"tandem.example/tandem/internal/outage"
	"tandem.example/tandem/internal/session"
	"tandem.example/tandem/internal/signin"
	"tandem.example/tandem/verify/revocation"
)

// refuseWrites has the server undo the next n transactions that write into the table, with the given code.
func (s *Store) refuseWrites(t *testing.T, table, code string, n int) {
	t.Helper()
	for _, statement := range []string{
		`CREATE SEQUENCE IF NOT EXISTS refusals`, `SELECT setval('refusals', 1, false)`,
		fmt.Sprintf(`CREATE OR REPLACE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
			IF nextval('refusals') <= %d THEN RAISE EXCEPTION 'refused' USING ERRCODE = '%s'; END IF;
			RETURN coalesce(NEW, OLD); END $$`, n, code),
		`CREATE OR REPLACE TRIGGER refuse BEFORE INSERT OR UPDATE OR DELETE ON ` + table + ` FOR EACH ROW EXECUTE FUNCTION refuse()`,
	} {
		if _, err := s.pool.Exec(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
}

// Whatever the server undoes is done again, once.
func TestConflictsAreRetried(t *testing.T) {
	for _, code := range []string{codeSerialization, codeDeadlock} {
		s := open(t, config(t))
		app, u := s.addApplication(t, "app"), s.addUser(t, "anna")
		row := s.begin(t, withRefresh(draft(u, app, epochDay))).Session
		event := []revocation.Event{revocation.AllEvent()}
		for _, c := range []struct {
			name, table string
			verb        func() error
			moves       uint64
		}{
			{"append", "events", func() error {
				_, err := s.Log().Append(t.Context(), feed.Append{Events: event, At: epochDay})
				return err
			}, 1},
			{"start", "sessions", func() error {
				_, err := s.Sessions().Start(t.Context(), starting(draft(u, app, epochDay)))
				return err
			}, 0},
			{"rotate", "sessions", func() error {
				_, err := s.Sessions().Rotate(t.Context(), rotation(row.ID, 1, epochDay))
				return err
			}, 0},
			{"end", "sessions", func() error {
				_, n, err := s.Sessions().End(t.Context(), session.Ending{Session: row.ID, At: epochDay, Reason: session.SignedOut})
				if n != 1 {
					err = errors.Join(err, fmt.Errorf("ended %d", n))
				}
				return err
			}, 1},
			{"amend", "users", func() error {
				_, _, err := s.Accounts().Amend(t.Context(), account.Amendment{ID: u.ID, Name: new(string), Announce: event, At: epochDay})
				return err
			}, 1},
			{"record", "audit", func() error { return s.Audit().Record(t.Context(), audit.New(audit.SignedIn, epochDay)) }, 0},
		} {
			before, _ := s.Log().Head(t.Context())
			s.refuseWrites(t, c.table, code, 3)
			if err := c.verb(); err != nil {
				t.Errorf("%s after %s: %v", c.name, code, err)
			}
			if after, _ := s.Log().Head(t.Context()); after.Position != before.Position+c.moves {
				t.Errorf("%s after %s moved the log from %d to %d", c.name, code, before.Position, after.Position)
			}
		}
		s.refuseWrites(t, "events", code, 1<<30)
		_, err := s.Log().Append(t.Context(), feed.Append{Events: event, At: epochDay})
		var out *outage.Error
		if !errors.As(err, &out) {
			t.Errorf("a conflict without end is answered as %v", err)
		}
	}
}

// Connections are killed all the time. What was acknowledged has happened once, what failed once at most; and once the
// killing ends, all is well.
func TestNothingAppliesTwiceWhenConnectionsBreak(t *testing.T) {
	s := open(t, config(t))
	other := open(t, s.config)
	const workers, each = 8, 60
	var mu sync.Mutex
	var acknowledged []string
	var working, killing sync.WaitGroup
	done := make(chan struct{})
	killing.Go(func() {
		for {
			select {
			case <-done:
				return
			case <-time.After(3 * time.Millisecond):
			}
			_, err := other.pool.Exec(context.Background(), `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
				WHERE application_name = 'tandem' AND pid <> pg_backend_pid() AND query LIKE '%tandem_append%'`)
			if err != nil {
				t.Error(err)
				return
			}
		}
	})
	for w := range workers {
		working.Go(func() {
			for i := range each {
				id := fmt.Sprintf("%d/%d", w, i)
				event := revocation.SessionEvent(id)
				if _, err := s.Log().Append(t.Context(), feed.Append{Events: []revocation.Event{event}, At: epochDay}); err == nil {
					mu.Lock()
					acknowledged = append(acknowledged, event.ID)
					mu.Unlock()
				}
			}
		})
	}
	working.Wait()
	close(done)
	killing.Wait()
	page, err := s.Log().Read(t.Context(), feed.Ask{})
	if err != nil {
		t.Fatal(err)
	}
	times := map[string]int{}
	for _, e := range page.Events {
		if times[e.Event.ID]++; times[e.Event.ID] > 1 {
			t.Errorf("event %s was appended twice", e.Event.ID)
		}
	}
	for _, id := range acknowledged {
		if times[id] != 1 {
			t.Errorf("acknowledged event %s is there %d times", id, times[id])
		}
	}
	if len(acknowledged) == 0 {
		t.Error("nothing was acknowledged at all")
	}
	for range 20 { // what rests in the pool may be broken: it is looked at first
		if _, err := s.Log().Append(t.Context(), feed.Append{Events: all(1), At: epochDay}); err != nil {
			t.Errorf("after the killing: %v", err)
		}
	}
}

// Reads are asked again; a caller notices nothing.
func TestReadsSurviveTheLossOfAllConnections(t *testing.T) {
	s := open(t, config(t))
	row := s.begin(t, draft(s.addUser(t, "anna"), s.addApplication(t, "app"), epochDay))
	killer := open(t, config(t))
	for range 10 {
		var wg sync.WaitGroup
		for range 16 {
			wg.Go(func() {
				if _, err := s.Sessions().Find(t.Context(), row.Session.ID); err != nil {
					t.Error(err)
				}
				if _, err := s.Log().Head(t.Context()); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		_, err := killer.pool.Exec(t.Context(), `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
			WHERE application_name = 'tandem' AND pid <> pg_backend_pid()`)
		if err != nil {
			t.Fatal(err)
		}
	}
}

// A crash of the server loses nothing that was acknowledged, and the store goes on when the server is back.
func TestCrashLosesNothingAcknowledged(t *testing.T) {
	server := rig.Postgres(t, rig.PostgresConfig{Durable: true})
	s := open(t, Config{URL: server.NewDatabase(t), Timeout: 30 * time.Second})
	app, u := s.addApplication(t, "app"), s.addUser(t, "anna")
	var mu sync.Mutex
	position, generations, started := uint64(0), map[session.ID]uint32{}, []session.ID{}
	var wg sync.WaitGroup
	for range 8 {
		row := s.begin(t, withRefresh(draft(u, app, epochDay))).Session
		wg.Go(func() {
			for g := uint32(1); ; g++ {
				ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
				_, err := s.Sessions().Rotate(ctx, rotation(row.ID, g, epochDay))
				commit, appendErr := s.Log().Append(ctx, feed.Append{Events: all(1), At: epochDay})
				next := draft(u, app, epochDay)
				_, startErr := s.Sessions().Start(ctx, starting(next))
				cancel()
				mu.Lock()
				if err == nil {
					generations[row.ID] = g + 1
				}
				if appendErr == nil {
					position = max(position, commit.Position)
				}
				if startErr == nil {
					started = append(started, next.ID)
				}
				mu.Unlock()
				if errors.Join(err, appendErr, startErr) != nil {
					return
				}
			}
		})
	}
	enough := func() bool {
		mu.Lock()
		defer mu.Unlock()
		return len(started) >= 64 && position >= 64
	}
	for until := time.Now().Add(time.Minute); !enough() && time.Now().Before(until); {
		time.Sleep(5 * time.Millisecond)
	}
	server.Kill(t)
	wg.Wait()
	_, err := s.Sessions().Find(t.Context(), started[0])
	var out *outage.Error
	if !errors.As(err, &out) {
		t.Errorf("with the server down a live check answers %v", err)
	}
	server.Start(t)
	if len(started) < 8 || position == 0 {
		t.Fatalf("only %d sessions and %d events before the crash", len(started), position)
	}
	for _, id := range started {
		if _, err := s.Sessions().Find(t.Context(), id); err != nil {
			t.Fatalf("an acknowledged session is gone: %v", err)
		}
	}
	for id, g := range generations {
		if view, err := s.Sessions().Find(t.Context(), id); err != nil || view.Session.Refresh.Generation < g {
			t.Errorf("an acknowledged refresh to %d is gone: %d, %v", g, view.Session.Refresh.Generation, err)
		}
	}
	head, err := s.Log().Head(t.Context())
	if err != nil || head.Position < position {
		t.Errorf("the log ends at %d after %d was acknowledged: %v", head.Position, position, err)
	}
	if err := s.SignIn().Register(t.Context(), signin.Registration{User: account.User{ID: account.NewID(epochDay), Email: "b@example.com", Status: account.Active}}); err != nil {
		t.Errorf("a write after the crash: %v", err)
	}
}
