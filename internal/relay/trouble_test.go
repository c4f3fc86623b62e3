package relay

import (
	"errors"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"tandem.example/tandem/verify"
	"tandem.example/tandem/verify/revocation"
	"tandem.example/tandem/verify/verifytest"
)

func TestRestartOfARelayIsNotNoticed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, s, chain, v := chainOf(t, 2)
		time.Sleep(3 * time.Second)
		session := s.SignIn(verifytest.User{})
		credential := session.AccessToken()
		for _, one := range chain {
			one.restart()
			for range 100 {
				if _, err := v.Verify(t.Context(), credential); err != nil {
					t.Fatalf("while %s restarts: %v", one.host, err)
				}
				time.Sleep(50 * time.Millisecond)
			}
		}
		session.End()
		time.Sleep(200 * time.Millisecond)
		if _, err := v.Verify(t.Context(), credential); !errors.Is(err, verify.ErrRevoked) {
			t.Errorf("after the restarts: %v", err)
		}
		if n := v.Status().Alarms; n != 0 {
			t.Errorf("%d alarms", n)
		}
	})
}

func TestNewEpochPassesThrough(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, s, chain, v := chainOf(t, 2)
		revoked := s.SignIn(verifytest.User{})
		old := revoked.AccessToken()
		revoked.End()
		time.Sleep(3 * time.Second)
		s.Restore()
		time.Sleep(3 * time.Second)
		if _, err := v.Verify(t.Context(), old); err == nil {
			t.Error("the new epoch brought a revoked token back")
		}
		fresh := s.SignIn(verifytest.User{})
		credential := fresh.AccessToken()
		if _, err := v.Verify(t.Context(), credential); err != nil {
			t.Errorf("a token of the new epoch: %v", err)
		}
		fresh.End()
		time.Sleep(200 * time.Millisecond)
		if _, err := v.Verify(t.Context(), credential); !errors.Is(err, verify.ErrRevoked) {
			t.Errorf("revoked in the new epoch: %v", err)
		}
		if v.Status().Alarms != 1 || chain[0].relay.Status().Alarms != 1 || chain[1].relay.Status().Alarms != 1 {
			t.Errorf("alarms: %d at the verifier, %d and %d at the relays, want one each", v.Status().Alarms,
				chain[0].relay.Status().Alarms, chain[1].relay.Status().Alarms)
		}
	})
}

// TestRollbackIsNotPassedOn: a log that lost its end must not be taken for a new one; the zone's leases run out.
func TestRollbackIsNotPassedOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, s, chain, v := chainOf(t, 1)
		for range 5 {
			s.SignIn(verifytest.User{}).End()
		}
		time.Sleep(3 * time.Second)
		s.Rollback(2)
		time.Sleep(lease + 3*time.Second)
		if chain[0].relay.Status().Ready || chain[0].relay.Status().Alarms == 0 {
			t.Errorf("after a rollback upstream: %+v", chain[0].relay.Status())
		}
		if v.Status().Ready {
			t.Error("the zone's verifier still has a lease")
		}
	})
}

func TestReplyOfAnotherKeyIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork()
		s := origin(t, n)
		one := relayAt(t, n, "relay.localhost", s.Issuer())
		one.ready()
		s.Intercept(func(r *http.Request, res *verifytest.Response) {
			if r.URL.Path != syncPath {
				return
			}
			forged, err := s.TokenKey().SignDetached("revocation-sync", res.Body)
			if err != nil {
				t.Error(err)
			}
			res.Header.Set("Tandem-Signature", forged)
		})
		time.Sleep(lease + time.Second)
		if status := one.relay.Status(); status.Ready || status.Failures == 0 {
			t.Errorf("replies signed by a token key keep the relay going: %+v", status)
		}
		s.Intercept(nil)
		time.Sleep(5 * time.Second)
		if status := one.relay.Status(); !status.Ready {
			t.Errorf("it does not recover: %+v", status)
		}
	})
}

