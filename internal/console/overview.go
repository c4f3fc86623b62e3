package console

import (
	"context"
	"sync"
	"time"

	"tandem.example/tandem/internal/audit"
	"tandem.example/tandem/internal/mail"
	"tandem.example/tandem/internal/session"
)

// span is a stretch of time that charts show.
type span struct {
	name  string
	step  time.Duration
	steps int
}

// spans are what can be chosen. The second is shown first.
var spans = []span{
	{"hour", time.Minute, 60},
	{"day", 30 * time.Minute, 48},
	{"week", 6 * time.Hour, 28},
}

func spanOf(name string) span {
	for _, s := range spans {
		if s.name == name {
			return s
		}
	}
	return spans[1]
}

// figures are what the overview rests on, as they were read.
type figures struct {
	At     time.Time
	Since  time.Time
	Span   span
	Here   tally
	Trail  []audit.Tally
	Mail   mailFigures
	Failed error // why they are not newer
}

// mailFigures say how the mail goes. Direct: there is no queue, as in development, where it is printed.
type mailFigures struct {
	Queued, Direct, Known bool
	mail.Figures
}

// memory keeps the last figures, for whoever looks at the same moment and for when the store cannot be read.
type memory struct {
	mu  sync.Mutex
	one map[string]figures // by span
}

const (
	// figuresFor is for how long figures are shown to others who look.
	figuresFor = 2 * time.Second
	// readFor bounds reading them: all who look wait for it.
	readFor = 3 * time.Second
)

// figures answers those of the span. If they cannot be read, those that were read last go on, and say why.
func (c *Console) figures(ctx context.Context, s span, now time.Time) (figures, error) {
	c.last.mu.Lock()
	defer c.last.mu.Unlock() // one reads for all who look at this moment
	last, known := c.last.one[s.name]
	if known && now.Sub(last.At) < figuresFor {
		return last, nil
	}
	f, err := c.readFigures(ctx, s, now)
	if err != nil {
		if !known {
			return f, err
		}
		last.Failed = err
		return last, nil
	}
	if c.last.one == nil {
		c.last.one = make(map[string]figures)
	}
	c.last.one[s.name] = f
	return f, nil
}

func (c *Console) readFigures(ctx context.Context, s span, now time.Time) (f figures, err error) {
	ctx, cancel := context.WithTimeout(ctx, readFor)
	defer cancel()
	f.At, f.Span = now, s
	if f.Here, err = c.count(ctx, session.Query{AliveAt: now, SeenSince: now.Add(-activeFor)}); err != nil {
		return f, err
	}
	f.Here.views = nil
	if f.Trail, f.Since, err = c.Operator.Entrances(ctx, s.step, s.steps); err != nil {
		return f, err
	}
	if f.Mail.Queued, f.Mail.Direct = c.Mail != nil, c.SignIn.CanMail; f.Mail.Queued {
		f.Mail.Figures, err = c.Mail(ctx)
		f.Mail.Known = err == nil
	}
	return f, nil
}

// overviewScreen is how things are.
type overviewScreen struct {
	At               moment
	Failed           string // why the figures are not newer
	Span             string
	Live             string // path of the same, newer
	Table            string // path of its figures
	Spans            []spanLink
	Here             tally
	SignIns, Refused int
	Entrances        chart
	Refusals         chart
	Verifiers        []verifierRow
	MoreVerifiers    int
	Fresh, Late      int // verifiers
	Lease            time.Duration
	Position         uint64
	StoreWell        bool
	ServerWell       bool
	ServerSaid       string
	Rollbacks        uint64
	Mail             mailFigures
}

type spanLink struct {
	Name, Path string
	Current    bool
}

// spanLinks are what can be chosen on the page at the path.
func spanLinks(path string, now span) (links []spanLink) {
	for _, one := range spans {
		links = append(links, spanLink{Name: one.name, Path: link(path, "span", one.name), Current: one.name == now.name})
	}
	return links
}

func (c *Console) look(v *visit) (overviewScreen, error) {
	ctx, s := v.r.Context(), spanOf(v.query("span"))
	f, err := c.figures(ctx, s, v.now)
	if err != nil {
		return overviewScreen{}, err
	}
	d := overviewScreen{
		At: moment{f.At}, Span: s.name, Table: link("/console/figures", "span", s.name), Live: c.Kit.Path(link("/console/live/overview", "span", s.name)), Here: f.Here, Lease: c.Feed.Lease,
		StoreWell: f.Failed == nil, ServerWell: true, Rollbacks: c.Feed.Rollbacks(), Mail: f.Mail,
	}
	if f.Failed != nil {
		_, d.Failed = c.explain(v, f.Failed)
	}
	d.Spans = spanLinks("/console", s)
	c.draw(v, &d, f)
	if c.Ready != nil {
		if err := c.Ready(ctx); err != nil {
			d.ServerWell, d.ServerSaid = false, v.say.Say("console.not_ready")
			c.Log.WarnContext(ctx, "the console found the server not ready", "error", err)
		}
	}
	rows, err := c.verifierRows(ctx, "")
	if err != nil {
		_, d.Failed = c.explain(v, err)
		d.StoreWell = false
	}
	for _, r := range rows {
		if r.State() == "lapsed" {
			d.Late++
		} else {
			d.Fresh++
		}
	}
	d.Verifiers = worst(rows, verifiersBeside)
	d.MoreVerifiers = len(rows) - len(d.Verifiers)
	if head, err := c.Operator.Log.Head(ctx); err == nil {
		d.Position = head.Position
	}
	return d, nil
}

// verifiersBeside is how many verifiers are shown beside other things.
const verifiersBeside = 4

func (c *Console) overview(v *visit) error {
	d, err := c.look(v)
	if err != nil {
		return err
	}
	return c.show(v, screen{title: v.say.Say("console.menu_overview"), template: "overview", menu: "overview", live: true, reload: 15, data: d})
}

func (c *Console) overviewLive(v *visit) error {
	d, err := c.look(v)
	if err != nil {
		return err
	}
	return c.piece(v, "overview-live", d)
}
