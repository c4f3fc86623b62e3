package verify

import (
	"context"
	"errors"
	"net/http"
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

// A request that stays open on the server's word, because the log cannot be followed, ends when the server says that the
// rights are other ones: its handler goes by those that it was given.
func TestWatchEndsWhenTheServerTellsOfOtherRights(t *testing.T) {
	for name, change := range map[string]func(*verifytest.Server, *verifytest.Session){
		"demoted":    func(s *verifytest.Server, x *verifytest.Session) { s.Demote(x.User(), "user") },
		"other acr":  func(_ *verifytest.Server, x *verifytest.Session) { x.Edit(func(x *verifytest.Session) { x.ACR = "2" }) },
		"no change":  func(*verifytest.Server, *verifytest.Session) {},
		"other user": func(s *verifytest.Server, _ *verifytest.Session) { s.Demote("usr_else") },
	} {
		for _, kind := range []Kind{AccessToken, SessionToken} {
			t.Run(name+" "+kind.String(), func(t *testing.T) {
				inFakeTime(t, func(t *testing.T, s *verifytest.Server) {
					v := start(t, s)
					session := s.SignIn(verifytest.User{Roles: []string{"user", "admin"}})
					credential := session.Token()
					if kind == AccessToken {
						credential = session.AccessToken()
					}
					ctx, cancel := v.Watch(t.Context(), accepts(t, v, credential), OnLeaseLost(AskServer))
					defer cancel()
					s.Intercept(func(r *http.Request, res *verifytest.Response) {
						if r.URL.Path == syncPath {
							res.Status = http.StatusInternalServerError
						}
					})
					time.Sleep(time.Minute)
					if ctx.Err() != nil {
						t.Fatalf("ended before anything had changed: %v", context.Cause(ctx))
					}
					change(s, session)
					time.Sleep(10 * time.Second)
					ended := name == "demoted" || name == "other acr"
					if cause := context.Cause(ctx); (cause != nil) != ended || ended && !errors.Is(cause, ErrStale) {
						t.Errorf("10 s after, ended by %v", cause)
					}
				})
			})
		}
	}
}
