package main

import (
	"context"
	"fmt"
	"io"
	"runtime"
	"time"

	"tandem.example/tandem/verify/revocation"
)

// report prints the tables.
type report struct {
	w io.Writer
	c Costs
	d Deployment
}

func (r report) title(format string, args ...any) { fmt.Fprintf(r.w, "## "+format+"\n\n", args...) }

func (r report) all() {
	fmt.Fprintf(r.w, "%s, %d processors\n\n", runtime.Version(), runtime.GOMAXPROCS(0))
	r.costs()
	r.sizes()
	r.heads()
	r.grid()
	r.ladder()
	r.relays()
	r.ranking("What gives way first: the target as the code is, no relays", r.d)
	after := r.d
	remedies := Remedied()
	after.FanOut, after.Depth, after.Next, after.Group, after.Shared = remedies.FanOut, remedies.Depth, remedies.Next, remedies.Group, remedies.Shared
	r.ranking("The same with 100 relays, replies paced by 100 ms, 64 events a transaction, events encoded once", after)
	r.disk()
}

// costs prints what was measured beside what was measured elsewhere.
func (r report) costs() {
	r.title("Measured in this run")
	c, t := r.c, newTable("part", "measured", "elsewhere")
	t.row("body of a sync request", bytesText(c.RequestBytes), "")
	t.row("reply without events, with its signature", bytesText(c.ReplyBytes), "")
	t.row("headers of both, HTTP/1.1", bytesText(c.HeaderBytes), "")
	t.row("an event in a reply", bytesText(c.EventBytes), "")
	t.row("the same, compressed (gzip)", bytesText(c.GzipEvent), "")
	t.row("an entry of revocation.Set, "+compact(float64(setEntries))+" of them", bytesText(c.SetBytes), "<= 60 B, performance.md row 3")
	t.row("allocated for an event of a snapshot", bytesText(c.SnapshotHeap), "")
	t.row("reads of the head for a held poll", digits(c.HeadReads), "")
	t.row("feed.Service, one poll", timeText(c.Service), "")
	t.row("each event more", timeText(c.Event), "")
	t.row("each event more, if only copied and hashed", timeText(c.Copy), "")
	t.row("one poll over HTTP, server and bare client", timeText(c.HTTP), "")
	t.row("verifier: signature of a reply (bare Ed25519)", timeText(c.CheckSign), "")
	t.row("verifier: an event applied", timeText(c.ApplyOne), "<= 0.5 us, performance.md row 3")
	t.row("mint, ES256", timeText(c.Mint), "bare signature 20 us, performance.md row 9")
	t.row("a receipt, 1,000 verifiers", timeText(c.Receipt(1000)), "")
	t.row("session on disk, with indexes", bytesText(c.SessionRow), "<= 450 B, performance.md row 14")
	t.row("audit entry of a sign-in, of an ended session", bytesText(c.SignInTrail)+", "+bytesText(c.AuditRow), "")
	t.row("event on disk", bytesText(c.EventRow), "")
	t.print(r.w)
	t = newTable("taken from elsewhere", "value", "source")
	for _, x := range []Cited{pgRefresh, pgPointRead, pgBatchRead, sqliteAlone, sqliteGrouped, liveMirror, livePG, passwordRate} {
		t.row(x.What, compact(x.Value), x.Source)
	}
	t.print(r.w)
}

// sizes prints the log, the set and the snapshot at each rate.
func (r report) sizes() {
	r.title("The log, the set, the snapshot")
	t := newTable("revocations/s", "longest token", "events kept", "log on disk", "set in a verifier", "snapshot", "compressed", "fits")
	for _, life := range []time.Duration{5 * time.Minute, 15 * time.Minute, time.Hour} {
		for _, rate := range []float64{1, 10, 100, 1000} {
			d := r.d
			d.MaxToken, d.Revocations = life, rate
			n := d.Events()
			fits := "yes"
			switch {
			case n > r.c.SnapshotLimit:
				fits = "no: over " + compact(r.c.SnapshotLimit) + " events"
			case n*r.c.EventBytes > revocation.MaxReplyBytes:
				fits = "no: over " + bytesText(revocation.MaxReplyBytes)
			}
			t.row(digits(rate), life.String(), compact(n), bytesText(n*r.c.EventRow), bytesText(n*r.c.SetBytes), bytesText(n*r.c.EventBytes), bytesText(n*r.c.GzipEvent), fits)
		}
	}
	t.print(r.w)
}

