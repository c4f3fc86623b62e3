package credential

import (
	"crypto/rand"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/crypto/argon2"

	"tandem.example/tandem/internal/secret"
)

const benchPassword = "the cat sat on 3 hats"

func bareArgon2id() {
	salt := make([]byte, 16)
	_, _ = rand.Read(salt)
	argon2.IDKey([]byte(benchPassword), salt, 2, 19456, 1, 32)
}

// spent is what some work took: by the clock, and of the processor. On a
// machine that others use too only the second is ours to answer for.
type spent struct{ wall, cpu time.Duration }

// together runs work n times in so many goroutines.
func together(n, goroutines int, work func()) spent {
	turns := make(chan struct{}, n)
	for range n {
		turns <- struct{}{}
	}
	close(turns)
	var wg sync.WaitGroup
	start, cpu := time.Now(), cpuTime()
	for range goroutines {
		wg.Go(func() {
			for range turns {
				work()
			}
		})
	}
	wg.Wait()
	return spent{time.Since(start), cpuTime() - cpu}
}

func cpuTime() time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		panic(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

func median(all []float64) float64 {
	slices.Sort(all)
	return all[len(all)/2]
}

// BenchmarkSignIn compares the rate of password checks through the Hasher with
// that of bare Argon2id at the same cost, both by as many goroutines as cores,
// in turns so that a noisy machine disturbs both alike. Budget: median ratio of
// rates >= 0.92 (run at least six).
func BenchmarkSignIn(b *testing.B) {
	hasher, phc, text := benchHasher(b)
	cores := runtime.GOMAXPROCS(0)
	const each = 10
	var floor, ours, ratio, cpuRatio []float64
	for b.Loop() {
		bare := together(each, cores, bareArgon2id)
		through := together(each, cores, func() {
			if ok, _, err := hasher.Verify(b.Context(), phc, text); !ok || err != nil {
				b.Error(ok, err)
			}
		})
		floor = append(floor, each/bare.wall.Seconds())
		ours = append(ours, each/through.wall.Seconds())
		ratio = append(ratio, bare.wall.Seconds()/through.wall.Seconds())
		cpuRatio = append(cpuRatio, bare.cpu.Seconds()/through.cpu.Seconds())
	}
	b.ReportMetric(median(floor), "floor/s")
	b.ReportMetric(median(ours), "ours/s")
	b.ReportMetric(median(ratio), "ratio")
	b.ReportMetric(median(cpuRatio), "cpu-ratio")
}

// BenchmarkStorm lets 200 sign-ins arrive at once. Budgets: peak resident
// memory <= 150 MB, and total time <= 1.1 times what the bare rate makes of 200
// hashes.
func BenchmarkStorm(b *testing.B) {
	const storm = 200
	hasher, phc, text := benchHasher(b)
	var ratio, cpuRatio, peak []float64
	for b.Loop() {
		bare := together(storm, runtime.GOMAXPROCS(0), bareArgon2id)
		resetPeak(b)
		through := together(storm, storm, func() {
			if ok, _, err := hasher.Verify(b.Context(), phc, text); !ok || err != nil {
				b.Error(ok, err)
			}
		})
		peak = append(peak, peakMB(b))
		ratio = append(ratio, through.wall.Seconds()/bare.wall.Seconds())
		cpuRatio = append(cpuRatio, through.cpu.Seconds()/bare.cpu.Seconds())
	}
	b.ReportMetric(slices.Max(peak), "peak-MB")
	b.ReportMetric(median(ratio), "time-ratio")
	b.ReportMetric(median(cpuRatio), "cpu-ratio")
}

// benchHasher waits as long as it takes: the machine may be busy elsewhere.
func benchHasher(b *testing.B) (*Hasher, PHC, secret.Text) {
	b.Helper()
	hasher, err := NewHasher(HasherConfig{MaxWait: time.Hour})
	if err != nil {
		b.Fatal(err)
	}
	text := secret.NewText(benchPassword)
	phc, err := hasher.Hash(b.Context(), text)
	if err != nil {
		b.Fatal(err)
	}
	return hasher, phc, text
}

// resetPeak makes the kernel count peak resident memory afresh, where it can.
func resetPeak(b *testing.B) {
	b.Helper()
	runtime.GC()
	if err := os.WriteFile("/proc/self/clear_refs", []byte("5"), 0); err != nil {
		b.Logf("peak memory includes what came before: %v", err)
	}
}

// peakMB returns the peak resident memory in units of 10^6 bytes.
func peakMB(b *testing.B) float64 {
	b.Helper()
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		b.Logf("peak memory is not known here: %v", err)
		return 0
	}
	for line := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kib, err := strconv.Atoi(strings.Fields(rest)[0])
			if err != nil {
				b.Fatal(err)
			}
			return float64(kib) * 1024 / 1e6
		}
	}
	return 0
}

func BenchmarkParseAPIKey(b *testing.B) {
	_, text := NewAPIKey("bench", "usr_1", nil, noon)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ParseAPIKey(text); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkPolicy(b *testing.B) {
	text := secret.NewText("1-dragon-eats-granite-9!")
	b.ReportAllocs()
	for b.Loop() {
		if err := (Policy{}).Check(text, "anna@example.com", "Anna"); err != nil {
			b.Fatal(err)
		}
	}
}