// TestVerifierAheadOfItsRelay: two relays behind one name, one of which lags. A verifier that comes from the other is
// not told that the log was rolled back.
func TestVerifierAheadOfItsRelay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork()
		s := origin(t, n)
		quick := relayAt(t, n, "quick.localhost", s.Issuer())
		slow := relayAt(t, n, "slow.localhost", "http://way.localhost")
		n.add("way.localhost", quick.relay.Handler())
		quick.ready()
		slow.ready()
		name := &swap{}
		name.set(quick.relay.Handler())
		n.add("zone.localhost", name)
		v := verifierOf(t, n, s, &stand{host: "zone.localhost"})
		n.set("way.localhost", link{cut: true}) // slow hears nothing from here on
		time.Sleep(time.Second)
		session := s.SignIn(verifytest.User{})
		credential := session.AccessToken()
		session.End()
		time.Sleep(100 * time.Millisecond)
		before := v.Status().Position
		name.set(slow.relay.Handler())
		time.Sleep(4 * time.Second)
		n.set("way.localhost", link{})
		time.Sleep(8 * time.Second)
		got := v.Status()
		if !got.Ready || got.Alarms != 0 || got.Position < before {
			t.Errorf("a verifier that came from a relay ahead: %+v, last alarm %q", got, got.LastAlarm)
		}
		if _, err := v.Verify(t.Context(), credential); !errors.Is(err, verify.ErrRevoked) {
			t.Errorf("what it knew to be revoked: %v", err)
		}
	})
}

// TestAnotherLeaseBeginsAnew: what was granted under the old length must not be mixed with the new.
func TestAnotherLeaseBeginsAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork()
		s := origin(t, n)
		one := relayAt(t, n, "relay.localhost", s.Issuer())
		one.ready()
		s.Tamper(func(r *revocation.Reply) { r.LeaseMS = 4000 })
		time.Sleep(3 * time.Second)
		status, rep := ask(t.Context(), n, one.host, revocation.Request{})
		if status != http.StatusOK || rep.LeaseMS != 4000 {
			t.Errorf("answer %d with a lease of %d ms, want the upstream's new one", status, rep.LeaseMS)
		}
	})
}

func TestNewcomerToAColdRelay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork()
		s := origin(t, n)
		n.set("tandem.localhost", link{cut: true})
		one := relayAt(t, n, "relay.localhost", s.Issuer())
		time.Sleep(time.Second)
		for _, path := range []string{MetadataPath, "/readyz"} {
			res, err := n.client().Get("http://relay.localhost" + path)
			if err != nil {
				t.Fatal(err)
			}
			if res.StatusCode != http.StatusServiceUnavailable || res.Header.Get("Retry-After") == "" {
				t.Errorf("%s of a cold relay: %d", path, res.StatusCode)
			}
		}
		if status, _ := ask(t.Context(), n, one.host, revocation.Request{}); status != http.StatusServiceUnavailable {
			t.Errorf("a cold relay answers %d", status)
		}
		n.set("tandem.localhost", link{})
		one.ready()
		if status, rep := ask(t.Context(), n, one.host, revocation.Request{}); status != http.StatusOK || !rep.Snapshot {
			t.Errorf("once warm it answers %d %+v", status, rep)
		}
	})
}

func TestVerifierOfAnotherIssuersRelay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, s, chain, _ := chainOf(t, 1)
		other := chain[0]
		n := newNetwork()
		n.add(other.host, &other.door)
		n.add("other.localhost", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write([]byte(`{"issuer":"http://other.localhost","jwks_uri":"http://other.localhost/a","tandem_revocation_endpoint":"http://other.localhost/b","tandem_feed_jwks_uri":"http://other.localhost/c"}`))
		}))
		_, err := verify.New(t.Context(), verify.Config{Issuer: "http://other.localhost", Audience: s.Audience(), Relay: "http://" + other.host, HTTPClient: n.client()})
		var bad *verify.ConfigError
		if !errors.As(err, &bad) || bad.Field != "Relay" {
			t.Errorf("a relay of another issuer: %v, want it refused by name", err)
		}
	})
}
