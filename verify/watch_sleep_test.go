package verify

import (
	"errors"
	"testing"
	"time"

	"tandem.example/tandem/verify/verifytest"
)

// A machine that wakes up notices its open streams soon, although every timer
// still waits for the time that passed while it slept.
func TestWatchNoticesASleepByTheTick(t *testing.T) {
	inFakeTime(t, func(t *testing.T, s *verifytest.Server) {
		clock := newDistort()
		v := start(t, s, clock.use)
		ctx, cancel := v.Watch(t.Context(), accepts(t, v, s.SignIn(verifytest.User{}).AccessToken()))
		defer cancel()
		time.Sleep(1300 * time.Millisecond) // everybody waits for a timer
		s.Partition()
		time.Sleep(100 * time.Millisecond)
		clock.add(0, time.Minute)
		if after, cause := ending(ctx); after > tick || !errors.Is(cause, ErrLeaseLost) {
			t.Errorf("ended %v after waking up, by %v", after, cause)
		}
	})
}
