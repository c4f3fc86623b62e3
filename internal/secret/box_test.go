package secret_test

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"errors"
	"testing"

	"tandem.example/tandem/internal/secret"
)

func newBox(t *testing.T, master []byte) *secret.Box {
	t.Helper()
	box, err := secret.NewBox(master)
	if err != nil {
		t.Fatal(err)
	}
	return box
}

func seal(t *testing.T, box *secret.Box, plaintext, row string) []byte {
	t.Helper()
	sealed, err := box.Seal([]byte(plaintext), row)
	if err != nil {
		t.Fatal(err)
	}
	return sealed
}

func TestBoxOpensWhatItSealed(t *testing.T) {
	master := secret.Random(32)
	box := newBox(t, master)
	for _, plaintext := range []string{"", "x", string(secret.Random(4096))} {
		sealed := seal(t, box, plaintext, "key:k1")
		got, err := newBox(t, master).Open(sealed, "key:k1") // as after a restart
		if err != nil || string(got) != plaintext {
			t.Errorf("Open of %d bytes: %v", len(plaintext), err)
		}
	}
	if bytes.Equal(seal(t, box, "same", "r"), seal(t, box, "same", "r")) {
		t.Error("sealing twice gives the same bytes: the nonce is not random")
	}
}

func TestBoxRefuses(t *testing.T) {
	box := newBox(t, secret.Random(32))
	sealed := seal(t, box, "the seed of a second factor", "totp:1")
	flipped := func(i int) []byte {
		b := bytes.Clone(sealed)
		b[i] ^= 1
		return b
	}
	tests := map[string]struct {
		box    *secret.Box
		sealed []byte
		row    string
	}{
		"other row":      {box, sealed, "totp:2"},
		"no row":         {box, sealed, ""},
		"other key":      {newBox(t, secret.Random(32)), sealed, "totp:1"},
		"nothing":        {box, nil, "totp:1"},
		"version only":   {box, sealed[:1], "totp:1"},
		"cut off":        {box, sealed[:len(sealed)-1], "totp:1"},
		"longer":         {box, append(bytes.Clone(sealed), 0), "totp:1"},
		"nonce only":     {box, sealed[:29], "totp:1"},
		"plaintext":      {box, []byte("the seed of a second factor, as it is"), "totp:1"},
		"sealed of none": {box, make([]byte, 64), "totp:1"},
	}
	for i := range sealed {
		tests["byte "+string(rune('A'+i))] = struct {
			box    *secret.Box
			sealed []byte
			row    string
		}{box, flipped(i), "totp:1"}
	}
	for name, tt := range tests {
		if got, err := tt.box.Open(tt.sealed, tt.row); !errors.Is(err, secret.ErrSealed) || got != nil {
			t.Errorf("%s: Open = %q, %v; want ErrSealed", name, got, err)
		}
	}
	if _, err := box.Seal([]byte("x"), ""); err == nil {
		t.Error("sealed without a row")
	}
}

func TestNewBoxWantsAWholeKey(t *testing.T) {
	for _, n := range []int{0, 16, 31, 33, 64} {
		if _, err := secret.NewBox(make([]byte, n)); err == nil {
			t.Errorf("a master key of %d bytes was taken", n)
		}
	}
	master := secret.Random(32)
	box := newBox(t, master)
	sealed := seal(t, box, "x", "r")
	clear(master)
	if _, err := box.Open(sealed, "r"); err != nil {
		t.Error("the box depends on the caller's copy of the master key")
	}
}

func TestDerivedKeysAreSeparate(t *testing.T) {
	master := secret.Random(32)
	box := newBox(t, master)
	a, again, b := box.Derive("refresh tag"), newBox(t, master).Derive("refresh tag"), box.Derive("feed")
	if len(a) != 32 || !bytes.Equal(a, again) {
		t.Error("Derive is not a function of master key and purpose")
	}
	if bytes.Equal(a, b) || bytes.Equal(a, master) || bytes.Equal(a, newBox(t, secret.Random(32)).Derive("refresh tag")) {
		t.Error("derived keys are not separate")
	}
	a[0] ^= 1
	if bytes.Equal(a, box.Derive("refresh tag")) {
		t.Error("the caller can change a derived key for others")
	}
}

// The format is stored in databases: this opens it with nothing but the
// standard library, as written down in Box.
func TestSealedFormatIsFixed(t *testing.T) {
	master := []byte("0123456789abcdef0123456789abcdef")
	prk, err := hkdf.Extract(sha256.New, master, []byte("tandem master key v1"))
	if err != nil {
		t.Fatal(err)
	}
	key, err := hkdf.Expand(sha256.New, prk, "tandem/seal", 32)
	if err != nil {
		t.Fatal(err)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		t.Fatal(err)
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		t.Fatal(err)
	}
	sealed := seal(t, newBox(t, master), "plain", "row")
	got, err := gcm.Open(nil, sealed[1:13], sealed[13:], []byte("\x01row"))
	if err != nil || string(got) != "plain" || sealed[0] != 1 || len(sealed) != len("plain")+29 {
		t.Errorf("sealed % x opens to %q, %v", sealed, got, err)
	}
}

func BenchmarkSeal(b *testing.B) {
	box, _ := secret.NewBox(secret.Random(32))
	plaintext := make([]byte, 138) // a P-256 key in PKCS #8
	b.ReportAllocs()
	for b.Loop() {
		if _, err := box.Seal(plaintext, "key:k1"); err != nil {
			b.Fatal(err)
		}
	}
}
