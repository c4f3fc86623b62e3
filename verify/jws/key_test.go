package jws_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"strings"
	"sync"
	"testing"

	"tandem.example/tandem/verify/jws"
)

func TestNewKeyRefuses(t *testing.T) {
	p384 := must(ecdsa.GenerateKey(elliptic.P384(), rand.Reader)).PublicKey
	offCurve := p384
	offCurve.Curve = elliptic.P256()
	modulus := testKeys()["rs"].private.(*rsa.PrivateKey).N
	rsaKey := func(n *big.Int, e int) *rsa.PublicKey { return &rsa.PublicKey{N: n, E: e} }
	odd := func(bits uint) *big.Int {
		n := new(big.Int).Lsh(big.NewInt(1), bits-1)
		return n.SetBit(n, 0, 1)
	}
	for _, c := range []struct {
		name     string
		alg      jws.Algorithm
		material any
		want     error
	}{
		{"nothing", jws.ES256, nil, jws.ErrKey},
		{"nil key", jws.ES256, (*ecdsa.PublicKey)(nil), jws.ErrKey},
		{"another curve", jws.ES256, &p384, jws.ErrKey},
		{"a point off the curve", jws.ES256, &offCurve, jws.ErrKey},
		{"private key", jws.ES256, testKeys()["es"].private, jws.ErrKey},
		{"RSA key for ES256", jws.ES256, rsaKey(modulus, 65537), jws.ErrKey},
		{"short Ed25519", jws.EdDSA, make(ed25519.PublicKey, 31), jws.ErrKey},
		{"long Ed25519", jws.EdDSA, make(ed25519.PublicKey, 33), jws.ErrKey},
		{"empty Ed25519", jws.EdDSA, ed25519.PublicKey(nil), jws.ErrKey},
		{"bytes for EdDSA", jws.EdDSA, make([]byte, 32), jws.ErrKey},
		{"nil RSA", jws.RS256, (*rsa.PublicKey)(nil), jws.ErrKey},
		{"RSA without modulus", jws.RS256, &rsa.PublicKey{E: 65537}, jws.ErrKey},
		{"RSA 1024", jws.RS256, rsaKey(odd(1024), 65537), jws.ErrKey},
		{"RSA 2047", jws.PS256, rsaKey(odd(2047), 65537), jws.ErrKey},
		{"RSA 8193", jws.PS256, rsaKey(odd(8193), 65537), jws.ErrKey},
		{"RSA even", jws.RS256, rsaKey(new(big.Int).Lsh(big.NewInt(1), 2047), 65537), jws.ErrKey},
		{"RSA negative", jws.RS256, rsaKey(new(big.Int).Neg(modulus), 65537), jws.ErrKey},
		{"RSA exponent 1", jws.RS256, rsaKey(modulus, 1), jws.ErrKey},
		{"RSA exponent 3", jws.RS256, rsaKey(modulus, 3), jws.ErrKey},
		{"RSA exponent even", jws.RS256, rsaKey(modulus, 65538), jws.ErrKey},
		{"short secret", jws.HS256, make([]byte, 31), jws.ErrKey},
		{"no secret", jws.HS256, []byte(nil), jws.ErrKey},
		{"secret as string", jws.HS256, strings.Repeat("s", 32), jws.ErrKey},
		{"PEM with white space", jws.HS256, []byte("\n -----BEGIN PUBLIC KEY-----\nAAAAAAAAAAAAAAAA"), jws.ErrKey},
		{"no algorithm", "", make([]byte, 32), jws.ErrAlgorithm},
		{"none", "none", make([]byte, 32), jws.ErrAlgorithm},
		{"ES384", "ES384", &p384, jws.ErrAlgorithm},
	} {
		k, err := jws.NewKey("k", c.alg, c.material)
		if !errors.Is(err, c.want) || k != (jws.Key{}) {
			t.Errorf("%s: %v, %v, want %v", c.name, k, err, c.want)
		}
	}
	for _, kid := range []string{"", " ", "a b", "a\n", "é", "\x7f", strings.Repeat("k", 129)} {
		if _, err := jws.NewKey(kid, jws.HS256, make([]byte, 32)); !errors.Is(err, jws.ErrKey) {
			t.Errorf("kid %q: %v, want ErrKey", kid, err)
		}
	}
	for _, kid := range []string{"k", "!\"\\~{}", strings.Repeat("k", 128)} {
		if k, err := jws.NewKey(kid, jws.HS256, make([]byte, 32)); err != nil || k.ID() != kid || k.Algorithm() != jws.HS256 {
			t.Errorf("kid %q: %v, %v", kid, k, err)
		}
	}
}

