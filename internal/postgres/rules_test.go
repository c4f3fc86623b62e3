package postgres

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"tandem.example/tandem/internal/account"
	"tandem.example/tandem/internal/application"
	"tandem.example/tandem/internal/audit"
	"tandem.example/tandem/internal/feed"
	"tandem.example/tandem/internal/limit"
	"tandem.example/tandem/internal/memory"
	"tandem.example/tandem/internal/session"
	"tandem.example/tandem/internal/signin"
)

// The statement that takes from a limit and limit.Decide are one rule in two languages.
func TestTakesAreDecidedAlike(t *testing.T) {
	s, m := open(t, config(t)), limit.NewMemory(0)
	now := epochDay
	for round := range 40 {
		policy := limit.Policy{Burst: 1 + rand.IntN(7), Period: time.Duration(1 + rand.Int64N(int64(time.Minute)))}
		key := fmt.Sprint("k", round)
		for range 25 {
			now = now.Add(time.Duration(rand.Int64N(int64(policy.Period))) - policy.Period/4) // clocks step back too
			if rand.IntN(4) == 0 {
				if err := s.Limits().Refund(t.Context(), key, policy, now); err != nil {
					t.Fatal(err)
				}
				_ = m.Refund(t.Context(), key, policy, now)
				continue
			}
			got, err := s.Limits().Take(t.Context(), key, policy, now)
			want, _ := m.Take(t.Context(), key, policy, now)
			if err != nil || got != want {
				t.Fatalf("%+v at %s: %+v, %v, want %+v", policy, now, got, err, want)
			}
		}
	}
	if d, err := s.Limits().Take(t.Context(), "k", limit.Policy{}, now); err != nil || !d.Allowed {
		t.Errorf("without a limit: %+v, %v", d, err)
	}
}

