package revocation_test

import (
	"encoding/json"
	"os"
	"testing"

	"tandem.example/tandem/verify/revocation"
)

// The vectors were computed by another implementation, from the description of the wire format.
func TestVectors(t *testing.T) {
	var vectors struct {
		IDs  map[string]string
		Logs []struct {
			Epoch, Short, Genesis string
			Events                []struct {
				revocation.Event
				Chain string
			}
		}
	}
	data, err := os.ReadFile("testdata/vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &vectors); err != nil {
		t.Fatal(err)
	}
	if len(vectors.IDs) == 0 || len(vectors.Logs) == 0 {
		t.Fatal("no vectors")
	}
	for identifier, want := range vectors.IDs {
		if got := revocation.Hash(identifier).String(); got != want {
			t.Errorf("Hash(%q) = %s, want %s", identifier, got, want)
		}
	}
	for _, log := range vectors.Logs {
		if got := revocation.Short(log.Epoch); got != log.Short {
			t.Errorf("Short(%s) = %s, want %s", log.Epoch, got, log.Short)
		}
		chain := revocation.Genesis(log.Epoch)
		if chain.String() != log.Genesis {
			t.Errorf("Genesis(%s) = %s, want %s", log.Epoch, chain, log.Genesis)
		}
		for _, e := range log.Events {
			if err := e.Validate(); err != nil {
				t.Errorf("event %d: %v", e.Seq, err)
			}
			if chain = chain.Next(e.Event); chain.String() != e.Chain {
				t.Errorf("chain at %d of %s = %s, want %s", e.Seq, log.Epoch, chain, e.Chain)
			}
		}
	}
}
