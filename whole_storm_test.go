package tandem

import (
	"net/http"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"tandem.example/tandem/internal/credential"
)

// TestHashingStorm: more sign-ins at once than can be hashed are turned away with 503 and a time to come back; the
// memory is that of as many hashes as run at once; whatever needs no hash is answered meanwhile.
func TestHashingStorm(t *testing.T) {
	const parallel, waiting, storm = 2, 6, 300
	h := furnish(t, nil)
	token := h.signUp("ada@example.com", "").text("session_token")
	hasher, err := credential.NewHasher(credential.HasherConfig{Parallel: parallel, MaxWaiting: waiting, MaxWait: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	h.server.parts.signin.Hasher = hasher // the default cost, and a queue that fills
	stop, watched := make(chan struct{}), make(chan struct{})
	var highest uint64
	var overrun, answered atomic.Int64
	runtime.GC()
	var before runtime.MemStats
	runtime.ReadMemStats(&before)
	go func() {
		defer close(watched)
		for {
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			highest = max(highest, m.HeapInuse)
			if s := hasher.Stats(); s.Running > parallel {
				overrun.Add(1)
			}
			for _, path := range []string{"/livez", "/readyz", "/v1/session"} {
				if a := h.get(path, token); a.Code != 200 {
					t.Errorf("%s during the storm: %d", path, a.Code)
				}
				answered.Add(1)
			}
			select {
			case <-stop:
				return
			default:
			}
		}
	}()
	var mu sync.Mutex
	codes := make(map[int]int)
	all := make([]func(), storm)
	for i := range all {
		all[i] = func() {
			a := h.post("/v1/sign-in", "", map[string]any{"email": "p" + strconv.Itoa(i) + "@example.com", "password": "guess"})
			mu.Lock()
			defer mu.Unlock()
			codes[a.Code]++
			if a.Code == http.StatusServiceUnavailable {
				seconds, err := strconv.Atoi(a.Header.Get("Retry-After"))
				if err != nil || seconds < 1 || a.text("code") != "overloaded" {
					t.Errorf("turned away with %v, Retry-After %q", a.Body, a.Header.Get("Retry-After"))
				}
			}
		}
	}
	together(all...)
	close(stop)
	<-watched
	s := hasher.Stats()
	if codes[401]+codes[503] != storm || codes[503] == 0 || codes[401] < parallel || s.Done != uint64(codes[401]) || s.Refused != uint64(codes[503]) {
		t.Errorf("answers %v, figures %+v: want 401 for what was hashed and 503 for the rest", codes, s)
	}
	if overrun.Load() > 0 {
		t.Errorf("more than %d hashes ran at once", parallel)
	}
	// Each hash takes 19 MiB; two that run and two that await the collector, and room for everything else. All at
	// once would take 5.7 GiB.
	if bound := before.HeapInuse + 300<<20; highest > bound {
		t.Errorf("the heap grew to %d MiB, want at most %d", highest>>20, bound>>20)
	}
	t.Logf("%v; heap from %d to %d MiB; %d other requests answered meanwhile", codes, before.HeapInuse>>20, highest>>20, answered.Load())
}
