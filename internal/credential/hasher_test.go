package credential

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"testing"
	"time"

	"tandem.example/tandem/internal/secret"
)

func TestHashThenVerify(t *testing.T) {
	hasher := newTestHasher(t, HasherConfig{})
	for _, password := range []string{"the cat sat on 3 hats", "собака ест суп", "with \x00 in it", strings.Repeat("x", MaxPassword), ""} {
		text := secret.NewText(password)
		phc, err := hasher.Hash(t.Context(), text)
		if err != nil {
			t.Fatal(err)
		}
		stored, err := ParsePHC(phc.Reveal())
		if err != nil || stored != phc {
			t.Fatalf("the hash cannot be read back: %v", err)
		}
		if ok, rehash, err := hasher.Verify(t.Context(), stored, text); !ok || rehash || err != nil {
			t.Errorf("%q: ok %v, rehash %v, %v", password, ok, rehash, err)
		}
		for _, wrong := range []string{password + "x", password + " ", strings.ToUpper(password) + "y"} {
			if ok, rehash, err := hasher.Verify(t.Context(), stored, secret.NewText(wrong)); ok || rehash || err != nil {
				t.Errorf("%q for %q: ok %v, rehash %v, %v", wrong, password, ok, rehash, err)
			}
		}
	}
}

func TestHashIsArgon2idAtTheDefaultCost(t *testing.T) {
	hasher, err := NewHasher(HasherConfig{})
	if err != nil {
		t.Fatal(err)
	}
	text := secret.NewText("the cat sat on 3 hats")
	a, err := hasher.Hash(t.Context(), text)
	if err != nil {
		t.Fatal(err)
	}
	b, err := hasher.Hash(t.Context(), text)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(a.Reveal(), "$argon2id$v=19$m=19456,t=2,p=1$") {
		t.Errorf("the hash begins with %.40q", a.Reveal())
	}
	if a == b {
		t.Error("two hashes of one password are the same: the salt is not random")
	}
}

// Whether a user exists must not show in the work: an absent one, and one
// without a password, cost exactly what a real one costs.
func TestAbsentUsersCostTheSame(t *testing.T) {
	hasher := newTestHasher(t, HasherConfig{})
	text := secret.NewText("the cat sat on 3 hats")
	phc, err := hasher.Hash(t.Context(), text)
	if err != nil {
		t.Fatal(err)
	}
	if hasher.absent.cost != hasher.cost || len(hasher.absent.salt) != argon2Salt || len(hasher.absent.key) != argon2Key {
		t.Errorf("the absent hash costs %+v, a real one %+v", hasher.absent.cost, hasher.cost)
	}
	work := map[string]func(context.Context, secret.Text) error{
		"real": func(ctx context.Context, text secret.Text) error {
			_, _, err := hasher.Verify(ctx, phc, text)
			return err
		},
		"without password": func(ctx context.Context, text secret.Text) error {
			ok, rehash, err := hasher.Verify(ctx, PHC{}, text)
			if ok || rehash {
				t.Error("the zero PHC matches")
			}
			return err
		},
		"absent": hasher.VerifyAbsent,
	}
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	for name, do := range work {
		before := hasher.Stats().Done
		if err := do(t.Context(), text); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if n := hasher.Stats().Done - before; n != 1 {
			t.Errorf("%s: %d hashes were computed, want 1", name, n)
		}
		if err := do(t.Context(), secret.NewText(strings.Repeat("x", MaxPassword+1))); err != nil {
			t.Errorf("%s with too long a password: %v", name, err)
		}
		if n := hasher.Stats().Done - before; n != 1 {
			t.Errorf("%s: too long a password was hashed", name)
		}
		if err := do(cancelled, text); !errors.Is(err, context.Canceled) {
			t.Errorf("%s for a caller that left: %v", name, err)
		}
	}
}

func TestHashRefusesWhatVerifyCouldNotCheck(t *testing.T) {
	hasher := newTestHasher(t, HasherConfig{})
	_, err := hasher.Hash(t.Context(), secret.NewText(strings.Repeat("x", MaxPassword+1)))
	if !errors.Is(err, ErrPasswordTooLong) || hasher.Stats().Done != 0 {
		t.Errorf("Hash = %v, want ErrPasswordTooLong and no work", err)
	}
}

func TestOverloadReachesTheCaller(t *testing.T) {
	hasher := newTestHasher(t, HasherConfig{Parallel: 1, MaxWaiting: 1, MaxWait: time.Nanosecond})
	hasher.queue.slots <- struct{}{} // someone is hashing
	var overloaded *OverloadedError
	if _, err := hasher.Hash(t.Context(), secret.NewText("x")); !errors.As(err, &overloaded) {
		t.Errorf("Hash = %v, want an *OverloadedError", err)
	}
	if _, _, err := hasher.Verify(t.Context(), newPHC("$2b$05$"+bc53), secret.NewText("x")); !errors.As(err, &overloaded) {
		t.Errorf("Verify = %v, want an *OverloadedError", err)
	}
	if err := hasher.VerifyAbsent(t.Context(), secret.NewText("x")); !errors.As(err, &overloaded) {
		t.Errorf("VerifyAbsent = %v, want an *OverloadedError", err)
	}
	if s := hasher.Stats(); s.Refused != 3 || s.Done != 0 {
		t.Errorf("stats %+v", s)
	}
}

func TestHasherConfig(t *testing.T) {
	bad := map[string]HasherConfig{
		"negative parallel": {Parallel: -1},
		"negative waiting":  {MaxWaiting: -1},
		"negative wait":     {MaxWait: -1},
		"cheap":             {Cost: Cost{MemoryKiB: 1024, Passes: 1, Lanes: 1}},
		"cheap by a pass":   {Cost: Cost{MemoryKiB: 19456, Passes: 1, Lanes: 1}},
		"half a cost":       {Cost: Cost{MemoryKiB: 19456}},
		"too much memory":   {Cost: Cost{MemoryKiB: 1 << 20, Passes: 1, Lanes: 1}},
		"impossible":        {Cost: Cost{MemoryKiB: 1, Passes: 1, Lanes: 1}, InsecureAllowCheap: true},
	}
	for name, c := range bad {
		if h, err := NewHasher(c); err == nil || h != nil {
			t.Errorf("%s: accepted", name)
		}
	}
	h, err := NewHasher(HasherConfig{})
	if err != nil {
		t.Fatal(err)
	}
	if n := h.Stats().Parallel; n != runtime.GOMAXPROCS(0) {
		t.Errorf("%d at once by default, want as many as cores", n)
	}
}
