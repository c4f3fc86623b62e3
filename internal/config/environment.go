package config

import (
	"maps"
	"slices"
	"strings"
)

const (
	envPrefix      = "TANDEM_"
	configVariable = "TANDEM_CONFIG"
	// testPrefix marks variables of this project's own test runs.
	testPrefix = "TANDEM_TEST_"
)

// otherVariables belong to the command line and are no keys of a server.
var otherVariables = []string{configVariable, "TANDEM_SERVER", "TANDEM_API_KEY", "TANDEM_API_KEY_FILE"}

// environment picks this program's variables out of an environment. Of a
// variable that is given twice the last one counts, as in os/exec.
func (l *loader) environment(environ []string) map[string]string {
	vars := map[string]string{}
	for _, entry := range environ {
		name, text, _ := strings.Cut(entry, "=")
		if strings.HasPrefix(name, envPrefix) && !strings.HasPrefix(name, testPrefix) {
			vars[name] = text
		}
	}
	return vars
}

// applyEnvironment sets the keys that the environment gives, in the order of
// the variables' names.
func (l *loader) applyEnvironment(vars map[string]string) {
	known := variables()
	for _, name := range slices.Sorted(maps.Keys(vars)) {
		o, text := origin{source: name}, vars[name]
		target, ok := known[name]
		if !ok {
			target, ok = providerVariable(name)
		}
		switch {
		case slices.Contains(otherVariables, name):
		case !ok:
			l.unknownVariable(name, slices.Sorted(maps.Keys(known)))
		case target.asFile && vars[target.env()] != "":
			l.fail(o, target.name, "is given twice", "unset "+name+" or "+target.env())
		default:
			l.assign(o, target.field, target.asFile, text)
		}
	}
}

// variable is what an environment variable sets.
type variable struct {
	field
	asFile bool // the variable names a file with the value
}

// variables maps each environment variable to what it sets.
func variables() map[string]variable {
	known := make(map[string]variable, len(fields)+3)
	for _, f := range fields {
		known[f.env()] = variable{field: f}
		if f.secret {
			known[f.envFile()] = variable{field: f, asFile: true}
		}
	}
	return known
}

func (l *loader) unknownVariable(name string, known []string) {
	remedy := "unset it, or set one of the keys in the documentation"
	if name == "TANDEM_DEV" {
		remedy = devRemedy
	} else if meant := nearest(name, slices.Concat(known, otherVariables)); meant != "" {
		remedy = "did you mean " + meant + "? Else unset it"
	}
	l.fail(origin{source: printable(name)}, "", "is not a variable of this program", remedy)
}
