package signing_test

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"tandem.example/tandem/internal/audit"
	"tandem.example/tandem/internal/feed"
	"tandem.example/tandem/internal/memory"
	"tandem.example/tandem/internal/secret"
	"tandem.example/tandem/internal/signing"
	"tandem.example/tandem/verify/jws"
	"tandem.example/tandem/verify/token"
)

const (
	issuer   = "https://auth.example.com"
	lifetime = 5 * time.Minute
)

// bench is a ring on the memory store, with a clock the test moves.
type bench struct {
	*testing.T
	store *memory.Store
	box   *secret.Box
	now   time.Time
	ring  *signing.Ring
}

func open(t *testing.T) *bench {
	t.Helper()
	b := &bench{T: t, store: memory.Open(memory.Options{}), now: time.Now().Truncate(time.Second)}
	b.box = newBox(t)
	b.ring = b.another()
	return b
}

func newBox(t *testing.T) *secret.Box {
	t.Helper()
	box, err := secret.NewBox(secret.Random(32))
	if err != nil {
		t.Fatal(err)
	}
	return box
}

// another opens a ring on the same store, as a second node would.
func (b *bench) another() *signing.Ring {
	b.Helper()
	r, err := signing.Open(b.Context(), b.config())
	if err != nil {
		b.Fatal(err)
	}
	return r
}

func (b *bench) config() signing.Config {
	return signing.Config{Store: b.store.Keys(), Box: b.box, Algorithm: jws.ES256, Schedule: signing.DefaultSchedule,
		MaxToken: func() time.Duration { return lifetime }, Now: func() time.Time { return b.now }}
}

func (b *bench) mint(r *signing.Ring) string {
	b.Helper()
	text, err := r.Mint(token.Claims{
		Issuer: issuer, Subject: "usr_1", Audience: []string{issuer}, ClientID: "app_1", ID: "1", SessionID: "ses_1",
		IssuedAt: b.now.Unix(), ExpiresAt: b.now.Add(lifetime).Unix(), Revision: token.Revision{Epoch: "01arz3nd", Seq: 1},
		AuthTime: b.now.Unix(), ACR: "1", Roles: []string{"a", "b"},
	}, "")
	if err != nil {
		b.Fatal(err)
	}
	return text
}

func (b *bench) kidOf(text string) string {
	b.Helper()
	m, err := jws.Parse(text)
	if err != nil {
		b.Fatal(err)
	}
	return m.Header.KeyID
}

// published reports whether verifiers that fetch the key set now know the key.
func (b *bench) published(r *signing.Ring, kid string) bool {
	b.Helper()
	set, err := jws.ParseSet(r.TokenKeys(b.Context()))
	if err != nil {
		b.Fatal(err)
	}
	_, ok := set.Find(kid)
	return ok
}

func (b *bench) entry() audit.Entry { return audit.New(audit.KeyRotated, b.now) }

