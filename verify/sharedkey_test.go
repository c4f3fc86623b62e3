package verify

import (
	"errors"
	"strings"
	"testing"

	"tandem.example/tandem/verify/jws"
)

// The name is part of what server and verifiers agree on: another one would part those of two releases.
func TestSharedKey(t *testing.T) {
	key, err := SharedKey([]byte("0123456789abcdef0123456789abcdef"))
	if err != nil {
		t.Fatal(err)
	}
	if key.Algorithm() != jws.HS256 || key.ID() != "hs256-1iK0DeoS" {
		t.Errorf("%s key %s", key.Algorithm(), key.ID())
	}
	for _, refused := range []string{"", strings.Repeat("hunter2", 4), "-----BEGIN PRIVATE KEY-----\nhunter2hunter2hunter2"} {
		if _, err := SharedKey([]byte(refused)); !errors.Is(err, jws.ErrKey) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%q: %v", refused, err)
		}
	}
}
