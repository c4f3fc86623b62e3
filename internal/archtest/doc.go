// Package archtest owns the rules of the house that a machine can check: which
// layer may import which, how large files, functions and ports may grow, how
// packages are named and documented. It reads source as text and runs nothing.
//
// Its own test applies every rule to this repository; nothing else calls it. A
// change that needs another rule changes layers.go or limits.go in the same
// commit, where a reviewer sees it.
package archtest

import "fmt"

// Violation is one place that breaks a rule.
type Violation struct {
	Rule   string // its name in Rules
	File   string // path from the root of the repository
	Line   int    // from 1; zero if the whole file or directory is meant
	Detail string // what is wrong and what to do
}

// String is the violation as compilers print theirs.
func (v Violation) String() string {
	if v.Line == 0 {
		return fmt.Sprintf("%s: %s [%s]", v.File, v.Detail, v.Rule)
	}
	return fmt.Sprintf("%s:%d: %s [%s]", v.File, v.Line, v.Detail, v.Rule)
}

// Rule is one check of a whole tree.
type Rule struct {
	Name  string
	Check func(Tree) []Violation
}

// Rules lists every rule.
func Rules() []Rule {
	return []Rule{
		{"parses", checkParses},
		{"imports", checkImports},
		{"pure", checkPure},
		{"size", checkSize},
		{"package", checkPackages},
		{"port", checkPorts},
		{"nolint", checkNolint},
		{"verify-requires-nothing", checkVerifyModule},
	}
}
