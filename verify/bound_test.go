package verify

import (
	"errors"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"tandem.example/tandem/verify/revocation"
	"tandem.example/tandem/verify/verifytest"
)

// inFakeTime runs a test against a server in memory, in time that passes when
// nothing else can.
func inFakeTime(t *testing.T, f func(*testing.T, *verifytest.Server), options ...verifytest.Option) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		f(t, verifytest.NewServer(t, append(options, verifytest.InMemory())...))
	})
}

// lastAccepted asks every 25 ms for so long, and returns how long after the
// start the credential was last accepted; negative if never.
func lastAccepted(t *testing.T, v *Verifier, d time.Duration, credential string, rules ...Rule) time.Duration {
	t.Helper()
	start, last := time.Now(), time.Duration(-1)
	for time.Since(start) < d {
		asked := time.Since(start)
		_, err := v.Verify(t.Context(), credential, rules...)
		if err == nil {
			last = asked
		} else if !errors.Is(err, ErrRevoked) && !errors.Is(err, ErrUnavailable) {
			t.Fatalf("refused as %v", err)
		}
		time.Sleep(25 * time.Millisecond)
	}
	return last
}

func TestRevocationIsObeyedWithinTheLease(t *testing.T) {
	const lease = 10 * time.Second
	troubles := map[string]struct {
		trouble func(*verifytest.Server)
		soon    bool // the network lets the event through
	}{
		"fair":                       {func(*verifytest.Server) {}, true},
		"partition":                  {(*verifytest.Server).Partition, false},
		"crash":                      {(*verifytest.Server).Crash, false},
		"pause":                      {(*verifytest.Server).Pause, false},
		"delay that keeps cadence":   {func(s *verifytest.Server) { s.Delay(7 * time.Second) }, false},
		"a little delay":             {func(s *verifytest.Server) { s.Delay(3 * time.Second) }, false},
		"delay almost of the lease":  {func(s *verifytest.Server) { s.Delay(9 * time.Second) }, false},
		"delay beyond the lease":     {func(s *verifytest.Server) { s.Delay(15 * time.Second) }, false},
		"an old reply again":         {replay, false},
		"replies without the events": {forget, true},
	}
	for name, tt := range troubles {
		for i, kind := range []string{"access token", "session token", "access token", "access token"} {
			// In the poll that is under way, just after it, well after it.
			after := []time.Duration{500, 500, 900, 2900}[i] * time.Millisecond
			t.Run(fmt.Sprint(name, "/", kind, "/", after), func(t *testing.T) {
				inFakeTime(t, func(t *testing.T, s *verifytest.Server) {
					v := start(t, s)
					session := s.SignIn(verifytest.User{})
					credential := session.AccessToken()
					if kind == "session token" {
						credential = session.Token()
					}
					accepts(t, v, credential)
					time.Sleep(1300 * time.Millisecond) // in the middle of a poll
					tt.trouble(s)
					time.Sleep(after)
					session.End()
					last := lastAccepted(t, v, 45*time.Second, credential)
					if last > lease {
						t.Errorf("accepted %v after the revocation", last)
					}
					if tt.soon && last > 100*time.Millisecond {
						t.Errorf("accepted %v after the revocation, though nothing was in the way", last)
					}
				})
			})
		}
	}
}

// replay answers every sync with the first reply that passes.
func replay(s *verifytest.Server) {
	var mu sync.Mutex
	var first *verifytest.Response
	s.Intercept(func(r *http.Request, res *verifytest.Response) {
		mu.Lock()
		defer mu.Unlock()
		if r.URL.Path != syncPath {
			return
		}
		if first == nil {
			kept := *res
			first = &kept
		}
		*res = *first
	})
}

func forget(s *verifytest.Server) {
	s.Tamper(func(r *revocation.Reply) {
		if !r.Snapshot {
			r.Events = nil
		}
	})
}

const syncPath = "/v1/revocations/sync"

// What is not revoked is accepted all the while, whatever the route's freshness,
// and through a delay that leaves enough of each lease.
func TestNoFalseRefusals(t *testing.T) {
	for name, trouble := range map[string]func(*verifytest.Server){
		"fair":           func(*verifytest.Server) {},
		"a delay of 2 s": func(s *verifytest.Server) { s.Delay(2 * time.Second) },
		"a partition of 5 s": func(s *verifytest.Server) {
			s.Partition()
			time.AfterFunc(5*time.Second, s.Heal)
		},
		"a crash of 5 s": func(s *verifytest.Server) {
			s.Crash()
			time.AfterFunc(5*time.Second, s.Heal)
		},
		"events about others": func(s *verifytest.Server) {
			for i := range 200 {
				s.Announce(revocation.SubjectEvent(fmt.Sprint("usr_other", i)))
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			inFakeTime(t, func(t *testing.T, s *verifytest.Server) {
				v := start(t, s)
				session := s.SignIn(verifytest.User{})
				credentials := []string{session.AccessToken(), session.Token()}
				for _, c := range credentials {
					accepts(t, v, c)
				}
				time.Sleep(1300 * time.Millisecond)
				trouble(s)
				for start := time.Now(); time.Since(start) < 30*time.Second; time.Sleep(50 * time.Millisecond) {
					for _, c := range credentials {
						accepts(t, v, c)
					}
				}
			})
		})
	}
}

