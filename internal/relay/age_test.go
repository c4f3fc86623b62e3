package relay

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"tandem.example/tandem/internal/feed"
	"tandem.example/tandem/verify"
	"tandem.example/tandem/verify/revocation"
	"tandem.example/tandem/verify/verifytest"
)

// ask sends one sync request to a host, and answers the status and the reply.
func ask(ctx context.Context, n *network, host string, req revocation.Request) (int, revocation.Reply) {
	var rep revocation.Reply
	req.Verifier, req.Nonce = "asks", "0123456789abcdef"
	if req.Instance == "" {
		req.Instance = "one"
	}
	body, _ := json.Marshal(req)
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+host+syncPath, bytes.NewReader(body))
	if err != nil {
		return 0, rep
	}
	r.Header.Set("Content-Type", "application/json")
	res, err := n.client().Do(r)
	if err != nil {
		return 0, rep
	}
	defer res.Body.Close()
	if res.StatusCode == http.StatusOK && json.NewDecoder(res.Body).Decode(&rep) != nil {
		return 0, rep
	}
	return res.StatusCode, rep
}

// TestAgeIsNeverYoungerThanTheTruth: whatever delays the links, an answer lacks no event that had committed by the
// time the request was sent, less the age that the answer owns to.
func TestAgeIsNeverYoungerThanTheTruth(t *testing.T) {
	answers, closest := 0, time.Duration(1<<62)
	for seed := range uint64(3) {
		synctest.Test(t, func(t *testing.T) {
			random, adversary := rand.New(rand.NewPCG(seed, 7)), rand.New(rand.NewPCG(seed, 8))
			n, s, chain, _ := chainOf(t, 3)
			var mu sync.Mutex
			var committed []time.Time // by position, less one
			end := time.Now().Add(40 * time.Second)
			go func() {
				for time.Now().Before(end) {
					mu.Lock()
					s.Announce(revocation.SubjectEvent(fmt.Sprint(len(committed))))
					committed = append(committed, time.Now())
					mu.Unlock()
					time.Sleep(20 * time.Millisecond)
				}
			}()
			go func() {
				for links := append(hosts(chain[:2]), "tandem.localhost"); time.Now().Before(end); {
					n.set(links[adversary.IntN(3)], link{
						there: time.Duration(adversary.Int64N(int64(time.Second))), back: time.Duration(adversary.Int64N(int64(3 * time.Second))),
						cut: adversary.IntN(8) == 0,
					})
					time.Sleep(time.Duration(adversary.Int64N(int64(4 * time.Second))))
				}
			}()
			for time.Now().Before(end) {
				time.Sleep(time.Duration(random.Int64N(int64(300 * time.Millisecond))))
				sent := time.Now()
				status, rep := ask(t.Context(), n, chain[2].host, revocation.Request{WaitMS: random.Int64N(1000) + 1})
				if status != http.StatusOK {
					continue
				}
				answers++
				mu.Lock()
				lacking := committed[min(int(rep.To), len(committed)):]
				mu.Unlock()
				if len(lacking) == 0 {
					continue
				}
				slack := lacking[0].Sub(sent.Add(-time.Duration(rep.AgeMS) * time.Millisecond))
				closest = min(closest, slack)
				if slack <= 0 {
					t.Fatalf("seed %d: an answer of age %d ms lacks an event that committed %s before it was asked for", seed, rep.AgeMS, sent.Sub(lacking[0]))
				}
			}
			time.Sleep(5 * time.Second)
		})
	}
	t.Logf("%d answers; the closest was older than it said by %s less than would have shown", answers, closest)
	if answers < 200 || closest > 100*time.Millisecond {
		t.Errorf("%d answers, the closest %s away: this tries nothing", answers, closest)
	}
}

func TestPartitionUpstreamEndsTheZonesLeases(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, s, chain, v := chainOf(t, 2)
		time.Sleep(5 * time.Second)
		session := s.SignIn(verifytest.User{})
		credential := session.AccessToken()
		if _, err := v.Verify(t.Context(), credential); err != nil {
			t.Fatal(err)
		}
		n.set("tandem.localhost", link{cut: true})
		cut := time.Now()
		session.End()
		last := time.Duration(0)
		for time.Since(cut) < 15*time.Second {
			if _, err := v.Verify(t.Context(), credential); err == nil {
				last = time.Since(cut)
			} else if !errors.Is(err, verify.ErrUnavailable) {
				t.Fatalf("refused as %v: nobody behind the partition can know", err)
			}
			time.Sleep(20 * time.Millisecond)
		}
		if last > lease || last < lease/2 {
			t.Errorf("accepted for %s after the partition, want most of %s and no more", last, lease)
		}
		status, _ := ask(t.Context(), n, chain[1].host, revocation.Request{})
		if status != http.StatusServiceUnavailable || chain[0].relay.Status().Ready || chain[1].relay.Status().Ready {
			t.Errorf("a relay that lost its lease answers %d and is ready: %v", status, chain[0].relay.Status().Ready)
		}
		n.set("tandem.localhost", link{})
		time.Sleep(lease + 4*time.Second) // a request that was lost in the partition may still be waited for
		if _, err := v.Verify(t.Context(), credential); !errors.Is(err, verify.ErrRevoked) {
			t.Errorf("after the partition: %v, want the revocation to be known", err)
		}
	})
}

// TestSleepDoesNotMakeTheMirrorYounger: the monotonic clock stands still while a machine sleeps.
func TestSleepDoesNotMakeTheMirrorYounger(t *testing.T) {
	now := revocation.Reading{Mono: time.Hour, Wall: 100 * time.Hour}
	clock := revocation.Steady(func() revocation.Reading { return now })
	m := newMirror(clock)
	rep := revocation.Reply{Epoch: "abcdefghijklmnopqrstuvwxyz", Snapshot: true, LeaseMS: 10_000, AgeMS: 500}
	sent := clock()
	now.Mono, now.Wall = now.Mono+time.Second, now.Wall+time.Second
	m.apply(rep, revocation.Genesis(rep.Epoch), sent, clock())
	age := func() time.Duration {
		page, err := m.Read(t.Context(), feed.Ask{})
		if err != nil {
			t.Fatal(err)
		}
		return page.Age
	}
	if got := age(); got != 1500*time.Millisecond {
		t.Errorf("age %s, want what passed since the request was sent, and what upstream said", got)
	}
	now.Wall += 5 * time.Second // asleep
	if got := age(); got != 6500*time.Millisecond {
		t.Errorf("age %s after a sleep of 5 s", got)
	}
	now.Wall -= 5 * time.Second // and set back: what was seen to pass has passed
	if _, err := m.Read(t.Context(), feed.Ask{}); !errors.Is(err, feed.ErrStale) {
		t.Errorf("a clock that was set back: %v, want nothing to be answered", err)
	}
	m.drop()
	if _, err := m.Read(t.Context(), feed.Ask{}); !errors.Is(err, feed.ErrStale) {
		t.Errorf("without a lease: %v", err)
	}
}
