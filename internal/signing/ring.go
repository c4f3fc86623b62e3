package signing

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"tandem.example/tandem/internal/audit"
	"tandem.example/tandem/internal/feed"
	"tandem.example/tandem/internal/joint"
	"tandem.example/tandem/internal/secret"
	"tandem.example/tandem/verify/jws"
	"tandem.example/tandem/verify/revocation"
)

// Config wires a Ring. All fields but Shared are required.
type Config struct {
	Store     Store
	Box       *secret.Box
	Algorithm jws.Algorithm // of access tokens, where an application does not say otherwise
	Shared    []byte        // the secret of HS256, which verifiers are given by hand; empty if nothing signs HS256
	Schedule  Schedule
	MaxToken  func() time.Duration // the longest lifetime a living access token may have
	Now       func() time.Time
	// Nodes says that others may change the keys as well: Learn and the published documents ask the store.
	Nodes bool
}

// Ring holds the keys in memory, ready to sign. Safe for concurrent use: signing reads one atomic snapshot.
type Ring struct {
	Config
	changing sync.Mutex
	state    atomic.Pointer[state]
	loading  *joint.Asking[struct{}, struct{}]
	changes  atomic.Uint64 // grows when a change begins and when it is over: odd while one is under way
}

// state is one version of the ring.
type state struct {
	version uint64
	changes uint64 // of the Ring, before it was read
	stored  []Stored
	current map[lane]jws.Signer
	public  map[string]jws.Key // of token keys that verify, by kid
	revoked map[string]bool    // kids
	tokens  []byte             // JWKS documents
	feed    []byte
}

// Open loads the keys and makes those that are missing.
func Open(ctx context.Context, c Config) (*Ring, error) {
	r := &Ring{Config: c}
	r.loading = joint.New(func(ctx context.Context, _ struct{}) (struct{}, error) { return struct{}{}, r.load(ctx) })
	if err := r.Reload(ctx); err != nil {
		return nil, err
	}
	if err := r.Advance(ctx); err != nil {
		return nil, err
	}
	if _, err := r.Signer(r.Algorithm); err != nil {
		return nil, err
	}
	return r, nil
}

// Reload reads the keys again, as another node may have changed them.
func (r *Ring) Reload(ctx context.Context) error {
	_, err := r.loading.Ask(ctx, struct{}{})
	return err
}

// Follow makes sure that the ring is not older than the version, which the caller has read together with other state:
// what another node had changed by then is known when it returns, and what this one has, though it could not read it at
// once. It reports whether the ring had to be read again.
func (r *Ring) Follow(ctx context.Context, version uint64) (bool, error) {
	if !r.behind() && (!r.Nodes || r.state.Load().version == version) {
		return false, nil
	}
	return true, r.Reload(ctx)
}

// behind reports whether the store may hold what the state does not, by a change of this process.
func (r *Ring) behind() bool {
	n := r.changes.Load()
	return n%2 == 1 || r.state.Load().changes != n
}

// Learn reads the keys again where another node may have changed them, because something is not known here. It reports
// whether it did.
func (r *Ring) Learn(ctx context.Context) (bool, error) {
	if !r.Nodes && !r.behind() {
		return false, nil
	}
	return true, r.Reload(ctx)
}

// load reads the keys. One load runs at a time, so that what was read later is what counts.
func (r *Ring) load(ctx context.Context) error {
	changes := r.changes.Load()
	keys, version, err := r.Store.Keys(ctx)
	if err != nil {
		return fmt.Errorf("load signing keys: %w", err)
	}
	st := &state{version: version, changes: changes, stored: keys, current: make(map[lane]jws.Signer), public: make(map[string]jws.Key),
		revoked: make(map[string]bool)}
	var tokens, feeds jws.Set
	for _, k := range keys {
		if k.State == Revoked {
			st.revoked[k.KID] = true
			continue
		}
		private, err := r.Box.Open(k.Sealed, rowName(k.KID))
		if err != nil {
			return fmt.Errorf("open signing key %s: %w (is this the master key it was sealed under?)", k.KID, err)
		}
		signer, err := jws.ParseSigner(k.KID, k.Algorithm, private)
		if err != nil {
			return fmt.Errorf("read signing key %s: %w", k.KID, err)
		}
		if k.State == Current {
			st.current[lane{k.Use, k.Algorithm}] = signer
		}
		switch {
		case k.Use == ForFeed:
			feeds = append(feeds, signer.Key())
		default:
			st.public[k.KID] = signer.Key()
			if k.Algorithm != jws.HS256 {
				tokens = append(tokens, signer.Key())
			}
		}
	}
	if err := st.share(r.Shared); err != nil {
		return err
	}
	if st.tokens, err = tokens.Marshal(); err != nil {
		return fmt.Errorf("publish signing keys: %w", err)
	}
	if st.feed, err = feeds.Marshal(); err != nil {
		return fmt.Errorf("publish feed keys: %w", err)
	}
	r.state.Store(st)
	return nil
}

