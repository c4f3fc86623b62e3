package tandem

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"tandem.example/tandem/internal/lab/rig"
)

// A standby that lacked the end takes over: what was ended and lost in PostgreSQL is an alarm and a new epoch, a
// verifier that knew of it goes on refusing, and nobody else is signed out, wherever the sessions are kept.
func TestFailoverThatLosesTheEnd(t *testing.T) {
	if testing.Short() {
		t.Skip("needs PostgreSQL and Redis")
	}
	for _, sessions := range []string{"PostgreSQL", "Redis"} {
		t.Run("sessions in "+sessions, func(t *testing.T) {
			t.Parallel()
			primary := rig.Postgres(t, rig.PostgresConfig{Standbys: 1})
			standby := primary.Standby(0)
			store := primary.NewDatabase(t)
			h := furnish(t, func(c *Config) {
				c.Store, c.InsecureAllowAsyncCommit = eitherOf(t, store, standby.Same(store)), true
				if sessions == "Redis" {
					c.Sessions.Store = rig.Redis(t, rig.RedisConfig{AppendFsync: "always"}).URL()
				}
			})
			v := h.verifier(nil)
			ada, bob := h.signUp("ada@example.com", ""), h.signUp("bob@example.com", "")
			for _, who := range []answer{ada, bob} {
				if _, err := v.Verify(t.Context(), who.text("access_token")); err != nil {
					t.Fatal(err)
				}
			}
			epoch := epochOf(h)
			standby.CatchUp(t)
			standby.Hold(t)
			receipt := h.operate("POST", "/v1/admin/revocations", map[string]any{"kind": "session", "id": ada.in("session").text("id"), "wait": "enforced"})
			h.must(201, receipt)
			primary.Kill(t)
			standby.Promote(t)

			until := time.Now().Add(30 * time.Second)
			for h.server.parts.feed.Rollbacks() == 0 || h.get("/readyz", "").Code != 200 || epochOf(h) == epoch {
				if time.Now().After(until) {
					t.Fatalf("after 30 s: %d rollbacks, epoch %s as before\n%s", h.server.parts.feed.Rollbacks(), epochOf(h), h.logs)
				}
				time.Sleep(50 * time.Millisecond)
			}
			if n := strings.Count(h.logs.String(), "has lost the end of the revocation log"); n == 0 {
				t.Error("nothing was logged")
			}
			// Bob's session lives; his access token is renewed, as everybody's.
			h.must(200, h.get("/v1/session", bob.text("session_token")))
			fresh := h.must(200, h.post("/v1/session/token", bob.text("session_token"), nil))
			for until := time.Now().Add(10 * time.Second); ; time.Sleep(50 * time.Millisecond) {
				if _, err := v.Verify(t.Context(), fresh.text("access_token")); err == nil {
					break
				} else if time.Now().After(until) {
					t.Fatalf("a fresh token: %v", err)
				}
			}
			// The verifier knew of the end of Ada's session, and so did Redis.
			for _, kind := range []string{"access_token", "session_token"} {
				if _, err := v.Verify(t.Context(), ada.text(kind)); err == nil {
					t.Errorf("the verifier accepts the %s of a session that it knew to have ended", kind)
				}
			}
			if status := v.Status(); status.Alarms == 0 {
				t.Errorf("the verifier raised no alarm: %+v", status)
			}
			if sessions == "Redis" {
				if a := h.get("/v1/session", ada.text("session_token")); a.Code != 401 {
					t.Errorf("an ended session after the failover: %d", a.Code)
				}
			}
		})
	}
}

// eitherOf is the URL of whichever of two servers takes writes.
func eitherOf(t *testing.T, one, other string) string {
	t.Helper()
	a, errA := url.Parse(one)
	b, errB := url.Parse(other)
	if errA != nil || errB != nil {
		t.Fatal(errA, errB)
	}
	q, r := a.Query(), b.Query()
	for _, key := range []string{"host", "port"} {
		if q.Has(key) {
			q.Set(key, q.Get(key)+","+r.Get(key))
		}
	}
	a.RawQuery = q.Encode()
	return a.String()
}

func epochOf(h *house) string {
	head, err := h.server.store.Log().Head(h.Context())
	if err != nil {
		return ""
	}
	return head.Epoch
}

// Whether a standby lacked something that no node had seen, nobody can tell: unless commits had waited for it, a new
// epoch begins, so that no position is given out twice in one.
func TestFailoverBeginsAnEpochUnlessCommitsWaited(t *testing.T) {
	if testing.Short() {
		t.Skip("needs PostgreSQL")
	}
	for _, waits := range []bool{false, true} {
		t.Run(map[bool]string{false: "asynchronous", true: "synchronous"}[waits], func(t *testing.T) {
			t.Parallel()
			primary := rig.Postgres(t, rig.PostgresConfig{Standbys: 1, Synchronous: waits})
			standby := primary.Standby(0)
			store := primary.NewDatabase(t)
			h := furnish(t, func(c *Config) {
				c.Store, c.InsecureAllowAsyncCommit = eitherOf(t, store, standby.Same(store)), true
			})
			ada := h.signUp("ada@example.com", "")
			epoch := epochOf(h)
			time.Sleep(3 * watchEvery) // a look at how commits are replicated
			standby.CatchUp(t)
			primary.Kill(t)
			standby.Promote(t)
			for until := time.Now().Add(30 * time.Second); h.get("/readyz", "").Code != 200 || h.get("/v1/session", ada.text("session_token")).Code != 200; time.Sleep(50 * time.Millisecond) {
				if time.Now().After(until) {
					t.Fatalf("not ready after 30 s\n%s", h.logs)
				}
			}
			time.Sleep(3 * watchEvery)
			if now := epochOf(h); (now == epoch) != waits || (h.server.parts.feed.Rollbacks() == 0) != waits {
				t.Errorf("epoch %s, then %s; %d alarms", epoch, now, h.server.parts.feed.Rollbacks())
			}
		})
	}
}
