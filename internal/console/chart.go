package console

import (
	"cmp"
	"math"
	"slices"
	"strconv"
	"time"

	"tandem.example/tandem/internal/audit"
)

// chart is a chart of columns, drawn in SVG, and the same as a table.
type chart struct {
	ID, Title, Said string // Said: the same in one sentence
	Bars            []bar
	Ticks           []tick // below
	Lines           []line // behind
	Legend          []legend
	Rows            []chartRow
	Empty           bool
}

type bar struct {
	X, Y, W, H string
	Series     int // which colour
	Title      string
}

type tick struct{ X, Text string }

type line struct{ Y, TextY, Text string }

type legend struct {
	Series int
	Name   string
	Count  int
}

type chartRow struct {
	At     string
	Name   string
	Series int
	Count  int
}

// reasonRow is a reason for which people were refused.
type reasonRow struct {
	Name  string
	Count int
	Share string // of all, in percent
}

// The picture, in its own units.
const (
	chartWidth  = 480.0
	chartHeight = 190.0
	chartLeft   = 30.0
	chartTop    = 8.0
	chartBottom = 24.0
	// seriesShown is how many reasons have a colour of their own. The rest share the last.
	seriesShown = 5
)

// draw makes the charts out of the figures.
func (c *Console) draw(v *visit, d *overviewScreen, f figures) {
	in := make([]map[int]int, f.Span.steps)
	out := make([]map[int]int, f.Span.steps)
	reasons := map[string]int{}
	for _, t := range f.Trail {
		if t.Type == audit.SignedIn && t.Outcome == audit.Done {
			d.SignIns += t.Count
			continue
		}
		reasons[reasonOf(t)] += t.Count
		d.Refused += t.Count
	}
	names := make([]string, 0, len(reasons))
	for name := range reasons {
		names = append(names, name)
	}
	slices.SortFunc(names, func(a, b string) int { return cmp.Or(reasons[b]-reasons[a], cmp.Compare(a, b)) })
	for _, t := range f.Trail {
		step := int(t.From.Sub(f.Since) / f.Span.step)
		if step < 0 || step >= f.Span.steps {
			continue
		}
		if t.Type == audit.SignedIn && t.Outcome == audit.Done {
			add(in, step, 0, t.Count)
		} else {
			add(out, step, min(slices.Index(names, reasonOf(t)), seriesShown-1), t.Count)
		}
	}
	d.Entrances = plot(f, in, []string{v.say.Say("console.chart_signins")})
	d.Entrances.ID, d.Entrances.Title = "chart-in", v.say.Say("console.chart_signins")
	d.Entrances.Said = v.say.Say("console.chart_signins_said", "Count", d.SignIns, "Span", v.say.Say("console.span_"+f.Span.name))
	labels := make([]string, 0, seriesShown)
	for i, name := range names {
		if d.Reasons = append(d.Reasons, reasonRow{Name: c.reason(v, name), Count: reasons[name], Share: percent(reasons[name], d.Refused)}); i < seriesShown {
			labels = append(labels, c.reason(v, name))
		}
	}
	if len(names) > seriesShown {
		labels[seriesShown-1] = v.say.Say("console.reason_others")
	}
	d.Refusals = plot(f, out, labels)
	d.Refusals.ID, d.Refusals.Title = "chart-out", v.say.Say("console.chart_refused")
	d.Refusals.Said = v.say.Say("console.chart_refused_said", "Count", d.Refused, "Span", v.say.Say("console.span_"+f.Span.name))
	for i, name := range labels {
		l := legend{Series: i, Name: name}
		for _, step := range out {
			l.Count += step[i]
		}
		d.Refusals.Legend = append(d.Refusals.Legend, l)
	}
}

// reasonOf is why somebody was not let in, or what else was refused.
func reasonOf(t audit.Tally) string {
	if t.Type != audit.SignInRefused || t.Reason == "" {
		return string(t.Type)
	}
	return t.Reason
}

// reason puts a reason into words where there are any.
func (c *Console) reason(v *visit, name string) string {
	id := "console.reason_" + name
	if said := v.say.Say(id); said != id {
		return said
	}
	return name
}

func add(steps []map[int]int, step, series, n int) {
	if steps[step] == nil {
		steps[step] = map[int]int{}
	}
	steps[step][series] += n
}

func percent(part, whole int) string {
	if whole == 0 {
		return "0"
	}
	return strconv.Itoa(int(math.Round(100 * float64(part) / float64(whole))))
}

// plot draws columns, the series of a step upon each other.
func plot(f figures, steps []map[int]int, names []string) chart {
	highest := 0
	for _, step := range steps {
		sum := 0
		for _, n := range step {
			sum += n
		}
		highest = max(highest, sum)
	}
	ch := chart{Empty: highest == 0}
	top := ceiling(highest)
	tall, wide := chartHeight-chartTop-chartBottom, (chartWidth-chartLeft)/float64(len(steps))
	for _, share := range []float64{0, .5, 1} {
		value := float64(top) * share
		if value != math.Trunc(value) {
			continue
		}
		y := chartTop + tall*(1-share)
		ch.Lines = append(ch.Lines, line{Y: number(y), TextY: number(y + 4), Text: strconv.Itoa(int(value))})
	}
	for i, step := range steps {
		from, y := f.Since.Add(time.Duration(i)*f.Span.step), chartTop+tall
		for series := range seriesShown {
			n := step[series]
			if n == 0 {
				continue
			}
			high := tall * float64(n) / float64(top)
			y -= high
			at := clockOf(from, f.Span)
			ch.Bars = append(ch.Bars, bar{X: number(chartLeft + wide*float64(i) + wide*.12), Y: number(y), W: number(wide * .76), H: number(high), Series: series,
				Title: at + " · " + names[series] + " · " + strconv.Itoa(n)})
			ch.Rows = append(ch.Rows, chartRow{At: at, Name: names[series], Series: series, Count: n})
		}
		if every := len(steps) / 4; i%every == 0 {
			ch.Ticks = append(ch.Ticks, tick{X: number(chartLeft + wide*float64(i) + wide*.12), Text: clockOf(from, f.Span)})
		}
	}
	return ch
}

// ceiling is a round number not below n, for the top of a scale.
func ceiling(n int) int {
	if n <= 2 {
		return 2
	}
	for unit := 1; ; unit *= 10 {
		for _, k := range []int{1, 2, 4, 5, 6, 8} {
			if k*unit >= n && k*unit > 2 {
				return k * unit
			}
		}
	}
}

// clockOf says when a step begins: in UTC, as the whole console does.
func clockOf(t time.Time, s span) string {
	if s.steps*int(s.step/time.Minute) > 24*60 {
		return t.UTC().Format("01-02 15:04")
	}
	return t.UTC().Format("15:04")
}

func number(f float64) string { return strconv.FormatFloat(f, 'f', 1, 64) }
