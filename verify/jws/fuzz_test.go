package jws_test

import (
	"bytes"
	"errors"
	"testing"

	"tandem.example/tandem/verify/jws"
)

// fuzzSigner has a key that the fuzzer can find out, but not use: it does not
// compute HMACs.
func fuzzSigner() jws.Signer {
	return must(jws.NewSigner("hs-1", jws.HS256, bytes.Repeat([]byte("fuzz"), 8)))
}

// FuzzParse: no panic; what parses is written one way only; and what verifies
// is byte for byte a token that was signed.
func FuzzParse(f *testing.F) {
	signer := fuzzSigner()
	signed := map[string]bool{}
	for _, payload := range []string{"x", "xy", "xyz", `{"sub":"usr_1"}`} {
		compact := must(signer.Sign("at+jwt", []byte(payload)))
		signed[compact] = true
		f.Add(compact)
		f.Add(compact + "\n")
		f.Add(detachedOf(compact))
	}
	for _, v := range vectors(f) {
		f.Add(v.compact(f))
	}
	f.Fuzz(func(t *testing.T, compact string) {
		m, err := jws.Parse(compact)
		if err != nil {
			wantSentinel(t, err)
			return
		}
		h, _, s := parts(compact)
		if again := b64(string(unb64(t, h))) + "." + b64(string(m.Payload)) + "." + b64(string(unb64(t, s))); again != compact {
			t.Fatalf("%q parses, and is written %q", compact, again)
		}
		if _, err := jws.ParseAlgorithm(string(m.Header.Algorithm)); err != nil || m.Header.KeyID == "" {
			t.Fatalf("%q parses with the header %+v", compact, m.Header)
		}
		if m.Verify(signer.Key()) == nil && !signed[compact] {
			t.Fatalf("%q verifies and was never signed", compact)
		}
		for _, name := range []string{"es", "ed", "rs", "ps"} {
			if m.Verify(testKeys()[name].signer.Key()) == nil && m.Header.KeyID != name+"-1" {
				t.Fatalf("%q verifies by a key it does not name", compact)
			}
		}
	})
}

// FuzzDetached: no panic, and only what was signed verifies.
func FuzzDetached(f *testing.F) {
	signer := fuzzSigner()
	body := []byte("body")
	good := must(signer.SignDetached(syncType, body))
	f.Add(good, body)
	f.Add(good, []byte("bodY"))
	f.Add(must(signer.Sign(syncType, body)), body)
	f.Add(must(signer.SignDetached("at+jwt", body)), body)
	f.Fuzz(func(t *testing.T, signature string, given []byte) {
		err := jws.VerifyDetached(signature, given, syncType, signer.Key())
		if err == nil && (signature != good || !bytes.Equal(given, body)) {
			t.Fatalf("%q over %q verifies and was never signed", signature, given)
		}
		if err != nil {
			wantSentinel(t, err)
		}
		if _, err := jws.DetachedHeader(signature); err != nil {
			wantSentinel(t, err)
		}
	})
}

// FuzzParseSet: no panic, and what is read can be published and read again.
func FuzzParseSet(f *testing.F) {
	for _, v := range setVectors(f) {
		f.Add([]byte(v.Set))
	}
	f.Fuzz(func(t *testing.T, jwks []byte) {
		set, err := jws.ParseSet(jwks)
		if err != nil {
			wantSentinel(t, err)
			return
		}
		first, err := set.Marshal()
		if err != nil {
			t.Fatalf("%q is read and cannot be published: %v", jwks, err)
		}
		again, err := jws.ParseSet(first)
		if err != nil || len(again) != len(set) {
			t.Fatalf("%q is published as %q and read as %v: %v", jwks, first, again, err)
		}
		if second, err := again.Marshal(); err != nil || !bytes.Equal(first, second) {
			t.Fatalf("%q is published as %q, then as %q: %v", jwks, first, second, err)
		}
	})
}

func wantSentinel(t *testing.T, err error) {
	t.Helper()
	for _, s := range sentinels {
		if errors.Is(err, s) {
			return
		}
	}
	t.Fatalf("error %v is none of the package's", err)
}
