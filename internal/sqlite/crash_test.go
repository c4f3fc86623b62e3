package sqlite

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"

	"tandem.example/tandem/internal/account"
	"tandem.example/tandem/internal/application"
	"tandem.example/tandem/internal/audit"
	"tandem.example/tandem/internal/feed"
	"tandem.example/tandem/internal/session"
	"tandem.example/tandem/internal/signin"
	"tandem.example/tandem/verify/revocation"
)

// work signs people up, signs them in, refreshes and revokes, from many goroutines, and prints a line for each thing
// that was acknowledged. It runs in a process that is killed.
func work(s *Store) error {
	ctx := context.Background()
	app := application.Application{ID: application.NewID(epochDay), Name: "app", CreatedAt: epochDay}
	if found, err := s.Applications().Find(ctx, "app"); err == nil {
		app = found
	} else if err := s.Applications().Create(ctx, app); err != nil {
		return err
	}
	var out sync.Mutex
	say := func(format string, args ...any) {
		out.Lock()
		defer out.Unlock()
		fmt.Fprintf(os.Stdout, format+"\n", args...)
	}
	failed := make(chan error)
	for range 16 {
		go func() {
			for {
				if err := life(ctx, s, app, say); err != nil {
					failed <- err
					return
				}
			}
		}()
	}
	return <-failed
}

// life is one user's: sign up, sign in, refresh twice, sign out.
func life(ctx context.Context, s *Store, app application.Application, say func(string, ...any)) error {
	u := account.User{ID: account.NewID(epochDay), Status: account.Active, CreatedAt: epochDay, Revision: 1}
	u.Email = string(u.ID) + "@example.com"
	if err := s.SignIn().Register(ctx, signin.Registration{User: u}); err != nil {
		return err
	}
	say("user %s", u.ID)
	row := withRefresh(draft(u, app, epochDay))
	_, err := s.Sessions().Start(ctx, session.Start{Session: row, AccountRevision: 1, Audit: audit.New(audit.SignedIn, epochDay)})
	if err != nil {
		return err
	}
	say("session %s", row.ID)
	for n := range uint32(2) {
		if _, err := s.Sessions().Rotate(ctx, rotation(row.ID, n+1, epochDay)); err != nil {
			return err
		}
		say("generation %s %d", row.ID, n+2)
	}
	commit, _, err := s.Sessions().End(ctx, session.Ending{Session: row.ID, Reason: session.SignedOut, At: epochDay})
	if err != nil {
		return err
	}
	say("ended %s %d", row.ID, commit.Position)
	return nil
}

// A process killed in the middle of its work loses nothing that it has acknowledged, and the log has no gap.
func TestKillLosesNothingAcknowledged(t *testing.T) {
	dir := t.TempDir()
	var acknowledged []string
	for round := range 3 {
		c, lines, first := startChild(t, dir, "work")
		if first != "open" {
			t.Fatalf("round %d: %s", round, first)
		}
		for n := 0; lines.Scan(); n++ {
			acknowledged = append(acknowledged, lines.Text())
			if n == 200+100*round {
				c.Process.Kill() // what was printed before it died is still read
			}
		}
		c.Wait()
	}
	if len(acknowledged) < 900 {
		t.Fatalf("only %d acknowledgements: %q", len(acknowledged), acknowledged[max(0, len(acknowledged)-1):])
	}
	s := open(t, Config{Dir: dir})
	if err := s.Check(t.Context()); err != nil {
		t.Error(err)
	}
	positions := logWithoutGap(t, s)
	for _, line := range acknowledged {
		if err := kept(t.Context(), s, positions, strings.Fields(line)); err != nil {
			t.Errorf("acknowledged %q: %v", line, err)
		}
	}
}

// logWithoutGap checks the whole log and answers the event at each position.
func logWithoutGap(t *testing.T, s *Store) map[string]revocation.Event {
	t.Helper()
	page, err := s.Log().Read(t.Context(), feed.Ask{})
	if err != nil {
		t.Fatal(err)
	}
	events := map[string]revocation.Event{}
	chain := revocation.Genesis(page.Head.Epoch)
	for i, e := range page.Events {
		if chain = chain.Next(e.Event); e.Event.Seq != uint64(i+1) || e.Chain != chain {
			t.Fatalf("event %d has position %d or breaks the chain", i+1, e.Event.Seq)
		}
		events[fmt.Sprint(e.Event.Seq)] = e.Event
	}
	if page.Head.Position != uint64(len(page.Events)) || page.Head.Chain != chain {
		t.Fatalf("head at %d after %d events", page.Head.Position, len(page.Events))
	}
	return events
}

func kept(ctx context.Context, s *Store, log map[string]revocation.Event, line []string) error {
	if line[0] == "user" {
		_, err := s.Accounts().ByID(ctx, account.ID(line[1]))
		return err
	}
	v, err := s.Sessions().Find(ctx, session.ID(line[1]))
	if err != nil {
		return err
	}
	switch line[0] {
	case "generation":
		if fmt.Sprint(v.Session.Refresh.Generation) < line[2] {
			return fmt.Errorf("generation is %d", v.Session.Refresh.Generation)
		}
	case "ended":
		if v.Session.EndedAt.IsZero() || log[line[2]].ID != revocation.SessionEvent(line[1]).ID {
			return fmt.Errorf("ended at %v, event %+v", v.Session.EndedAt, log[line[2]])
		}
	}
	return nil
}
