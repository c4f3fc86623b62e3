package postgres

import (
	"net/url"
	"sync/atomic"
	"testing"
	"time"

	"tandem.example/tandem/internal/feed"
	"tandem.example/tandem/internal/lab/rig"
	"tandem.example/tandem/internal/session"
)

// both is an address that names two servers by their sockets, the second first: it is a standby until it is promoted.
func both(t *testing.T, primary, standby string) string {
	t.Helper()
	u, err := url.Parse(primary)
	other, otherErr := url.Parse(standby)
	if err != nil || otherErr != nil {
		t.Fatal(err, otherErr)
	}
	q, o := u.Query(), other.Query()
	q.Set("host", o.Get("host")+","+q.Get("host"))
	q.Set("port", o.Get("port")+","+q.Get("port"))
	u.RawQuery = q.Encode()
	return u.String()
}

// A standby that follows synchronously has everything; the store finds it by itself, and says that it is another.
func TestFailover(t *testing.T) {
	server := rig.Postgres(t, rig.PostgresConfig{Durable: true, Standbys: 1, Synchronous: true})
	first := server.NewDatabase(t)
	server.Standby(0).CatchUp(t)
	var told atomic.Int32
	c := Config{URL: both(t, first, server.Standby(0).Same(first)), Timeout: 30 * time.Second, OnTimeline: func() { told.Add(1) }}
	s := open(t, c)
	row := s.begin(t, draft(s.addUser(t, "anna"), s.addApplication(t, "app"), epochDay))
	commit, _, err := s.Sessions().End(t.Context(), session.Ending{Session: row.Session.ID, At: epochDay, Reason: session.SignedOut})
	if err != nil {
		t.Fatal(err)
	}
	if rolled, err := s.Rolled(t.Context()); err != nil || rolled || told.Load() != 0 {
		t.Fatalf("another history on the first server: %v, %v", rolled, err)
	}
	server.Kill(t)
	server.Standby(0).Promote(t)
	view, err := s.Sessions().Find(t.Context(), row.Session.ID)
	if err != nil || view.Session.EndReason != session.SignedOut || view.Revision.Seq != commit.Position {
		t.Fatalf("after the failover: %+v, %v", view, err)
	}
	if rolled, err := s.Rolled(t.Context()); err != nil || !rolled || told.Load() == 0 {
		t.Fatalf("the failover was not noticed: rolled %v, told %d, %v", rolled, told.Load(), err)
	}
	if err := s.ConfirmTimeline(t.Context()); err != nil {
		t.Fatal(err)
	}
	if rolled, err := s.Rolled(t.Context()); err != nil || rolled {
		t.Fatalf("a confirmed history is another: %v, %v", rolled, err)
	}
	if _, err := s.Log().Append(t.Context(), feed.Append{Events: all(1), At: epochDay}); err != nil {
		t.Fatal(err)
	}
}
