package console

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"tandem.example/tandem/internal/application"
	"tandem.example/tandem/internal/feed"
	"tandem.example/tandem/internal/id"
)

const (
	// sharesShown bounds how many verifiers are shown beside a receipt, those first that are waited for.
	sharesShown = 12
	// holdFor is for how long a browser that looks at a receipt waits for news at most. It asks again at once.
	holdFor = 5 * time.Second
	// beginFor is for how long the page of a receipt waits at most for the receipt to begin.
	beginFor = time.Second
)

// receiptPath is where the receipt of an order is watched. It names the commit, so that any node can take it up.
func receiptPath(o *order) string {
	return link("/console/receipts/"+o.id, "position", strconv.FormatUint(o.commit.Position, 10), "at", strconv.FormatInt(o.commit.At.UnixMilli(), 10))
}

// receiptScreen is a receipt, as far as it has come.
type receiptScreen struct {
	Order, What, Reason string
	Live                string // path of what comes next
	Back                string
	Position            uint64
	Committed           moment
	Begun, Over         bool
	Enforced            bool
	Verifiers           int
	Acknowledged        int
	Lapsed              int
	Answered            int
	After               string // ms
	Shares              []shareRow
	More                int
	Many                string // path of the same with many verifiers; empty on it
	Said                string // why there is none
	Lease               time.Duration
}

type shareRow struct {
	Name, Instance, App string
	Answer              string
	After               string
}

// ordered finds the order that a receipt is of. One that another node carried out is taken up from its commit, unless
// that lies in the future or is older than any lease.
func (c *Console) ordered(v *visit) (*order, error) {
	name := v.r.PathValue("order")
	if o, ok := c.orders.find(name); ok {
		select {
		case <-o.done:
		case <-v.r.Context().Done():
			return nil, v.r.Context().Err()
		}
		if o.failed || o.fills == nil {
			return nil, errNoOrder
		}
		return o, nil
	}
	position, perr := strconv.ParseUint(v.query("position"), 10, 64)
	ms, terr := strconv.ParseInt(v.query("at"), 10, 64)
	at := time.UnixMilli(ms)
	if perr != nil || terr != nil || !id.Check(name, orderPrefix) || v.now.Sub(at) > orderFor || at.Sub(v.now) > feed.Skew {
		return nil, errNoOrder
	}
	head, err := c.Operator.Log.Head(v.r.Context())
	if err != nil {
		return nil, err
	}
	if position > head.Position {
		return nil, errNoOrder
	}
	return c.orders.adopt(name, v.who.View.User.ID, v.now, func() *order {
		commit := feed.Commit{Position: position, At: at}
		return &order{commit: commit, after: "/console", fills: c.Feed.Fill(c.running, commit)}
	}), nil
}

func (c *Console) receipt(v *visit) error {
	o, err := c.ordered(v)
	if err != nil {
		return err
	}
	data, err := c.receiptOf(v, o, c.begun(v, o))
	if err != nil {
		return err
	}
	s := screen{title: v.say.Say("console.receipt_title"), template: "receipt", menu: "revoke", data: data, live: !data.Over}
	if s.live {
		s.reload = 1
	}
	return c.show(v, s)
}

// begun answers how far a receipt has come as soon as it is known for whom it waits, so that what is shown first stays
// where it is.
func (c *Console) begun(v *visit, o *order) feed.Progress {
	n, _ := v.rows(sharesShown)
	timer := time.NewTimer(beginFor)
	defer timer.Stop()
	for {
		progress, changed := o.fills.Progress(n)
		if progress.Begun || progress.Over() {
			return progress
		}
		select {
		case <-changed:
		case <-timer.C:
			return progress
		case <-c.running.Done():
			return progress
		case <-v.r.Context().Done():
			return progress
		}
	}
}

// receiptLive answers what has come since the browser was last told, as soon as something has.
func (c *Console) receiptLive(v *visit) error {
	o, err := c.ordered(v)
	if err != nil {
		return err
	}
	n, _ := v.rows(sharesShown)
	timer := time.NewTimer(holdFor)
	defer timer.Stop()
	for {
		progress, changed := o.fills.Progress(n)
		data, err := c.receiptOf(v, o, progress)
		if err != nil {
			return err
		}
		if data.seen() == v.query("seen") && !data.Over {
			select {
			case <-changed:
				continue
			case <-timer.C:
			case <-c.running.Done():
			case <-v.r.Context().Done():
				return v.r.Context().Err()
			}
		}
		return c.piece(v, "receipt-live", data)
	}
}

// seen says how far a receipt had come that was shown.
func (d receiptScreen) seen() string { return fmt.Sprintf("%t-%d", d.Begun, d.Answered) }

func (c *Console) receiptOf(v *visit, o *order, p feed.Progress) (receiptScreen, error) {
	apps, err := c.appNames(v.r.Context())
	if err != nil {
		return receiptScreen{}, err
	}
	d := receiptScreen{
		Order: o.id, What: o.what, Reason: o.reason, Back: o.after, Position: p.Position, Committed: moment{o.commit.At}, Begun: p.Begun || p.Enforced, Over: p.Over(),
		Enforced: p.Enforced, Verifiers: p.Verifiers, Acknowledged: p.Acknowledged, Lapsed: p.Lapsed, Answered: p.Acknowledged + p.Lapsed,
		After: millis(p.EnforcedAfter), More: p.Verifiers - len(p.Shares), Lease: c.Feed.Lease,
	}
	if p.Err != nil {
		_, d.Said = c.explain(v, p.Err)
	}
	for _, s := range p.Shares {
		d.Shares = append(d.Shares, shareRow{Name: s.Name, Instance: s.Instance, App: appName(apps, application.ID(s.Application)),
			Answer: string(s.Answer), After: millis(s.After)})
	}
	_, asked := v.rows(sharesShown)
	of := []string{"position", strconv.FormatUint(o.commit.Position, 10), "at", strconv.FormatInt(o.commit.At.UnixMilli(), 10)}
	d.Live = c.Kit.Path(link("/console/live/receipts/"+o.id, append(slices.Clone(of), "seen", d.seen(), "rows", asked)...))
	if asked == "" && d.More > 0 {
		d.Many = link("/console/receipts/"+o.id, append(of, "rows", strconv.Itoa(many))...)
	}
	return d, nil
}

// millis writes a duration in milliseconds, with a place behind the point below ten.
func millis(d time.Duration) string {
	ms := float64(d) / float64(time.Millisecond)
	if ms > 0 && ms < 10 {
		return strings.TrimSuffix(strconv.FormatFloat(ms, 'f', 1, 64), ".0")
	}
	return strconv.FormatFloat(ms, 'f', 0, 64)
}