// rowName is the associated data under which a private key is sealed, so that two rows cannot be swapped.
func rowName(kid string) string { return "signing key " + kid }

// Signer answers the current key for access tokens of the algorithm, or of the server's if it is empty.
func (r *Ring) Signer(alg jws.Algorithm) (jws.Signer, error) {
	if alg == "" {
		alg = r.Algorithm
	}
	s, ok := r.state.Load().current[lane{ForTokens, alg}]
	if !ok && alg == jws.HS256 {
		return jws.Signer{}, ErrNoShared
	}
	if !ok {
		return jws.Signer{}, fmt.Errorf("no current signing key for %s", alg)
	}
	return s, nil
}

// SignReply makes the detached JWS of a feed reply.
func (r *Ring) SignReply(body []byte) (string, error) {
	s, ok := r.state.Load().current[lane{ForFeed, jws.EdDSA}]
	if !ok {
		return "", errors.New("no current feed key")
	}
	return s.SignDetached("revocation-sync", body)
}

// Public answers the verification key of an access token by its kid.
func (r *Ring) Public(kid string) (jws.Key, bool) {
	k, ok := r.state.Load().public[kid]
	return k, ok
}

// IsRevoked reports whether the key was revoked: what it signed can be renewed, by whoever has a session.
func (r *Ring) IsRevoked(kid string) bool { return r.state.Load().revoked[kid] }

// TokenKeys is the JWKS document of access-token keys, with those that another node has made by now: a verifier asks
// when it has met a key it does not know. While the store cannot be reached it is what was known before. The caller
// must not change it.
func (r *Ring) TokenKeys(ctx context.Context) []byte {
	_, _ = r.Learn(ctx)
	return r.state.Load().tokens
}

// FeedKeys is the JWKS document of feed keys, as TokenKeys.
func (r *Ring) FeedKeys(ctx context.Context) []byte {
	_, _ = r.Learn(ctx)
	return r.state.Load().feed
}

// Keys lists the stored keys, without their private halves.
func (r *Ring) Keys() []Stored {
	stored := r.state.Load().stored
	out := make([]Stored, len(stored))
	for i, k := range stored {
		k.Sealed = nil
		out[i] = k
	}
	return out
}

// Need makes sure that keys of an application's algorithm exist. ErrNoShared for HS256 without a secret.
func (r *Ring) Need(ctx context.Context, alg jws.Algorithm) error {
	if alg == "" {
		return nil
	}
	if _, err := r.Signer(alg); err == nil || errors.Is(err, ErrNoShared) {
		return err
	}
	_, err := r.change(ctx, func([]Stored) (Change, error) { return Change{}, nil }, lane{ForTokens, alg})
	return err
}

// Advance takes the steps of the schedule that are due: makes missing keys, promotes, and deletes what is gone.
func (r *Ring) Advance(ctx context.Context) error {
	_, err := r.change(ctx, func(keys []Stored) (Change, error) {
		return Change{Delete: gone(keys, r.MaxToken(), r.Now())}, nil
	})
	return err
}

// Rotate replaces every current token key by its published successor, on command. No token becomes invalid.
func (r *Ring) Rotate(ctx context.Context, entry audit.Entry) (feed.Commit, error) {
	return r.change(ctx, func(keys []Stored) (Change, error) {
		var c Change
		for _, l := range lanesOf(keys, r.wanted()) {
			if l.Use == ForTokens {
				if err := r.follow(&c, keys, l, true); err != nil {
					return Change{}, err
				}
			}
		}
		c.Audit = []audit.Entry{entry}
		return c, nil
	})
}

// Revoke refuses a key at once and everywhere: it leaves the published set, its private half is deleted, its
// successor signs, and a key event goes out in the same commit. ErrNotFound for an unknown kid; revoking twice
// announces it again.
func (r *Ring) Revoke(ctx context.Context, kid string, entry audit.Entry) (feed.Commit, error) {
	return r.change(ctx, func(keys []Stored) (Change, error) {
		for _, k := range keys {
			if k.KID != kid {
				continue
			}
			k.State, k.Sealed = Revoked, nil
			if k.RevokedAt.IsZero() {
				k.RevokedAt = r.Now()
			}
			return Change{Put: []Stored{k}, Announce: []revocation.Event{revocation.KeyEvent(kid)}, Audit: []audit.Entry{entry}}, nil
		}
		return Change{}, ErrNotFound
	})
}

