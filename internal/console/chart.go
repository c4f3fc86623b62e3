package console

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"time"

	"tandem.example/tandem/internal/audit"
)

// chart is a chart of columns, drawn in SVG: one outline a series, in units of a step and, upwards, a pixel.
type chart struct {
	ID, Title, Said string // Said: the same in one sentence
	Columns         []shape
	Scale           string // from the picture's units to those of the columns
	Gaps, Grid      string // between the columns, and the lines before them
	Ticks, Heights  []mark // what is written below, and at the lines
	Legend          []legend
	Empty           bool
}

// shape is the outline of one series. It reaches down to the ground: what stands in front hides the rest.
type shape struct {
	Series int
	Path   string
}

type mark struct {
	At   int
	Text string
}

type legend struct {
	Series int
	Name   string
	Count  int
}

// The picture, in its own units.
const (
	chartWidth  = 480
	chartHeight = 190
	chartLeft   = 30
	chartTop    = 8
	chartGround = chartHeight - 24
	// seriesShown is how many reasons have a colour of their own. The rest share the last.
	seriesShown = 4
)

// series is what is drawn: how many of what in each step.
type series struct {
	in, out []map[int]int
	labels  []string // of out
}

// draw makes the charts out of the figures.
func (c *Console) draw(v *visit, d *overviewScreen, f figures) {
	s := c.sort(v, f)
	d.SignIns, d.Refused = sum(s.in), sum(s.out)
	said := v.say.Say("console.span_" + f.Span.name)
	d.Entrances = plot(f, s.in)
	d.Entrances.ID, d.Entrances.Title = "chart-in", v.say.Say("console.chart_signins")
	d.Entrances.Said = v.say.Say("console.chart_signins_said", "Count", d.SignIns, "Span", said)
	d.Refusals = plot(f, s.out)
	d.Refusals.ID, d.Refusals.Title = "chart-out", v.say.Say("console.chart_refused")
	d.Refusals.Said = v.say.Say("console.chart_refused_said", "Count", d.Refused, "Span", said)
	for i, name := range s.labels {
		l := legend{Series: i, Name: name}
		for _, step := range s.out {
			l.Count += step[i]
		}
		d.Refusals.Legend = append(d.Refusals.Legend, l)
	}
}

// sort puts what happened into steps, and what was refused into series by its reason, the most frequent first.
func (c *Console) sort(v *visit, f figures) series {
	s := series{in: make([]map[int]int, f.Span.steps), out: make([]map[int]int, f.Span.steps)}
	reasons := map[string]int{}
	for _, t := range f.Trail {
		if !entered(t) {
			reasons[reasonOf(t)] += t.Count
		}
	}
	names := slices.SortedFunc(maps.Keys(reasons), func(a, b string) int { return cmp.Or(reasons[b]-reasons[a], cmp.Compare(a, b)) })
	for _, t := range f.Trail {
		step := int(t.From.Sub(f.Since) / f.Span.step)
		switch {
		case step < 0 || step >= f.Span.steps:
		case entered(t):
			add(s.in, step, 0, t.Count)
		default:
			add(s.out, step, min(slices.Index(names, reasonOf(t)), seriesShown-1), t.Count)
		}
	}
	for _, name := range names[:min(len(names), seriesShown)] {
		s.labels = append(s.labels, c.reason(v, name))
	}
	if len(names) > seriesShown {
		s.labels[seriesShown-1] = v.say.Say("console.reason_others")
	}
	return s
}

func sum(steps []map[int]int) (n int) {
	for _, step := range steps {
		for _, k := range step {
			n += k
		}
	}
	return n
}

// entered reports whether somebody signed in, rather than was refused.
func entered(t audit.Tally) bool { return t.Type == audit.SignedIn && t.Outcome == audit.Done }

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

// plot draws columns, the series of a step upon each other.
func plot(f figures, steps []map[int]int) chart {
	highest := 0
	for _, step := range steps {
		highest = max(highest, sum([]map[int]int{step}))
	}
	top, wide := ceiling(highest), float64(chartWidth-chartLeft)/float64(len(steps))
	ch := chart{Empty: highest == 0, Gaps: fmt.Sprintf("M0 %dh%d", (chartGround-chartTop)/2, len(steps)), Scale: fmt.Sprintf("translate(%d %d)scale(%s -1)", chartLeft, chartGround, strconv.FormatFloat(wide, 'f', -1, 64))}
	for _, n := range []int{0, top / 2, top} {
		if n*2 == top || n == 0 || n == top {
			y := chartGround - heightOf(n, top)
			ch.Grid += fmt.Sprintf("M%d %dH%d", chartLeft, y, chartWidth)
			ch.Heights = append(ch.Heights, mark{y + 4, strconv.Itoa(n)})
		}
	}
	for k := seriesShown - 1; k >= 0; k-- {
		if path := outline(steps, k, top); path != "" {
			ch.Columns = append(ch.Columns, shape{k, path})
		}
	}
	for i := 0; i < len(steps); i += len(steps) / 4 {
		ch.Ticks = append(ch.Ticks, mark{chartLeft + int(wide*float64(i)), clockOf(f.stepAt(i), f.Span)})
	}
	return ch
}

// outline goes along the tops of the columns of a series and of those below it. It is empty if the series is.
func outline(steps []map[int]int, series, top int) string {
	path, was, some := "M0 0", 0, false
	for _, step := range steps {
		some = some || step[series] > 0
		reach := 0
		for below := range series + 1 {
			reach += step[below]
		}
		high := heightOf(reach, top)
		if reach > 0 {
			high = max(1, high)
		}
		if high != was {
			path += "V" + strconv.Itoa(high)
			was = high
		}
		path += "h1"
	}
	if !some {
		return ""
	}
	return path + "V0"
}

// heightOf is how high a column of n is, where one of top is as high as there is room.
func heightOf(n, top int) int {
	return int(math.Round(float64(chartGround-chartTop) * float64(n) / float64(top)))
}

// stepAt is when a step begins.
func (f figures) stepAt(i int) time.Time { return f.Since.Add(time.Duration(i) * f.Span.step) }

// figuresScreen is what the charts show, as a table.
type figuresScreen struct {
	Spans  []spanLink
	Span   string
	Labels []string // of what was refused
	Rows   []figuresRow
}

// figuresRow is a step in which something happened.
type figuresRow struct {
	At      string
	In      int
	Refused []int
}

// figuresTable shows the figures of the charts to whoever cannot see these, or wants to know exactly.
func (c *Console) figuresTable(v *visit) error {
	f, err := c.figures(v.r.Context(), spanOf(v.query("span")), v.now)
	if err != nil {
		return err
	}
	if f.Failed != nil {
		return f.Failed
	}
	s := c.sort(v, f)
	d := figuresScreen{Spans: spanLinks("/console/figures", f.Span), Span: f.Span.name, Labels: s.labels}
	for i := range s.in {
		row := figuresRow{At: clockOf(f.stepAt(i), f.Span), In: s.in[i][0], Refused: make([]int, len(s.labels))}
		for k := range s.labels {
			row.Refused[k] = s.out[i][k]
		}
		if row.In+sum(s.out[i:i+1]) > 0 {
			d.Rows = append(d.Rows, row)
		}
	}
	return c.show(v, screen{title: v.say.Say("console.figures_title"), template: "figures", menu: "overview", data: d})
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
