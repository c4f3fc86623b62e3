package jws

import (
	"bytes"
	"encoding/asn1"
	"encoding/json"
	"math/big"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
)

// TestRFCVectors checks signatures published in the standards. Their headers
// name no key or have no typ, which Parse or VerifyDetached would not take, so
// they are checked below that.
func TestRFCVectors(t *testing.T) {
	raw, err := os.ReadFile("testdata/rfc.json")
	if err != nil {
		t.Fatal(err)
	}
	var vectors []struct {
		Source, Secret, Signed, Signature string
		Alg                               Algorithm
		JWK                               json.RawMessage
	}
	if err := json.Unmarshal(raw, &vectors); err != nil {
		t.Fatal(err)
	}
	for _, v := range vectors {
		t.Run(v.Source, func(t *testing.T) {
			var key Key
			if v.Secret != "" {
				secret, _ := decode(v.Secret)
				if key, err = NewKey("k", v.Alg, secret); err != nil {
					t.Fatal(err)
				}
			} else {
				set, err := ParseSet([]byte(`{"keys":[` + string(v.JWK) + `]}`))
				if err != nil || len(set) != 1 {
					t.Fatalf("key set: %v, %v", set, err)
				}
				key = set[0]
			}
			if key.Algorithm() != v.Alg {
				t.Fatalf("key for %s", key.Algorithm())
			}
			signature, ok := decode(v.Signature)
			if !ok {
				t.Fatal("signature does not decode")
			}
			if err := key.check([]byte(v.Signed), signature); err != nil {
				t.Errorf("refused: %v", err)
			}
			if err := key.check([]byte(v.Signed+"x"), signature); err == nil {
				t.Error("accepted over other bytes")
			}
			if !strings.Contains(v.Source, "7520") {
				return
			}
			// These name their key, so the whole token can be read.
			m, err := Parse(v.Signed + "." + v.Signature)
			if err != nil || m.Header.Algorithm != v.Alg || m.Header.KeyID == "" {
				t.Fatalf("Parse: %+v, %v", m.Header, err)
			}
			key.id = m.Header.KeyID
			if err := m.Verify(key); err != nil {
				t.Errorf("Verify: %v", err)
			}
		})
	}
}

// scalarsOf yields pairs of 32-byte numbers of every length, high bit set or
// not, alike from run to run.
func scalarsOf(f func(r, s []byte)) {
	random := rand.New(rand.NewPCG(1, 2))
	for rLen := 1; rLen <= scalarSize; rLen++ {
		for sLen := 1; sLen <= scalarSize; sLen++ {
			for _, top := range []byte{0x01, 0x7f, 0x80, 0xff} {
				r, s := make([]byte, scalarSize), make([]byte, scalarSize)
				for i := range rLen {
					r[scalarSize-1-i] = byte(random.Uint32())
				}
				for i := range sLen {
					s[scalarSize-1-i] = byte(random.Uint32())
				}
				r[scalarSize-rLen], s[scalarSize-sLen] = top, top
				f(r, s)
			}
		}
	}
}

// Our DER is the standard library's, both ways.
func TestDERAgreesWithASN1(t *testing.T) {
	scalarsOf(func(r, s []byte) {
		raw := append(bytes.Clone(r), s...)
		want, err := asn1.Marshal(struct{ R, S *big.Int }{new(big.Int).SetBytes(r), new(big.Int).SetBytes(s)})
		if err != nil {
			t.Fatal(err)
		}
		der := appendDER(nil, raw)
		if !bytes.Equal(der, want) || len(der) > maxDERSize {
			t.Fatalf("DER of %x is %x, want %x", raw, der, want)
		}
		if back, ok := appendRaw(nil, der); !ok || !bytes.Equal(back, raw) {
			t.Fatalf("raw of %x is %x, %v, want %x", der, back, ok, raw)
		}
	})
}

func TestDERRefuses(t *testing.T) {
	long := append(append([]byte{derInteger, 33}, bytes.Repeat([]byte{0x7f}, 33)...), 2, 1, 1)
	for what, der := range map[string][]byte{
		"nothing":            {},
		"no sequence":        {0x31, 6, 2, 1, 1, 2, 1, 1},
		"outer too long":     {0x30, 7, 2, 1, 1, 2, 1, 1},
		"outer too short":    {0x30, 5, 2, 1, 1, 2, 1, 1},
		"one integer":        {0x30, 3, 2, 1, 1},
		"three integers":     {0x30, 9, 2, 1, 1, 2, 1, 1, 2, 1, 1},
		"trailing byte":      {0x30, 6, 2, 1, 1, 2, 1, 1, 0},
		"long form length":   {0x30, 0x81, 6, 2, 1, 1, 2, 1, 1},
		"no integer":         {0x30, 6, 4, 1, 1, 2, 1, 1},
		"empty integer":      {0x30, 5, 2, 0, 2, 1, 1},
		"integer beyond end": {0x30, 6, 2, 1, 1, 2, 2, 1},
		"negative":           {0x30, 6, 2, 1, 0x80, 2, 1, 1},
		"needless zero":      {0x30, 7, 2, 2, 0, 1, 2, 1, 1},
		"33 bytes":           append([]byte{derSequence, byte(len(long))}, long...),
	} {
		if raw, ok := appendRaw(nil, der); ok {
			t.Errorf("%s: %x taken as %x", what, der, raw)
		}
	}
}

// FuzzDER: what appendRaw takes is what encoding/asn1 takes, for numbers that
// fit.
func FuzzDER(f *testing.F) {
	f.Add([]byte{0x30, 6, 2, 1, 1, 2, 1, 1})
	f.Add([]byte{0x30, 6, 2, 1, 0x80, 2, 1, 1})
	f.Add([]byte{0x30, 7, 2, 2, 0, 1, 2, 1, 1})
	f.Add([]byte{0x30, 0x81, 6, 2, 1, 1, 2, 1, 1})
	f.Add(appendDER(nil, bytes.Repeat([]byte{0xff}, es256Size)))
	f.Fuzz(func(t *testing.T, der []byte) {
		raw, ok := appendRaw(nil, der)
		if !ok {
			return
		}
		if len(raw) != es256Size {
			t.Fatalf("%x gives %d bytes", der, len(raw))
		}
		if again := appendDER(nil, raw); !bytes.Equal(again, der) {
			t.Fatalf("%x reads as %x, which is written %x", der, raw, again)
		}
	})
}
