package language

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// rooms are the packages that say which field breaks which rule, and those whose sentinels are such rules.
var rooms = []string{"account", "application", "credential", "federate", "operator", "session", "signin"}

// ofPrograms are the rules that are put together of what was sent or configured, by the expression that makes them. Only
// programs meet them: nobody edits applications on a page. A person who met one would read rule.unknown.
var ofPrograms = []string{
	"access_token_ttl fmt.Sprintf", "brand.color fmt.Sprintf", "alg +", "name +", "sign_in.methods +",
}

// TestEveryRuleIsSaid: whatever a FieldError of a domain package says is in the catalogue. The rules are found in the
// source, so that none can be added without words for people.
func TestEveryRuleIsSaid(t *testing.T) {
	var literals []*ast.CompositeLit
	sentinels := map[string]string{} // by the name of the variable
	for _, room := range rooms {
		for _, file := range sources(t, room) {
			ast.Inspect(file, func(n ast.Node) bool {
				switch n := n.(type) {
				case *ast.CompositeLit:
					if typeName(n.Type) == "FieldError" {
						literals = append(literals, n)
					}
				case *ast.ValueSpec:
					for i, value := range n.Values {
						if text, ok := errorText(value); ok && strings.HasPrefix(text, "must") {
							sentinels[n.Names[i].Name] = text
						}
					}
				}
				return true
			})
		}
	}
	if len(literals) < 40 || len(sentinels) < 5 {
		t.Fatalf("the source has %d rules and %d sentinels: they are not found any more", len(literals), len(sentinels))
	}
	said := map[string]bool{unknownRule: true}
	for _, one := range literals {
		fields, rule := parts(t, one)
		for _, field := range fields {
			for _, text := range texts(t, field, rule, sentinels) {
				id := "rule." + field + " " + text
				said[id] = true
				for _, tag := range Tags() {
					if For(tag).Say(id) == id {
						t.Errorf("rule.%s.json lacks %q", tag, id)
					}
				}
			}
		}
	}
	raw, err := files.ReadFile("rule.en.json")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile(`(?m)^\s*"(rule\.[^"]+)":`).FindAllStringSubmatch(string(raw), -1) {
		if !said[m[1]] {
			t.Errorf("no source breaks the rule %q", m[1])
		}
	}
}

// A rule that has no words is told as such, and never in the words that are for programs.
func TestARuleWithoutWords(t *testing.T) {
	for _, tag := range Tags() {
		s := For(tag)
		if got := s.Rule("name must be of glass"); got != s.Say(unknownRule) || strings.Contains(got, "glass") || got == unknownRule {
			t.Errorf("%s: %q", tag, got)
		}
		if got := s.Rule("reason must be at most 500 bytes"); got == s.Say(unknownRule) || !strings.Contains(got, "500") {
			t.Errorf("%s: %q", tag, got)
		}
	}
}

func sources(t *testing.T, room string) (all []*ast.File) {
	t.Helper()
	dir := filepath.Join("..", room)
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), ".go") || strings.HasSuffix(e.Name(), "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(dir, e.Name()), nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, file)
	}
	return all
}

func typeName(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		return e.Sel.Name
	}
	return ""
}

// errorText is what errors.New is called with.
func errorText(e ast.Expr) (string, bool) {
	call, ok := e.(*ast.CallExpr)
	if !ok || len(call.Args) != 1 {
		return "", false
	}
	if f, ok := call.Fun.(*ast.SelectorExpr); !ok || typeName(f.X) != "errors" || f.Sel.Name != "New" {
		return "", false
	}
	return constant(call.Args[0])
}

func constant(e ast.Expr) (string, bool) {
	l, ok := e.(*ast.BasicLit)
	if !ok || l.Kind != token.STRING {
		return "", false
	}
	text, err := strconv.Unquote(l.Value)
	return text, err == nil
}

// parts answers the fields that a literal may name, and its rule.
func parts(t *testing.T, l *ast.CompositeLit) (fields []string, rule ast.Expr) {
	t.Helper()
	of := map[string]ast.Expr{}
	for i, e := range l.Elts {
		if pair, ok := e.(*ast.KeyValueExpr); ok {
			of[typeName(pair.Key)] = pair.Value
		} else {
			of[[]string{"Field", "Rule"}[i]] = e
		}
	}
	if field, ok := constant(of["Field"]); ok {
		return []string{field}, of["Rule"]
	}
	// One of several: any text that the expression holds.
	ast.Inspect(of["Field"], func(n ast.Node) bool {
		if e, ok := n.(ast.Expr); ok {
			if text, ok := constant(e); ok && text != "" {
				fields = append(fields, text)
			}
		}
		return true
	})
	if len(fields) == 1 && fields[0][0] == '.' { // what stands before it differs
		fields = []string{"session" + fields[0], "refresh" + fields[0]}
	}
	if len(fields) == 0 {
		t.Fatalf("it is not clear which field breaks a rule: %#v", of["Field"])
	}
	return fields, of["Rule"]
}

// texts are the rules that an expression stands for: itself, or the sentinels that are named after the field.
func texts(t *testing.T, field string, rule ast.Expr, sentinels map[string]string) (all []string) {
	t.Helper()
	if text, ok := constant(rule); ok {
		return []string{text}
	}
	kind := ""
	switch rule := rule.(type) {
	case *ast.BinaryExpr:
		kind = "+"
	case *ast.CallExpr:
		if f, ok := rule.Fun.(*ast.SelectorExpr); ok {
			kind = typeName(f.X) + "." + f.Sel.Name
		}
	}
	if kind != "err.Error" && !strings.HasPrefix(kind, ".Error") && !strings.HasSuffix(kind, ".Error") {
		if !slices.Contains(ofPrograms, field+" "+kind) {
			t.Errorf("the rule of %s is made by %s: give it words, or say that no person meets it", field, kind)
		}
		return nil
	}
	_, last, nested := strings.Cut(field, ".")
	if !nested {
		last = field
	}
	prefix := "err" + strings.TrimSuffix(last, "s")
	for name, text := range sentinels {
		if strings.HasPrefix(strings.ToLower(name), prefix) {
			all = append(all, text)
		}
	}
	if len(all) == 0 {
		t.Errorf("the rule of %s is an error, and no sentinel is named after the field", field)
	}
	return all
}
