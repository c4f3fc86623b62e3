// Command mutants puts each known way to break the promise of revocation, or to be taken for somebody else, back into a
// copy of the tree, one at a time, and demands that a test named for it turns red. A test that never fails proves
// nothing; this is the proof that these do.
//
//	go run ./internal/lab/mutants [-trap text] [-name text]
//
// It prints a table and exits with 1 if a mutation stayed green, did not apply, did not compile, or names tests that
// are red or missing without it. It owns the table of mutations; the tests belong to the packages that they test.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

func main() {
	trap := flag.String("trap", "", "only the traps that contain this text")
	name := flag.String("name", "", "only the mutations that contain this text")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	chosen := slices.DeleteFunc(table(), func(m mutation) bool {
		return !strings.Contains(m.trap, *trap) || !strings.Contains(m.name, *name)
	})
	if err := run(ctx, chosen); err != nil {
		fmt.Fprintln(os.Stderr, "mutants:", err)
		os.Exit(1)
	}
}

// run tries the mutations in turn.
func run(ctx context.Context, chosen []mutation) error {
	if len(chosen) == 0 {
		return fmt.Errorf("no mutation is called that")
	}
	start := time.Now()
	t, err := copyTree(ctx)
	if err != nil {
		return err
	}
	defer t.remove()
	bad := unmutated(ctx, t, chosen)
	width := 0
	for _, m := range chosen {
		width = max(width, len(m.trap))
	}
	for _, m := range chosen {
		if err := ctx.Err(); err != nil {
			return err
		}
		r := t.try(ctx, m)
		fmt.Printf("%-*s  %-78s  %s\n", width, m.trap, m.name, r)
		if !r.red {
			bad++
		}
	}
	traps := make(map[string]bool)
	for _, m := range chosen {
		traps[m.trap] = true
	}
	fmt.Printf("\n%d mutations of %d traps in %s; %d not as they must be.\n", len(chosen), len(traps), time.Since(start).Round(time.Second), bad)
	if bad > 0 {
		return fmt.Errorf("%d mutations or tests are not as they must be", bad)
	}
	return nil
}

// unmutated demands that the named tests are there and green without a mutation, and answers how many are not. Each
// package is compiled once.
func unmutated(ctx context.Context, t *tree, chosen []mutation) (bad int) {
	seen := make(map[string]bool)
	binaries := make(map[string]string)
	for _, m := range chosen {
		where := filepath.Join(m.module, m.pkg)
		if seen[where+" "+m.run] || ctx.Err() != nil {
			continue
		}
		seen[where+" "+m.run] = true
		if binaries[where] == "" {
			binaries[where] = filepath.Join(t.dir, fmt.Sprintf("unmutated-%d.test", len(binaries)))
			if r := t.compile(ctx, m, binaries[where]); !r.green {
				fmt.Printf("without a mutation: %s: %s\n", where, r)
				return bad + 1
			}
		}
		if r := t.rerun(ctx, m, binaries[where]); !r.green {
			fmt.Printf("without a mutation: %s -run %s: %s\n%s\n", where, m.run, r, r.output)
			bad++
		}
	}
	return bad
}
