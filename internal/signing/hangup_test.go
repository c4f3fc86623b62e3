package signing_test

import (
	"context"
	"errors"
	"testing"

	"tandem.example/tandem/internal/feed"
	"tandem.example/tandem/internal/signing"
)

// hangUp commits and then finds that its caller has gone.
type hangUp struct {
	signing.Store
	cancel context.CancelFunc
}

func (h *hangUp) Change(ctx context.Context, c signing.Change) (feed.Commit, error) {
	commit, err := h.Store.Change(ctx, c)
	h.cancel()
	return commit, err
}

func TestRevokedKeyIsOutOfUseEvenIfTheCallerHangsUp(t *testing.T) {
	b := open(t)
	ctx, cancel := context.WithCancel(t.Context())
	c := b.config()
	c.Store = &hangUp{Store: c.Store, cancel: cancel}
	ring, err := signing.Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	old := b.mint(ring)
	if _, err := ring.Revoke(ctx, b.kidOf(old), b.entry()); err != nil {
		t.Fatal(err)
	}
	if b.kidOf(b.mint(ring)) == b.kidOf(old) {
		t.Error("the revoked key still signs")
	}
	if _, err := ring.Read(old, issuer, b.now); !errors.Is(err, signing.ErrKeyRevoked) {
		t.Errorf("a token of the revoked key: %v", err)
	}
	if b.published(ring, b.kidOf(old)) {
		t.Error("the revoked key is still published")
	}
}

// lost commits and says that it failed.
type lost struct {
	signing.Store
	now bool
}

var errLost = errors.New("the answer was lost")

func (l *lost) Change(ctx context.Context, c signing.Change) (feed.Commit, error) {
	commit, err := l.Store.Change(ctx, c)
	if l.now {
		return feed.Commit{}, errLost
	}
	return commit, err
}

func TestRevokedKeyIsOutOfUseEvenIfTheAnswerIsLost(t *testing.T) {
	b := open(t)
	c := b.config()
	store := &lost{Store: c.Store}
	c.Store = store
	ring, err := signing.Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	old := b.mint(ring)
	store.now = true
	if _, err := ring.Revoke(t.Context(), b.kidOf(old), b.entry()); !errors.Is(err, errLost) {
		t.Fatal(err)
	}
	if b.kidOf(b.mint(ring)) == b.kidOf(old) {
		t.Error("the revoked key still signs")
	}
}

// forgetful commits and then cannot be read.
type forgetful struct {
	signing.Store
	down bool
}

func (f *forgetful) Change(ctx context.Context, c signing.Change) (feed.Commit, error) {
	f.down = true
	return f.Store.Change(ctx, c)
}

func (f *forgetful) Keys(ctx context.Context) ([]signing.Stored, uint64, error) {
	if f.down {
		return nil, 0, errLost
	}
	return f.Store.Keys(ctx)
}

func TestRevokedKeyIsOutOfUseEvenIfTheKeysCannotBeReadAtOnce(t *testing.T) {
	b := open(t)
	c := b.config()
	if _, err := signing.Open(t.Context(), c); err != nil { // makes the keys
		t.Fatal(err)
	}
	store := &forgetful{Store: c.Store}
	c.Store = store
	ring, err := signing.Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	old := b.mint(ring)
	if _, err := ring.Revoke(t.Context(), b.kidOf(old), b.entry()); !errors.Is(err, errLost) {
		t.Fatal(err)
	}
	if _, err := ring.Follow(t.Context(), 0); !errors.Is(err, errLost) {
		t.Errorf("while the keys cannot be read: %v", err)
	}
	store.down = false
	if changed, err := ring.Follow(t.Context(), 0); err != nil || !changed {
		t.Errorf("once they can: changed %t, %v", changed, err)
	}
	if b.kidOf(b.mint(ring)) == b.kidOf(old) {
		t.Error("the revoked key still signs")
	}
	if _, err := ring.Read(old, issuer, b.now); !errors.Is(err, signing.ErrKeyRevoked) {
		t.Errorf("a token of the revoked key: %v", err)
	}
}
