package verify

import (
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"tandem.example/tandem/verify/revocation"
	"tandem.example/tandem/verify/verifytest"
)

// A session token is asked about once, and then decided on in memory.
func TestSessionTokenIsRemembered(t *testing.T) {
	inFakeTime(t, func(t *testing.T, s *verifytest.Server) {
		v := start(t, s)
		session := s.SignIn(verifytest.User{})
		var wg sync.WaitGroup
		for range 100 {
			wg.Go(func() { accepts(t, v, session.Token()) })
		}
		wg.Wait()
		for start := time.Now(); time.Since(start) < time.Minute; time.Sleep(100 * time.Millisecond) {
			accepts(t, v, session.Token())
		}
		if n := s.Requests(livePath); n != 1 {
			t.Errorf("asked %d times", n)
		}
		if v.Status().Sessions != 1 {
			t.Errorf("%d remembered", v.Status().Sessions)
		}
		session.End()
		synctest.Wait()
		time.Sleep(50 * time.Millisecond)
		refuses(t, v, ErrRevoked, session.Token())
	})
}

// What memory would refuse is asked about again: after a change of roles the
// session goes on with the new ones.
func TestSessionTokenAfterADemotion(t *testing.T) {
	s := verifytest.NewServer(t)
	v := start(t, s)
	session, other := s.SignIn(verifytest.User{Roles: []string{"admin"}}), s.SignIn(verifytest.User{})
	accepts(t, v, session.Token(), Role("admin"))
	accepts(t, v, other.Token())
	asked := s.Requests(livePath)
	s.Demote(session.User(), "teller")
	s.Settle()
	refuses(t, v, ErrForbidden, session.Token(), Role("admin"))
	accepts(t, v, session.Token(), Role("teller"))
	accepts(t, v, session.Token(), Role("teller"))
	accepts(t, v, other.Token())
	if n := s.Requests(livePath) - asked; n != 1 {
		t.Errorf("asked %d times", n)
	}
}

// A step-up replaces the session token; the old one dies everywhere.
func TestSessionTokenAfterAStepUp(t *testing.T) {
	s := verifytest.NewServer(t)
	v := start(t, s)
	session := s.SignIn(verifytest.User{})
	old := session.Token()
	accepts(t, v, old)
	session.Renew()
	s.Settle()
	refuses(t, v, ErrInvalidToken, old)
	accepts(t, v, session.Token())
}

// An answer that was read before an event and arrives after it is of no use:
// it would bring back what the event took.
func TestAnswerFromBeforeAnEvent(t *testing.T) {
	for name, tt := range map[string]struct {
		change func(*verifytest.Server, *verifytest.Session)
		rules  []Rule
		want   error
	}{
		"ended":   {func(_ *verifytest.Server, x *verifytest.Session) { x.End() }, nil, ErrRevoked},
		"locked":  {func(s *verifytest.Server, x *verifytest.Session) { s.Revoke(revocation.KindSubject, x.User()) }, nil, ErrRevoked},
		"demoted": {func(s *verifytest.Server, x *verifytest.Session) { s.Demote(x.User()) }, []Rule{Role("admin")}, ErrForbidden},
	} {
		t.Run(name, func(t *testing.T) {
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
					refuses(t, v, tt.want, session.Token(), tt.rules...)
				}()
				time.Sleep(time.Second)
				tt.change(s, session)
				<-done
				refuses(t, v, tt.want, session.Token(), tt.rules...)
			})
		})
	}
}