// A key keeps its own copy of what it was made from.
func TestKeyCopiesMaterial(t *testing.T) {
	secret := bytes.Repeat([]byte{7}, 32)
	public := bytes.Clone(testKeys()["ed"].private.(ed25519.PrivateKey).Public().(ed25519.PublicKey))
	modulus := new(big.Int).Set(testKeys()["rs"].private.(*rsa.PrivateKey).N)
	keys := jws.Set{
		must(jws.NewKey("ed-1", jws.EdDSA, ed25519.PublicKey(public))),
		must(jws.NewKey("rs-1", jws.RS256, &rsa.PublicKey{N: modulus, E: 65537})),
	}
	signer := must(jws.NewSigner("hs-1", jws.HS256, secret))
	compact := must(signer.Sign("t", []byte("x")))
	clear(secret)
	clear(public)
	modulus.SetInt64(1)
	for range 2 {
		private := must(signer.MarshalPrivate())
		if !bytes.Equal(private, bytes.Repeat([]byte{7}, 32)) {
			t.Errorf("the secret changed to %x", private)
		}
		clear(private)
	}
	if err := check(compact, signer.Key()); err != nil {
		t.Errorf("HS256 key changed with its secret: %v", err)
	}
	for i, name := range []string{"ed", "rs"} {
		if err := check(must(testKeys()[name].signer.Sign("t", []byte("x"))), keys[i]); err != nil {
			t.Errorf("%v changed with its material: %v", keys[i], err)
		}
	}
}

func TestZeroValues(t *testing.T) {
	good := testKeys()["hs"].signer
	compact := must(good.Sign("t", []byte("x")))
	if err := check(compact, jws.Key{}); !errors.Is(err, jws.ErrKey) {
		t.Errorf("zero Key: %v, want ErrKey", err)
	}
	if err := (jws.Message{}).Verify(jws.Key{}); !errors.Is(err, jws.ErrKey) {
		t.Errorf("zero Message, zero Key: %v, want ErrKey", err)
	}
	if err := (jws.Message{}).Verify(good.Key()); err == nil {
		t.Error("zero Message verifies")
	}
	var zero jws.Signer
	if _, err := zero.Sign("t", []byte("x")); !errors.Is(err, jws.ErrKey) {
		t.Errorf("zero Signer, Sign: %v, want ErrKey", err)
	}
	if _, err := zero.SignDetached("t", []byte("x")); !errors.Is(err, jws.ErrKey) {
		t.Errorf("zero Signer, SignDetached: %v, want ErrKey", err)
	}
	if _, err := zero.MarshalPrivate(); !errors.Is(err, jws.ErrKey) {
		t.Errorf("zero Signer, MarshalPrivate: %v, want ErrKey", err)
	}
	if zero.Key() != (jws.Key{}) {
		t.Error("zero Signer has a key")
	}
}

// However a key or signer is printed, and wherever it is hidden, nothing of
// its private half shows.
func TestNothingPrintsSecrets(t *testing.T) {
	for _, name := range names {
		k := testKeys()[name]
		private, err := k.signer.MarshalPrivate()
		if err != nil {
			t.Fatal(err)
		}
		if ed, ok := k.private.(ed25519.PrivateKey); ok {
			private = ed.Seed()
		}
		key, signer := k.signer.Key(), k.signer
		type hidden struct {
			key    jws.Key
			signer jws.Signer
			set    jws.Set
			any    any
		}
		for _, v := range []any{key, &key, signer, &signer, jws.Set{key}, hidden{key, signer, jws.Set{key}, signer}, &hidden{key: key}, []any{key, signer}, map[string]jws.Key{"k": key}} {
			for _, format := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%t", "%p"} {
				wantNoSecret(t, fmt.Sprintf(format, v), private)
			}
			encoded, err := json.Marshal(v)
			if err != nil {
				t.Fatal(err)
			}
			wantNoSecret(t, string(encoded), private)
		}
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%d"} {
			got := fmt.Sprintf(verb+"|"+verb+"|"+verb, key, &key, signer)
			if want := fmt.Sprintf("%[1]s key %[2]s-1|%[1]s key %[2]s-1|%[1]s signer %[2]s-1", k.alg, name); got != want {
				t.Errorf("%s prints %q, want %q", verb, got, want)
			}
		}
	}
}

// wantNoSecret looks for 8 bytes from the secret's middle in any spelling that
// fmt has for bytes.
func wantNoSecret(t *testing.T, printed string, private []byte) {
	t.Helper()
	middle := private[len(private)/2:][:8]
	spellings := []string{
		string(middle), hex.EncodeToString(middle), strings.ToUpper(hex.EncodeToString(middle)),
		strings.Trim(fmt.Sprint(middle), "[]"), strings.Trim(fmt.Sprintf("%#v", middle), "[]byte{}"),
		b64(string(private))[8:16],
	}
	for _, s := range spellings {
		if strings.Contains(printed, s) {
			t.Fatalf("secret printed as %q in %q", s, printed)
		}
	}
}

