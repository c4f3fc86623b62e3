package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The table names source text. It must follow when that is rewritten, or `make mutants` finds out long after.
func TestTableMatchesTheSource(t *testing.T) {
	for _, m := range table() {
		for _, e := range m.edits {
			source, err := os.ReadFile(filepath.Join("..", "..", "..", filepath.FromSlash(e.file)))
			if err != nil {
				t.Errorf("%s: %v", m.name, err)
				continue
			}
			if n := strings.Count(string(source), e.old); n != 1 {
				t.Errorf("%s: its text stands %d times in %s: %q", m.name, n, e.file, e.old)
			}
		}
	}
}