// An answer is remembered for five minutes at most, and for half of what is
// left until the session is idle: then asking again keeps it alive, or tells
// that it is over.
func TestSessionTokenIsAskedAboutAgain(t *testing.T) {
	tests := map[string]struct {
		edit  func(*verifytest.Session)
		asked int // in ten minutes, once a second
	}{
		"long idle time": {func(*verifytest.Session) {}, 2},
		"two minutes": {func(x *verifytest.Session) {
			x.IdleExpiresAt = x.AuthenticatedAt.Add(2 * time.Minute)
		}, -1},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			inFakeTime(t, func(t *testing.T, s *verifytest.Server) {
				v := start(t, s)
				session := s.SignIn(verifytest.User{})
				session.Edit(tt.edit)
				last := time.Duration(0)
				for start := time.Now(); time.Since(start) < 10*time.Minute-time.Second; time.Sleep(time.Second) {
					if _, err := v.Verify(t.Context(), session.Token()); err == nil {
						last = time.Since(start)
					}
				}
				if n := s.Requests(livePath); tt.asked > 0 && n != tt.asked {
					t.Errorf("asked %d times, want %d", n, tt.asked)
				}
				if tt.asked < 0 && (last < 118*time.Second || last > 2*time.Minute) {
					t.Errorf("accepted until %v", last)
				}
			})
		})
	}
	t.Run("absolute end", func(t *testing.T) {
		inFakeTime(t, func(t *testing.T, s *verifytest.Server) {
			v := start(t, s)
			session := s.SignIn(verifytest.User{})
			session.Edit(func(x *verifytest.Session) { x.ExpiresAt = x.AuthenticatedAt.Add(90 * time.Second) })
			accepts(t, v, session.Token())
			time.Sleep(89 * time.Second)
			accepts(t, v, session.Token())
			time.Sleep(time.Second)
			refuses(t, v, ErrRevoked, session.Token())
		})
	})
}

// A route that denies without a lease sends nobody to the server when the lease
// is lost, not even for tokens that are new here: that is what AskServer is for.
func TestSessionTokenWithoutALease(t *testing.T) {
	inFakeTime(t, func(t *testing.T, s *verifytest.Server) {
		v := start(t, s)
		session, fresh := s.SignIn(verifytest.User{}), s.SignIn(verifytest.User{})
		accepts(t, v, session.Token())
		loseFeed(s)
		time.Sleep(11 * time.Second)
		asked := s.Requests(livePath)
		refuses(t, v, ErrLeaseLost, session.Token())
		refuses(t, v, ErrLeaseLost, fresh.Token())
		if n := s.Requests(livePath) - asked; n != 0 {
			t.Errorf("asked %d times", n)
		}
		accepts(t, v, fresh.Token(), OnLeaseLost(AskServer))
		refuses(t, v, ErrLeaseLost, fresh.Token())
	})
}

// A wait for a lease does not make an answer any fresher: what was read before
// an event is not accepted longer after it than the route allows.
func TestAnswerThatWaitsForALease(t *testing.T) {
	const allowed = 2 * time.Second
	inFakeTime(t, func(t *testing.T, s *verifytest.Server) {
		v := start(t, s, func(c *Config) { c.Freshness = allowed })
		s.Delay(allowed * 5 / 6) // there is a lease now and then
		s.Intercept(func(r *http.Request, _ *verifytest.Response) {
			if r.URL.Path == livePath {
				time.Sleep(allowed * 5 / 6)
			}
		})
		var callers sync.WaitGroup
		var accepted atomic.Int64
		for i := range 300 {
			session := s.SignIn(verifytest.User{})
			callers.Go(func() {
				time.Sleep(time.Duration(i) * 37 * time.Millisecond)
				asked := time.Now()
				_, err := v.Verify(t.Context(), session.Token())
				if took := time.Since(asked) - time.Millisecond; err == nil && took > allowed {
					t.Errorf("accepted %v after its session had ended", took)
				}
				if err == nil {
					accepted.Add(1)
				}
			})
			callers.Go(func() {
				time.Sleep(time.Duration(i)*37*time.Millisecond + time.Millisecond)
				session.End()
			})
		}
		callers.Wait()
		if n := accepted.Load(); n == 0 || n == 300 {
			t.Errorf("%d of 300 were accepted: nothing is shown", n)
		}
	}, verifytest.Lease(allowed))
}

// Tokens of no session cost the server a question each time, and nothing here.
func TestUnknownSessionTokensAreNotRemembered(t *testing.T) {
	s := verifytest.NewServer(t)
	v := start(t, s)
	for range 3 {
		refuses(t, v, ErrInvalidToken, "tds_0000000000000000000000000000000000000000000")
	}
	if v.Status().Sessions != 0 || len(v.asker.flights) != 0 {
		t.Errorf("%+v, %d flights", v.Status(), len(v.asker.flights))
	}
}