// A route may want to be fresher than the lease: polls come back often enough,
// and a revocation is obeyed within that, partition or not.
func TestWithinLessThanTheLease(t *testing.T) {
	for _, d := range []time.Duration{100 * time.Millisecond, time.Second, 3 * time.Second} {
		t.Run(d.String(), func(t *testing.T) {
			inFakeTime(t, func(t *testing.T, s *verifytest.Server) {
				v := start(t, s)
				session := s.SignIn(verifytest.User{})
				credential := session.AccessToken()
				for range 300 {
					accepts(t, v, credential, Within(d))
					time.Sleep(7 * time.Millisecond)
				}
				s.Partition()
				session.End()
				if last := lastAccepted(t, v, 20*time.Second, credential, Within(d)); last > d {
					t.Errorf("accepted %v after the revocation", last)
				}
				if got := v.Status().Freshest; got != d {
					t.Errorf("Freshest %v", got)
				}
			})
		})
	}
}

// A reply that took long makes a lease too old for a strict route, though not
// for others: then the decision asks for a sync of its own.
func TestStrictRouteSyncsForItself(t *testing.T) {
	inFakeTime(t, func(t *testing.T, s *verifytest.Server) {
		v := start(t, s)
		credential := s.SignIn(verifytest.User{}).AccessToken()
		time.Sleep(1500 * time.Millisecond) // into a poll that was begun when nobody was strict
		before := time.Now()
		accepts(t, v, credential, Within(time.Second))
		if waited := time.Since(before); waited > 100*time.Millisecond {
			t.Errorf("waited %v for a sync", waited)
		}
	})
}

func TestColdVerifierDeniesUntilTheFirstSync(t *testing.T) {
	inFakeTime(t, func(t *testing.T, s *verifytest.Server) {
		session := s.SignIn(verifytest.User{})
		credential := session.AccessToken()
		session.End()
		s.Crash()
		v := start(t, s)
		if v.Status().Ready {
			t.Error("ready without a sync")
		}
		for _, rule := range []Rule{Within(time.Hour), OnLeaseLost(AskServer), UntilExpiry()} {
			refuses(t, v, ErrUnavailable, credential, rule)
			refuses(t, v, ErrUnavailable, session.Token(), rule)
		}
		s.Heal()
		time.Sleep(2 * backoffMax)
		refuses(t, v, ErrRevoked, credential)
		other := s.SignIn(verifytest.User{})
		accepts(t, v, other.AccessToken())
	})
}

// The keys can be had but not the feed: the set is empty, which is no evidence
// that nothing was revoked.
func TestEmptySetIsNoEvidence(t *testing.T) {
	inFakeTime(t, func(t *testing.T, s *verifytest.Server) {
		session := s.SignIn(verifytest.User{})
		credential := session.AccessToken()
		session.End()
		s.Intercept(func(r *http.Request, res *verifytest.Response) {
			if r.URL.Path == syncPath {
				res.Status, res.Body = http.StatusInternalServerError, nil
			}
		})
		v := start(t, s)
		refuses(t, v, ErrLeaseLost, credential)
		accepts(t, v, credential, UntilExpiry()) // which is what it says
	})
}

// Suspension, a clock that is set, a stopped process: whatever the clocks did,
// the next decision does not use the lease from before.
func TestLeaseAcrossClockTrouble(t *testing.T) {
	tests := map[string]struct{ mono, wall time.Duration }{
		"suspended, monotonic clock stood still": {0, 11 * time.Second},
		"stopped":                                {11 * time.Second, 11 * time.Second},
		"wall clock set back an hour":            {0, -time.Hour},
		"wall clock set back a second":           {0, -time.Second},
		"wall clock set forward an hour":         {0, time.Hour},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			inFakeTime(t, func(t *testing.T, s *verifytest.Server) {
				clock := newDistort()
				v := start(t, s, clock.use)
				session := s.SignIn(verifytest.User{})
				credential := session.AccessToken()
				accepts(t, v, credential)
				s.Partition()
				session.End()
				clock.add(tt.mono, tt.wall)
				refuses(t, v, ErrLeaseLost, credential)
				s.Heal()
				time.Sleep(20 * time.Second)
				refuses(t, v, ErrRevoked, credential)
				accepts(t, v, s.SignIn(verifytest.User{}).AccessToken())
			})
		})
	}
}

// After a pause the first request finds the lease lapsed. It gets a new one
// rather than an error, since the server is there.
func TestFirstDecisionAfterAPauseSyncs(t *testing.T) {
	inFakeTime(t, func(t *testing.T, s *verifytest.Server) {
		clock := newDistort()
		v := start(t, s, clock.use)
		session := s.SignIn(verifytest.User{})
		credential, other := session.AccessToken(), s.SignIn(verifytest.User{}).AccessToken()
		accepts(t, v, credential)
		clock.add(0, time.Minute)
		s.SetClock(time.Minute)
		session.End()
		refuses(t, v, ErrRevoked, credential)
		accepts(t, v, other)
	})
}
