package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// maxFile bounds a configuration file in bytes.
const maxFile = 1 << 20

const devRemedy = "it is no key: start the server with `tandem serve --dev`"

// file reads a configuration file. It walks the YAML nodes rather than decode
// into the struct, so that every problem is found in one pass and has its
// line, and so that a value is read by the same code as from the environment.
func (l *loader) file(path string) {
	o := origin{source: path}
	text, err := readLimited(path, maxFile)
	if err != nil {
		l.fail(o, "", "is a configuration file that "+reason(err), "name a readable file with --config, or make one with `tandem init`")
		return
	}
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	var document yaml.Node
	if err := decoder.Decode(&document); errors.Is(err, io.EOF) {
		return // nothing but comments
	} else if err != nil {
		rule, line := syntaxProblem(err)
		l.fail(origin{path, line}, "", rule, "mend the YAML there, or in the line above")
		return
	}
	if err := decoder.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		l.fail(o, "", "holds more than one YAML document", "keep one, without a line ---")
		return
	}
	root := document.Content[0]
	if root.Kind != yaml.MappingNode {
		l.fail(origin{path, root.Line}, "", "is not a list of keys", "write lines such as `lease: 10s`")
		return
	}
	l.section(path, "", root)
}

// section reads the keys of a YAML mapping, which stand below prefix.
func (l *loader) section(path, prefix string, node *yaml.Node) {
	lines := map[string]int{} // of the keys seen, with _file taken off
	for i := 0; i+1 < len(node.Content); i += 2 {
		key, content := node.Content[i], node.Content[i+1]
		o := origin{path, key.Line}
		if key.Kind != yaml.ScalarNode {
			l.fail(o, "", "has a key that is not a text", "write lines such as `lease: 10s`")
			continue
		}
		name := prefix + key.Value
		f, asFile, ok := lookupInFile(name)
		ok = ok && !strings.Contains(key.Value, ".") // a section is a mapping, not a dot
		seen := name
		if ok {
			seen = f.name
		}
		if first, twice := lines[seen]; twice {
			l.fail(o, printable(seen), fmt.Sprintf("is given twice, first in line %d", first), "keep one of the two")
			continue
		}
		lines[seen] = key.Line
		switch {
		case isSection(name):
			l.subsection(o, name, content)
		case ok:
			l.scalarOrList(origin{path, max(content.Line, key.Line)}, f, asFile, content)
		default:
			l.unknown(o, name)
		}
	}
}

// lookupInFile finds the field of a key in a file, where a secret's key may
// have _file appended.
func lookupInFile(name string) (f field, asFile, ok bool) {
	if f, ok = lookup(name); ok {
		return f, false, !f.onlyEnv
	}
	if base, cut := strings.CutSuffix(name, "_file"); cut {
		f, ok = lookup(base)
		return f, true, ok && f.secret && !f.onlyEnv
	}
	return field{}, false, false
}

func (l *loader) subsection(o origin, name string, content *yaml.Node) {
	if content.Kind != yaml.MappingNode {
		l.fail(o, name, "is a section", "write its keys below it, indented by two spaces, or leave it out")
		return
	}
	if isProvider(name) { // also one without keys, to be told what it lacks
		l.config.provider(strings.TrimPrefix(name, providersSection+"."))
		l.origins[name] = o
	}
	l.section(o.source, name+".", content)
}

// scalarOrList reads the value of a key.
func (l *loader) scalarOrList(o origin, f field, asFile bool, node *yaml.Node) {
	v := f.at(&l.config)
	list, isList := v.(listValue)
	switch {
	case node.Kind == yaml.AliasNode:
		l.fail(o, f.name, "is a YAML alias", "write the value out")
	case node.ShortTag() == "!!null":
		l.fail(o, f.name, "has no value", "give it one, or leave it out")
	case node.ShortTag() != v.kind().tag:
		l.fail(o, f.name, "must be "+v.kind().name, "write "+v.kind().example)
	case isList:
		l.list(o, f, list, node)
	default:
		l.assign(o, f, asFile, node.Value)
	}
}

func (l *loader) list(o origin, f field, list listValue, node *yaml.Node) {
	items := make([]string, len(node.Content))
	for i, item := range node.Content {
		if item.Kind != yaml.ScalarNode || item.ShortTag() != "!!str" {
			l.fail(origin{o.source, item.Line}, f.name, "must be "+list.kind().name, "write "+list.kind().example)
			return
		}
		items[i] = item.Value
	}
	if err := list.setAll(items); err != nil {
		l.fail(o, f.name, err.Error(), "write "+list.kind().example)
		return
	}
	l.origins[f.name] = o
}

// unknown notes a key that does not exist and says which was meant.
func (l *loader) unknown(o origin, name string) {
	remedy := "remove it; `tandem init` writes a file with every key"
	f, exists := lookup(name)
	section, last, dotted := strings.Cut(name, ".")
	switch meant := nearest(name, append(keyNames(), providerKeyNames(name)...)); {
	case section == providersSection && !strings.Contains(last, "."):
		remedy = "name a provider with a-z, 0-9 and -, at most 32 characters"
	case exists && f.onlyEnv:
		instead := "use master_key_file"
		if f.secret {
			instead = f.envFile()
		}
		l.fail(o, name, "must not be given here, where others could read it", "set "+f.env()+" in the environment, or "+instead)
		return
	case exists && dotted:
		remedy = fmt.Sprintf("write it as two lines, `%s:` and below it, indented, `%s:`", section, last)
	case name == "dev":
		remedy = devRemedy
	case meant != "":
		remedy = "did you mean " + meant + "?"
	default:
		for _, key := range keyNames() {
			if strings.HasSuffix(key, "."+name) {
				remedy = "did you mean " + key + "?"
			}
		}
	}
	l.fail(o, printable(name), "is not a known key", remedy)
}

var syntaxLine = regexp.MustCompile(`^yaml: (?:line (\d+): )?([a-z0-9 ':,-]*)`)

// syntaxProblem words an error of the YAML parser, without the quotations of
// the file that some of them hold.
func syntaxProblem(err error) (rule string, line int) {
	rule = "is not YAML"
	if m := syntaxLine.FindStringSubmatch(err.Error()); m != nil {
		line, _ = strconv.Atoi(m[1]) // empty is line 0, which stands for none
		if m[2] != "" {
			rule += ": " + m[2]
		}
	}
	return rule, line
}

// printable makes a name that someone else chose fit for one line of output.
func printable(name string) string {
	const longest = 64
	if len(name) > longest {
		name = name[:longest] + "..."
	}
	quoted := strconv.Quote(name)
	return quoted[1 : len(quoted)-1]
}
