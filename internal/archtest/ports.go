package archtest

import (
	"fmt"
	"go/ast"
	"maps"
	"path"
	"slices"
	"strconv"
)

// checkPorts finds exported interfaces with more methods than an adapter should
// have to implement as one. Methods of embedded interfaces of this repository
// count; one from elsewhere counts as one method. A port stands beside its
// consumer: what a conformance suite asks of an adapter is the sum of all ports,
// and none itself.
func checkPorts(t Tree) (found []Violation) {
	ports := map[string]*ast.InterfaceType{} // by directory and name
	files := map[string]File{}
	for _, f := range t.sources(false) {
		for _, decl := range f.Syntax.Decls {
			group, ok := decl.(*ast.GenDecl)
			if !ok {
				continue
			}
			for _, spec := range group.Specs {
				if named, ok := spec.(*ast.TypeSpec); ok {
					if port, ok := named.Type.(*ast.InterfaceType); ok {
						ports[f.Dir+" "+named.Name.Name], files[f.Dir+" "+named.Name.Name] = port, f
					}
				}
			}
		}
	}
	for _, key := range slices.Sorted(maps.Keys(ports)) {
		f, port := files[key], ports[key]
		name := key[len(f.Dir)+1:]
		if !ast.IsExported(name) || f.Dir == "internal/storetest" {
			continue
		}
		if n := t.countMethods(ports, files, key, map[string]bool{}); n > maxPortMethods {
			found = append(found, Violation{"port", f.Path, f.line(port.Pos()), fmt.Sprintf("port %s has %d methods, at most %d: split it by who uses it", name, n, maxPortMethods)})
		}
	}
	return found
}

func (t Tree) countMethods(ports map[string]*ast.InterfaceType, files map[string]File, key string, seen map[string]bool) int {
	port, known := ports[key]
	if !known {
		return 1
	}
	if seen[key] {
		return 0
	}
	seen[key] = true
	n := 0
	for _, member := range port.Methods.List {
		if len(member.Names) > 0 {
			n += len(member.Names)
			continue
		}
		n += t.countMethods(ports, files, t.embedded(files[key], member.Type), seen)
	}
	return n
}

// embedded is the directory and name of an interface that f embeds.
func (t Tree) embedded(f File, expr ast.Expr) string {
	switch x := expr.(type) {
	case *ast.Ident:
		return f.Dir + " " + x.Name
	case *ast.SelectorExpr:
		from, ok := x.X.(*ast.Ident)
		if !ok {
			return ""
		}
		for _, spec := range f.Syntax.Imports {
			name, err := strconv.Unquote(spec.Path.Value)
			if err != nil || spec.Name == nil && path.Base(name) != from.Name || spec.Name != nil && spec.Name.Name != from.Name {
				continue
			}
			if dir, ours := t.dirOf(name); ours {
				return dir + " " + x.Sel.Name
			}
		}
	}
	return ""
}
