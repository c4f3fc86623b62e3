package config

import (
	"cmp"
	"errors"
	"io"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"
)

// DefaultPath is the file that Load reads where none is named, if it exists.
const DefaultPath = "tandem.yaml"

// Options says where Load looks. The zero Options read DefaultPath alone.
type Options struct {
	// Path is the configuration file; it must exist. Empty means the one that
	// TANDEM_CONFIG names, else DefaultPath if there is one.
	Path string
	// Env is the environment as os.Environ gives it.
	Env []string
	// Flags are values from the command line by key, such as "log.level".
	Flags map[string]string
	// Dev becomes Config.Dev.
	Dev bool
}

// Load reads the configuration (flags over environment over file over
// defaults), checks all of it and returns it completed by WithDefaults. The
// error is an *Error with everything that is wrong, and the Config is then
// zero. Nothing is opened but the configuration file and files of secrets that
// it or the environment name.
func Load(o Options) (Config, error) {
	l := loader{origins: map[string]origin{}, broken: map[string]bool{}}
	env := l.environment(o.Env)
	switch path := cmp.Or(o.Path, env[configVariable]); {
	case path != "":
		l.file(path)
	case exists(DefaultPath):
		l.file(DefaultPath)
	}
	l.applyEnvironment(env)
	l.applyFlags(o.Flags)
	l.config.Dev = o.Dev
	c := l.config.WithDefaults()
	l.check(c)
	if err := l.found.err(); err != nil {
		return Config{}, err
	}
	return c, nil
}

// loader gathers values and problems from one source after the other.
type loader struct {
	config  Config
	origins map[string]origin // where the value in force of a key came from
	broken  map[string]bool   // keys with a value that could not be read
	found   problems
}

// origin is where a value came from: a file and line, a variable or a flag.
type origin struct {
	source string
	line   int
}

// fail notes a problem with what came from o.
func (l *loader) fail(o origin, key, rule, remedy string) {
	l.broken[key] = true
	l.found = append(l.found, Problem{Key: key, Source: o.source, Line: o.line, Rule: rule, Remedy: remedy})
}

// assign sets a key to a value given as text, or to the content of the file
// that the text names.
func (l *loader) assign(o origin, f field, asFile bool, text string) {
	v := f.at(&l.config)
	if asFile && text != "" {
		const limit = 64 << 10 // what holds more was named by mistake
		content, err := readLimited(text, limit)
		if err != nil {
			l.fail(o, f.name, "is to be read from a file that "+reason(err), "name a readable file with the value alone")
			return
		}
		text = strings.TrimRight(string(content), "\r\n")
	}
	if text == "" {
		l.fail(o, f.name, "has no value", "give it one, or leave it out")
		return
	}
	if err := v.set(text); err != nil {
		l.fail(o, f.name, err.Error(), "write "+v.kind().example)
		return
	}
	l.origins[f.name] = o
}

// applyFlags sets what the command line gives, in the order of keys.
func (l *loader) applyFlags(flags map[string]string) {
	for _, name := range slices.Sorted(maps.Keys(flags)) {
		o := origin{source: "--" + strings.NewReplacer(".", "-", "_", "-").Replace(name)}
		f, ok := lookup(name)
		if !ok || f.onlyEnv {
			l.unknown(o, name)
			continue
		}
		l.assign(o, f, false, flags[name])
	}
}

// check applies the rules of Validate to c and says where each value came
// from. A rule about a key that could not be read is passed over: its own
// problem is noted already.
func (l *loader) check(c Config) {
	for _, p := range c.check() {
		if slices.ContainsFunc(append([]string{p.Key}, p.related...), func(k string) bool { return l.broken[k] }) {
			continue
		}
		o, given := l.origins[p.Key]
		for _, key := range p.related {
			if !given {
				o, given = l.origins[key]
			}
		}
		p.Source, p.Line = o.source, o.line
		l.found = append(l.found, p)
	}
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

var errTooLarge = errors.New("is too large")

// readLimited reads the file at path, which may have up to limit bytes.
func readLimited(path string, limit int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // only read: nothing to lose
	text, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err == nil && int64(len(text)) > limit {
		err = errTooLarge
	}
	return text, err
}

// reason words an error of readLimited as part of a rule.
func reason(err error) string {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "does not exist"
	case errors.Is(err, fs.ErrPermission):
		return "this user may not read"
	case errors.Is(err, errTooLarge):
		return errTooLarge.Error()
	}
	var at *fs.PathError
	if errors.As(err, &at) {
		err = at.Err // the path is in the problem already
	}
	return "cannot be read: " + err.Error()
}