func TestSignersRoundTrip(t *testing.T) {
	for _, name := range names {
		k := testKeys()[name]
		der, err := k.signer.MarshalPrivate()
		if err != nil {
			t.Fatal(err)
		}
		again, err := jws.ParseSigner("other", k.alg, der)
		if err != nil {
			t.Fatal(err)
		}
		if again.Key().ID() != "other" || again.Key().Algorithm() != k.alg {
			t.Errorf("%s comes back as %v", k.alg, again)
		}
		compact := must(again.Sign("at+jwt", []byte("x")))
		renamed := must(jws.ParseSigner(name+"-1", k.alg, der))
		if err := check(must(renamed.Sign("at+jwt", []byte("x"))), k.signer.Key()); err != nil {
			t.Errorf("%s: the key that came back is another: %v", k.alg, err)
		}
		if err := check(compact, k.signer.Key()); !errors.Is(err, jws.ErrKey) {
			t.Errorf("%s: signed under another id: %v, want ErrKey", k.alg, err)
		}
		m := must(jws.Parse(compact))
		if m.Header != (jws.Header{Algorithm: k.alg, KeyID: "other", Type: "at+jwt"}) || string(m.Payload) != "x" {
			t.Errorf("%s: read back %+v %q", k.alg, m.Header, m.Payload)
		}
		for _, other := range names {
			if alg := testKeys()[other].alg; alg != k.alg && alg != jws.HS256 && !(name == "rs" && other == "ps" || name == "ps" && other == "rs") {
				if _, err := jws.ParseSigner("k", alg, der); !errors.Is(err, jws.ErrKey) {
					t.Errorf("%s key parsed for %s: %v, want ErrKey", k.alg, alg, err)
				}
			}
		}
		if name != "hs" {
			if _, err := jws.ParseSigner("k", k.alg, der[:len(der)-1]); !errors.Is(err, jws.ErrKey) {
				t.Errorf("%s, cut short: %v, want ErrKey", k.alg, err)
			}
		}
	}
	if _, err := jws.ParseSigner("k", jws.ES256, nil); !errors.Is(err, jws.ErrKey) {
		t.Errorf("nothing parsed: %v, want ErrKey", err)
	}
	if _, err := jws.ParseSigner("k", "none", nil); err == nil {
		t.Error("parsed a signer for none")
	}
}

func TestGenerate(t *testing.T) {
	for _, alg := range []jws.Algorithm{jws.ES256, jws.EdDSA, jws.PS256, jws.HS256} {
		a, b := must(jws.Generate("k", alg)), must(jws.Generate("k", alg))
		compact := must(a.Sign("t", []byte("x")))
		if err := check(compact, a.Key()); err != nil {
			t.Errorf("%s: %v", alg, err)
		}
		if err := check(compact, b.Key()); !errors.Is(err, jws.ErrSignature) {
			t.Errorf("%s: two generated keys: %v, want ErrSignature", alg, err)
		}
		if alg == jws.PS256 {
			private := must(x509.ParsePKCS8PrivateKey(must(a.MarshalPrivate()))).(*rsa.PrivateKey)
			if private.N.BitLen() != jws.GeneratedRSABits {
				t.Errorf("generated RSA of %d bits", private.N.BitLen())
			}
		}
	}
	for _, alg := range []jws.Algorithm{"", "none", "ES384"} {
		if _, err := jws.Generate("k", alg); !errors.Is(err, jws.ErrAlgorithm) {
			t.Errorf("Generate(%q): %v, want ErrAlgorithm", alg, err)
		}
	}
	if _, err := jws.Generate("", jws.HS256); !errors.Is(err, jws.ErrKey) {
		t.Errorf("Generate without id: %v, want ErrKey", err)
	}
}

