package main

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"strings"
)

// The verdicts.
const (
	verdictOK     = "ok"
	verdictCPU    = "ok (cpu)"  // by the processor time, on a machine that others used meanwhile
	verdictSlow   = "ok (slow)" // a time that is kept once the machine's slowness is taken off
	verdictOver   = "OVER"
	verdictFailed = "FAILED"
	verdictNone   = "" // a figure without a budget
)

// crowded is the share of the machine from which on others decide what the clock says.
const crowded = 0.1

// limit is a budget.
type limit struct {
	Bound float64 `json:"bound"`
	Least bool    `json:"least"` // whether it is the least rather than the most
	Unit  string  `json:"unit"`
	Time  bool    `json:"time"` // a span of time, so that it depends on the machine
}

func atMost(bound float64, unit string) limit  { return limit{Bound: bound, Unit: unit} }
func atLeast(bound float64, unit string) limit { return limit{Bound: bound, Least: true, Unit: unit} }

// within is a limit in time, as it was set on the machine of the reference.
func within(bound float64, unit string) limit { return limit{Bound: bound, Unit: unit, Time: true} }

func (l limit) String() string {
	sign := "<="
	if l.Least {
		sign = ">="
	}
	return fmt.Sprintf("%s %s %s", sign, digits(l.Bound), l.Unit)
}

func (l limit) keeps(value float64) bool {
	if math.IsNaN(value) {
		return false
	}
	if l.Least {
		return value >= l.Bound
	}
	return value <= l.Bound
}

// result is a line of the table.
type result struct {
	Row     string   `json:"row"`
	Work    string   `json:"work"`
	Floor   string   `json:"floor"`
	Ours    string   `json:"ours"`
	Value   float64  `json:"value"`         // what the budget is about, by the clock
	CPU     float64  `json:"cpu,omitempty"` // the same by the processor time; 0 if that has no meaning here
	Budget  *limit   `json:"budget"`
	Broken  []string `json:"broken,omitempty"` // further conditions of the budget that do not hold
	Verdict string   `json:"verdict"`
	Others  float64  `json:"others"` // the share of the machine that others used meanwhile
	Speed   speed    `json:"speed"`  // of the machine meanwhile
	Notes   []string `json:"notes,omitempty"`
}

// require adds a condition of the budget, and notes it if it does not hold.
func (r *result) require(holds bool, format string, args ...any) {
	if !holds {
		r.Broken = append(r.Broken, fmt.Sprintf(format, args...))
	}
}

func (r *result) note(format string, args ...any) {
	r.Notes = append(r.Notes, fmt.Sprintf(format, args...))
}

// judge gives the verdict. What the clock says counts, unless others used the machine: then keeping the budget in
// processor time will do. A time may be as much longer as the reference took longer than where the budget was set.
func (r *result) judge(others float64, s speed) {
	r.Others, r.Speed = others, s
	switch {
	case r.Verdict == verdictFailed:
	case r.Budget == nil:
		r.Verdict = verdictNone
	case len(r.Broken) > 0:
		r.Verdict = verdictOver
	case r.Budget.keeps(r.Value):
		r.Verdict = verdictOK
	case r.CPU > 0 && others > crowded && r.Budget.keeps(r.CPU):
		r.Verdict = verdictCPU
	case r.Budget.Time && (r.Budget.keeps(r.Value/s.Wall) || r.CPU > 0 && others > crowded && r.Budget.keeps(r.CPU/s.CPU)):
		r.Verdict = verdictSlow
	default:
		r.Verdict = verdictOver
	}
}

// report is all results, in the order of the rows.
type report struct {
	Results []result `json:"results"`
}

func (b *bench) add(r result) { b.report.Results = append(b.report.Results, r) }

const layout = "%-4s %-44s %12s %12s %12s %10s %-14s %s\n"

func (*report) header(w io.Writer) {
	fmt.Fprintf(w, layout, "row", "work", "floor", "ours", "ratio", "cpu", "budget", "verdict")
	fmt.Fprintln(w, strings.Repeat("-", 126))
}

func (*report) print(w io.Writer, r result) {
	budget, value, cpu := "-", "-", "-"
	if r.Value != 0 {
		value = digits(r.Value)
	}
	if r.CPU != 0 {
		cpu = digits(r.CPU)
	}
	if r.Budget != nil {
		budget = r.Budget.String()
	}
	verdict := r.Verdict
	if r.Others > crowded {
		verdict += fmt.Sprintf("  [others %.0f %%]", 100*r.Others)
	}
	if r.Budget != nil && r.Budget.Time {
		verdict += fmt.Sprintf("  [machine %.1f x slower, cpu %.1f x]", r.Speed.Wall, r.Speed.CPU)
	}
	fmt.Fprintf(w, layout, r.Row, r.Work, r.Floor, r.Ours, value, cpu, budget, verdict)
	for _, n := range append(r.Broken, r.Notes...) {
		fmt.Fprintf(w, "     %s\n", n)
	}
}

func (r *report) bad() bool { return r.count(verdictOver)+r.count(verdictFailed) > 0 }

func (r *report) count(verdict string) (n int) {
	for _, x := range r.Results {
		if x.Verdict == verdict {
			n++
		}
	}
	return n
}

func (r *report) summary() string {
	return fmt.Sprintf("%d ok, %d ok by processor time, %d ok for a slow machine, %d over, %d failed",
		r.count(verdictOK), r.count(verdictCPU), r.count(verdictSlow), r.count(verdictOver), r.count(verdictFailed))
}

func (r *report) write(path string) error {
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return fmt.Errorf("encode results: %w", err)
	}
	return os.WriteFile(path, append(text, '\n'), 0o644)
}

// digits prints three significant digits, without an exponent.
func digits(v float64) string {
	switch a := math.Abs(v); {
	case a >= 100:
		return fmt.Sprintf("%.0f", v)
	case a >= 10:
		return fmt.Sprintf("%.1f", v)
	case a >= 1 || a == 0:
		return fmt.Sprintf("%.2f", v)
	case a >= 0.1:
		return fmt.Sprintf("%.3f", v)
	}
	return fmt.Sprintf("%.5f", v)
}

// nanos prints a duration given in nanoseconds.
func nanos(ns float64) string {
	switch a := math.Abs(ns); {
	case a >= 1e9:
		return digits(ns/1e9) + " s"
	case a >= 1e6:
		return digits(ns/1e6) + " ms"
	case a >= 1e3:
		return digits(ns/1e3) + " us"
	}
	return digits(ns) + " ns"
}

func perSecond(rate float64) string { return digits(rate) + "/s" }
