package jws_test

import (
	"strings"
	"testing"
)

// One token, one spelling: no change of one byte, insertion or deletion gives
// another string that verifies. HS256 and EdDSA have one signature per
// message, so this holds for the whole token.
func TestNoOtherSpelling(t *testing.T) {
	k := testKeys()["hs"]
	key := k.signer.Key()
	// Payloads of every length modulo three, for every kind of last character.
	for _, payload := range []string{"x", "xy", "xyz"} {
		compact, err := k.signer.Sign("t", []byte(payload))
		if err != nil {
			t.Fatal(err)
		}
		if err := check(compact, key); err != nil {
			t.Fatal(err)
		}
		for i := range len(compact) {
			for c := range 256 {
				changed := compact[:i] + string([]byte{byte(c)}) + compact[i+1:]
				if changed != compact && check(changed, key) == nil {
					t.Fatalf("byte %d changed from %q to %q verifies", i, compact[i], byte(c))
				}
			}
			for _, c := range "\n\r\t =.-_+/A\x00" {
				if inserted := compact[:i] + string(c) + compact[i:]; check(inserted, key) == nil {
					t.Fatalf("%q inserted at %d verifies", c, i)
				}
			}
			if check(compact[:i]+compact[i+1:], key) == nil {
				t.Fatalf("byte %d left out verifies", i)
			}
			if check(compact[:i], key) == nil {
				t.Fatalf("the first %d bytes verify", i)
			}
		}
	}
}

// The last character of each part has unused bits that a lax decoder ignores:
// of all its values one verifies, for every algorithm.
func TestLastCharacters(t *testing.T) {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	for _, name := range names {
		k := testKeys()[name]
		for _, typ := range []string{"t", "tt", "ttt"} {
			compact, err := k.signer.Sign(typ, []byte("{}"))
			if err != nil {
				t.Fatal(err)
			}
			h, p, _ := parts(compact)
			for _, end := range []int{len(h) - 1, len(h) + len(p), len(compact) - 1} {
				good := 0
				for _, c := range alphabet {
					if check(compact[:end]+string(c)+compact[end+1:], k.signer.Key()) == nil {
						good++
					}
				}
				if good != 1 {
					t.Errorf("%s: %d values of the last character at %d verify, want 1", k.alg, good, end)
				}
			}
		}
	}
}

// Parts of two good tokens do not make a third.
func TestPartsDoNotMix(t *testing.T) {
	for _, name := range names {
		k := testKeys()[name]
		a, errA := k.signer.Sign("at+jwt", []byte(`{"sub":"usr_1"}`))
		b, errB := k.signer.Sign("other", []byte(`{"sub":"usr_2"}`))
		if errA != nil || errB != nil {
			t.Fatal(errA, errB)
		}
		one, two := strings.Split(a, "."), strings.Split(b, ".")
		for mix := range 8 {
			var mixed [3]string
			for i := range mixed {
				mixed[i] = one[i]
				if mix>>i&1 == 1 {
					mixed[i] = two[i]
				}
			}
			err := check(strings.Join(mixed[:], "."), k.signer.Key())
			if whole := mix == 0 || mix == 7; (err == nil) != whole {
				t.Errorf("%s, mix %03b: %v", k.alg, mix, err)
			}
		}
	}
}
