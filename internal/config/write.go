package config

import (
	"fmt"
	"io"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

const fileHead = `# Configuration of Tandem, every key with what it is for. A key behind "#" shows its default.
# Each key can also be set in the environment, which wins over this file: session.idle is
# TANDEM_SESSION_IDLE there. Flags win over both.
`

// Write writes c as a tandem.yaml that holds every key with a comment; keys at
// their default are commented out. Load of what was written gives c again,
// completed by WithDefaults, but for Dev and for secrets, which are never
// written: there the comment names the variable to set.
func Write(w io.Writer, c Config) error {
	var out strings.Builder
	out.WriteString(fileHead)
	for i := 0; i < len(fields); {
		section, _, nested := strings.Cut(fields[i].name, ".")
		if !nested {
			lines, _, err := renderKey(fields[i], c, "")
			if err != nil {
				return err
			}
			out.WriteString("\n" + lines)
			i++
			continue
		}
		var body strings.Builder
		header := "# " + section + ":\n"
		for ; i < len(fields) && strings.HasPrefix(fields[i].name, section+"."); i++ {
			lines, live, err := renderKey(fields[i], c, "  ")
			if err != nil {
				return err
			}
			if live {
				header = section + ":\n"
			}
			body.WriteString(lines)
		}
		out.WriteString("\n" + header + body.String())
	}
	if err := renderProviders(&out, c); err != nil {
		return err
	}
	if _, err := io.WriteString(w, out.String()); err != nil {
		return fmt.Errorf("writing the configuration: %w", err)
	}
	return nil
}

// renderKey renders one key with its comment, and reports whether it is live
// rather than commented out.
func renderKey(f field, c Config, indent string) (lines string, live bool, err error) {
	name := f.name[strings.LastIndexByte(f.name, '.')+1:]
	complete, without := c.WithDefaults(), c
	f.at(&without).clear()
	without = without.WithDefaults()
	v := f.at(&complete)
	lines = indent + "# " + f.doc + "\n"
	if _, isSecret := v.(secretValue); isSecret {
		return lines + indent + "# It is never written here: set " + f.env() + ".\n", false, nil
	}
	text, err := renderValue(v)
	if err != nil {
		return "", false, fmt.Errorf("writing key %s: %w", f.name, err)
	}
	if v.text() != f.at(&without).text() {
		return lines + indent + name + ": " + text, true, nil
	}
	if v.text() == "" {
		text = "\n" // nothing to show
	}
	return lines + indent + "# " + strings.TrimRight(name+": "+text, " \n") + "\n", false, nil
}

// renderValue writes a value as YAML on one line.
func renderValue(v value) (string, error) {
	node := &yaml.Node{Kind: yaml.ScalarNode, Tag: v.kind().tag, Value: v.text()}
	if list, ok := v.(listValue); ok {
		node = &yaml.Node{Kind: yaml.SequenceNode, Style: yaml.FlowStyle}
		for _, item := range *list.p {
			node.Content = append(node.Content, &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: item})
		}
	}
	text, err := yaml.Marshal(node)
	return string(text), err
}

// renderProviders renders the providers, or how one would be written.
func renderProviders(out *strings.Builder, c Config) error {
	out.WriteString("\n# Other providers of identities with whom people may sign in, each below a name of its own.\n")
	for _, k := range providerKeys {
		out.WriteString("#   " + k.key + ": " + k.doc + "\n")
	}
	if len(c.Providers) == 0 {
		out.WriteString("# providers:\n#   google:\n#     client_id: ...\n#     client_secret_file: ...\n")
		return nil
	}
	out.WriteString("providers:\n")
	for _, p := range c.Providers {
		out.WriteString("  " + strconv.Quote(p.Name) + ":\n")
		for _, k := range providerKeys {
			v := k.at(&p)
			if k.secret {
				out.WriteString("    # It is never written here: set " + field{name: providersSection + "." + p.Name + "." + k.key}.env() + ".\n")
				continue
			}
			if v.text() == "" {
				continue
			}
			text, err := renderValue(v)
			if err != nil {
				return fmt.Errorf("writing providers: %w", err)
			}
			out.WriteString("    " + k.key + ": " + text)
		}
	}
	return nil
}
