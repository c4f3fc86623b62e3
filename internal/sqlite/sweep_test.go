package sqlite

import (
	"testing"
	"time"

	"tandem.example/tandem/internal/session"
)

// Sessions that were not seen for long and yet live lie ahead of the dead ones, more than one sweep looks at. Sweeping
// again and again gets past them, and round again.
func TestSweepGetsPastTheLiving(t *testing.T) {
	s := open(t, Config{})
	app, u := s.addApplication(t, "app"), s.addUser(t, "anna")
	var living []session.ID
	const span = 1000
	for i := range span + span/2 {
		row := draft(u, app, epochDay.Add(time.Duration(i)*time.Millisecond))
		living = append(living, row.ID)
		s.start(t, row)
	}
	later := epochDay.Add(2 * time.Hour)
	brief := func(at time.Time) session.Session {
		row := draft(u, app, at)
		session.Policy{Idle: time.Minute, Absolute: time.Hour}.Deadlines(&row, at)
		return row
	}
	const dead = 30
	for i := range dead {
		s.start(t, brief(later.Add(time.Duration(i)*time.Millisecond)))
	}
	before := later.Add(3 * time.Hour)
	swept := 0
	for range 20 {
		n, err := s.Sessions().Sweep(t.Context(), before, 10)
		if err != nil || n > 10 {
			t.Fatalf("swept %d, %v", n, err)
		}
		swept += n
	}
	if swept != dead {
		t.Errorf("swept %d, want %d", swept, dead)
	}
	// What dies behind the cursor is found when it comes round.
	if _, _, err := s.Sessions().End(t.Context(), session.Ending{Session: living[0], Reason: session.SignedOut, At: later}); err != nil {
		t.Fatal(err)
	}
	swept = 0
	for range 5 {
		n, err := s.Sessions().Sweep(t.Context(), before, 10)
		if err != nil {
			t.Fatal(err)
		}
		swept += n
	}
	if swept != 1 {
		t.Errorf("swept %d that died behind the cursor, want 1", swept)
	}
	if list, err := s.Sessions().List(t.Context(), session.Query{User: u.ID}); err != nil || len(list) != len(living)-1 {
		t.Errorf("%d sessions are left, want %d, %v", len(list), len(living)-1, err)
	}
}
