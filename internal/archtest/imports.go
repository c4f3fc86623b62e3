package archtest

import (
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"
)

// checkImports applies the table of layers. Tests may reach across layers, to
// run a domain service on a real store, but tests of the SDK may not leave it:
// its module requires nothing.
func checkImports(t Tree) (found []Violation) {
	unplaced := map[string]bool{}
	for _, f := range t.sources(true) {
		from, placed := layerOf(f.Dir)
		if !placed && !unplaced[f.Dir] {
			unplaced[f.Dir] = true
			found = append(found, Violation{"imports", f.Path, 0, "directory " + f.Dir + " is in no layer: give it one in internal/archtest/layers.go"})
		}
		for _, spec := range f.Syntax.Imports {
			name, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				continue // it would not have parsed
			}
			if detail := t.refuseImport(f, from, placed, name); detail != "" {
				found = append(found, Violation{"imports", f.Path, f.line(spec.Pos()), detail})
			}
		}
	}
	return found
}

// refuseImport says why f must not import name, or "".
func (t Tree) refuseImport(f File, from layer, placed bool, name string) string {
	dir, ours := t.dirOf(name)
	external := !ours && strings.Contains(firstElement(name), ".")
	switch {
	case name == "C":
		return "imports C: the server is built without a C compiler"
	case f.Test && inVerify(f.Dir):
		if external || ours && !inVerify(dir) {
			return fmt.Sprintf("a test of the SDK imports %s, and verify/go.mod requires nothing", name)
		}
		return ""
	case f.Test || !placed:
		return ""
	case ours:
		to, known := layerOf(dir)
		if !known || dir == f.Dir || slices.Contains(from.may, to.name) || slices.Contains(from.may, "*") {
			return "" // a directory without a layer is reported by itself
		}
		return fmt.Sprintf("layer %s must not import %s of layer %s: it may import %s", from.name, dir, to.name, listOr(from.may, "no other layer"))
	case external:
		if hasPrefixPath(name, from.external) || slices.Contains(from.external, "*") {
			return ""
		}
		return fmt.Sprintf("layer %s must not import %s: from elsewhere it may import %s", from.name, name, listOr(from.external, "nothing"))
	case hasPrefixPath(name, from.never):
		return fmt.Sprintf("layer %s must not import %s: that is for other layers", from.name, name)
	}
	return ""
}

// dirOf is the directory of an import path of this repository.
func (t Tree) dirOf(name string) (dir string, ours bool) {
	if name == t.Module {
		return ".", true
	}
	return strings.CutPrefix(name, t.Module+"/")
}

// layerOf finds the layer of a directory.
func layerOf(dir string) (layer, bool) {
	for _, l := range layers {
		for _, pattern := range l.dirs {
			if base, all := strings.CutSuffix(pattern, "/..."); dir == base || all && strings.HasPrefix(dir, base+"/") {
				return l, true
			}
		}
	}
	return layer{}, false
}

func inVerify(dir string) bool { return hasPrefixPath(dir, []string{"verify"}) }

// hasPrefixPath reports whether name is one of the prefixes or below one.
func hasPrefixPath(name string, prefixes []string) bool {
	return slices.ContainsFunc(prefixes, func(p string) bool { return name == p || strings.HasPrefix(name, p+"/") })
}

func firstElement(name string) string {
	first, _, _ := strings.Cut(path.Clean(name), "/")
	return first
}

func listOr(names []string, none string) string {
	if len(names) == 0 {
		return none
	}
	return strings.Join(names, ", ")
}