// heads prints what an append takes at each commit latency, rate and group.
func (r report) heads() {
	r.title("The head row: from the order to its commit, %d nodes (median, p99)", r.d.Nodes)
	t := newTable("commit", "events a transaction", "most/s", "10/s", "100/s", "500/s", "1,000/s", "lock held at 1,000/s")
	for _, commit := range []time.Duration{200 * time.Microsecond, time.Millisecond, 5 * time.Millisecond} {
		for _, group := range []int{1, 8, 64} {
			cells := []string{commit.String(), fmt.Sprint(group)}
			h := HeadRow{Commit: commit, Group: group, Nodes: r.d.Nodes}
			cells = append(cells, compact(h.Capacity()))
			var w Waits
			for _, rate := range []float64{10, 100, 500, 1000} {
				h.Rate = rate
				w = h.Simulate(1, 100_000)
				text := timeText(w.P50) + ", " + timeText(w.P99)
				if w.Saturated {
					text = fmt.Sprintf("grows: load %s", percent(w.Utilisation))
				}
				cells = append(cells, text)
			}
			t.row(append(cells, percent(w.Busy))...)
		}
	}
	t.print(r.w)
}

// grid prints what followers without relays ask of the origin.
func (r report) grid() {
	r.title("Verifiers at the origin, without relays")
	t := newTable("verifiers", "revocations/s", "polls/s each", "polls/s", "cores", "out", "each gets", "event known after (p99)", "a round if cores run out", "first to give way")
	for _, verifiers := range []int{10, 100, 1000, 10_000} {
		for _, rate := range []float64{1, 10, 100, 1000} {
			d := r.d
			d.Verifiers, d.Revocations, d.Sessions = verifiers, rate, 1e4
			o := d.Origin(r.c)
			round := "-"
			if o.CPU > d.Cores*float64(d.Nodes) {
				round = timeText(d.Round(r.c, o))
			}
			t.row(compact(float64(verifiers)), digits(rate), digits(o.Polls.Requests), compact(o.Requests), digits(o.CPU), bytesText(o.Out)+"/s",
				bytesText(o.EachOut)+"/s", timeText(o.Polls.P99), round, first(d, r.c))
		}
	}
	t.print(r.w)
}

func first(d Deployment, c Costs) string {
	r := d.Resources(c)[0]
	return r.Name + ", " + percent(r.Utilisation())
}

// ladder prints what sessions ask for.
func (r report) ladder() {
	r.title("Sessions, a tenth of them in use, 100 verifiers, one revocation a second")
	t := newTable("sessions", "on disk", "renewals/s", "mint, cores", "refresh writes of "+compact(pgRefresh.Value)+"/s", "live checks/s", "sign-ins/s", "first to give way")
	for _, n := range []float64{1e4, 1e5, 1e6, 1e7, 1e8} {
		d := r.d
		d.Sessions, d.Verifiers, d.Revocations = n, 100, 1
		t.row(compact(n), bytesText(n*r.c.SessionRow), digits(d.Renewals()), digits(d.Renewals()*r.c.Mint.Seconds()), percent(d.Renewals()/pgRefresh.Value),
			compact(n*d.Active*d.Requests*d.Live), digits(d.SignIns(false)), first(d, r.c))
	}
	t.print(r.w)
}

