package config_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"unicode/utf8"

	"tandem.example/tandem/internal/config"
)

// FuzzLoad feeds any bytes as a file: Load never panics, names a line within
// the file for each problem, and what it accepts is valid and survives being
// written and loaded again.
func FuzzLoad(f *testing.F) {
	for _, seed := range []string{
		"", "lease: 5s\n", "session:\n  preset: strict\n", "audiences: [a, 'b c', \"d\"]\n", "issuer: &a x\nlisten: *a\n",
		"<<: {lease: 5s}\n", "? [a]\n: b\n", "lease: !!binary aGk=\n", "--- 1\n--- 2\n", "refresh: {grace: 0s}\n", "a: b: c\n",
		"data_dir: |\n  two\n  lines\n", "data_dir: \"\\u2028\"\n", "limits: {enabled: false}\nlimits: {enabled: true}\n", "\xff\xfe",
		"store_file: /dev/null\n", "%YAML 1.1\n---\nlease: 5s\n", "log: !!map {level: !!str debug}\n",
	} {
		f.Add([]byte(seed))
	}
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, text []byte) {
		if bytes.Contains(text, []byte("_file")) {
			return // it may name any file of this machine
		}
		path := filepath.Join(dir, "fuzzed.yaml")
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		c, err := config.Load(config.Options{Path: path})
		if err != nil {
			checkProblems(t, err, bytes.Count(text, []byte("\n"))+bytes.Count(text, []byte("\r"))+1)
			return
		}
		if err := c.Validate(); err != nil {
			t.Fatalf("accepted, yet not valid: %v", err)
		}
		var written bytes.Buffer
		if err := config.Write(&written, c); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, written.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
		again, err := config.Load(config.Options{Path: path})
		if err != nil {
			t.Fatalf("%v in what was written:\n%s", err, &written)
		}
		if !reflect.DeepEqual(c, again) {
			t.Fatalf("%+v became %+v through\n%s", c, again, &written)
		}
	})
}

func checkProblems(t *testing.T, err error, lines int) {
	t.Helper()
	var failed *config.Error
	if !errors.As(err, &failed) || len(failed.Problems) == 0 {
		t.Fatalf("error is a %T without problems: %v", err, err)
	}
	for _, p := range failed.Problems {
		if p.Line < 0 || p.Line > lines+1 || p.Rule == "" || p.Remedy == "" || p.Source == "" && p.Key == "" {
			t.Fatalf("problem %+v in a file of %d lines", p, lines)
		}
		if !utf8.ValidString(p.String()) || bytes.ContainsAny([]byte(p.String()), "\x00\x1b\n\r") {
			t.Fatalf("problem is not one printable line: %q", p)
		}
	}
}