func TestWholeLimitsAreForgotten(t *testing.T) {
	s := open(t, config(t))
	policy := limit.Policy{Burst: 2, Period: time.Minute}
	for i := range 2500 {
		at := epochDay
		if i%2 == 0 {
			at = at.Add(time.Hour)
		}
		if _, err := s.Limits().Take(t.Context(), fmt.Sprint(i), policy, at); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.forgetLimits(t.Context(), epochDay.Add(time.Minute).UnixNano()); err != nil {
		t.Fatal(err)
	}
	var left int
	if err := s.pool.QueryRow(t.Context(), `SELECT count(*) FROM limits`).Scan(&left); err != nil || left != 1250 {
		t.Errorf("%d limits are left, want 1250: %v", left, err)
	}
}

// What a listing of the living leaves out, Alive says is dead, and the other way round.
func TestLivingIsAlive(t *testing.T) {
	s := open(t, config(t))
	apps := []application.Application{s.addApplication(t, "one"), s.addApplication(t, "two")}
	var users []account.User
	for i := range 4 {
		users = append(users, s.addUser(t, fmt.Sprint("user", i)))
	}
	check := func() {
		t.Helper()
		for _, at := range []time.Time{epochDay, epochDay.Add(20 * time.Minute), epochDay.AddDate(0, 0, 20), epochDay.AddDate(0, 0, 40)} {
			every, err := s.Sessions().List(t.Context(), session.Query{})
			living, livingErr := s.Sessions().List(t.Context(), session.Query{AliveAt: at})
			if err != nil || livingErr != nil {
				t.Fatal(err, livingErr)
			}
			var want, got []session.ID
			for _, v := range every {
				if v.Alive(at) == nil {
					want = append(want, v.Session.ID)
				}
			}
			for _, v := range living {
				got = append(got, v.Session.ID)
			}
			if !slices.Equal(got, want) {
				t.Fatalf("at %s %d sessions are listed as living, %d are alive", at, len(got), len(want))
			}
		}
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	start := func() {
		for i := range 24 {
			row := draft(users[i%4], apps[i%2], epochDay.Add(time.Duration(i)*time.Minute))
			if i%3 == 0 {
				session.Strict.Deadlines(&row, row.CreatedAt)
			}
			view, err := s.Sessions().Start(t.Context(), starting(row))
			must(err)
			if i%5 == 0 {
				_, _, err := s.Sessions().End(t.Context(), session.Ending{Session: view.Session.ID, At: epochDay, Reason: session.SignedOut})
				must(err)
			}
		}
	}
	start()
	check()
	_, _, err := s.Applications().Amend(t.Context(), application.Amendment{Application: apps[1], KeepPolicies: true, EndSessions: true, At: epochDay})
	must(err)
	check()
	start()
	_, err = s.BeginEpoch(t.Context(), feed.NewEpoch{Epoch: feed.RandomEpoch(), At: epochDay})
	must(err)
	check()
	locked := account.Locked
	_, _, err = s.Accounts().Amend(t.Context(), account.Amendment{ID: users[3].ID, Status: &locked, At: epochDay})
	must(err)
	check()
	_, err = s.BeginEpoch(t.Context(), feed.NewEpoch{Epoch: feed.RandomEpoch(), EndSessions: true, At: epochDay})
	must(err)
	check()
	if n, err := s.Sessions().Sweep(t.Context(), epochDay.Add(time.Hour), 100); err != nil || n == 0 {
		t.Errorf("sessions that a restore has ended are not swept: %d, %v", n, err)
	}
}

// The ledger answers as the reference does.
func TestLedgerIsKeptAlike(t *testing.T) {
	s, m := open(t, config(t)), memory.Open(memory.Options{})
	app := application.Application{ID: application.NewID(epochDay), Name: "app", CreatedAt: epochDay}
	u := account.User{ID: account.NewID(epochDay), Email: "a@example.com", Status: account.Active, CreatedAt: epochDay, Revision: 1}
	who := session.Subject{ID: session.NewID(epochDay), User: u.ID, Application: app.ID}
	stranger := session.Subject{ID: session.NewID(epochDay), User: "usr_none", Application: "app_none"}
	row := session.Session{ID: who.ID, User: u.ID, Application: app.ID, CreatedAt: epochDay, IP: "192.0.2.1"}
	entry := audit.New(audit.SignedIn, epochDay)
	type store interface {
		SignIn() signin.Store
		Applications() application.Store
		Accounts() account.Store
		Ledger() session.Ledger
		BeginEpoch(ctx context.Context, n feed.NewEpoch) (feed.Commit, error)
	}
	epoch := feed.RandomEpoch()
	var seen [2][]string
	for i, st := range []store{s, m} {
		note := func(what string, values ...any) {
			seen[i] = append(seen[i], what+": "+fmt.Sprintf("%+v", values))
		}
		standing := func(what string) {
			g, err := st.Ledger().Standing(t.Context(), []session.Subject{who, stranger})
			if err != nil {
				t.Fatal(err)
			}
			how := g.Of[0]
			here := g.Here()
			note(what, g.Head.Position, g.Floor-g.Base, how.User.Status, how.User.TheftAt, how.Gone, how.UserEndedAt.UTC(), how.UserEndReason,
				!how.Announced.IsZero(), g.Before(here, how.UserFrom), how.UserFrom > 0 && g.Before(here, how.UserFrom+1), g.Before(here, how.ApplicationFrom),
				g.Of[1].Gone, g.Of[1].ApplicationFrom)
		}
		note("register", st.SignIn().Register(t.Context(), signin.Registration{User: u}), st.Applications().Create(t.Context(), app))
		_, err := st.Ledger().Admit(t.Context(), session.Start{Session: row, AccountRevision: 2, Audit: entry})
		note("another revision", err != nil)
		g, err := st.Ledger().Admit(t.Context(), session.Start{Session: row, AccountRevision: 1, Audit: entry})
		note("admit", g.Head.Position, len(g.Of), err)
		known, err := st.SignIn().KnownAddress(t.Context(), u.ID, "192.0.2.1")
		note("known", known, err)
		standing("begun")
		done, err := st.Ledger().Conclude(t.Context(), session.Conclusion{Sessions: []session.ID{who.ID}, User: u.ID, Theft: true, At: epochDay})
		note("concluded", done.Position, done.Place.Ordinal-g.Base, err)
		standing("after a session's end")
		done, err = st.Ledger().Conclude(t.Context(), session.Conclusion{User: u.ID, All: true, Reason: session.UserRevoked, At: epochDay})
		note("concluded", done.Position, done.Place.Ordinal-g.Base, err)
		standing("after the end of all")
		_, _, err = st.Applications().Amend(t.Context(), application.Amendment{Application: app, KeepPolicies: true, EndSessions: true, At: epochDay})
		note("application", err)
		standing("after the application's")
		_, err = st.BeginEpoch(t.Context(), feed.NewEpoch{Epoch: epoch, At: epochDay})
		note("epoch", err)
		standing("in a new epoch")
		_, err = st.Accounts().Delete(t.Context(), account.Removal{ID: u.ID, At: epochDay})
		note("deleted", err)
		standing("without the user")
	}
	for i := range seen[0] {
		if seen[0][i] != seen[1][i] {
			t.Errorf("postgres %s\n memory  %s", seen[0][i], seen[1][i])
		}
	}
}