func TestNewSignerRefuses(t *testing.T) {
	mixed := bytes.Clone(testKeys()["ed"].private.(ed25519.PrivateKey))
	mixed[40] ^= 1 // the public half of another key
	for name, c := range map[string]struct {
		alg      jws.Algorithm
		material any
	}{
		"nothing":                      {jws.ES256, nil},
		"public key":                   {jws.ES256, testKeys()["es"].private.(crypto.Signer).Public()},
		"nil ECDSA":                    {jws.ES256, (*ecdsa.PrivateKey)(nil)},
		"nil RSA":                      {jws.RS256, (*rsa.PrivateKey)(nil)},
		"short Ed25519":                {jws.EdDSA, make(ed25519.PrivateKey, 63)},
		"Ed25519 with two halves":      {jws.EdDSA, ed25519.PrivateKey(mixed)},
		"secret for ES256":             {jws.ES256, make([]byte, 32)},
		"signer for HS256":             {jws.HS256, testKeys()["es"].private},
		"ECDSA for RS256":              {jws.RS256, testKeys()["es"].private},
		"external signer, other curve": {jws.ES256, external{Signer: must(ecdsa.GenerateKey(elliptic.P384(), rand.Reader))}},
	} {
		if _, err := jws.NewSigner("k", c.alg, c.material); !errors.Is(err, jws.ErrKey) {
			t.Errorf("%s: %v, want ErrKey", name, err)
		}
	}
}

// A key held elsewhere signs like one held here, cannot be marshalled, and is
// not believed when what it returns is no signature.
func TestExternalSigner(t *testing.T) {
	for _, name := range []string{"es", "ed", "rs", "ps"} {
		k := testKeys()[name]
		signer := must(jws.NewSigner(name+"-1", k.alg, external{Signer: k.private.(crypto.Signer)}))
		if err := check(must(signer.Sign("t", []byte("x"))), k.signer.Key()); err != nil {
			t.Errorf("%s: %v", k.alg, err)
		}
		if _, err := signer.MarshalPrivate(); !errors.Is(err, jws.ErrKey) {
			t.Errorf("%s marshalled: %v, want ErrKey", k.alg, err)
		}
	}
	for what, spoil := range map[string]func([]byte) []byte{
		"nothing":         func([]byte) []byte { return nil },
		"cut short":       func(der []byte) []byte { return der[:len(der)-1] },
		"trailing byte":   func(der []byte) []byte { return append(der, 0) },
		"raw":             func([]byte) []byte { return make([]byte, 64) },
		"longer integers": func([]byte) []byte { return append([]byte{0x30, 72, 2, 34}, make([]byte, 70)...) },
	} {
		signer := must(jws.NewSigner("es-1", jws.ES256, external{testKeys()["es"].private.(crypto.Signer), spoil}))
		if got, err := signer.Sign("t", []byte("x")); !errors.Is(err, jws.ErrKey) {
			t.Errorf("%s: %q, %v, want ErrKey", what, got, err)
		}
	}
}

func TestSignRefuses(t *testing.T) {
	s := testKeys()["hs"].signer
	for _, typ := range []string{"", "a b", "a\n", "é", strings.Repeat("t", 65)} {
		if _, err := s.Sign(typ, []byte("x")); !errors.Is(err, jws.ErrMalformed) {
			t.Errorf("Sign with typ %q: %v, want ErrMalformed", typ, err)
		}
		if _, err := s.SignDetached(typ, []byte("x")); !errors.Is(err, jws.ErrMalformed) {
			t.Errorf("SignDetached with typ %q: %v, want ErrMalformed", typ, err)
		}
	}
	if _, err := s.Sign("t", nil); !errors.Is(err, jws.ErrMalformed) {
		t.Errorf("Sign of nothing: %v, want ErrMalformed", err)
	}
	// Quotes in names are data, not structure.
	odd := must(jws.NewSigner(`k","alg":"none","x":"\`, jws.HS256, make([]byte, 32)))
	m := must(jws.Parse(must(odd.Sign(`t","kid":"evil`, []byte("x")))))
	if m.Header.KeyID != `k","alg":"none","x":"\` || m.Header.Type != `t","kid":"evil` || m.Verify(odd.Key()) != nil {
		t.Errorf("header read back as %+v", m.Header)
	}
}

func TestConcurrentUse(t *testing.T) {
	for _, name := range names {
		s := testKeys()[name].signer
		var group sync.WaitGroup
		for range 4 {
			group.Go(func() {
				for i := range 8 {
					payload := fmt.Sprint(name, i)
					compact, err := s.Sign("t", []byte(payload))
					if err != nil {
						t.Error(err)
						return
					}
					if err := check(compact, s.Key()); err != nil {
						t.Errorf("%s: %v", name, err)
					}
				}
			})
		}
		group.Wait()
	}
}

func TestParseAllocatesLittle(t *testing.T) {
	compact := must(testKeys()["hs"].signer.Sign("at+jwt", must(claims().Encode())))
	n := testing.AllocsPerRun(100, func() {
		if _, err := jws.Parse(compact); err != nil {
			t.Fatal(err)
		}
	})
	if n > 2 {
		t.Errorf("Parse allocates %v times, want at most 2", n)
	}
}
