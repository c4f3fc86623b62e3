package jws_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"math/big"
	"strings"
	"testing"

	"tandem.example/tandem/verify/jws"
)

func header(alg jws.Algorithm, kid string) string {
	return `{"alg":"` + string(alg) + `","kid":"` + kid + `","typ":"at+jwt"}`
}

// The oldest trick: the public key, in any spelling a server may hold it in, is
// used as an HMAC secret.
func TestPublicKeyAsSecret(t *testing.T) {
	for _, name := range []string{"rs", "ps", "es", "ed"} {
		k := testKeys()[name]
		public := k.private.(crypto.Signer).Public()
		der, err := x509.MarshalPKIXPublicKey(public)
		if err != nil {
			t.Fatal(err)
		}
		armoured := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
		set, err := jws.Set{k.signer.Key()}.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		secrets := [][]byte{der, armoured, bytes.TrimSpace(armoured), set, set[len(`{"keys":[`) : len(set)-2], {}}
		switch public := public.(type) {
		case *rsa.PublicKey:
			pkcs1 := x509.MarshalPKCS1PublicKey(public)
			secrets = append(secrets, pkcs1, public.N.Bytes(), pem.EncodeToMemory(&pem.Block{Type: "RSA PUBLIC KEY", Bytes: pkcs1}))
		case *ecdsa.PublicKey:
			secrets = append(secrets, must(public.Bytes()))
		case ed25519.PublicKey:
			secrets = append(secrets, public)
		}
		for _, secret := range secrets {
			for _, alg := range []jws.Algorithm{jws.HS256, k.alg} {
				signed := b64(header(alg, name+"-1")) + "." + b64("{}")
				mac := hmac.New(sha256.New, secret)
				mac.Write([]byte(signed))
				err := check(signed+"."+b64(string(mac.Sum(nil))), k.signer.Key())
				want := jws.ErrAlgorithm
				if alg == k.alg {
					want = jws.ErrSignature
				}
				if !errors.Is(err, want) {
					t.Errorf("%s key, header %s: %v, want %v", k.alg, alg, err, want)
				}
			}
		}
		if _, err := jws.NewKey("k", jws.HS256, armoured); !errors.Is(err, jws.ErrKey) {
			t.Errorf("NewKey took a PEM public key as a secret: %v", err)
		}
		if _, err := jws.NewKey("k", jws.HS256, public); !errors.Is(err, jws.ErrKey) {
			t.Errorf("NewKey took a public key as a secret: %v", err)
		}
	}
}

// An ES256 signature has exactly 64 bytes and two scalars from 1 to n-1.
func TestES256Signatures(t *testing.T) {
	k := testKeys()["es"]
	signed := b64(header(jws.ES256, "es-1")) + "." + b64("{}")
	good := k.bareSignature(t, []byte(signed))
	n := elliptic.P256().Params().N
	join := func(r, s *big.Int) []byte {
		return append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...)
	}
	r, s := new(big.Int).SetBytes(good[:32]), new(big.Int).SetBytes(good[32:])
	zero, one := new(big.Int), big.NewInt(1)
	ff := bytes.Repeat([]byte{0xff}, 64)
	for name, signature := range map[string][]byte{
		"r zero":               join(zero, s),
		"s zero":               join(r, zero),
		"both zero":            make([]byte, 64),
		"r is n":               join(n, s),
		"s is n":               join(r, n),
		"both are n":           join(n, n),
		"both are one":         join(one, one),
		"all ones":             ff,
		"swapped":              join(s, r),
		"r of the other sign":  join(new(big.Int).Sub(n, r), s),
		"s plus one":           join(r, new(big.Int).Add(s, one)),
		"63 bytes":             good[:63],
		"65 bytes":             append(bytes.Clone(good), 0),
		"leading zero":         append([]byte{0}, good...),
		"half":                 good[:32],
		"one byte":             good[:1],
		"twice":                append(bytes.Clone(good), good...),
		"DER":                  derOf(good),
		"P-384 size":           make([]byte, 96),
		"P-521 size":           make([]byte, 132),
		"33 byte scalars":      append(append([]byte{0}, good[:32]...), append([]byte{0}, good[32:]...)...),
		"stripped of zeros":    bytes.TrimLeft(join(big.NewInt(7), s), "\x00"),
		"DER padded to 64":     append(derOf(join(one, one)), make([]byte, 56)...),
		"signature of nothing": k.bareSignature(t, nil),
	} {
		if err := check(signed+"."+b64(string(signature)), k.signer.Key()); !errors.Is(err, jws.ErrSignature) {
			t.Errorf("%s: %v, want ErrSignature", name, err)
		}
	}
	// ECDSA gives each signature a twin, r and n-s, that RFC 7518 does not
	// forbid. It says nothing new, and nothing may depend on a token's spelling.
	twin := join(r, new(big.Int).Sub(n, s))
	for _, signature := range [][]byte{good, twin} {
		if err := check(signed+"."+b64(string(signature)), k.signer.Key()); err != nil {
			t.Errorf("good signature refused: %v", err)
		}
	}
}

