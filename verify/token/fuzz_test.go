package token_test

import (
	"bytes"
	"encoding/json"
	"os"
	"reflect"
	"testing"

	"tandem.example/tandem/verify/token"
)

// FuzzDecode: no panic, and what is accepted can be written again, never
// longer, with the same meaning and in one spelling.
func FuzzDecode(f *testing.F) {
	raw, err := os.ReadFile("testdata/claims.json")
	if err != nil {
		f.Fatal(err)
	}
	var vectors []struct{ Payload string }
	if err := json.Unmarshal(raw, &vectors); err != nil {
		f.Fatal(err)
	}
	for _, v := range vectors {
		f.Add([]byte(v.Payload))
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		claims, err := token.Decode(payload)
		if err != nil {
			return
		}
		var loose map[string]any
		if err := json.Unmarshal(payload, &loose); err != nil || loose["iss"] != claims.Issuer || loose["sub"] != claims.Subject {
			t.Fatalf("read %q as %+v, encoding/json as %v: %v", payload, claims, loose, err)
		}
		spelling, err := claims.Encode()
		if err != nil || len(spelling) > len(payload) {
			t.Fatalf("accepted %q, encodes to %q: %v", payload, spelling, err)
		}
		again, err := token.Decode(spelling)
		if err != nil || !reflect.DeepEqual(again, claims) {
			t.Fatalf("%q decodes to %+v, again to %+v: %v", payload, claims, again, err)
		}
		if twice, err := again.Encode(); err != nil || !bytes.Equal(twice, spelling) {
			t.Fatalf("%q has two spellings, %q and %q: %v", payload, spelling, twice, err)
		}
	})
}