func TestScheduleRotatesToAKeyThatWasPublishedBefore(t *testing.T) {
	b := open(t)
	first := b.kidOf(b.mint(b.ring))
	var next string
	for _, k := range b.ring.Keys() {
		if k.Use == signing.ForTokens && k.State == signing.Next {
			next = k.KID
		}
	}
	if !b.published(b.ring, next) {
		t.Fatal("the next key is not published before it signs")
	}
	old := b.mint(b.ring)
	b.now = b.now.Add(signing.DefaultSchedule.Rotate)
	if err := b.ring.Advance(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := b.kidOf(b.mint(b.ring)); got != next {
		t.Errorf("signs with %s, want the published successor %s", got, next)
	}
	if !b.published(b.ring, first) {
		t.Error("the retired key left the set while its tokens live")
	}
	if _, err := b.ring.Read(old, issuer, b.now.Add(-signing.DefaultSchedule.Rotate)); err != nil {
		t.Errorf("a token of the retired key is refused: %v", err)
	}
	b.now = b.now.Add(lifetime + feed.Skew + time.Second)
	if err := b.ring.Advance(t.Context()); err != nil {
		t.Fatal(err)
	}
	if b.published(b.ring, first) {
		t.Error("the retired key is still there after its last token expired")
	}
}

func TestRotateOnCommandKeepsTokensValid(t *testing.T) {
	b := open(t)
	old := b.mint(b.ring)
	if _, err := b.ring.Rotate(t.Context(), b.entry()); err != nil {
		t.Fatal(err)
	}
	if b.kidOf(b.mint(b.ring)) == b.kidOf(old) {
		t.Error("still signs with the old key")
	}
	if _, err := b.ring.Read(old, issuer, b.now); err != nil {
		t.Errorf("a token of the old key is refused: %v", err)
	}
}

func TestRevokedKeyIsRefusedAtOnceAndAnnounced(t *testing.T) {
	b := open(t)
	old := b.mint(b.ring)
	kid := b.kidOf(old)
	commit, err := b.ring.Revoke(t.Context(), kid, b.entry())
	if err != nil || commit.Position != 1 {
		t.Fatalf("revoke: %+v, %v; want event 1", commit, err)
	}
	if _, err := b.ring.Read(old, issuer, b.now); !errors.Is(err, signing.ErrToken) {
		t.Errorf("a token of the stolen key: %v, want ErrToken", err)
	}
	if b.published(b.ring, kid) {
		t.Error("the stolen key is still published")
	}
	if _, err := b.ring.Read(b.mint(b.ring), issuer, b.now); err != nil {
		t.Errorf("the successor does not serve: %v", err)
	}
	keys, _, err := b.store.Keys().Keys(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range keys {
		if k.KID == kid && k.Sealed != nil {
			t.Error("the private half of the stolen key is kept")
		}
	}
	if _, err := b.ring.Revoke(t.Context(), "key_unknown", b.entry()); !errors.Is(err, signing.ErrNotFound) {
		t.Errorf("unknown key: %v, want ErrNotFound", err)
	}
}

func TestTwoNodesTakeOneStep(t *testing.T) {
	b := open(t)
	other := b.another()
	b.now = b.now.Add(signing.DefaultSchedule.Rotate)
	for _, r := range []*signing.Ring{b.ring, other} {
		if err := r.Advance(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	current := 0
	for _, k := range other.Keys() {
		if k.Use == signing.ForTokens && k.State == signing.Current {
			current++
		}
	}
	if current != 1 || b.kidOf(b.mint(b.ring)) != b.kidOf(b.mint(other)) {
		t.Errorf("%d current keys, and the nodes sign with %s and %s", current, b.kidOf(b.mint(b.ring)), b.kidOf(b.mint(other)))
	}
}

func TestFeedKeyIsNoTokenKey(t *testing.T) {
	b := open(t)
	body := []byte(`{"epoch":""}`)
	signature, err := b.ring.SignReply(body)
	if err != nil {
		t.Fatal(err)
	}
	h, err := jws.DetachedHeader(signature)
	if err != nil {
		t.Fatal(err)
	}
	if b.published(b.ring, h.KeyID) {
		t.Error("the feed key is in the set of token keys")
	}
	feeds, err := jws.ParseSet(b.ring.FeedKeys(t.Context()))
	if err != nil {
		t.Fatal(err)
	}
	key, ok := feeds.Find(h.KeyID)
	if !ok {
		t.Fatal("the feed key is not published")
	}
	if err := jws.VerifyDetached(signature, body, "revocation-sync", key); err != nil {
		t.Error(err)
	}
}

func TestKeysAreSealed(t *testing.T) {
	b := open(t)
	keys, _, err := b.store.Keys().Keys(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	private, err := b.box.Open(keys[0].Sealed, "signing key "+keys[0].KID)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(keys[0].Sealed, private[len(private)-16:]) {
		t.Error("a private key lies in the store as it is")
	}
	swapped := keys[0]
	swapped.Sealed = keys[1].Sealed
	if _, err := b.store.Keys().Change(t.Context(), signing.Change{Version: 1, Put: []signing.Stored{swapped}, At: b.now}); err != nil {
		t.Fatal(err)
	}
	if _, err := signing.Open(t.Context(), b.config()); err == nil {
		t.Error("a key that was moved to another row was opened")
	}
	c := b.config()
	c.Box = newBox(t)
	if _, err := signing.Open(t.Context(), c); err == nil {
		t.Error("another master key opened the keys")
	}
}

func TestReadRefuses(t *testing.T) {
	b := open(t)
	good := b.mint(b.ring)
	for name, c := range map[string]struct {
		text, issuer string
		now          time.Time
		want         error
	}{
		"another issuer": {good, issuer + "/", b.now, signing.ErrToken},
		"expired":        {good, issuer, b.now.Add(lifetime), signing.ErrTokenExpired},
		"another server": {open(t).mint(open(t).ring), issuer, b.now, signing.ErrToken},
		"garbage":        {"eyJ.e30.x", issuer, b.now, signing.ErrToken},
	} {
		if _, err := b.ring.Read(c.text, c.issuer, c.now); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}

func TestEveryAlgorithmServes(t *testing.T) {
	for _, alg := range []jws.Algorithm{jws.EdDSA, jws.PS256} {
		b := open(t)
		if err := b.ring.Need(t.Context(), alg); err != nil {
			t.Fatal(err)
		}
		signer, err := b.ring.Signer(alg)
		if err != nil || signer.Key().Algorithm() != alg {
			t.Fatalf("%s: %v", alg, err)
		}
		if !b.published(b.ring, signer.Key().ID()) {
			t.Errorf("%s: not published", alg)
		}
	}
}
