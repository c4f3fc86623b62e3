package id_test

import (
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"tandem.example/tandem/internal/id"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 123_456_789, time.UTC)

func TestNewKeepsTheMillisecond(t *testing.T) {
	tests := []struct {
		name     string
		now      time.Time
		want     time.Time
		spelling string // of the time, "" if not looked at
	}{
		{"ordinary", noon, noon.Truncate(time.Millisecond), ""},
		{"known spelling", time.UnixMilli(1469918176385), time.UnixMilli(1469918176385), "01aryz6s41"}, // the example of github.com/oklog/ulid
		{"1970", time.UnixMilli(0), time.UnixMilli(0), "0000000000"},
		{"before 1970", time.UnixMilli(-5), time.UnixMilli(0), "0000000000"},
		{"last that fits", time.UnixMilli(1<<48 - 1), time.UnixMilli(1<<48 - 1), "7zzzzzzzzz"},
		{"does not fit", time.UnixMilli(1 << 48), time.UnixMilli(1<<48 - 1), "7zzzzzzzzz"},
		{"other zone", noon.In(time.FixedZone("", 7200)), noon.Truncate(time.Millisecond), ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := id.New(tt.now)
			if len(s) != id.Size || !id.Valid(s) {
				t.Fatalf("New = %q, not valid", s)
			}
			if !strings.HasPrefix(s, tt.spelling) {
				t.Errorf("New = %q, want it to begin with %q", s, tt.spelling)
			}
			if got, ok := id.Time(s); !ok || !got.Equal(tt.want) || got.Location() != time.UTC {
				t.Errorf("Time(%q) = %v, %v; want %v", s, got, ok, tt.want)
			}
		})
	}
}

func TestNamesSortByTime(t *testing.T) {
	var names []string
	for i := range 1000 {
		names = append(names, id.New(noon.Add(time.Duration(i)*time.Millisecond)))
	}
	if !slices.IsSorted(names) {
		t.Error("names made a millisecond apart do not sort by time")
	}
}

func TestNamesDifferAndUseAllOfTheirBits(t *testing.T) {
	const goroutines, each = 8, 2000
	var mu sync.Mutex
	seen := make(map[string]bool)
	characters := make([]map[byte]bool, id.Size)
	for i := range characters {
		characters[i] = make(map[byte]bool)
	}
	var wg sync.WaitGroup
	for range goroutines {
		wg.Go(func() {
			for range each {
				s := id.New(noon)
				mu.Lock()
				if seen[s] {
					t.Errorf("%q was made twice", s)
				}
				seen[s] = true
				for i := range s {
					characters[i][s[i]] = true
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	for i, used := range characters {
		// 16,000 draws of 32 miss one with a chance of e^-500.
		if want := 32; i >= 10 && len(used) != want {
			t.Errorf("character %d takes %d values, want %d", i, len(used), want)
		}
	}
}

func TestValidIsStrict(t *testing.T) {
	good := id.New(noon)
	bad := map[string]string{
		"empty":                "",
		"short":                good[:25],
		"long":                 good + "0",
		"upper case":           strings.ToUpper(good),
		"look-alike i":         good[:25] + "i",
		"look-alike l":         good[:25] + "l",
		"look-alike o":         good[:25] + "o",
		"u":                    good[:25] + "u",
		"129 bits":             "8" + good[1:],
		"space":                good[:25] + " ",
		"newline at the end":   good[:25] + "\n",
		"null byte":            good[:25] + "\x00",
		"beyond ASCII":         good[:25] + "\xff",
		"26 bytes, 25 letters": good[:24] + "é",
	}
	for name, s := range bad {
		if id.Valid(s) {
			t.Errorf("%s: Valid(%q) = true", name, s)
		}
		if _, ok := id.Time(s); ok {
			t.Errorf("%s: Time(%q) is known", name, s)
		}
	}
	if !id.Valid(good) || !id.Valid("7zzzzzzzzzzzzzzzzzzzzzzzzz") || !id.Valid("00000000000000000000000000") {
		t.Error("Valid refuses a good name")
	}
}

func TestCheckAcceptsWhatPrefixedMakes(t *testing.T) {
	s := id.Prefixed("ses_", noon)
	if !strings.HasPrefix(s, "ses_") || len(s) != 4+id.Size {
		t.Fatalf("Prefixed = %q", s)
	}
	if !id.Check(s, "ses_") {
		t.Errorf("Check(%q) = false", s)
	}
	for _, bad := range []string{"", "ses_", s[4:], "usr_" + s[4:], "SES_" + s[4:], "ses-" + s[4:], "sses_" + s[4:], " " + s, s + " ", s + "0", s[:len(s)-1], "ses_8" + s[5:]} {
		if id.Check(bad, "ses_") {
			t.Errorf("Check(%q) = true", bad)
		}
	}
}

func FuzzCheck(f *testing.F) {
	f.Add(id.Prefixed("ses_", noon))
	f.Add("ses_8zzzzzzzzzzzzzzzzzzzzzzzzz")
	f.Fuzz(func(t *testing.T, s string) {
		if !id.Check(s, "ses_") {
			return
		}
		// One thing has one spelling: whatever is accepted is what folding
		// look-alikes and case would make of it.
		folded := strings.NewReplacer("i", "1", "l", "1", "o", "0").Replace(strings.ToLower(s[4:]))
		if s[4:] != folded {
			t.Errorf("%q is a second spelling of %q", s[4:], folded)
		}
		if _, ok := id.Time(s[4:]); !ok {
			t.Errorf("Check accepts %q and Time does not", s)
		}
	})
}

func BenchmarkNew(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		id.New(noon)
	}
}
