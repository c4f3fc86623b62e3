package chaos

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// verifierEnv, if set, makes this test binary a process with verifiers: it holds the orders, as JSON.
const verifierEnv = "CHAOS_TEST_VERIFIERS"

func TestMain(m *testing.M) {
	if text := os.Getenv(verifierEnv); text != "" {
		if err := beVerifiers(text, os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, "verifiers:", err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	// Scenarios wait more than they work.
	flag.Parse()
	if err := flag.Set("test.parallel", "3"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	code := m.Run()
	if program.dir != "" {
		_ = os.RemoveAll(program.dir)
	}
	os.Exit(code)
}

// moment is a reading of this machine's monotonic clock, in ns. Unlike those of package time, readings of two processes
// can be compared.
type moment int64

func now() moment {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &t); err != nil {
		panic(err) // the clock is part of the system
	}
	return moment(t.Nano())
}

func (m moment) add(d time.Duration) moment      { return m + moment(d) }
func (m moment) since(from moment) time.Duration { return time.Duration(m - from) }

// program is the tandem program, which is built once.
var program struct {
	once sync.Once
	dir  string
	err  error
}

func tandemBinary(t *testing.T) string {
	t.Helper()
	program.once.Do(func() {
		if program.dir, program.err = os.MkdirTemp("", "chaos-tandem-"); program.err != nil {
			return
		}
		build := exec.Command("go", "build", "-o", filepath.Join(program.dir, "tandem"), "tandem.example/tandem/cmd/tandem")
		if out, err := build.CombinedOutput(); err != nil {
			program.err = fmt.Errorf("build tandem: %w\n%s", err, out)
		}
	})
	if program.err != nil {
		t.Fatal(program.err)
	}
	return filepath.Join(program.dir, "tandem")
}

// length is for how long a scenario is to play: short, unless the long form is asked for.
func length(t *testing.T, short time.Duration) time.Duration {
	text := os.Getenv("TANDEM_CHAOS_SECONDS")
	if text == "" {
		return short
	}
	seconds, err := strconv.Atoi(text)
	if err != nil || seconds <= 0 {
		t.Fatalf("TANDEM_CHAOS_SECONDS=%s is no number of seconds", text)
	}
	return max(short, time.Duration(seconds)*time.Second)
}

// seed is what a schedule is made from. The short form plays the same one each time.
func seed(t *testing.T) uint64 {
	text := os.Getenv("TANDEM_TEST_SEED")
	switch {
	case text == "" && os.Getenv("TANDEM_CHAOS_SECONDS") == "":
		return 1
	case text == "":
		return rand.Uint64() >> 32
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		t.Fatalf("TANDEM_TEST_SEED=%s is no number", text)
	}
	return n
}
