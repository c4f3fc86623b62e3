package archtest

import (
	"io/fs"
	"slices"
	"strings"
)

// checkVerifyModule keeps the SDK's module free of requirements, so that who
// imports it inherits nothing.
func checkVerifyModule(t Tree) (found []Violation) {
	const name = "verify/go.mod"
	text, err := fs.ReadFile(t.fsys, name)
	if err != nil {
		return []Violation{{"verify-requires-nothing", name, 0, "cannot be read: " + err.Error()}}
	}
	number := 0
	for line := range strings.Lines(string(text)) {
		number++
		line, _, _ = strings.Cut(line, "//")
		words := strings.Fields(line)
		if len(words) > 0 && !slices.Contains([]string{"module", "go", "toolchain"}, words[0]) {
			found = append(found, Violation{"verify-requires-nothing", name, number, "only the lines module, go and toolchain may stand here"})
		}
	}
	if _, err := fs.Stat(t.fsys, "verify/go.sum"); err == nil {
		found = append(found, Violation{"verify-requires-nothing", "verify/go.sum", 0, "a module that requires nothing has no sums"})
	}
	return found
}
