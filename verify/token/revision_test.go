package token_test

import (
	"testing"

	"tandem.example/tandem/verify/token"
)

func TestRevision(t *testing.T) {
	epoch := "01jh4zk9m8q2v7x3c5b6n1p0ra"
	for spelling, r := range map[string]token.Revision{
		"01jh4zk9.0":                token.RevisionAt(epoch, 0),
		"01jh4zk9.42":               token.RevisionAt(epoch, 42),
		"01jh4zk9.9007199254740991": token.RevisionAt("01jh4zk9", token.MaxSeq),
	} {
		if got := r.String(); got != spelling {
			t.Errorf("String of %+v is %q, want %q", r, got, spelling)
		}
		if got, err := token.ParseRevision(spelling); err != nil || got != r {
			t.Errorf("ParseRevision(%q) = %+v, %v, want %+v", spelling, got, err, r)
		}
	}
	if got := token.RevisionAt("short", 1).Epoch; got != "short" {
		t.Errorf("RevisionAt made %q of a short epoch", got)
	}
}

// FuzzParseRevision: whatever parses has one spelling.
func FuzzParseRevision(f *testing.F) {
	for _, s := range []string{"01jh4zk9.42", "01jh4zk9.042", "01jh4zk9.", ".", "", "01jh4zk9.9007199254740992"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		r, err := token.ParseRevision(s)
		if err == nil && r.String() != s {
			t.Fatalf("ParseRevision(%q) spells %q", s, r)
		}
	})
}
