package feed_test

import (
	"context"
	"encoding/json"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"tandem.example/tandem/internal/feed"
	"tandem.example/tandem/internal/memory"
	"tandem.example/tandem/verify/revocation"
)

const lease = 10 * time.Second

// bench is a feed service on the memory store.
type bench struct {
	*testing.T
	store   *memory.Store
	log     feed.Log
	leases  feed.Leases
	service *feed.Service

	restored time.Time
	shared   *feed.Shared
}

func open(t *testing.T, wrap func(*bench)) *bench {
	t.Helper()
	b := &bench{T: t, store: memory.Open(memory.Options{})}
	b.log, b.leases = b.store.Log(), b.store.Leases()
	if wrap != nil {
		wrap(b)
	}
	b.start()
	return b
}

// start begins a service on the store, as a new process would.
func (b *bench) start() {
	b.Helper()
	s, err := feed.Open(b.Context(), feed.Config{Log: b.log, Leases: b.leases, Lease: lease, Now: time.Now, RestoredAt: b.restored, Shared: b.shared,
		Sign: func([]byte) (string, error) { return "signature", nil }})
	if err != nil {
		b.Fatal(err)
	}
	b.service = s
	b.Cleanup(s.Close)
}

func (b *bench) revoke(session string) feed.Commit {
	b.Helper()
	c, err := b.log.Append(b.Context(), feed.Append{Events: []revocation.Event{revocation.SessionEvent(session)}, At: time.Now()})
	if err != nil {
		b.Fatal(err)
	}
	return c
}

// verifier follows the feed.
type verifier struct {
	*bench
	app  string
	last revocation.Reply
	req  revocation.Request
}

func (b *bench) verifier(app, instance string) *verifier {
	return &verifier{bench: b, app: app, req: revocation.Request{Verifier: "v", Instance: instance, Nonce: "0123456789abcdef"}}
}

func (v *verifier) sync(wait time.Duration) revocation.Reply {
	v.Helper()
	r, err := v.try(wait)
	if err != nil {
		v.Fatal(err)
	}
	return r
}

func (v *verifier) try(wait time.Duration) (revocation.Reply, error) {
	v.req.WaitMS = wait.Milliseconds()
	signed, err := v.service.Sync(v.Context(), feed.Caller{Application: v.app}, v.req)
	if err != nil {
		return revocation.Reply{}, err
	}
	var r revocation.Reply
	if err := json.Unmarshal(signed.Body, &r); err != nil {
		v.Fatal(err)
	}
	v.req.Epoch, v.req.Position, v.req.Chain, v.last = r.Epoch, r.To, r.Chain, r
	return r, nil
}

func TestSyncWaitsForTheNextEvent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := open(t, nil)
		v := b.verifier("app", "one")
		if first := v.sync(time.Second); !first.Snapshot || first.To != 0 || first.LeaseMS != lease.Milliseconds() || first.AgeMS != 0 {
			t.Fatalf("a newcomer gets %+v, want an empty snapshot with a lease", first)
		}
		start := time.Now()
		if quiet := v.sync(2 * time.Second); len(quiet.Events) != 0 || time.Since(start) != 2*time.Second {
			t.Fatalf("a quiet log answered %+v after %s, want nothing after the wait", quiet, time.Since(start))
		}
		time.AfterFunc(500*time.Millisecond, func() { b.revoke("ses_1") })
		start = time.Now()
		r := v.sync(2 * time.Second)
		if len(r.Events) != 1 || r.From != 0 || r.To != 1 || time.Since(start) != 500*time.Millisecond {
			t.Fatalf("after %s got %+v, want event 1 at once", time.Since(start), r)
		}
	})
}

func TestBurstCostsOneResponse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := open(t, nil)
		v := b.verifier("app", "one")
		v.sync(0)
		go func() {
			for range 100 {
				b.revoke("ses_1")
				time.Sleep(100 * time.Microsecond)
			}
		}()
		replies := 0
		for v.last.To < 100 {
			v.sync(2 * time.Second)
			replies++
		}
		if replies > 3 {
			t.Errorf("100 events within 10 ms took %d responses, want them coalesced", replies)
		}
	})
}

// heldLog lets a test stop a read after it has taken its snapshot.
type heldLog struct {
	feed.Log
	reading chan struct{} // receives once a read has its page
	release chan struct{}
}

func (l *heldLog) Read(ctx context.Context, ask feed.Ask) (feed.Page, error) {
	page, err := l.Log.Read(ctx, ask)
	l.reading <- struct{}{}
	<-l.release
	return page, err
}

func TestReadBeginsAfterTheRequestArrived(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		held := &heldLog{reading: make(chan struct{}, 8), release: make(chan struct{})}
		b := open(t, func(b *bench) { held.Log = b.log; b.log = held })
		early, late := b.verifier("app", "early"), b.verifier("app", "late")
		go func() { _, _ = early.try(0) }()
		<-held.reading // the early request's page is taken, and knows of no event
		b.revoke("ses_1")
		done := make(chan revocation.Reply)
		go func() { r, _ := late.try(0); done <- r }()
		synctest.Wait()
		close(held.release)
		if r := <-done; r.To != 1 {
			t.Errorf("a request that arrived after the commit was answered up to %d, from a read that began before it", r.To)
		}
		synctest.Wait()
	})
}

// slowLog takes a millisecond to read, and counts.
type slowLog struct {
	feed.Log
	reads atomic.Int64
}

func (l *slowLog) Read(ctx context.Context, ask feed.Ask) (feed.Page, error) {
	l.reads.Add(1)
	time.Sleep(time.Millisecond)
	return l.Log.Read(ctx, ask)
}

func TestOneReadAnswersAllThatWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := &slowLog{}
		b := open(t, func(b *bench) { slow.Log = b.log; b.log = slow })
		var waiting sync.WaitGroup
		for i := range 50 {
			v := b.verifier("app", string(rune('A'+i)))
			v.sync(0)
			waiting.Go(func() { _, _ = v.try(20 * time.Second) })
		}
		synctest.Wait()
		slow.reads.Store(0)
		b.revoke("ses_1")
		waiting.Wait()
		if n := slow.reads.Load(); n > 3 {
			t.Errorf("50 waiting requests took %d reads", n)
		}
	})
}

func TestCloseReleasesHeldRequests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := open(t, nil)
		v := b.verifier("app", "one")
		v.sync(0)
		failed := make(chan error)
		go func() {
			_, err := v.try(20 * time.Second)
			failed <- err
		}()
		synctest.Wait()
		b.service.Close()
		if err := <-failed; !errors.Is(err, feed.ErrClosed) {
			t.Errorf("a held request answered %v, want ErrClosed", err)
		}
	})
}

func TestMalformedRequestsAreRefusedByField(t *testing.T) {
	b := open(t, nil)
	for field, spoil := range map[string]func(*revocation.Request){
		"verifier": func(r *revocation.Request) { r.Verifier = "" },
		"instance": func(r *revocation.Request) { r.Instance = "" },
		"nonce":    func(r *revocation.Request) { r.Nonce = "short" },
		"wait_ms":  func(r *revocation.Request) { r.WaitMS = 25_001 },
	} {
		r := b.verifier("app", "one").req
		spoil(&r)
		var refused *feed.RequestError
		if _, err := b.service.Sync(t.Context(), feed.Caller{Application: "app"}, r); !errors.As(err, &refused) || refused.Field != field {
			t.Errorf("spoiled %s: %v", field, err)
		}
	}
	if n := len(b.service.Verifiers()); n != 0 {
		t.Errorf("malformed requests left %d verifiers behind", n)
	}
}
