package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"time"
)

// mutation is a mistake, and the test that must notice it.
type mutation struct {
	trap  string // which way to break the promise
	name  string // how it is done here
	edits []edit
	// The test: a pattern for -run in a package of a module, the root's being ".". The prefix short asks for its short
	// form.
	module, pkg, run string
}

const short = "short:"

// edit replaces text that a file holds exactly once. Paths are from the root.
type edit struct{ file, old, new string }

// mostOutput bounds what is shown of a test that is not as it must be.
const mostOutput = 2000

// limit is how long a test may take. One that hangs is red as well.
const limit = 100 * time.Second

// tree is a copy of the working tree.
type tree struct{ dir string }

// copyTree copies what git knows of and what it does not ignore, as it is on disk.
func copyTree(ctx context.Context) (*tree, error) {
	root, err := exec.CommandContext(ctx, "git", "rev-parse", "--show-toplevel").Output()
	if err != nil {
		return nil, fmt.Errorf("find the root of the tree: %w", err)
	}
	from := strings.TrimSpace(string(root))
	list := exec.CommandContext(ctx, "git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
	list.Dir = from
	files, err := list.Output()
	if err != nil {
		return nil, fmt.Errorf("list the tree: %w", err)
	}
	dir, err := os.MkdirTemp("", "tandem-mutants-")
	if err != nil {
		return nil, err
	}
	t := &tree{dir}
	for name := range strings.SplitSeq(strings.Trim(string(files), "\x00"), "\x00") {
		if err := copyFile(filepath.Join(from, name), filepath.Join(dir, name)); err != nil {
			t.remove()
			return nil, fmt.Errorf("copy the tree: %w", err)
		}
	}
	return t, nil
}

func copyFile(from, to string) error {
	info, err := os.Lstat(from)
	if errors.Is(err, os.ErrNotExist) || err == nil && !info.Mode().IsRegular() {
		return nil // deleted and not committed yet, or nothing that Go compiles
	}
	if err != nil {
		return err
	}
	b, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
		return err
	}
	return os.WriteFile(to, b, info.Mode().Perm())
}

func (t *tree) remove() { _ = os.RemoveAll(t.dir) }

// result is what became of a test.
type result struct {
	green, red bool
	broken     string // why it is neither
	failed     string // the first test that failed
	took       time.Duration
	output     string
}

func (r result) String() string {
	switch {
	case r.red:
		return fmt.Sprintf("red in %.1f s: %s", r.took.Seconds(), r.failed)
	case r.green:
		return fmt.Sprintf("STAYED GREEN in %.1f s", r.took.Seconds())
	}
	return "ERROR: " + r.broken
}

// try applies a mutation, runs its test, and takes the mutation back.
func (t *tree) try(ctx context.Context, m mutation) (r result) {
	originals := make(map[string][]byte)
	defer func() {
		for path, text := range originals {
			if err := os.WriteFile(path, text, 0o600); err != nil {
				r = result{broken: err.Error()}
			}
		}
	}()
	for _, e := range m.edits {
		path := filepath.Join(t.dir, e.file)
		text, err := os.ReadFile(path)
		if err != nil {
			return result{broken: err.Error()}
		}
		if originals[path] == nil {
			originals[path] = text
		}
		if n := bytes.Count(text, []byte(e.old)); n != 1 {
			return result{broken: fmt.Sprintf("%s holds %d times, not once: %q", e.file, n, e.old)}
		}
		if err := os.WriteFile(path, bytes.Replace(text, []byte(e.old), []byte(e.new), 1), 0o600); err != nil {
			return result{broken: err.Error()}
		}
	}
	return t.test(ctx, m)
}

var firstFailure = regexp.MustCompile(`(?m)^\s*--- FAIL: (\S+)`)

// test runs the test of a mutation on the tree as it is.
func (t *tree) test(ctx context.Context, m mutation) result {
	return t.command(ctx, m.module, append([]string{"go", "test", "-count=1", "-vet=off"}, m.flags("-", m.pkg)...))
}

// compile makes the test binary of a mutation's package.
func (t *tree) compile(ctx context.Context, m mutation, binary string) result {
	r := t.command(ctx, m.module, []string{"go", "test", "-c", "-vet=off", "-o", binary, m.pkg})
	if r.red {
		r.red, r.broken = false, "it does not compile:\n"+r.output
	}
	return r
}

// rerun runs the test of a mutation by a binary that compile made.
func (t *tree) rerun(ctx context.Context, m mutation, binary string) result {
	return t.command(ctx, filepath.Join(m.module, m.pkg), append([]string{binary}, m.flags("-test.")...))
}

// flags choose the test of a mutation.
func (m mutation) flags(prefix string, more ...string) []string {
	pattern, brief := strings.CutPrefix(m.run, short)
	list := []string{prefix + "timeout", limit.String(), prefix + "run", pattern}
	if brief {
		list = append(list, prefix+"short")
	}
	return append(list, more...)
}

// command runs one in a directory of the tree. What it starts ends with it.
func (t *tree) command(ctx context.Context, dir string, args []string) (r result) {
	ctx, cancel := context.WithTimeout(ctx, limit+2*time.Minute) // to compile
	defer cancel()
	start := time.Now()
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Dir = filepath.Join(t.dir, dir)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // it and its children are a group of their own
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	out, err := cmd.CombinedOutput()
	r.took, r.output = time.Since(start), string(out[:min(len(out), mostOutput)])
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil:
		r.broken = context.Cause(ctx).Error()
	case bytes.Contains(out, []byte("[build failed]")), bytes.Contains(out, []byte("[setup failed]")):
		r.broken = "it does not compile:\n" + r.output
	case err == nil && bytes.Contains(out, []byte("no tests to run")):
		r.broken = "there is no such test"
	case err == nil:
		r.green = true
	case errors.As(err, &exit):
		r.red, r.failed = true, "it hangs or panics"
		if found := firstFailure.FindSubmatch(out); found != nil {
			r.failed = string(found[1])
		}
	default:
		r.broken = err.Error()
	}
	return r
}
