package main

import (
	"bytes"
	"errors"
	"strings"
	"testing"
)

// TestNothingSteersTheTerminal prints hostile text in every way that people are shown what others wrote.
func TestNothingSteersTheTerminal(t *testing.T) {
	const hostile = "a\x1b[2J\u009b1m\x7f\r\n\t\v\f\x00\u202e\u2066\u200e\u2028\xffz"
	ways := map[string]func(*app) error{
		"table": func(a *app) error {
			return a.printTable("", []string{"ID"}, [][]string{{"id", hostile}, {hostile, "x"}})
		},
		"pairs":    func(a *app) error { return a.printPairs([][]string{{hostile, hostile}}) },
		"done":     func(a *app) error { return a.done(nil, "Created %s.", hostile) },
		"error":    func(a *app) error { a.exit(errors.New(hostile)); return nil },
		"a misuse": func(a *app) error { a.exit(errors.Join(errUsage, errors.New(hostile))); return nil },
	}
	for name, print := range ways {
		var out bytes.Buffer
		if err := print(&app{stdout: &out, stderr: &out}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if i := strings.IndexAny(out.String(), "\x1b\u009b\x7f\r\t\v\f\x00\u202e\u2066\u200e\u2028"); i >= 0 || !strings.Contains(out.String(), "z") {
			t.Errorf("%s: at %d of %q", name, i, out.String())
		}
	}
	for _, kept := range []string{"Zo\u00eb", "\U0001F468\u200d\U0001F373", "\u0645\u06cc\u200c\u062e", "a b"} {
		if got := printable(kept); got != kept {
			t.Errorf("%q became %q", kept, got)
		}
	}
}
