package verify

import (
	"fmt"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"tandem.example/tandem/verify/revocation"
	"tandem.example/tandem/verify/verifytest"
)

// What was read before an event that this verifier has acknowledged meanwhile is not believed on any route: whoever
// waited for the receipt has been told that it is over.
func TestNoAnswerOutlivesAReceipt(t *testing.T) {
	type change func(*verifytest.Server, *verifytest.Session)
	changes := map[string]change{
		"demoted":   func(s *verifytest.Server, x *verifytest.Session) { s.Demote(x.User()) },
		"ended":     func(_ *verifytest.Server, x *verifytest.Session) { x.End() },
		"all":       func(s *verifytest.Server, _ *verifytest.Session) { s.Revoke(revocation.KindAll, "") },
		"new epoch": func(s *verifytest.Server, x *verifytest.Session) { s.Restore(); s.Demote(x.User()) },
	}
	for name, rules := range map[string][]Rule{"Live": {Live()}, "AskServer": {OnLeaseLost(AskServer)}, "Within": nil} {
		for what, change := range changes {
			t.Run(name+"/"+what, func(t *testing.T) {
				inFakeTime(t, func(t *testing.T, s *verifytest.Server) {
					v := start(t, s)
					session := s.SignIn(verifytest.User{Roles: []string{"admin"}})
					var slow atomic.Bool
					slow.Store(true)
					s.Intercept(func(r *http.Request, _ *verifytest.Response) {
						if r.URL.Path == livePath && slow.Swap(false) {
							time.Sleep(2 * time.Second)
						}
					})
					done := make(chan struct{})
					go func() {
						defer close(done)
						before := s.Requests(livePath)
						if _, err := v.Verify(t.Context(), session.Token(), append(rules, Role("admin"))...); err == nil && s.Requests(livePath) == before+1 {
							t.Error("accepted by an answer from before what was enforced a second ago")
						}
					}()
					time.Sleep(time.Second)
					change(s, session)
					s.Settle()
					<-done
				})
			})
		}
	}
}

// Nothing that is asked of the server is older, when it is relied on, than what a lease lets memory become.
func TestNoAnswerIsOlderThanALease(t *testing.T) {
	const lease = 2 * time.Second
	for name, rules := range map[string][]Rule{
		"Live": {Live()}, "AskServer": {OnLeaseLost(AskServer)}, "freshness beyond the lease": {Within(time.Minute), OnLeaseLost(AskServer)},
	} {
		for _, cold := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, cold %t", name, cold), func(t *testing.T) {
				inFakeTime(t, func(t *testing.T, s *verifytest.Server) {
					down := func(r *http.Request, res *verifytest.Response) {
						switch r.URL.Path {
						case syncPath:
							res.Status = http.StatusInternalServerError
						case livePath: // made at once, delivered late
							time.Sleep(lease + time.Second)
						}
					}
					if cold {
						s.Intercept(down)
					}
					v := start(t, s)
					session := s.SignIn(verifytest.User{})
					s.Intercept(down)
					time.Sleep(2 * lease)
					time.AfterFunc(time.Millisecond*50, func() { session.End() })
					before := s.Requests(livePath)
					if _, err := v.Verify(t.Context(), session.Token(), rules...); err == nil {
						t.Errorf("accepted by %d answers of 3 s of age", s.Requests(livePath)-before)
					}
				}, verifytest.Lease(lease))
			})
		}
	}
}
