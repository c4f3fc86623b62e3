package archtest

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"slices"
	"strings"
)

// Tree is the Go source of a repository.
type Tree struct {
	Module string // path of the root module
	Files  []File // ordered by path
	fsys   fs.FS
}

// File is one Go file.
type File struct {
	Path      string // from the root, with slashes
	Dir       string // "." for the root
	Test      bool   // its name ends in _test.go
	Generated bool   // it says that no one edits it
	Lines     int
	Syntax    *ast.File // nil if it does not parse
	Err       error     // why not
	fset      *token.FileSet
}

// Read parses the Go files below the root of fsys, which holds a go.mod. It
// leaves out what the go command leaves out (testdata, vendor and names that
// begin with a dot or an underscore) and packages of other languages.
func Read(fsys fs.FS) (Tree, error) {
	mod, err := fs.ReadFile(fsys, "go.mod")
	if err != nil {
		return Tree{}, fmt.Errorf("reading the root module: %w", err)
	}
	tree := Tree{Module: modulePath(mod), fsys: fsys}
	err = fs.WalkDir(fsys, ".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case leftOut(entry.Name()) && entry.IsDir():
			return fs.SkipDir
		case leftOut(entry.Name()):
			return nil
		case entry.Type().IsRegular() && strings.HasSuffix(name, ".go"):
			file, err := readFile(fsys, name)
			if err != nil {
				return err
			}
			tree.Files = append(tree.Files, file)
		}
		return nil
	})
	if err != nil {
		return Tree{}, fmt.Errorf("reading the tree: %w", err)
	}
	return tree, nil
}

func readFile(fsys fs.FS, name string) (File, error) {
	text, err := fs.ReadFile(fsys, name)
	if err != nil {
		return File{}, err
	}
	f := File{
		Path: name, Dir: path.Dir(name), Test: strings.HasSuffix(name, "_test.go"),
		Lines: bytes.Count(text, []byte("\n")), fset: token.NewFileSet(),
	}
	syntax, broken := parser.ParseFile(f.fset, name, text, parser.ParseComments)
	if broken != nil {
		f.Err = broken
		return f, nil //nolint:nilerr // kept in f.Err
	}
	f.Syntax, f.Generated = syntax, ast.IsGenerated(syntax)
	return f, nil
}

func leftOut(name string) bool {
	if name == "." {
		return false
	}
	return name[0] == '.' || name[0] == '_' || slices.Contains([]string{"testdata", "vendor", "node_modules"}, name)
}

// modulePath reads the module line of a go.mod.
func modulePath(mod []byte) string {
	for line := range strings.Lines(string(mod)) {
		if name, ok := strings.CutPrefix(line, "module "); ok {
			return strings.TrimSpace(name)
		}
	}
	return ""
}

// line is the line of a position in f.
func (f File) line(pos token.Pos) int { return f.fset.Position(pos).Line }

// checkParses reports files that do not parse, which no other rule can judge.
func checkParses(t Tree) (found []Violation) {
	for _, f := range t.Files {
		if f.Err != nil {
			found = append(found, Violation{"parses", f.Path, 0, f.Err.Error()})
		}
	}
	return found
}

// sources yields the files that parse; tests too if asked.
func (t Tree) sources(tests bool) []File {
	var files []File
	for _, f := range t.Files {
		if f.Syntax != nil && (tests || !f.Test) {
			files = append(files, f)
		}
	}
	return files
}
