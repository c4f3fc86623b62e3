package redis

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"tandem.example/tandem/internal/session"
)

// Whoever asks while looks are under way is answered by one that began after the question, together with all others
// who wait.
func TestLooksBeginAfterTheQuestion(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var looks [][]session.ID
		f := finder{look: func(_ context.Context, ids []session.ID) ([]*seen, error) {
			mu.Lock()
			looks = append(looks, ids)
			mu.Unlock()
			began := time.Now()
			time.Sleep(time.Second)
			all := make([]*seen, len(ids))
			for i, id := range ids {
				all[i] = &seen{}
				all[i].view.Session.ID, all[i].view.Session.CreatedAt = id, began
			}
			return all, nil
		}}
		ask := func(id session.ID) {
			asked := time.Now()
			one, err := f.find(t.Context(), id)
			if err != nil || one.view.Session.ID != id || one.view.Session.CreatedAt.Before(asked) {
				t.Errorf("%s, asked at %s, was answered %+v, %v", id, asked, one.view.Session, err)
			}
		}
		go ask("first")
		go ask("second")
		synctest.Wait()
		time.Sleep(500 * time.Millisecond)
		for _, id := range []session.ID{"third", "fourth", "fifth"} {
			go ask(id)
			synctest.Wait()
		}
		// One that gives up does not take the others with it.
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		if _, err := f.find(ctx, "sixth"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("who gave up was answered %v", err)
		}
		time.Sleep(3 * time.Second)
		synctest.Wait()
		if len(looks) != 3 || len(looks[2]) != 4 || f.looking != 0 {
			t.Errorf("looked for %v, %d under way", looks, f.looking)
		}
	})
}
