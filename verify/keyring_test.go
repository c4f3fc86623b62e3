package verify

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"tandem.example/tandem/verify/jws"
)

// A fetch that was under way when a key was made does not know it. Joining that
// fetch must not refuse a token that the new key signed.
func TestKeyMadeDuringAFetchIsFound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		old, err := jws.Generate("old", jws.EdDSA)
		if err != nil {
			t.Fatal(err)
		}
		made, err := jws.Generate("made", jws.EdDSA)
		if err != nil {
			t.Fatal(err)
		}
		var published atomic.Pointer[jws.Set]
		published.Store(&jws.Set{old.Key()})
		tasks := newTasks()
		defer tasks.close()
		k := newKeyring(nil, localClock(), tasks, func(ctx context.Context) (jws.Set, error) {
			set := *published.Load() // as the issuer read it
			pause(ctx, 300*time.Millisecond)
			return set, nil
		})
		go k.find(t.Context(), "garbage")
		synctest.Wait() // the fetch is on its way, with the old set
		published.Store(&jws.Set{old.Key(), made.Key()})
		start := time.Now()
		if _, _, err := k.find(t.Context(), "made"); err != nil {
			t.Errorf("a key that was made during a fetch is refused: %v", err)
		}
		if took := time.Since(start); took > 2*time.Second {
			t.Errorf("it took %s to find", took)
		}
		synctest.Wait()
	})
}
