package relay

import (
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"tandem.example/tandem/verify"
	"tandem.example/tandem/verify/verifytest"
)

const lease = 10 * time.Second

// verifierOf is a real verifier that follows the log at the relay.
func verifierOf(t *testing.T, n *network, s *verifytest.Server, at *stand) *verify.Verifier {
	t.Helper()
	v, err := verify.New(t.Context(), verify.Config{
		Issuer: s.Issuer(), Audience: s.Audience(), Name: "zone", Relay: "http://" + at.host,
		HTTPClient: n.client(), Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(v.Close)
	return v
}

// chainOf starts so many relays, each behind the one before, and a verifier behind the last.
func chainOf(t *testing.T, depth int) (*network, *verifytest.Server, []*stand, *verify.Verifier) {
	t.Helper()
	n := newNetwork()
	s := origin(t, n)
	upstream := s.Issuer()
	var chain []*stand
	for i := range depth {
		one := relayAt(t, n, fmt.Sprintf("relay%d.localhost", i+1), upstream)
		one.ready()
		chain = append(chain, one)
		upstream = "http://" + one.host
	}
	return n, s, chain, verifierOf(t, n, s, chain[depth-1])
}

func TestEventsReachTheEndOfAChainAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, s, _, v := chainOf(t, 3)
		time.Sleep(5 * time.Second)
		for range 20 {
			session := s.SignIn(verifytest.User{})
			credential := session.AccessToken()
			if _, err := v.Verify(t.Context(), credential); err != nil {
				t.Fatalf("a good token behind three relays: %v", err)
			}
			session.End()
			time.Sleep(100 * time.Millisecond)
			if _, err := v.Verify(t.Context(), credential); !errors.Is(err, verify.ErrRevoked) {
				t.Fatalf("100 ms after the revocation: %v", err)
			}
		}
	})
}

// TestQuietChainRefusesNobody: each relay costs the verifiers behind it little of their lease.
func TestQuietChainRefusesNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, s, chain, v := chainOf(t, 4)
		for _, host := range append(hosts(chain), "tandem.localhost") {
			n.set(host, link{there: 40 * time.Millisecond, back: 40 * time.Millisecond})
		}
		time.Sleep(5 * time.Second)
		credential := s.SignIn(verifytest.User{}).AccessToken()
		worst := time.Duration(0)
		for start := time.Now(); time.Since(start) < time.Minute; time.Sleep(20 * time.Millisecond) {
			worst = max(worst, v.Status().Staleness)
			if _, err := v.Verify(t.Context(), credential); err != nil {
				t.Fatalf("after %s: %v", time.Since(start), err)
			}
		}
		t.Logf("staleness behind four relays, 80 ms apart each: at most %s of %s", worst, lease)
		if worst < 2*time.Second || worst > 9*time.Second {
			t.Errorf("a quiet verifier behind four relays is up to %s stale", worst)
		}
	})
}

func hosts(chain []*stand) (all []string) {
	for _, s := range chain {
		all = append(all, s.host)
	}
	return all
}

// TestChainKeepsTheBound plays an adversary who delays and cuts the links of a chain, each on its own, and restarts its
// relays, while sessions end. None may be accepted for longer than a lease after its end.
func TestChainKeepsTheBound(t *testing.T) {
	seeds := uint64(24)
	if testing.Short() {
		seeds = 8
	}
	worst, accepted := time.Duration(0), 0
	for seed := range seeds {
		synctest.Test(t, func(t *testing.T) {
			gap, n := play(t, seed)
			worst, accepted = max(worst, gap), accepted+n
		})
	}
	t.Logf("%d schedules of a chain of 3 relays: %d acceptances, worst gap between a revocation and the last acceptance %s (L = %s)",
		seeds, accepted, worst, lease)
	if worst > lease {
		t.Errorf("accepted %s after the revocation", worst)
	}
	if worst < lease/2 {
		t.Errorf("worst gap %s: the adversary does not try", worst)
	}
}

// play answers the worst gap of one schedule, and how often something was accepted.
func play(t *testing.T, seed uint64) (worst time.Duration, accepted int) {
	random := rand.New(rand.NewPCG(seed, 1))
	n, s, chain, v := chainOf(t, 3)
	end := time.Now().Add(2 * time.Minute)
	links := append(hosts(chain), "tandem.localhost")
	go func() { // the adversary
		for time.Now().Before(end) {
			host := links[random.IntN(len(links))]
			var l link
			switch random.IntN(6) {
			case 0:
				l.cut = true
			case 1:
				l.back = time.Duration(random.Int64N(int64(9 * time.Second)))
			case 2:
				l.there = time.Duration(random.Int64N(int64(4 * time.Second)))
			case 3:
				chain[random.IntN(len(chain))].restart()
			}
			n.set(host, l)
			time.Sleep(time.Duration(random.Int64N(int64(6 * time.Second))))
		}
		for _, host := range links {
			n.set(host, link{})
		}
	}()
	type credential struct {
		text  string
		ended time.Time
	}
	session := s.SignIn(verifytest.User{})
	current := credential{text: session.AccessToken()}
	var ended []credential
	for next := time.Now().Add(time.Second); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(next) {
			session.End()
			current.ended = time.Now()
			ended = append(ended, current)
			session = s.SignIn(verifytest.User{})
			current = credential{text: session.AccessToken()}
			next = time.Now().Add(3 * time.Second)
		}
		for _, c := range ended[max(0, len(ended)-6):] {
			if allowed(t, v, c.text) {
				worst = max(worst, time.Since(c.ended))
				accepted++
			}
		}
		if allowed(t, v, current.text) {
			accepted++
		}
	}
	time.Sleep(10 * time.Second) // the adversary's last breath
	return worst, accepted
}

// allowed asks without waiting: a decision that waits for a sync would slow the schedule down.
func allowed(t *testing.T, v *verify.Verifier, credential string) bool {
	_, err := v.Verify(t.Context(), credential)
	return err == nil
}
