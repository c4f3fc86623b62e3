package main

import (
	"fmt"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// sample is what n operations took: by the clock, and of the processors. On a machine that others use too only the
// second is ours to answer for.
type sample struct {
	n         int
	wall, cpu time.Duration
	allocs    uint64
}

// timed measures f, which does n operations. The processor time is that of the whole process.
func timed(n int, f func() error) (sample, error) {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	start, cpu := time.Now(), cpuTime()
	err := f()
	s := sample{n: n, wall: time.Since(start), cpu: cpuTime() - cpu}
	runtime.ReadMemStats(&after)
	s.allocs = after.Mallocs - before.Mallocs
	return s, err
}

// each is an operation in a loop, on one goroutine.
func each(n int, op func(i int) error) (sample, error) {
	return timed(n, func() error {
		for i := range n {
			if err := op(i); err != nil {
				return err
			}
		}
		return nil
	})
}

func (s sample) wallNS() float64     { return float64(s.wall) / float64(s.n) }
func (s sample) cpuNS() float64      { return float64(s.cpu) / float64(s.n) }
func (s sample) allocsEach() float64 { return float64(s.allocs) / float64(s.n) }
func (s sample) rate() float64       { return float64(s.n) / s.wall.Seconds() }

// duel is a floor and ours, measured in turns.
type duel struct {
	floor, ours []sample
}

// fight runs rounds of both after one that does not count. Who begins changes from round to round, so that a machine
// that slows down or speeds up favours neither.
func (b *bench) fight(floor, ours func() (sample, error)) (duel, error) {
	var d duel
	for i := -1; i < b.rounds; i++ {
		if err := b.ctx.Err(); err != nil {
			return d, err
		}
		first, second := floor, ours
		if i%2 != 0 {
			first, second = ours, floor
		}
		x, err := first()
		if err != nil {
			return d, err
		}
		y, err := second()
		if err != nil {
			return d, err
		}
		if i%2 != 0 {
			x, y = y, x
		}
		if i >= 0 {
			d.floor, d.ours = append(d.floor, x), append(d.ours, y)
		}
	}
	return d, nil
}

// of is the median over the rounds of a figure.
func of(samples []sample, figure func(sample) float64) float64 {
	all := make([]float64, len(samples))
	for i, s := range samples {
		all[i] = figure(s)
	}
	return median(all)
}

// ratio is the median over the rounds of ours over floor, so that what slows a whole round down drops out.
func (d duel) ratio(figure func(sample) float64) float64 {
	all := make([]float64, len(d.ours))
	for i := range d.ours {
		all[i] = figure(d.ours[i]) / figure(d.floor[i])
	}
	return median(all)
}

// extra is the median over the rounds of ours less floor.
func (d duel) extra(figure func(sample) float64) float64 {
	all := make([]float64, len(d.ours))
	for i := range d.ours {
		all[i] = figure(d.ours[i]) - figure(d.floor[i])
	}
	return median(all)
}

// allocs is how much is allocated by one of our operations; that of the Verifier's or server's background is among it.
func (d duel) allocs() float64 {
	return of(d.ours, sample.allocsEach)
}

func median(all []float64) float64 { return quantile(all, 0.5) }

// quantile sorts all and answers the least that is not exceeded by the share q of it.
func quantile(all []float64, q float64) float64 {
	if len(all) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(all))
	if n := len(sorted); q == 0.5 && n%2 == 0 {
		return (sorted[n/2-1] + sorted[n/2]) / 2
	}
	return sorted[min(len(sorted)-1, int(q*float64(len(sorted))))]
}

func cpuTime() time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		panic(err) // it takes two valid arguments
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// machine is how much processor time all programs have used, and this one with what it has started.
type machine struct {
	all, own time.Duration
	at       time.Time
}

const tick = 10 * time.Millisecond // of /proc/stat: USER_HZ is 100 on every Linux

func readMachine() machine {
	m := machine{at: time.Now(), own: cpuTime() + familyTime()}
	var usage syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_CHILDREN, &usage) == nil {
		m.own += time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
	}
	text, err := os.ReadFile("/proc/stat")
	if err != nil {
		return machine{} // elsewhere than on Linux nothing is known of others
	}
	fields := strings.Fields(strings.SplitN(string(text), "\n", 2)[0])
	for i, f := range fields {
		n, err := strconv.ParseInt(f, 10, 64)
		if err == nil && i != 4 && i != 5 && i < 9 { // all but idle and waiting; steal is somebody else's
			m.all += time.Duration(n) * tick
		}
	}
	return m
}

// othersSince is the share of the processors that went to other programs.
func (m machine) othersSince(before machine) float64 {
	if m.at.IsZero() || before.at.IsZero() {
		return 0
	}
	spent := (m.all - before.all) - (m.own - before.own)
	return max(0, float64(spent)/float64(m.at.Sub(before.at))/float64(runtime.NumCPU()))
}

func (b *bench) say(format string, args ...any) { fmt.Fprintf(b.log, "  "+format+"\n", args...) }
