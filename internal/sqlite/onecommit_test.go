package sqlite

import (
	"errors"
	"sync"
	"testing"
	"time"

	"tandem.example/tandem/internal/feed"
	"tandem.example/tandem/internal/session"
)

// The end of a session and its event are one commit: whoever has seen the session dead finds the event in the log.
func TestEndAndEventAreOneCommit(t *testing.T) {
	s := open(t, Config{})
	app, user := s.addApplication(t, "app"), s.addUser(t, "anna")
	var ids []session.ID
	for i := range 40 {
		ids = append(ids, s.start(t, draft(user, app, epochDay.Add(time.Duration(i)*time.Second))).Session.ID)
	}
	start, err := s.Log().Head(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	from := feed.Ask{Epoch: start.Epoch, Position: start.Position, Chain: start.Chain.String()}
	done := make(chan struct{})
	var reading sync.WaitGroup
	defer reading.Wait()
	defer close(done)
	for range 2 {
		reading.Go(func() {
			for seen := 0; seen < len(ids); {
				select {
				case <-done:
					return
				default:
				}
				view, err := s.Sessions().Find(t.Context(), ids[seen])
				if err != nil {
					t.Error(err)
					return
				}
				if view.Session.EndedAt.IsZero() {
					continue
				}
				page, err := s.Log().Read(t.Context(), from)
				if err != nil {
					t.Error(err)
					return
				}
				if seen++; len(page.Events) < seen {
					t.Errorf("%d sessions have ended, the log tells of %d", seen, len(page.Events))
					return
				}
			}
		})
	}
	for _, id := range ids {
		_, _, endErr := s.Sessions().End(t.Context(), session.Ending{Session: id, At: epochDay.Add(time.Hour), Reason: session.SignedOut})
		err = errors.Join(err, endErr)
	}
	if err != nil {
		t.Fatal(err)
	}
}
