package archtest

import (
	"fmt"
	"go/ast"
	"path"
	"regexp"
	"slices"
	"strings"
)

// The sizes above which something has more than one purpose.
const (
	maxFileLines     = 400
	maxFunctionLines = 100
	maxPortMethods   = 8
)

// namesOfNothing are names of packages that say no noun of the product.
var namesOfNothing = []string{"base", "common", "helper", "helpers", "lib", "misc", "models", "shared", "types", "util", "utils"}

// checkSize finds files and functions that are too long. Nobody reads generated
// files, so they may be.
func checkSize(t Tree) (found []Violation) {
	for _, f := range t.sources(true) {
		if f.Generated {
			continue
		}
		if f.Lines > maxFileLines {
			found = append(found, Violation{"size", f.Path, 0, fmt.Sprintf("%d lines, at most %d: split it by meaning", f.Lines, maxFileLines)})
		}
		for _, decl := range f.Syntax.Decls {
			fn, ok := decl.(*ast.FuncDecl)
			if !ok {
				continue
			}
			if n := f.line(fn.End()) - f.line(fn.Pos()) + 1; n > maxFunctionLines {
				found = append(found, Violation{"size", f.Path, f.line(fn.Pos()), fmt.Sprintf("function %s has %d lines, at most %d: split it by meaning", fn.Name.Name, n, maxFunctionLines)})
			}
		}
	}
	return found
}

// checkPackages finds packages that nobody introduces, and names that say
// nothing.
func checkPackages(t Tree) (found []Violation) {
	documented := map[string]bool{}
	first := map[string]File{}
	for _, f := range t.sources(false) {
		if _, seen := first[f.Dir]; !seen {
			first[f.Dir] = f
		}
		name, doc := f.Syntax.Name.Name, f.Syntax.Doc.Text()
		if strings.HasPrefix(doc, "Package "+name+" ") || name == "main" && doc != "" {
			documented[f.Dir] = true
		}
	}
	for _, f := range t.sources(false) {
		if first[f.Dir].Path != f.Path {
			continue
		}
		name := f.Syntax.Name.Name
		if !documented[f.Dir] {
			found = append(found, Violation{"package", f.Path, 0, "package " + name + " has no comment that begins \"Package " + name + "\": say what it owns, what it does not, and who calls it"})
		}
		if slices.Contains(namesOfNothing, name) || slices.Contains(namesOfNothing, path.Base(f.Dir)) {
			found = append(found, Violation{"package", f.Path, 0, "package " + name + " is named after nothing in the product: name it by what it owns"})
		}
	}
	return found
}

var (
	anyNolint  = regexp.MustCompile(`^//\s*nolint`)
	goodNolint = regexp.MustCompile(`^//nolint:[a-z0-9,-]+ // \S+`)
	anyIgnore  = regexp.MustCompile(`^//lint:(file-)?ignore\b`)
	goodIgnore = regexp.MustCompile(`^//lint:(file-)?ignore [A-Z]+[0-9]+(,[A-Z]+[0-9]+)* \S+`)
)

// checkNolint finds exceptions from linters without the linter's name or
// without a reason.
func checkNolint(t Tree) (found []Violation) {
	for _, f := range t.sources(true) {
		for _, group := range f.Syntax.Comments {
			for _, c := range group.List {
				if anyNolint.MatchString(c.Text) && !goodNolint.MatchString(c.Text) {
					found = append(found, Violation{"nolint", f.Path, f.line(c.Pos()), "write //nolint:LINTER // REASON"})
				}
				if anyIgnore.MatchString(c.Text) && !goodIgnore.MatchString(c.Text) {
					found = append(found, Violation{"nolint", f.Path, f.line(c.Pos()), "write //lint:ignore CHECK REASON"})
				}
			}
		}
	}
	return found
}
