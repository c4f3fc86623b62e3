package main

import (
	"fmt"
	"io"
	"math"
	"strings"
	"text/tabwriter"
	"time"
)

// table prints rows of Markdown, aligned so that it reads as text too.
type table struct{ rows [][]string }

func newTable(heads ...string) *table {
	t := &table{}
	t.row(heads...)
	line := make([]string, len(heads))
	for i := range line {
		line[i] = "---"
	}
	t.row(line...)
	return t
}

func (t *table) row(cells ...string) { t.rows = append(t.rows, cells) }

func (t *table) print(w io.Writer) {
	out := tabwriter.NewWriter(w, 0, 1, 1, ' ', 0)
	for _, cells := range t.rows {
		fmt.Fprintln(out, "| "+strings.Join(cells, "\t| ")+"\t|")
	}
	out.Flush() //nolint:errcheck // a report to the terminal
	fmt.Fprintln(w)
}

// digits prints two or three significant digits, without an exponent.
func digits(v float64) string {
	switch a := math.Abs(v); {
	case math.IsInf(v, 0):
		return "without end"
	case a >= 100 || v == math.Trunc(v):
		return fmt.Sprintf("%.0f", v)
	case a >= 10:
		return fmt.Sprintf("%.1f", v)
	case a >= 0.1:
		return fmt.Sprintf("%.2f", v)
	case a >= 0.001:
		return fmt.Sprintf("%.4f", v)
	}
	return fmt.Sprintf("%.1g", v)
}

// compact prints a count with its thousands as k, M or G.
func compact(v float64) string {
	switch {
	case v >= 1e9:
		return digits(v/1e9) + " G"
	case v >= 1e6:
		return digits(v/1e6) + " M"
	case v >= 1e4:
		return digits(v/1e3) + " k"
	}
	return digits(v)
}

func bytesText(v float64) string {
	for _, u := range []struct {
		size float64
		name string
	}{{1e12, " TB"}, {1e9, " GB"}, {1e6, " MB"}, {1e3, " kB"}} {
		if v >= u.size {
			return digits(v/u.size) + u.name
		}
	}
	return digits(v) + " B"
}

func timeText(d time.Duration) string {
	switch {
	case d == math.MaxInt64:
		return "without end"
	case d >= time.Second:
		return digits(d.Seconds()) + " s"
	case d >= time.Millisecond:
		return digits(d.Seconds()*1e3) + " ms"
	case d >= time.Microsecond:
		return digits(d.Seconds()*1e6) + " us"
	}
	return fmt.Sprintf("%d ns", d.Nanoseconds())
}

func percent(v float64) string {
	if v >= 10 {
		return digits(v) + " x"
	}
	return digits(100*v) + " %"
}
