package console

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"time"

	"tandem.example/tandem/internal/application"
)

// verifierRow is a verifier.
type verifierRow struct {
	Name, Instance, App, AppID string
	Position                   uint64
	Behind                     uint64 // events that it has not applied
	Elsewhere                  bool   // it stands in an earlier epoch, or has not acknowledged anything
	Staleness, Lease           time.Duration
	Heard                      bool // by this process
	Share                      float64
}

// State is fresh, behind or lapsed.
func (r verifierRow) State() string {
	switch {
	case r.Lease <= 0:
		return "lapsed"
	case r.Behind > 0 || r.Elsewhere:
		return "behind"
	}
	return "fresh"
}

// verifierRows lists the verifiers, of one application if that is not empty.
func (c *Console) verifierRows(ctx context.Context, of application.ID) ([]verifierRow, error) {
	head, err := c.Operator.Log.Head(ctx)
	if err != nil {
		return nil, err
	}
	apps, err := c.appNames(ctx)
	if err != nil {
		return nil, err
	}
	var rows []verifierRow
	for _, f := range c.Operator.Verifiers() {
		if of != "" && f.Application != string(of) {
			continue
		}
		r := verifierRow{Name: f.Name, Instance: f.Instance, App: appName(apps, application.ID(f.Application)), AppID: f.Application,
			Position: f.Position, Staleness: f.Staleness, Lease: f.Lease, Heard: f.Staleness >= 0, Elsewhere: f.Epoch != head.Epoch}
		if !r.Elsewhere && head.Position > f.Position {
			r.Behind = head.Position - f.Position
		}
		if r.Heard {
			r.Share = min(100, 100*float64(f.Staleness)/float64(c.Feed.Lease))
		}
		rows = append(rows, r)
	}
	return rows, nil
}

// worst are those that want to be looked at before others: lapsed ones first, then those that are behind.
func worst(rows []verifierRow, n int) []verifierRow {
	rank := map[string]int{"lapsed": 0, "behind": 1, "fresh": 2}
	rows = slices.Clone(rows)
	slices.SortStableFunc(rows, func(a, b verifierRow) int { return cmp.Compare(rank[a.State()], rank[b.State()]) })
	return rows[:min(len(rows), n)]
}

// verifiersScreen is how far each verifier is.
type verifiersScreen struct {
	At    moment
	Head  uint64
	Epoch string
	Lease time.Duration
	Rows  []verifierRow
	All   int
	Live  string // path of the same, newer
	paging
}

// verifiersOf is how many verifiers a page shows: there may be thousands.
const verifiersOf = 10

func (c *Console) followers(v *visit) (verifiersScreen, error) {
	ctx := v.r.Context()
	head, err := c.Operator.Log.Head(ctx)
	if err != nil {
		return verifiersScreen{}, err
	}
	rows, err := c.verifierRows(ctx, "")
	from, _ := strconv.Atoi(v.query("from")) // 0 for what is no number
	from = min(max(0, from), len(rows))
	n, asked := v.rows(verifiersOf)
	d := verifiersScreen{At: moment{v.now}, Head: head.Position, Epoch: head.Epoch, Lease: c.Feed.Lease, All: len(rows),
		Rows: rows[from:min(len(rows), from+n)], Live: c.Kit.Path(link("/console/live/verifiers", "from", strconv.Itoa(from), "rows", asked))}
	next := ""
	if from+n < len(rows) {
		next = strconv.Itoa(from + n)
	}
	d.paging = v.pages("from", next, from == 0, "/console/verifiers")
	return d, err
}

func (c *Console) verifiers(v *visit) error {
	data, err := c.followers(v)
	if err != nil {
		return err
	}
	return c.show(v, screen{title: v.say.Say("console.menu_verifiers"), template: "verifiers", menu: "verifiers", live: true, reload: 5, data: data})
}

func (c *Console) verifiersLive(v *visit) error {
	data, err := c.followers(v)
	if err != nil {
		return err
	}
	return c.piece(v, "verifiers-live", data)
}
