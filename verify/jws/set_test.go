package jws_test

import (
	"encoding/json"
	"errors"
	"os"
	"reflect"
	"strings"
	"testing"

	"tandem.example/tandem/verify/jws"
)

type setVector struct {
	Name, Set, Error, Rule string
	Kids                   []string // algorithm and id of the keys expected
}

func setVectors(tb testing.TB) []setVector {
	tb.Helper()
	raw, err := os.ReadFile("testdata/sets.json")
	if err != nil {
		tb.Fatal(err)
	}
	var list []setVector
	if err := json.Unmarshal(raw, &list); err != nil {
		tb.Fatal(err)
	}
	return list
}

func TestSetVectors(t *testing.T) {
	for _, v := range setVectors(t) {
		t.Run(v.Name, func(t *testing.T) {
			set, err := jws.ParseSet([]byte(v.Set))
			wantError(t, err, v.Error, v.Rule)
			if err != nil {
				if set != nil {
					t.Errorf("keys beside an error: %v", set)
				}
				return
			}
			kids := []string{}
			for _, k := range set {
				kids = append(kids, string(k.Algorithm())+" "+k.ID())
			}
			if !reflect.DeepEqual(kids, v.Kids) {
				t.Errorf("keys %v, want %v", kids, v.Kids)
			}
		})
	}
}

// A set that was published and read checks what its signers sign, and holds no
// secret key.
func TestSetRoundTrip(t *testing.T) {
	var set jws.Set
	for _, name := range names {
		set = append(set, testKeys()[name].signer.Key())
	}
	encoded, err := set.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	again, err := jws.ParseSet(encoded)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		k, ok := again.Find(name + "-1")
		if public := name != "hs"; ok != public {
			t.Errorf("%s published: %v, want %v", name, ok, public)
			continue
		}
		if !ok {
			continue
		}
		if err := check(must(testKeys()[name].signer.Sign("t", []byte("x"))), k); err != nil {
			t.Errorf("%v: %v", k, err)
		}
	}
	var loose struct{ Keys []map[string]any }
	if err := json.Unmarshal(encoded, &loose); err != nil || len(loose.Keys) != 4 {
		t.Fatalf("encoding/json reads %v, %v", loose, err)
	}
	for i, k := range loose.Keys {
		if k["use"] != "sig" || k["alg"] != string(set[i].Algorithm()) || k["kid"] != set[i].ID() {
			t.Errorf("key %v published as %v", set[i], k)
		}
		for member := range k {
			if !strings.Contains(" kty crv x y n e use alg kid ", " "+member+" ") {
				t.Errorf("key %v published with %q", set[i], member)
			}
		}
	}
}

func TestSetMarshal(t *testing.T) {
	for _, empty := range []jws.Set{nil, {}, {testKeys()["hs"].signer.Key()}} {
		if got, err := empty.Marshal(); err != nil || string(got) != `{"keys":[]}` {
			t.Errorf("Marshal of %v: %s, %v", empty, got, err)
		}
	}
	k := testKeys()["es"].signer.Key()
	for what, set := range map[string]jws.Set{"a zero key": {k, {}}, "the same id twice": {k, testKeys()["ed"].signer.Key(), k}} {
		if got, err := set.Marshal(); !errors.Is(err, jws.ErrKey) || got != nil {
			t.Errorf("Marshal with %s: %s, %v, want ErrKey", what, got, err)
		}
	}
	odd := must(jws.Generate(`"},{"kid":"evil\`, jws.EdDSA)).Key()
	again := must(jws.ParseSet(must(jws.Set{odd}.Marshal())))
	if len(again) != 1 || again[0].ID() != odd.ID() {
		t.Errorf("a quoted id comes back as %v", again)
	}
}

func TestSetFind(t *testing.T) {
	set := jws.Set{testKeys()["es"].signer.Key(), testKeys()["ed"].signer.Key()}
	if k, ok := set.Find("ed-1"); !ok || k.Algorithm() != jws.EdDSA {
		t.Errorf("Find(ed-1) = %v, %v", k, ok)
	}
	for _, kid := range []string{"", "ed", "ed-10", "ED-1"} {
		if k, ok := set.Find(kid); ok || k != (jws.Key{}) {
			t.Errorf("Find(%q) = %v, %v", kid, k, ok)
		}
	}
}

func TestSetSizeLimit(t *testing.T) {
	fits := `{"keys":[]}` + strings.Repeat(" ", jws.MaxSetSize-len(`{"keys":[]}`))
	if _, err := jws.ParseSet([]byte(fits)); err != nil {
		t.Errorf("set of MaxSetSize: %v", err)
	}
	if _, err := jws.ParseSet([]byte(fits + " ")); !errors.Is(err, jws.ErrTooLarge) {
		t.Errorf("set over MaxSetSize: %v, want ErrTooLarge", err)
	}
}
