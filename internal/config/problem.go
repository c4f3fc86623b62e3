package config

import (
	"fmt"
	"slices"
	"strings"
)

// Error holds everything that is wrong with a configuration, so that one start
// is enough to learn it. It is what Load and Validate return.
type Error struct {
	Problems []Problem // at least one, in the order of the sources and keys
}

// Problem is one thing that is wrong. Its texts never hold a value, which may
// be a secret that got into the wrong key.
type Problem struct {
	Key    string // as in Keys; empty if it concerns the whole file
	Source string // the file, environment variable or flag; empty for a Config made in code
	Line   int    // in the file, from 1; zero if the source is no file
	Rule   string // what is wrong, as in "must be from 1s to 1m"
	Remedy string // what to do, as in "write a value such as 10s"

	related []string // other keys that the rule compares with
}

// Error lists the problems, each on a line of its own.
func (e *Error) Error() string {
	lines := make([]string, len(e.Problems))
	for i, p := range e.Problems {
		lines[i] = p.String()
	}
	if len(lines) == 1 {
		return "configuration: " + lines[0]
	}
	return fmt.Sprintf("configuration: %d problems:\n  %s", len(lines), strings.Join(lines, "\n  "))
}

// String is the problem on one line, as in
// "tandem.yaml:3: lease must be from 1s to 1m; write a value such as 10s".
func (p Problem) String() string {
	var b strings.Builder
	if p.Source != "" {
		b.WriteString(p.Source)
		if p.Line > 0 {
			fmt.Fprintf(&b, ":%d", p.Line)
		}
		b.WriteString(": ")
	}
	if p.Key != "" {
		b.WriteString(p.Key + " ")
	}
	b.WriteString(p.Rule)
	if p.Remedy != "" {
		b.WriteString("; " + p.Remedy)
	}
	return b.String()
}

// problems collects what is found; the zero value is empty.
type problems []Problem

// add notes a problem with a key, found by a rule that knows no source. Related
// are other keys that the rule compares with.
func (ps *problems) add(key, rule, remedy string, related ...string) {
	*ps = append(*ps, Problem{Key: key, Rule: rule, Remedy: remedy, related: related})
}

// err returns the *Error, or nil if there is nothing to report.
func (ps problems) err() error {
	if len(ps) == 0 {
		return nil
	}
	return &Error{Problems: slices.Clone(ps)}
}
