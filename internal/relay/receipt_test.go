package relay

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"tandem.example/tandem/internal/feed"
	"tandem.example/tandem/internal/memory"
	"tandem.example/tandem/verify/jws"
	"tandem.example/tandem/verify/revocation"
)

// log is the real feed of a server, on a store in memory, at http://log.localhost.
type log struct {
	t       *testing.T
	log     feed.Log
	service *feed.Service
}

func newLog(t *testing.T, n *network) *log {
	t.Helper()
	key, err := jws.Generate("feed", jws.EdDSA)
	if err != nil {
		t.Fatal(err)
	}
	store := memory.Open(memory.Options{})
	l := &log{t: t, log: store.Log()}
	if _, err := l.log.KeepFor(t.Context(), 5*time.Minute, time.Now()); err != nil {
		t.Fatal(err)
	}
	l.service, err = feed.Open(t.Context(), feed.Config{
		Log: l.log, Leases: store.Leases(), Lease: lease, Now: time.Now,
		Sign: func(body []byte) (string, error) { return key.SignDetached("revocation-sync", body) },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.service.Close)
	keys, err := jws.Set{key.Key()}.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/oauth-authorization-server", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `{"issuer":"http://log.localhost","tandem_revocation_endpoint":"http://log.localhost/sync","tandem_feed_jwks_uri":"http://log.localhost/keys"}`)
	})
	mux.HandleFunc("GET /keys", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(keys) })
	mux.HandleFunc("POST /sync", l.serve)
	n.add("log.localhost", mux)
	return l
}

func (l *log) serve(w http.ResponseWriter, r *http.Request) {
	var req revocation.Request
	if err := json.NewDecoder(r.Body).Decode(&req); err != nil {
		l.t.Error(err)
	}
	signed, err := l.service.Sync(r.Context(), feed.Caller{Application: "app"}, req)
	if err != nil {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	w.Header().Set("Tandem-Signature", signed.Signature)
	_, _ = w.Write(signed.Body)
}

// revoke commits a revocation, and answers its receipt when there is one.
func (l *log) revoke(name string) <-chan feed.Receipt {
	l.t.Helper()
	commit, err := l.log.Append(l.t.Context(), feed.Append{Events: []revocation.Event{revocation.SubjectEvent(name)}, At: time.Now()})
	if err != nil {
		l.t.Fatal(err)
	}
	out := make(chan feed.Receipt, 1)
	go func() {
		r, err := l.service.Enforced(context.WithoutCancel(l.t.Context()), commit)
		if err != nil {
			l.t.Error(err)
		}
		out <- r
	}()
	return out
}

// reader follows a host as a verifier would, a poll at a time.
type reader struct {
	t    *testing.T
	n    *network
	host string
	req  revocation.Request
}

func (r *reader) poll(wait time.Duration) {
	r.t.Helper()
	r.req.WaitMS = wait.Milliseconds()
	status, rep := ask(r.t.Context(), r.n, r.host, r.req)
	if status != http.StatusOK {
		r.t.Fatalf("%s answered %d", r.host, status)
	}
	r.req.Epoch, r.req.Position, r.req.Chain = rep.Epoch, rep.To, rep.Chain
}

func none(t *testing.T, receipts <-chan feed.Receipt, why string) {
	t.Helper()
	synctest.Wait()
	select {
	case r := <-receipts:
		t.Fatalf("%s: %+v", why, r)
	default:
	}
}

func TestReceiptWaitsForTheZoneOfARelay(t *testing.T) {
	for depth := 1; depth <= 3; depth++ {
		t.Run(fmt.Sprint("behind ", depth), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { receipts(t, depth) })
		})
	}
}

func receipts(t *testing.T, depth int) {
	n := newNetwork()
	l := newLog(t, n)
	upstream, last := "http://log.localhost", ""
	for i := range depth {
		last = fmt.Sprintf("relay%d.localhost", i+1)
		relayAt(t, n, last, upstream).ready()
		upstream = "http://" + last
	}
	time.Sleep(time.Second)
	if r := <-l.revoke("nobody is behind"); r.Verifiers != 1 || r.Acknowledged != 1 || r.EnforcedAfter > 100*time.Millisecond {
		t.Errorf("receipt %+v with an empty zone, want the relay to acknowledge at once", r)
	}

	slow := &reader{t: t, n: n, host: last, req: revocation.Request{Instance: "slow"}}
	slow.poll(0)
	done := l.revoke("while one is slow")
	slow.poll(time.Second) // receives it
	time.Sleep(2 * time.Second)
	none(t, done, "a receipt before the zone's verifier has acknowledged")
	slow.poll(time.Second) // acknowledges it
	if r := <-done; r.Acknowledged != 1 || r.Lapsed != 0 || r.EnforcedAfter > 4*time.Second {
		t.Errorf("receipt %+v, want it acknowledged once the zone's verifier has", r)
	}

	slow.poll(time.Second) // its last word: its lease lapses within L
	start := time.Now()
	done = l.revoke("after one has gone")
	time.Sleep(8 * time.Second)
	none(t, done, "a receipt before the lease of the zone's verifier has lapsed")
	if r := <-done; r.Verifiers != 1 || r.Acknowledged+r.Lapsed != 1 || time.Since(start) > lease {
		t.Errorf("receipt %+v after %s, want the verifier's lease to have lapsed within %s", r, time.Since(start), lease)
	}
	if r := <-l.revoke("once it is forgotten"); r.Acknowledged != 1 || r.EnforcedAfter > 100*time.Millisecond {
		t.Errorf("receipt %+v, want nobody to be waited for", r)
	}
}

// TestReceiptOutlivesARelay: the leases that a relay granted before it died count until they have lapsed, whatever the
// one that takes its place says.
func TestReceiptOutlivesARelay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork()
		l := newLog(t, n)
		one := relayAt(t, n, "relay.localhost", "http://log.localhost")
		one.ready()
		gone := &reader{t: t, n: n, host: one.host, req: revocation.Request{Instance: "gone"}}
		gone.poll(0)
		granted := time.Now()
		one.restart()
		one.ready()
		r := <-l.revoke("known to none of the former zone")
		if held := time.Since(granted); held < lease {
			t.Errorf("receipt %+v, %s after a lease was granted by the relay that died", r, held)
		}
		if r.Verifiers != 2 || r.Lapsed != 1 || r.Acknowledged != 1 || r.EnforcedAfter > lease {
			t.Errorf("receipt %+v, want the former relay to have lapsed and the new one to have acknowledged", r)
		}
	})
}

// TestBusyZoneKeepsItsLease: acknowledgements that come faster than upstream answers do not starve the relay.
func TestBusyZoneKeepsItsLease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork()
		l := newLog(t, n)
		one := relayAt(t, n, "relay.localhost", "http://log.localhost")
		one.ready()
		n.set("log.localhost", link{there: 200 * time.Millisecond, back: 200 * time.Millisecond})
		for i := range 3000 {
			commit := feed.Append{Events: []revocation.Event{revocation.SubjectEvent(fmt.Sprint(i))}, At: time.Now()}
			if _, err := l.log.Append(t.Context(), commit); err != nil {
				t.Fatal(err)
			}
			time.Sleep(10 * time.Millisecond)
			if s := one.relay.Status(); s.Age > 3*time.Second {
				t.Fatalf("after %d events the relay is %s old", i, s.Age)
			}
		}
	})
}
