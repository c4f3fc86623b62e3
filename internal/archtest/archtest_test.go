package archtest

import (
	"os"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

// The repository keeps every rule.
func TestRepository(t *testing.T) {
	tree, err := Read(os.DirFS("../.."))
	if err != nil {
		t.Fatal(err)
	}
	if len(tree.Files) < 50 || tree.Module != "tandem.example/tandem" {
		t.Fatalf("%d files of module %q: this is not the whole repository", len(tree.Files), tree.Module)
	}
	for _, rule := range Rules() {
		t.Run(rule.Name, func(t *testing.T) {
			for _, v := range rule.Check(tree) {
				t.Error(v)
			}
		})
	}
}

// Every row of the table names layers that exist, and no directory has two.
func TestLayersAreConsistent(t *testing.T) {
	owner := map[string]string{}
	for _, l := range layers {
		for _, dir := range l.dirs {
			if other := owner[dir]; other != "" {
				t.Errorf("%s is in layers %s and %s", dir, other, l.name)
			}
			owner[dir] = l.name
		}
		for _, name := range l.may {
			if name != "*" && !slices.ContainsFunc(layers, func(other layer) bool { return other.name == name }) {
				t.Errorf("layer %s may import %s, which does not exist", l.name, name)
			}
		}
	}
}

// tree is a small repository that keeps every rule, with files added or, if
// their text is "-", taken away.
func tree(t *testing.T, changes map[string]string) Tree {
	t.Helper()
	texts := map[string]string{
		"go.mod":                       "module m.example/m\n\ngo 1.26\n",
		"m.go":                         "// Package m is the product.\npackage m\n",
		"verify/go.mod":                "module m.example/m/verify\n\ngo 1.26 // at least\n",
		"verify/verify.go":             "// Package verify checks.\npackage verify\n\nimport (\n\t_ \"net/http\"\n\n\t_ \"m.example/m/verify/jws\"\n)\n",
		"verify/jws/jws.go":            "// Package jws signs.\npackage jws\n\nimport (\n\t\"time\"\n)\n\n// Skew is pure.\nconst Skew = time.Minute\n",
		"internal/account/account.go":  "// Package account owns users.\npackage account\n\nimport _ \"m.example/m/verify/jws\"\n",
		"internal/account/fit_test.go": "package account\n\n// A test may use a real store.\nimport _ \"m.example/m/internal/sqlite\"\n",
		"internal/sqlite/sqlite.go":    "// Package sqlite stores.\npackage sqlite\n\nimport (\n\t_ \"database/sql\"\n\n\t_ \"modernc.org/sqlite\"\n\n\t_ \"m.example/m/internal/account\"\n)\n",
		"internal/httpapi/api.go":      "// Package httpapi answers.\npackage httpapi\n",
		"cmd/m/main.go":                "// Command m runs.\npackage main\n",
		"internal/x/testdata/bad.go":   "this is not Go\n",
	}
	for name, text := range changes {
		texts[name] = text
	}
	files := fstest.MapFS{}
	for name, text := range texts {
		if text != "-" {
			files[name] = &fstest.MapFile{Data: []byte(text)}
		}
	}
	read, err := Read(files)
	if err != nil {
		t.Fatal(err)
	}
	return read
}

func violations(t Tree) []string {
	var found []string
	for _, rule := range Rules() {
		for _, v := range rule.Check(t) {
			found = append(found, v.String())
		}
	}
	return found
}

func TestGoodTreeHasNoViolation(t *testing.T) {
	if found := violations(tree(t, nil)); len(found) > 0 {
		t.Errorf("found %q", found)
	}
}

// Each rule is seen to fail on the smallest tree that breaks it, and on nothing
// else of that tree.
func TestBadTrees(t *testing.T) {
	imports := func(pkg, name string) string {
		return "// Package " + pkg + " is bad.\npackage " + pkg + "\n\nimport _ \"" + name + "\"\n"
	}
	lines := func(n int) string { return strings.Repeat("\t_ = 0\n", n) }
	for _, test := range []struct {
		name    string
		changes map[string]string
		want    string // the whole of the one violation up to the colon before advice, or a part of it
	}{
		{"not Go", map[string]string{"bad.go": "package"}, "bad.go: bad.go:1:8: expected 'IDENT', found 'EOF' [parses]"},
		{"domain imports an adapter", map[string]string{"internal/session/bad.go": imports("session", "m.example/m/internal/sqlite")},
			"internal/session/bad.go:4: layer session must not import internal/sqlite of layer sqlite"},
		{"domain imports net/http", map[string]string{"internal/session/bad.go": imports("session", "net/http/httptest")},
			"internal/session/bad.go:4: layer session must not import net/http/httptest"},
		{"domain imports database/sql", map[string]string{"internal/session/bad.go": imports("session", "database/sql")}, "must not import database/sql"},
		{"domain imports a driver", map[string]string{"internal/account/bad.go": imports("account", "modernc.org/sqlite")},
			"layer account must not import modernc.org/sqlite: from elsewhere it may import nothing"},
		{"domain steps up", map[string]string{"internal/audit/bad.go": imports("audit", "m.example/m/internal/account")},
			"layer audit must not import internal/account of layer account"},
		{"a driver's name is a prefix", map[string]string{"internal/sqlite/bad.go": imports("sqlite", "modernc.org/sqlite2")}, "must not import modernc.org/sqlite2"},
		{"adapter imports a transport", map[string]string{"internal/memory/bad.go": imports("memory", "m.example/m/internal/httpapi")}, "layer memory must not import internal/httpapi"},
		{"adapter imports an adapter", map[string]string{"internal/memory/bad.go": imports("memory", "m.example/m/internal/sqlite")}, "layer memory must not import internal/sqlite"},
		{"transport imports an adapter", map[string]string{"internal/web/bad.go": imports("web", "m.example/m/internal/sqlite")}, "layer web must not import internal/sqlite"},
		{"web imports a transport", map[string]string{"internal/web/bad.go": imports("web", "m.example/m/internal/httpapi")}, "layer web must not import internal/httpapi"},
		{"someone imports the root", map[string]string{"internal/web/bad.go": imports("web", "m.example/m")}, "layer web must not import . of layer tandem"},
		{"command imports the domain", map[string]string{"cmd/m/bad.go": imports("main", "m.example/m/internal/account")}, "layer cmd must not import internal/account"},
		{"example imports internals", map[string]string{"examples/bank/bad.go": imports("bank", "m.example/m/internal/account")}, "layer examples must not import internal/account"},
		{"SDK imports the server", map[string]string{"verify/bad.go": imports("verify", "m.example/m/internal/account")}, "layer verify must not import internal/account"},
		{"SDK imports a module", map[string]string{"verify/bad.go": imports("verify", "golang.org/x/sync")}, "layer verify must not import golang.org/x/sync"},
		{"SDK's test imports a module", map[string]string{"verify/bad_test.go": imports("verify", "github.com/google/go-cmp/cmp")}, "verify/bad_test.go:4: a test of the SDK imports github.com/google/go-cmp/cmp"},
		{"SDK's test imports the server", map[string]string{"verify/bad_test.go": imports("verify", "m.example/m/internal/account")}, "a test of the SDK imports m.example/m/internal/account"},
		{"pure imports net/http", map[string]string{"verify/jws/bad.go": imports("jws", "net/http")}, "layer jws must not import net/http"},
		{"pure imports os", map[string]string{"verify/token/bad.go": imports("token", "os")}, "layer token must not import os"},
		{"pure imports pure", map[string]string{"verify/revocation/bad.go": imports("revocation", "m.example/m/verify/jws")}, "layer revocation must not import verify/jws"},
		{"cgo", map[string]string{"internal/memory/bad.go": imports("memory", "C")}, "imports C"},
		{"package in no layer", map[string]string{"internal/gadget/bad.go": "// Package gadget is new.\npackage gadget\n"}, "directory internal/gadget is in no layer"},
		{"pure reads the clock", map[string]string{"verify/jws/bad.go": "package jws\n\nimport clock \"time\"\n\nvar now = clock.Now\n"}, "verify/jws/bad.go:5: time.Now in a pure package"},
		{"long file", map[string]string{"internal/account/bad.go": "package account\n" + strings.Repeat("\n", 400)}, "internal/account/bad.go: 401 lines, at most 400"},
		{"long function", map[string]string{"internal/account/bad.go": "package account\n\nfunc f() {\n" + lines(99) + "}\n"}, "internal/account/bad.go:3: function f has 101 lines, at most 100"},
		{"long test", map[string]string{"internal/account/bad_test.go": "package account\n\nfunc f() {\n" + lines(99) + "}\n"}, "function f has 101 lines"},
		{"undocumented package", map[string]string{"internal/web/bad.go": "// This is something.\npackage web\n"}, "package web has no comment that begins \"Package web\""},
		{"undocumented command", map[string]string{"cmd/m/main.go": "package main\n"}, "package main has no comment"},
		{"name of nothing", map[string]string{"examples/utils/bad.go": "// Package utils is bad.\npackage utils\n"}, "package utils is named after nothing"},
		{"large port", map[string]string{"internal/account/bad.go": "package account\n\ntype Store interface{ A(); B(); C(); D(); E(); F(); G(); H(); I() }\n"}, "internal/account/bad.go:3: port Store has 9 methods, at most 8"},
		{"large port in pieces", map[string]string{
			"internal/account/bad.go":   "package account\n\ntype Reader interface{ A(); B(); C(); D(); E() }\n",
			"internal/credential/be.go": "// Package credential is bad.\npackage credential\n\nimport \"m.example/m/internal/account\"\n\ntype Log interface{ account.Reader; writer }\n\ntype writer interface{ F(); G(); H(); I() }\n",
		}, "internal/credential/be.go:6: port Log has 9 methods"},
		{"nolint without a name", map[string]string{"internal/account/bad.go": "package account\n\nvar x int //nolint // it is fine\n"}, "internal/account/bad.go:3: write //nolint:LINTER // REASON"},
		{"nolint without a reason", map[string]string{"internal/account/bad.go": "package account\n\nvar x int //nolint:unused\n"}, "[nolint]"},
		{"ignore without a reason", map[string]string{"internal/account/bad.go": "package account\n\n//lint:ignore U1000\nvar x int\n"}, "write //lint:ignore CHECK REASON"},
		{"verify requires something", map[string]string{"verify/go.mod": "module m.example/m/verify\n\nrequire a.example/a v1.0.0\n"}, "verify/go.mod:3: only the lines"},
		{"verify has sums", map[string]string{"verify/go.sum": ""}, "verify/go.sum: a module that requires nothing has no sums"},
		{"verify is no module", map[string]string{"verify/go.mod": "-"}, "verify/go.mod: cannot be read"},
	} {
		t.Run(test.name, func(t *testing.T) {
			found := violations(tree(t, test.changes))
			if len(found) != 1 || !strings.Contains(found[0], test.want) {
				t.Errorf("found %q\nwant one with %q", found, test.want)
			}
		})
	}
}

// What is just within a limit, or named and reasoned, passes.
func TestLimitsAreExact(t *testing.T) {
	found := violations(tree(t, map[string]string{
		"internal/account/a.go":   "package account\n" + strings.Repeat("\n", 399),
		"internal/account/b.go":   "package account\n\nfunc f() {\n" + strings.Repeat("\t_ = 0\n", 98) + "}\n",
		"internal/account/c.go":   "package account\n\n// Store is a port.\ntype Store interface{ A(); B(); C(); D(); E(); F(); G(); H() }\n",
		"internal/account/d.go":   "package account\n\nvar x int //nolint:unused // read by the debugger\n\n//lint:ignore U1000 read by the debugger\nvar y int\n",
		"internal/account/gen.go": "// Code generated by gen. DO NOT EDIT.\n\npackage account\n" + strings.Repeat("\n", 1000),
		"internal/account/_z.go":  "not built",
	}))
	// The go command leaves out files that begin with an underscore; so must
	// the rules, which is why the last one is no violation.
	if len(found) > 0 {
		t.Errorf("found %q", found)
	}
}
