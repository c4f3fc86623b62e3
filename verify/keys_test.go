package verify

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"tandem.example/tandem/verify/jws"
	"tandem.example/tandem/verify/revocation"
	"tandem.example/tandem/verify/verifytest"
)

const jwksPath = "/.well-known/jwks.json"

// breakKeys answers 500 where the token keys are, while broken says so.
func breakKeys(s *verifytest.Server, broken *atomic.Bool) {
	s.Intercept(func(r *http.Request, res *verifytest.Response) {
		if broken.Load() && r.URL.Path == jwksPath {
			res.Status, res.Body = http.StatusInternalServerError, nil
		}
	})
}

func TestRotatedKeyIsFoundAtOnce(t *testing.T) {
	s := verifytest.NewServer(t)
	v := start(t, s)
	session := s.SignIn(verifytest.User{})
	old := session.AccessToken()
	accepts(t, v, old)
	s.RotateKey()
	accepts(t, v, session.AccessToken())
	accepts(t, v, old) // nobody is signed out by a rotation
}

func TestStolenKey(t *testing.T) {
	for name, rule := range map[string]Rule{"within": Within(DefaultFreshness), "until expiry": UntilExpiry(), "live": Live()} {
		t.Run(name, func(t *testing.T) {
			s := verifytest.NewServer(t)
			v := start(t, s)
			session := s.SignIn(verifytest.User{})
			stolen := s.TokenKey()
			cached, fresh := session.AccessToken(), session.AccessToken()
			accepts(t, v, cached)
			s.RevokeKey(stolen.Key().ID())
			s.Settle()
			// By the cache, by the key set, and by a position in the future of the
			// revocation, which the thief can write.
			refuses(t, v, ErrInvalidToken, cached, rule)
			refuses(t, v, ErrInvalidToken, fresh, rule)
			accepts(t, v, session.AccessToken(), rule)
			accepts(t, v, session.Token(), rule)
		})
	}
}

// The keys are as new as the events: until they have been fetched there is no
// lease, however many replies come meanwhile.
func TestNoLeaseBeforeTheKeysOfAKeyEvent(t *testing.T) {
	inFakeTime(t, func(t *testing.T, s *verifytest.Server) {
		v := start(t, s)
		session := s.SignIn(verifytest.User{})
		var broken atomic.Bool
		broken.Store(true)
		breakKeys(s, &broken)
		s.RevokeKey(s.TokenKey().Key().ID())
		credential := session.AccessToken()
		time.Sleep(11 * time.Second)
		s.Announce(revocation.SubjectEvent("usr_other"))
		time.Sleep(5 * time.Second)
		if v.Status().Ready {
			t.Error("a lease without the keys")
		}
		refuses(t, v, ErrUnavailable, credential)
		broken.Store(false)
		time.Sleep(2 * backoffMax)
		accepts(t, v, credential)
	})
}

// With a snapshot a key event may have been missed: it was pruned while nobody
// was listening. Then too the keys come before the lease.
func TestNoLeaseBeforeTheKeysOfASnapshot(t *testing.T) {
	inFakeTime(t, func(t *testing.T, s *verifytest.Server) {
		v := start(t, s)
		session := s.SignIn(verifytest.User{})
		credential := session.AccessToken()
		accepts(t, v, credential)
		s.Crash()
		s.RevokeKey(s.TokenKey().Key().ID())
		s.Announce(revocation.SubjectEvent("usr_other"))
		s.Prune()
		var broken atomic.Bool
		broken.Store(true)
		breakKeys(s, &broken)
		time.Sleep(11 * time.Second)
		s.Heal()
		time.Sleep(10 * time.Second)
		if v.Status().Ready {
			t.Error("a lease without the keys")
		}
		refuses(t, v, ErrUnavailable, credential)
		broken.Store(false)
		time.Sleep(2 * backoffMax)
		refuses(t, v, ErrInvalidToken, credential)
	})
}

// Tokens with keys that do not exist cause a bounded number of fetches, however
// many come at once.
func TestUnknownKeysAreFetchedRarely(t *testing.T) {
	inFakeTime(t, func(t *testing.T, s *verifytest.Server) {
		v := start(t, s)
		strange := verifytest.NewServer(t, verifytest.InMemory())
		before, begun := s.Requests(jwksPath), time.Now()
		for range 10 {
			strange.RotateKey()
			credential := strange.SignIn(verifytest.User{}).AccessToken()
			var all sync.WaitGroup
			for range 20 {
				all.Go(func() {
					if _, err := v.Verify(t.Context(), credential); !errors.Is(err, ErrInvalidToken) {
						t.Errorf("got %v", err)
					}
				})
			}
			all.Wait()
		}
		most := int(time.Since(begun)/refetchEvery) + 1
		if n := s.Requests(jwksPath) - before; n < 10 || n > most {
			t.Errorf("%d fetches in %s", n, time.Since(begun))
		}
	})
}

