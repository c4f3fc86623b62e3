package verify

import (
	"testing"
	"time"

	"tandem.example/tandem/verify/revocation"
	"tandem.example/tandem/verify/verifytest"
)

// interrupted is a set at which a decision is held up: each look is followed by
// what happens next.
type interrupted struct {
	checker
	next []func()
}

func (s *interrupted) Check(t *revocation.Token) revocation.Verdict {
	verdict := s.checker.Check(t)
	if len(s.next) > 0 {
		happens := s.next[0]
		s.next = s.next[1:]
		happens()
	}
	return verdict
}

// A decision is held up after it looked into the set. Meanwhile its lease runs
// out, an event arrives and with it a new lease. That lease says nothing about
// the look that was taken before it.
func TestLeaseIsTakenBeforeTheSetIsLookedAt(t *testing.T) {
	s := verifytest.NewServer(t)
	clock := newDistort()
	v := start(t, s, clock.use)
	session := s.SignIn(verifytest.User{})
	credential := session.AccessToken()
	accepts(t, v, credential)
	v.set = &interrupted{v.set, []func(){func() {
		clock.add(11*time.Second, 11*time.Second)
		session.End()
		s.Settle()
		v.sync.await(t.Context())
		if !v.Status().Ready {
			t.Fatal("the new lease is missing: the test shows nothing")
		}
	}}}
	refuses(t, v, ErrRevoked, credential)
}

// A decision is held up after it looked into the set, for longer than its lease
// lasts: the clock is read last, so the time counts. (The process was stopped,
// or the machine suspended.)
func TestClockIsReadLast(t *testing.T) {
	for name, suspended := range map[string]func(*distort){
		"stopped":   func(c *distort) { c.add(11*time.Second, 11*time.Second) },
		"suspended": func(c *distort) { c.add(0, 11*time.Second) },
		"set back":  func(c *distort) { c.add(0, -11*time.Second) },
	} {
		t.Run(name, func(t *testing.T) {
			s := verifytest.NewServer(t)
			clock := newDistort()
			v := start(t, s, clock.use)
			credential := s.SignIn(verifytest.User{}).AccessToken()
			accepts(t, v, credential)
			s.Crash() // nothing can be learnt any more
			v.set = &interrupted{v.set, []func(){func() { suspended(clock) }}}
			refuses(t, v, ErrLeaseLost, credential)
		})
	}
}

// An acceptance needs evidence that was taken in one piece: after each lapse
// everything is looked at anew, and not for ever.
func TestDecisionIsTakenUpAgainBoundedly(t *testing.T) {
	s := verifytest.NewServer(t)
	clock := newDistort()
	v := start(t, s, clock.use)
	credential := s.SignIn(verifytest.User{}).AccessToken()
	looks := 0
	slow := &interrupted{checker: v.set}
	var again func()
	again = func() {
		looks++
		clock.add(11*time.Second, 11*time.Second)
		slow.next = append(slow.next, again)
	}
	slow.next = []func(){again}
	v.set = slow
	refuses(t, v, ErrUnavailable, credential)
	if looks == 0 || looks > maxRounds+1 {
		t.Errorf("looked %d times", looks)
	}
}
