package signing_test

import (
	"bytes"
	"errors"
	"testing"

	"tandem.example/tandem/internal/signing"
	"tandem.example/tandem/verify/jws"
)

// HS256 is signed with the shared secret alone: what a ring made up, nobody could check.
func TestSharedSecretSigns(t *testing.T) {
	b := open(t)
	c := b.config()
	c.Algorithm, c.Shared = jws.HS256, bytes.Repeat([]byte("s"), 32)
	r, err := signing.Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	text := b.mint(r)
	kid := jws.SharedID(c.Shared)
	if got := b.kidOf(text); got != kid {
		t.Errorf("signed by %s, want %s", got, kid)
	}
	if _, err := r.Read(text, issuer, b.now); err != nil {
		t.Errorf("its own token: %v", err)
	}
	if b.published(r, kid) || bytes.Contains(r.TokenKeys(t.Context()), []byte(kid)) {
		t.Error("the shared key is published")
	}
	if err := r.Need(t.Context(), jws.HS256); err != nil {
		t.Error(err)
	}
	b.now = b.now.Add(signing.DefaultSchedule.Rotate)
	if err := r.Advance(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Rotate(t.Context(), b.entry()); err != nil {
		t.Fatal(err)
	}
	if got := b.kidOf(b.mint(r)); got != kid {
		t.Errorf("after rotation signed by %s, want %s: nobody else has another", got, kid)
	}
	for _, k := range r.Keys() {
		if k.Algorithm == jws.HS256 {
			t.Errorf("key %s of HS256 is kept", k.KID)
		}
	}
	if _, err := b.ring.Read(text, issuer, b.now); !errors.Is(err, signing.ErrToken) {
		t.Errorf("a ring without the secret: %v, want ErrToken", err)
	}
}

func TestNoSharedSecret(t *testing.T) {
	b := open(t)
	if err := b.ring.Need(t.Context(), jws.HS256); !errors.Is(err, signing.ErrNoShared) {
		t.Errorf("need: %v, want ErrNoShared", err)
	}
	if _, err := b.ring.Signer(jws.HS256); !errors.Is(err, signing.ErrNoShared) {
		t.Errorf("signer: %v, want ErrNoShared", err)
	}
	c := b.config()
	c.Algorithm = jws.HS256
	if _, err := signing.Open(t.Context(), c); !errors.Is(err, signing.ErrNoShared) {
		t.Errorf("open: %v, want ErrNoShared", err)
	}
	c.Shared = []byte("hunter2")
	if _, err := signing.Open(t.Context(), c); !errors.Is(err, jws.ErrKey) {
		t.Errorf("short secret: %v, want jws.ErrKey", err)
	}
}

// A store may hold a random HS256 key of before: its tokens are still read, but it signs no more and has no successor.
func TestHS256KeyOfBefore(t *testing.T) {
	b := open(t)
	old, err := jws.Generate("old", jws.HS256)
	if err != nil {
		t.Fatal(err)
	}
	private, err := old.MarshalPrivate()
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := b.box.Seal(private, "signing key old")
	if err != nil {
		t.Fatal(err)
	}
	k := signing.Stored{KID: "old", Use: signing.ForTokens, Algorithm: jws.HS256, State: signing.Current, Sealed: sealed, CreatedAt: b.now, CurrentAt: b.now}
	if _, err := b.store.Keys().Change(t.Context(), signing.Change{Version: 1, Put: []signing.Stored{k}, At: b.now}); err != nil {
		t.Fatal(err)
	}
	before := len(b.ring.Keys()) + 1
	b.ring = b.another()
	if _, ok := b.ring.Public("old"); !ok {
		t.Error("its tokens are refused")
	}
	if _, err := b.ring.Signer(jws.HS256); !errors.Is(err, signing.ErrNoShared) {
		t.Errorf("signer: %v, want ErrNoShared", err)
	}
	if got := len(b.ring.Keys()); got != before {
		t.Errorf("%d keys, want %d as before", got, before)
	}
}