// Ed25519: one signature per message (S below the group order), 64 bytes.
func TestEdDSASignatures(t *testing.T) {
	k := testKeys()["ed"]
	signed := b64(header(jws.EdDSA, "ed-1")) + "." + b64("{}")
	good := k.bareSignature(t, []byte(signed))
	order, _ := new(big.Int).SetString("7237005577332262213973186563042994240857116359379907606001950938285454250989", 10)
	s := bytes.Clone(good)
	reverse(s[32:])
	new(big.Int).Add(new(big.Int).SetBytes(s[32:]), order).FillBytes(s[32:])
	reverse(s[32:])
	for name, signature := range map[string][]byte{
		"S plus the order": s,
		"63 bytes":         good[:63],
		"65 bytes":         append(bytes.Clone(good), 0),
		"zeros":            make([]byte, 64),
		"R alone":          good[:32],
	} {
		if err := check(signed+"."+b64(string(signature)), k.signer.Key()); !errors.Is(err, jws.ErrSignature) {
			t.Errorf("%s: %v, want ErrSignature", name, err)
		}
	}
}

func reverse(b []byte) {
	for i, j := 0, len(b)-1; i < j; i, j = i+1, j-1 {
		b[i], b[j] = b[j], b[i]
	}
}

// For a public key of small order anyone can make signatures: R = 1 and S = 0
// holds for one message in eight at least. That the keys refused here are such
// keys is shown by the standard library, which accepts the forgeries.
func TestSmallOrderKeys(t *testing.T) {
	prime := new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 255), big.NewInt(19))
	littleEndian := func(y *big.Int) []byte {
		b := y.FillBytes(make([]byte, 32))
		reverse(b)
		return b
	}
	order8, _ := new(big.Int).SetString("05fc536d880238b13933c6d305acdfd5f098eff289f4c345b027b2c28f95e826", 16)
	forged := append(littleEndian(big.NewInt(1)), make([]byte, 32)...)
	for _, y := range []*big.Int{
		big.NewInt(0), big.NewInt(1), new(big.Int).Sub(prime, big.NewInt(1)), order8, new(big.Int).Sub(prime, order8),
		prime, new(big.Int).Add(prime, big.NewInt(1)), // 0 and 1 again, not canonical
	} {
		for _, sign := range []byte{0, 0x80} {
			key := littleEndian(y)
			key[31] |= sign
			holds := 0
			for i := range 200 {
				if ed25519.Verify(key, []byte{byte(i)}, forged) {
					holds++
				}
			}
			if holds == 0 {
				t.Errorf("no forgery holds for %x: it may be a good key", key)
			}
			if _, err := jws.NewKey("k", jws.EdDSA, ed25519.PublicKey(key)); !errors.Is(err, jws.ErrKey) {
				t.Errorf("NewKey(%x): %v, want ErrKey", key, err)
			}
		}
	}
}

// PS256 is one salt length and one hash, whatever the signer chose.
func TestPSSParameters(t *testing.T) {
	k := testKeys()["ps"]
	private := k.private.(*rsa.PrivateKey)
	signed := b64(header(jws.PS256, "ps-1")) + "." + b64("{}")
	digest := sha256.Sum256([]byte(signed))
	for salt, want := range map[int]error{
		32: nil, rsa.PSSSaltLengthEqualsHash: nil,
		1: jws.ErrSignature, 20: jws.ErrSignature, 31: jws.ErrSignature, 33: jws.ErrSignature, 64: jws.ErrSignature,
		rsa.PSSSaltLengthAuto: jws.ErrSignature, // the longest that fits
	} {
		signature, err := rsa.SignPSS(rand.Reader, private, crypto.SHA256, digest[:], &rsa.PSSOptions{SaltLength: salt})
		if err != nil {
			t.Fatal(err)
		}
		if err := check(signed+"."+b64(string(signature)), k.signer.Key()); !errors.Is(err, want) {
			t.Errorf("salt of %d: %v, want %v", salt, err, want)
		}
	}
	long := sha512.Sum512([]byte(signed))
	signature, err := rsa.SignPSS(rand.Reader, private, crypto.SHA512, long[:], &rsa.PSSOptions{SaltLength: 32})
	if err != nil {
		t.Fatal(err)
	}
	if err := check(signed+"."+b64(string(signature)), k.signer.Key()); !errors.Is(err, jws.ErrSignature) {
		t.Errorf("SHA-512: %v, want ErrSignature", err)
	}
}