func (r *Ring) wanted(more ...lane) []lane {
	return append([]lane{{ForTokens, r.Algorithm}, {ForFeed, jws.EdDSA}}, more...)
}

// attempts bounds how often a change is planned anew because another node was faster.
const attempts = 5

// change plans on the newest state, completes the plan by what each lane then needs, commits it, and reloads.
func (r *Ring) change(ctx context.Context, plan func([]Stored) (Change, error), more ...lane) (feed.Commit, error) {
	r.changing.Lock()
	defer r.changing.Unlock()
	for range attempts {
		if r.behind() {
			if err := r.Reload(ctx); err != nil {
				return feed.Commit{}, err
			}
		}
		st := r.state.Load()
		c, err := plan(st.stored)
		if err != nil {
			return feed.Commit{}, err
		}
		after := apply(st.stored, c)
		for _, l := range lanesOf(after, r.wanted(more...)) {
			if err := r.follow(&c, after, l, false); err != nil {
				return feed.Commit{}, err
			}
		}
		if len(c.Put)+len(c.Delete)+len(c.Announce) == 0 {
			return feed.Commit{}, nil
		}
		c.Version, c.At = st.version, r.Now()
		commit, err := r.commit(ctx, c)
		if !errors.Is(err, ErrRaced) {
			return commit, err
		}
	}
	return feed.Commit{}, fmt.Errorf("change signing keys: %w", ErrRaced)
}

// commit commits the change and takes it up here. Whatever becomes of the caller or of the answer, the ring does not go on
// with keys that the store may have revoked: it counts as behind until it has read them again.
func (r *Ring) commit(ctx context.Context, c Change) (feed.Commit, error) {
	r.changes.Add(1)
	commit, err := r.Store.Change(ctx, c)
	r.changes.Add(1)
	reading, cancel := context.WithTimeout(context.WithoutCancel(ctx), reloadTimeout)
	defer cancel()
	if rerr := r.Reload(reading); rerr != nil && err == nil {
		err = rerr
	}
	if err != nil && !errors.Is(err, ErrRaced) {
		err = fmt.Errorf("change signing keys: %w", err)
	}
	return commit, err
}

const reloadTimeout = 5 * time.Second

// follow adds to c what the lane needs.
func (r *Ring) follow(c *Change, keys []Stored, l lane, force bool) error {
	now := r.Now()
	s := planLane(keys, l, now, r.Schedule, force)
	for _, k := range keys {
		switch k.KID {
		case s.promote:
			k.State, k.CurrentAt = Current, now
		case s.retire:
			k.State, k.RetiredAt = Retired, now
		default:
			continue
		}
		c.Put = append(c.Put, k)
	}
	for _, state := range s.make {
		k, err := r.generate(l, state, now)
		if err != nil {
			return err
		}
		c.Put = append(c.Put, k)
	}
	return nil
}

func (r *Ring) generate(l lane, s State, now time.Time) (Stored, error) {
	k := Stored{KID: newKID(), Use: l.Use, Algorithm: l.Algorithm, State: s, CreatedAt: now}
	if s == Current {
		k.CurrentAt = now
	}
	signer, err := jws.Generate(k.KID, l.Algorithm)
	if err != nil {
		return Stored{}, fmt.Errorf("make signing key: %w", err)
	}
	private, err := signer.MarshalPrivate()
	if err != nil {
		return Stored{}, fmt.Errorf("make signing key: %w", err)
	}
	k.Sealed, err = r.Box.Seal(private, rowName(k.KID))
	if err != nil {
		return Stored{}, fmt.Errorf("seal signing key: %w", err)
	}
	return k, nil
}

// newKID names a key in 8 characters. Every access token carries the name, so it is shorter than other ids; it has to be
// unlike the few names of one ring and of those that were revoked, for which 40 random bits are plenty.
func newKID() string { return strings.ToLower(rand.Text()[:8]) }

// apply answers the keys as they are after the puts and deletions of c.
func apply(keys []Stored, c Change) []Stored {
	byKID := make(map[string]Stored)
	for _, k := range c.Put {
		byKID[k.KID] = k
	}
	out := make([]Stored, 0, len(keys)+len(c.Put))
	for _, k := range keys {
		if changed, ok := byKID[k.KID]; ok {
			k = changed
			delete(byKID, k.KID)
		}
		out = append(out, k)
	}
	for _, k := range c.Put {
		if _, isNew := byKID[k.KID]; isNew {
			out = append(out, k)
		}
	}
	return slices.DeleteFunc(out, func(k Stored) bool { return slices.Contains(c.Delete, k.KID) })
}
