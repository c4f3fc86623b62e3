package archtest

import (
	"go/ast"
	"slices"
)

// pureDirs must give the same answer whenever they are asked: time is an
// argument there, never read.
var pureDirs = []string{"verify/token", "verify/jws", "verify/revocation", "verify/internal/strictjson"}

// readsClock are the functions of package time that ask or wait for a clock.
var readsClock = []string{"Now", "Since", "Until", "After", "AfterFunc", "Tick", "NewTicker", "NewTimer", "Sleep"}

// checkPure finds reads of the clock in pure packages.
func checkPure(t Tree) (found []Violation) {
	for _, f := range t.sources(false) {
		if !slices.Contains(pureDirs, f.Dir) {
			continue
		}
		clock := importedAs(f, "time")
		ast.Inspect(f.Syntax, func(n ast.Node) bool {
			sel, ok := n.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			if x, ok := sel.X.(*ast.Ident); ok && x.Name == clock && slices.Contains(readsClock, sel.Sel.Name) {
				found = append(found, Violation{"pure", f.Path, f.line(sel.Pos()), "time." + sel.Sel.Name + " in a pure package: take the time as an argument"})
			}
			return true
		})
	}
	return found
}

// importedAs is the name under which f imports a package of the standard
// library, or "" if it does not.
func importedAs(f File, name string) string {
	for _, spec := range f.Syntax.Imports {
		if spec.Path.Value != `"`+name+`"` {
			continue
		}
		if spec.Name != nil {
			return spec.Name.Name
		}
		return name
	}
	return ""
}
