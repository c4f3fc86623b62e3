package verify

import (
	"testing"
	"time"

	"tandem.example/tandem/verify/revocation"
	"tandem.example/tandem/verify/verifytest"
)

// A wall clock that is set ahead, as where a machine learns the time only after it has started, makes leases end. It must
// not make entries expire: the tokens that they forbid do not, by the issuer's clock.
func TestClockThatIsSetForgetsNothing(t *testing.T) {
	for name, wall := range map[string]time.Duration{"ahead": time.Hour, "back": -time.Hour} {
		t.Run(name, func(t *testing.T) {
			inFakeTime(t, func(t *testing.T, s *verifytest.Server) {
				clocks := newDistort()
				v := start(t, s, func(c *Config) { c.clock = revocation.Steady(clocks.read) })
				session, other := s.SignIn(verifytest.User{}), s.SignIn(verifytest.User{})
				revoked := session.AccessToken()
				accepts(t, v, revoked)
				session.End()
				s.Settle()
				refuses(t, v, ErrRevoked, revoked)
				clocks.add(0, wall)
				for range 10 {
					time.Sleep(2 * time.Second)
					other.End() // something happens, so that the set is written
					s.Settle()
					if _, err := v.Verify(t.Context(), revoked); err == nil {
						t.Fatal("accepted after the clock was set, although revoked before")
					}
				}
				accepts(t, v, s.SignIn(verifytest.User{}).AccessToken())
			})
		})
	}
}
