package verify

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"tandem.example/tandem/verify/jws"
)

// keyring holds the issuer's token keys. Readers never wait for the network
// unless a token names a key that is not known yet.
type keyring struct {
	shared jws.Set // configured, never fetched
	fetch  func(context.Context) (jws.Set, error)
	clock  func() reading
	tasks  *tasks

	current atomic.Pointer[keyset]

	mu     sync.Mutex
	begun  uint64 // how many fetches have been begun
	flight *keyFetch
	last   *keyFetch // the last one for an unknown key
}

// keyset is one state of the ring.
type keyset struct {
	keys       jws.Set
	generation uint64 // another one since a key was withdrawn
	ticket     uint64 // which fetch brought it
}

// keyFetch is one fetch that several may wait for.
type keyFetch struct {
	begun reading
	done  chan struct{}
	err   error
}

// refetchEvery bounds how often tokens with unknown keys cause a fetch. The
// issuer publishes a key before it signs with it, so this is rarely needed.
const refetchEvery = time.Second

func newKeyring(shared []jws.Key, clock func() reading, tasks *tasks, fetch func(context.Context) (jws.Set, error)) *keyring {
	k := &keyring{shared: shared, fetch: fetch, clock: clock, tasks: tasks}
	k.current.Store(&keyset{keys: shared})
	return k
}

// generation changes whenever a key has been withdrawn.
func (k *keyring) generation() uint64 { return k.current.Load().generation }

// find returns the key of that id and the generation it belongs to. An unknown
// one is looked for at the issuer. It is refused only after a fetch that was
// begun since the question came up: an older one, on its way or just done, may
// not know a key that was made meanwhile, and refusing would sign people out.
// One fetch answers all who wait, and they are refetchEvery apart. If the issuer
// cannot be asked, nothing can be said of the token: that is unavailable and not
// invalid.
func (k *keyring) find(ctx context.Context, kid string) (jws.Key, uint64, error) {
	set := k.current.Load()
	if key, ok := set.keys.Find(kid); ok {
		return key, set.generation, nil
	}
	asked := k.tickets()
	ctx, cancel := context.WithTimeout(ctx, keyPatience)
	defer cancel()
	for {
		set = k.current.Load()
		if key, ok := set.keys.Find(kid); ok {
			return key, set.generation, nil
		}
		if set.ticket > asked {
			return jws.Key{}, 0, refusedKey
		}
		if err := k.fetched(ctx); err != nil {
			return jws.Key{}, 0, unavailable("the issuer's keys cannot be fetched", err)
		}
	}
}

// keyPatience is for how long a token with an unknown key may be kept waiting.
const keyPatience = 5 * time.Second

// tickets is how many fetches have been begun so far.
func (k *keyring) tickets() uint64 {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.begun
}

// fetched waits for the next fetch to end, the one under way or one that may be begun now.
func (k *keyring) fetched(ctx context.Context) error {
	f, wait := k.join()
	if wait > 0 {
		pause(ctx, wait)
		return context.Cause(ctx)
	}
	if f == nil {
		return ErrClosed
	}
	select {
	case <-f.done:
		return f.err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// join returns the fetch under way or begins one; or how long it is until one
// may be begun; or neither if the verifier is closed.
func (k *keyring) join() (f *keyFetch, wait time.Duration) {
	k.mu.Lock()
	defer k.mu.Unlock()
	now := k.clock()
	if k.flight != nil {
		return k.flight, 0
	}
	if k.last != nil {
		if since := passed(k.last.begun, now); since < refetchEvery {
			return nil, refetchEvery - since
		}
	}
	f = &keyFetch{begun: now, done: make(chan struct{})}
	started := k.tasks.start(func(ctx context.Context) {
		err := k.refresh(ctx)
		k.mu.Lock()
		f.err, k.flight, k.last = err, nil, f
		k.mu.Unlock()
		close(f.done)
	})
	if !started {
		return nil, 0
	}
	k.flight = f
	return f, 0
}

// refresh fetches the keys and replaces what is known, unless a fetch that was
// begun later has done so already. Keys that are gone from the issuer's set are
// not trusted from here on.
func (k *keyring) refresh(ctx context.Context) error {
	k.mu.Lock()
	k.begun++
	ticket := k.begun
	k.mu.Unlock()
	fetched, err := k.fetch(ctx)
	if err != nil {
		return err
	}
	next := &keyset{keys: append(jws.Set(nil), k.shared...), ticket: ticket}
	for _, key := range fetched {
		if _, taken := next.keys.Find(key.ID()); taken {
			return errors.New("the issuer publishes a key under the id of a shared key")
		}
		next.keys = append(next.keys, key)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	old := k.current.Load()
	if old.ticket > ticket {
		return nil
	}
	next.generation = old.generation
	if withdrew(old.keys, next.keys) {
		next.generation++
	}
	k.current.Store(next)
	return nil
}

// withdrew reports whether a key of old is not in next, or not the same.
func withdrew(old, next jws.Set) bool {
	for _, key := range old {
		now, ok := next.Find(key.ID())
		if !ok || key.Algorithm() != now.Algorithm() || published(key) != published(now) {
			return true
		}
	}
	return false
}

// published is a key as a key set spells it; nothing of a shared key.
func published(key jws.Key) string {
	text, err := jws.Set{key}.Marshal()
	if err != nil {
		return "" // a key of a set always has a spelling
	}
	return string(text)
}