// relays prints trees for the target.
func (r report) relays() {
	r.title("Relay trees for %s verifiers and %s revocations/s", compact(float64(r.d.Verifiers)), digits(r.d.Revocations))
	t := newTable("depth", "fan-out", "at each level", "polls/s at the origin", "cores", "out of the origin", "cores of a relay", "last verifier after", "stale at most when quiet", "rounds to spare")
	for _, x := range []struct{ depth, fan int }{{0, 1}, {1, 30}, {1, 100}, {1, 300}, {2, 22}, {2, 100}, {3, 10}} {
		for _, next := range []time.Duration{0, 100 * time.Millisecond} {
			d := r.d
			d.Depth, d.FanOut, d.Next, d.Shared = x.depth, x.fan, next, next > 0
			o := d.Origin(r.c)
			perRelay, last := "-", "without end"
			if x.depth > 0 {
				perRelay = digits(o.CPU / float64(o.Followers) * float64(x.fan))
			}
			if d.Round(r.c, o) < d.Lease {
				last = timeText(d.Propagation(o.Sync))
			}
			t.row(fmt.Sprint(x.depth), fmt.Sprint(x.fan), fmt.Sprint(d.Levels()), compact(o.Requests), digits(o.CPU), bytesText(o.Out)+"/s",
				perRelay, last, timeText(d.StalenessBound()), fmt.Sprint(d.Spare()))
		}
	}
	t.print(r.w)
	fmt.Fprintf(r.w, "Every second line: next_ms of 100 ms, and events encoded once for all. \"Last verifier\": at most, once it is that event's turn.\n\n")
}

func (r report) ranking(title string, d Deployment) {
	r.title("%s", title)
	t := newTable("resource", "load", "capacity", "used", "capacity from", "what to do")
	for _, x := range d.Resources(r.c) {
		load, capacity := compact(x.Load)+" "+x.Unit, compact(x.Capacity)+" "+x.Unit
		if x.Unit == "B" || x.Unit == "B/s" {
			suffix := x.Unit[1:]
			load, capacity = bytesText(x.Load)+suffix, bytesText(x.Capacity)+suffix
		}
		t.row(x.Name, load, capacity, percent(x.Utilisation()), x.Source, x.Remedy)
	}
	t.print(r.w)
	o := d.Origin(r.c)
	fmt.Fprintf(r.w, "Each follower of the origin: %s polls/s of %s events, %s/s; once the cores are used up a round takes %s.\n\n",
		digits(o.Polls.Requests), digits(o.Polls.Events), bytesText(o.EachOut), timeText(d.Round(r.c, o)))
}

func (r report) disk() {
	r.title("On disk, if %s revocations of sessions and as many sign-ins go on for so long", digits(r.d.Revocations)+"/s")
	t := newTable("what", "an hour", "a day", "30 days", "for good")
	hour, day, month, ever := r.d.Disk(r.c, 1./24), r.d.Disk(r.c, 1), r.d.Disk(r.c, 30), r.d.Disk(r.c, 1e9)
	for i := range day {
		t.row(day[i].What, bytesText(hour[i].Bytes), bytesText(day[i].Bytes), bytesText(month[i].Bytes), bytesText(ever[i].Bytes))
	}
	t.print(r.w)
}

// real watches a thousand followers at the real service, by the clock.
func (r report) real(ctx context.Context, span time.Duration) error {
	r.title("The model beside the real feed.Service: 1,000 followers, %s each", span)
	t := newTable("revocations/s", "appended", "polls/s each, model", "real", "bytes down, model", "real", "cores")
	for _, rate := range []float64{0, 2, 10} {
		g, err := newRig(ctx, r.d)
		if err != nil {
			return err
		}
		p := r.d.Poller()
		p.Rate = rate
		f := Fleet{Followers: 1000, Poller: p, Span: span}
		before := cpuTime()
		seen, err := f.run(ctx, g, 1)
		if err != nil {
			return fmt.Errorf("%d followers: %w", f.Followers, err)
		}
		spent := cpuTime() - before
		if err := g.close(); err != nil {
			return err
		}
		replies := float64(seen.Requests + f.Followers)
		p.Rate = float64(seen.Appended) / (span + p.Wait).Seconds()
		t.row(digits(rate), fmt.Sprint(seen.Appended), digits(p.Simulate(1, simulated).Requests), digits(seen.Rate(f)),
			bytesText(replies*r.c.ReplyBytes+float64(seen.Events)*r.c.EventBytes), bytesText(float64(seen.Down)), digits(spent.Seconds()/(span+p.Wait).Seconds()))
	}
	t.print(r.w)
	fmt.Fprintln(r.w, "The followers' own work is in the cores.")
	return nil
}
