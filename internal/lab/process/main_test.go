package process

import (
	"fmt"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// verifierEnv, if set, makes this test binary a verifier process: it holds the orders, as JSON.
const verifierEnv = "PROCESS_TEST_VERIFIER"

func TestMain(m *testing.M) {
	if text := os.Getenv(verifierEnv); text != "" {
		if err := beVerifier(text, os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, "verifier:", err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
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