func TestUnknownKeyIsFetchedOnceForAll(t *testing.T) {
	inFakeTime(t, func(t *testing.T, s *verifytest.Server) {
		v := start(t, s)
		s.Intercept(func(r *http.Request, _ *verifytest.Response) {
			if r.URL.Path == jwksPath {
				time.Sleep(time.Second)
			}
		})
		s.RotateKey()
		before := s.Requests(jwksPath)
		var wg sync.WaitGroup
		for range 100 {
			credential := s.SignIn(verifytest.User{}).AccessToken()
			wg.Go(func() { accepts(t, v, credential) })
		}
		wg.Wait()
		if n := s.Requests(jwksPath) - before; n != 1 {
			t.Errorf("%d fetches", n)
		}
	})
}

// If the keys cannot be fetched, nothing can be said about a token of a key
// that is not known: it is not invalid.
func TestUnknownKeyWhileTheServerIsDown(t *testing.T) {
	inFakeTime(t, func(t *testing.T, s *verifytest.Server) {
		v := start(t, s)
		s.RotateKey()
		credential := s.SignIn(verifytest.User{}).AccessToken()
		s.Crash()
		refuses(t, v, ErrUnavailable, credential)
		refuses(t, v, ErrUnavailable, credential) // nor within the limit
		s.Heal()
		time.Sleep(refetchEvery)
		accepts(t, v, credential)
	})
}

// A fetch that was begun before a key was withdrawn, and that ends after one
// that was begun later, does not bring the key back.
func TestOlderFetchDoesNotBringAKeyBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		signer, err := jws.Generate("stolen", jws.EdDSA)
		if err != nil {
			t.Fatal(err)
		}
		tasks := newTasks()
		defer tasks.close()
		answers := make(chan jws.Set)
		k := newKeyring(nil, localClock(), tasks, func(context.Context) (jws.Set, error) { return <-answers, nil })
		slow := make(chan error)
		go func() { slow <- k.refresh(t.Context()) }()
		synctest.Wait() // it waits for its answer
		withdrawn := make(chan error)
		hold := k.fetch
		k.fetch = func(context.Context) (jws.Set, error) { return jws.Set{}, nil }
		go func() { withdrawn <- k.refresh(t.Context()) }()
		if err := <-withdrawn; err != nil {
			t.Fatal(err)
		}
		k.fetch = hold
		answers <- jws.Set{signer.Key()}
		if err := <-slow; err != nil {
			t.Fatal(err)
		}
		if _, ok := k.current.Load().keys.Find("stolen"); ok {
			t.Error("the key is back")
		}
	})
}

func TestGenerationChangesWhenAKeyIsWithdrawn(t *testing.T) {
	var keys [3]jws.Key
	for i := range keys {
		signer, err := jws.Generate(fmt.Sprint("key-", i), jws.EdDSA)
		if err != nil {
			t.Fatal(err)
		}
		keys[i] = signer.Key()
	}
	other, err := jws.Generate("key-0", jws.EdDSA)
	if err != nil {
		t.Fatal(err)
	}
	shared, err := jws.Generate("shared", jws.HS256)
	if err != nil {
		t.Fatal(err)
	}
	tasks := newTasks()
	defer tasks.close()
	var next jws.Set
	k := newKeyring([]jws.Key{shared.Key()}, localClock(), tasks, func(context.Context) (jws.Set, error) { return next, nil })
	for i, step := range []struct {
		keys    jws.Set
		changed bool
	}{
		{jws.Set{keys[0]}, false},
		{jws.Set{keys[0], keys[1]}, false},
		{jws.Set{keys[1], keys[0]}, false},
		{jws.Set{keys[1]}, true},
		{jws.Set{keys[1], keys[0]}, false},
		{jws.Set{keys[1], other.Key()}, true},
		{jws.Set{}, true},
		{jws.Set{}, false},
	} {
		before := k.generation()
		next = step.keys
		if err := k.refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
		if changed := k.generation() != before; changed != step.changed {
			t.Errorf("step %d: changed %t, want %t", i, changed, step.changed)
		}
		if _, ok := k.current.Load().keys.Find("shared"); !ok {
			t.Errorf("step %d: the shared key is gone", i)
		}
	}
	impostor, err := jws.Generate("shared", jws.EdDSA)
	if err != nil {
		t.Fatal(err)
	}
	next = jws.Set{impostor.Key()}
	if err := k.refresh(t.Context()); err == nil {
		t.Error("a published key took a shared key's id")
	}
}

// The keys are fetched now and then anyway, and trouble with that is no trouble.
func TestRoutineFetch(t *testing.T) {
	inFakeTime(t, func(t *testing.T, s *verifytest.Server) {
		v := start(t, s)
		credential := s.SignIn(verifytest.User{}).AccessToken()
		before := s.Requests(jwksPath)
		time.Sleep(11 * time.Minute)
		if n := s.Requests(jwksPath) - before; n != 2 {
			t.Errorf("%d fetches in eleven minutes", n)
		}
		var broken atomic.Bool
		broken.Store(true)
		breakKeys(s, &broken)
		time.Sleep(6 * time.Minute)
		if !v.Status().Ready {
			t.Error("not ready")
		}
		refuses(t, v, ErrExpired, credential)
	})
}

func TestKeysAfterClose(t *testing.T) {
	s := verifytest.NewServer(t)
	v := start(t, s)
	v.Close()
	if err := v.keys.fetched(t.Context()); !errors.Is(err, ErrClosed) {
		t.Errorf("got %v", err)
	}
}
