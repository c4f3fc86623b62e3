// Command bench measures what Tandem's budgets speak of, each beside its floor in the same run, and prints a table:
// row, work, floor, ours, ratio, budget, verdict. `make bench` runs it.
//
// Machines differ and are noisy, so a budget is a ratio to a floor that is measured in turns with it, and what is
// compared is the median over rounds. Nothing here asserts a time in a test. It owns the measuring only: what is
// measured are the packages and binaries that ship. Everything listens on the loopback, in a temporary directory, and
// is stopped at the end.
//
// Exit status: 0 if every budget is kept, 1 if one is not or could not be measured, 2 for bad usage.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"runtime/pprof"
	"strings"
	"syscall"
	"time"

	"tandem.example/tandem/internal/lab/rig"
)

// row is one of the budgets; it may add several results.
type row struct {
	number  string
	topic   string // another name, for several rows at once
	measure func(*bench) error
}

var rows = []row{
	{"1", "", cachedCheck},
	{"2", "", coldCheck},
	{"3", "", largeSet},
	{"4", "", protect},
	{"5", "", liveCheck},
	{"7", "", groupCommit},
	{"9", "", mint},
	{"10", "", signIn},
	{"11", "", storm},
	{"12", "", revocationToMany},
	{"13", "", coldStart},
	{"14", "", growth},
	{"15", "", sizes},
	{"page", "pages", pages},
	{"6", "pg", onPostgres(checkShared)},
	{"8", "pg", onPostgres(refreshShared)},
	{"7", "pg", onPostgres(signInShared)},
	{"9", "pg", onPostgres(mintShared)},
	{"6", "redis", onRedis(checkShared)},
	{"8", "redis", onRedis(refreshShared)},
	{"7", "redis", onRedis(signInShared)},
	{"9", "redis", onRedis(mintShared)},
	{"aim", "http", aims},
	{"12", "fanout", crowds},
	{"12", "receipts", receipts},
	{"14", "growth", growthShared},
}

// bench is one run.
type bench struct {
	ctx    context.Context
	rounds int
	full   bool
	short  bool   // tiny sizes, to see that the rows can be measured
	dir    string // temporary
	log    io.Writer
	out    io.Writer
	report report
	stores map[kind]*stored  // made when first needed
	built  map[string]string // binaries by package

	host     *host // of the servers of stores
	postgres *rig.PostgresServer
	engines  map[engineKind]*engine
	nodes    int // that were started, to tell their directories apart
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	status, err := run(ctx, os.Args[1:], os.Stdout)
	stop()
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "bench:", err)
	}
	os.Exit(status)
}

func run(ctx context.Context, args []string, out io.Writer) (status int, err error) {
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	chosen := flags.String("rows", "", "comma-separated numbers or topics (pages, pg, redis, http, fanout, receipts, growth) of `rows` to measure; all if empty")
	rounds := flags.Int("rounds", 7, "rounds of floor and ours in turns; the median counts")
	full := flags.Bool("full", false, "a million sessions in place of a hundred thousand")
	short := flags.Bool("short", false, "tiny sizes and one round: shows that the rows can be measured, and nothing else")
	file := flags.String("json", "", "also write the results to `FILE`")
	profile := flags.String("profile", "", "write a CPU profile of this process to `FILE`")
	if err := flags.Parse(args); err != nil {
		return 2, nil // the flag set has said why
	}
	selected, err := choose(*chosen)
	if err != nil {
		return 2, err
	}
	if *short {
		*rounds = 1
	} else if *rounds < 6 {
		return 2, errors.New("-rounds: a median of less than 6 means little")
	}
	dir, err := os.MkdirTemp("", "tandem-bench")
	if err != nil {
		return 1, err
	}
	defer os.RemoveAll(dir)
	if *profile != "" {
		samples, err := os.Create(*profile)
		if err != nil {
			return 1, err
		}
		defer samples.Close()
		if err := pprof.StartCPUProfile(samples); err != nil {
			return 1, err
		}
		defer pprof.StopCPUProfile()
	}
	b := &bench{ctx: ctx, rounds: *rounds, full: *full, short: *short, dir: dir, log: os.Stderr, out: out, stores: map[kind]*stored{}, built: map[string]string{},
		host: &host{ctx: ctx}, engines: map[engineKind]*engine{}}
	defer func() { _ = try(b.host.close) }() // what does not end by itself ends with this process
	began := time.Now()
	fmt.Fprintf(out, "%s, %d processors, medians of %d rounds\n\n", runtime.Version(), runtime.GOMAXPROCS(0), b.rounds)
	b.report.header(out)
	for _, r := range selected {
		if err := b.measure(r); err != nil {
			return 1, err
		}
	}
	fmt.Fprintf(out, "\n%s; %s\n", b.report.summary(), time.Since(began).Round(time.Second))
	if *file != "" {
		if err := b.report.write(*file); err != nil {
			return 1, err
		}
	}
	if b.report.bad() {
		return 1, nil
	}
	return 0, nil
}

// measure runs one row. What fails in it is a result: the other rows are still worth measuring.
func (b *bench) measure(r row) error {
	runtime.GC()
	slow, err := b.calibrate()
	if err != nil {
		return err
	}
	before := readMachine()
	from := len(b.report.Results)
	if err := r.measure(b); err != nil {
		if cause := b.ctx.Err(); cause != nil {
			return cause
		}
		b.report.Results = append(b.report.Results, result{Row: r.number, Work: "could not be measured", Verdict: verdictFailed, Notes: []string{err.Error()}})
	}
	others := readMachine().othersSince(before)
	after, err := b.calibrate()
	if err != nil {
		return err
	}
	slow = speed{(slow.Wall + after.Wall) / 2, (slow.CPU + after.CPU) / 2}
	for i := from; i < len(b.report.Results); i++ {
		b.report.Results[i].judge(others, slow)
		b.report.print(b.out, b.report.Results[i])
	}
	return nil
}

func choose(text string) ([]row, error) {
	if text == "" {
		return rows, nil
	}
	var selected []row
	for number := range strings.SplitSeq(text, ",") {
		number, before := strings.TrimSpace(number), len(selected)
		for _, r := range rows {
			if r.number == number || r.topic == number && number != "" {
				selected = append(selected, r)
			}
		}
		if len(selected) == before {
			return nil, fmt.Errorf("-rows: there is no row %q", number)
		}
	}
	return selected, nil
}