// RSA signatures have the modulus's length and are below it.
func TestRSASignatures(t *testing.T) {
	for _, name := range []string{"rs", "ps"} {
		k := testKeys()[name]
		modulus := k.private.(*rsa.PrivateKey).N
		signed := b64(header(k.alg, name+"-1")) + "." + b64("{}")
		good := k.bareSignature(t, []byte(signed))
		sum := new(big.Int).Add(new(big.Int).SetBytes(good), modulus)
		for what, signature := range map[string][]byte{
			"leading zero":     append([]byte{0}, good...),
			"trailing zero":    append(bytes.Clone(good), 0),
			"one byte short":   good[:len(good)-1],
			"plus the modulus": sum.Bytes(),
			"zero":             make([]byte, len(good)),
			"one":              append(make([]byte, len(good)-1), 1),
			"the modulus":      modulus.Bytes(),
			"one byte":         {1},
		} {
			if err := check(signed+"."+b64(string(signature)), k.signer.Key()); !errors.Is(err, jws.ErrSignature) {
				t.Errorf("%s, %s: %v, want ErrSignature", k.alg, what, err)
			}
		}
	}
	k := testKeys()["rs"]
	signed := b64(header(jws.RS256, "rs-1")) + "." + b64("{}")
	digest := sha512.Sum512([]byte(signed))
	signature, err := rsa.SignPKCS1v15(rand.Reader, k.private.(*rsa.PrivateKey), crypto.SHA512, digest[:])
	if err != nil {
		t.Fatal(err)
	}
	if err := check(signed+"."+b64(string(signature)), k.signer.Key()); !errors.Is(err, jws.ErrSignature) {
		t.Errorf("RS512 signature under RS256: %v, want ErrSignature", err)
	}
}

// A huge token is refused by its length, before anything is decoded.
func TestSizeLimit(t *testing.T) {
	k := testKeys()["hs"]
	key := k.signer.Key()
	for _, compact := range []string{
		k.token(t, header(jws.HS256, strings.Repeat("k", 64<<10)), "{}"),
		k.token(t, header(jws.HS256, "hs-1"), strings.Repeat("x", 64<<10)),
		strings.Repeat(".", 1<<20),
		strings.Repeat("A", jws.MaxSize+1),
	} {
		if err := check(compact, key); !errors.Is(err, jws.ErrTooLarge) {
			t.Errorf("token of %d bytes: %v, want ErrTooLarge", len(compact), err)
		}
		if _, err := jws.DetachedHeader(compact); !errors.Is(err, jws.ErrTooLarge) {
			t.Errorf("detached of %d bytes: %v, want ErrTooLarge", len(compact), err)
		}
	}
	// The longest payload that fits, and one more.
	empty := len(k.token(t, header(jws.HS256, "hs-1"), ""))
	longest := strings.Repeat("x", (jws.MaxSize-empty)*3/4-3)
	for len(k.token(t, header(jws.HS256, "hs-1"), longest+"x")) <= jws.MaxSize {
		longest += "x"
	}
	if err := check(k.token(t, header(jws.HS256, "hs-1"), longest), key); err != nil {
		t.Errorf("token of MaxSize: %v", err)
	}
	if err := check(k.token(t, header(jws.HS256, "hs-1"), longest+"x"), key); !errors.Is(err, jws.ErrTooLarge) {
		t.Errorf("token over MaxSize: %v, want ErrTooLarge", err)
	}
	if _, err := k.signer.Sign("at+jwt", []byte(longest)); err != nil {
		t.Errorf("Sign up to MaxSize: %v", err)
	}
	if _, err := k.signer.Sign("at+jwt", []byte(longest+"x")); !errors.Is(err, jws.ErrTooLarge) {
		t.Errorf("Sign over MaxSize: %v, want ErrTooLarge", err)
	}
}
