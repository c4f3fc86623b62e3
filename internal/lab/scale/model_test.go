package main

import (
	"math"
	"testing"
	"time"
)

func within(t *testing.T, what string, got, want, tolerance float64) {
	t.Helper()
	if math.Abs(got-want) > tolerance*math.Abs(want) {
		t.Errorf("%s: %g, want %g within %g %%", what, got, want, 100*tolerance)
	}
}

func TestHeadRowIsMD1(t *testing.T) {
	for _, rho := range []float64{0.1, 0.5, 0.8} {
		h := HeadRow{Rate: rho * 1000, Commit: time.Millisecond, Group: 1, Nodes: 1}
		w := h.Simulate(1, 400_000)
		wait := w.Mean - h.Commit
		within(t, "mean wait", wait.Seconds(), MeanWaitMD1(h.Rate, h.Commit).Seconds(), 0.05)
		within(t, "busy", w.Busy, rho, 0.02)
		if share := WithinMD1(h.Rate, h.Commit, w.P99-h.Commit); math.Abs(share-0.99) > 0.003 {
			t.Errorf("at %g the series gives the simulated p99 the rank %g", rho, share)
		}
		if share := WithinMD1(h.Rate, h.Commit, 0); math.Abs(share-(1-rho)) > 1e-9 {
			t.Errorf("who does not wait: %g, want 1 - %g", share, rho)
		}
	}
}

func TestHeadRowAcrossNodesKeepsTheMean(t *testing.T) {
	// Whom the lock goes to next alters the spread, not the mean.
	one := HeadRow{Rate: 700, Commit: time.Millisecond, Group: 1, Nodes: 1}.Simulate(3, 200_000)
	three := HeadRow{Rate: 700, Commit: time.Millisecond, Group: 1, Nodes: 3}.Simulate(3, 200_000)
	within(t, "mean of three nodes", three.Mean.Seconds(), one.Mean.Seconds(), 0.05)
}

func TestGroupingRaisesTheCeiling(t *testing.T) {
	alone := HeadRow{Rate: 1000, Commit: 5 * time.Millisecond, Group: 1, Nodes: 3}
	if w := alone.Simulate(1, 5_000); !w.Saturated || w.Busy < 0.99 || w.Utilisation != 5 {
		t.Errorf("alone %+v, want a saturated lock at 5 times its capacity", w)
	}
	grouped := alone
	grouped.Group = 64
	w := grouped.Simulate(1, 50_000)
	if w.Saturated || w.P99 > 6*grouped.Commit*time.Duration(grouped.Nodes) {
		t.Errorf("grouped %+v, want it to keep up, within some rounds of the nodes", w)
	}
	if w.Transactions > 1/grouped.Commit.Seconds()*1.01 {
		t.Errorf("%g transactions a second in turns of %s", w.Transactions, grouped.Commit)
	}
}

func TestPollsOfAQuietLog(t *testing.T) {
	p := Target().Poller()
	p.Rate = 0
	got := p.Simulate(1, time.Hour)
	within(t, "requests", got.Requests, 1/(p.Wait+p.RTT).Seconds(), 0.001)
	if got.Events != 0 {
		t.Errorf("%g events of a quiet log", got.Events)
	}
}

func TestPollsNeitherLoseNorDouble(t *testing.T) {
	for _, rate := range []float64{0.5, 5, 50, 500, 5000} {
		p := Target().Poller()
		p.Rate = rate
		got := p.Simulate(2, 200*time.Second)
		within(t, "events received", got.Requests*got.Events, rate, 5/math.Sqrt(200*rate)+0.02)
		if most := 1 / p.Spacing.Seconds(); got.Requests > most*1.001 {
			t.Errorf("%g requests a second, spaced by %s", got.Requests, p.Spacing)
		}
		if got.P99 > p.Coalesce+2*p.RTT+p.Spacing {
			t.Errorf("at %g/s the p99 of an event is %s", rate, got.P99)
		}
	}
}

func TestPollsSlowDownWhenTold(t *testing.T) {
	p := Target().Poller()
	free := p.Simulate(1, 20*time.Second)
	p.Next = 100 * time.Millisecond
	paced := p.Simulate(1, 20*time.Second)
	within(t, "paced requests", paced.Requests, 1/(p.Next+p.RTT).Seconds(), 0.05)
	if paced.P99 > p.Next+2*p.RTT+p.Coalesce || paced.Requests >= free.Requests {
		t.Errorf("paced %+v, free %+v", paced, free)
	}
}

func TestRelaysKeepTheBound(t *testing.T) {
	for depth := range 4 {
		d := Target()
		d.FanOut, d.Depth = 10, depth
		bound := d.StalenessBound()
		worst := time.Duration(0)
		for seed := range uint64(200) {
			worst = max(worst, d.SimulateStaleness(seed, 400))
		}
		if worst > bound {
			t.Errorf("%d relays: a verifier was %s stale, beyond %s", depth, worst, bound)
		}
		if float64(worst) < 0.85*float64(bound) {
			t.Errorf("%d relays: no verifier was staler than %s, so the bound of %s is idle talk", depth, worst, bound)
		}
	}
}

func TestLevels(t *testing.T) {
	d := Deployment{Verifiers: 10_000, FanOut: 100, Depth: 2}
	if got := d.Levels(); len(got) != 3 || got[0] != 1 || got[1] != 100 || got[2] != 10_000 {
		t.Errorf("levels %v", got)
	}
	d.Verifiers = 10_001
	if got := d.Levels(); got[1] != 101 || got[0] != 2 {
		t.Errorf("levels %v, want one relay more at each", got)
	}
}

// flat are round costs, so that a test of the model needs no measurement.
var flat = Costs{RequestBytes: 250, ReplyBytes: 500, EventBytes: 90, HeaderBytes: 300, GzipEvent: 30, SetBytes: 58, HeadReads: 3, SnapshotLimit: 2e6,
	EventRow: 100, AuditRow: 200, SessionRow: 400, SignInTrail: 200, Service: 40e3, Event: 1000, Copy: 100, HTTP: 100e3, ApplyOne: 200, CheckSign: 60e3, Mint: 25e3, Settle: 20}

func TestLoadsGrowWithTheirCauses(t *testing.T) {
	load := func(d Deployment) map[string]float64 {
		m := map[string]float64{}
		for _, r := range d.Resources(flat) {
			if r.Load < 0 || r.Capacity <= 0 || math.IsNaN(r.Utilisation()) {
				t.Errorf("%s: load %g of %g", r.Name, r.Load, r.Capacity)
			}
			m[r.Name] = r.Utilisation()
		}
		return m
	}
	small := Target()
	small.Sessions, small.Verifiers, small.Revocations = 1e6, 100, 10
	before := load(small)
	for what, grow := range map[string]func(*Deployment){
		"sessions":    func(d *Deployment) { d.Sessions *= 10 },
		"verifiers":   func(d *Deployment) { d.Verifiers *= 10 },
		"revocations": func(d *Deployment) { d.Revocations *= 10 },
		"commit":      func(d *Deployment) { d.Commit *= 5 },
		"tokens":      func(d *Deployment) { d.MaxToken *= 3 },
	} {
		larger, grown := small, 0
		grow(&larger)
		for name, after := range load(larger) {
			was, there := before[name]
			switch {
			case !there: // named after the rate
			case after < was*(1-1e-9):
				t.Errorf("more %s and less of %q: %g after %g", what, name, after, was)
			case after > was:
				grown++
			}
		}
		if grown == 0 {
			t.Errorf("more %s and more of nothing", what)
		}
	}
}

func TestResourcesAreRanked(t *testing.T) {
	list := Target().Resources(flat)
	for i := 1; i < len(list); i++ {
		if list[i].Utilisation() > list[i-1].Utilisation() {
			t.Errorf("%q above %q", list[i-1].Name, list[i].Name)
		}
	}
}

func TestRemediesRelieve(t *testing.T) {
	before, after := Target().Origin(flat), Remedied().Origin(flat)
	if after.CPU > before.CPU/100 || after.Out > before.Out/50 {
		t.Errorf("with a hundred relays the origin still spends %g cores and %g B/s, after %g and %g", after.CPU, after.Out, before.CPU, before.Out)
	}
	if d := Target(); d.Round(flat, before) != math.MaxInt64 {
		t.Error("10,000 verifiers, 1,000 events a second, each encoded for each: that fits into no six cores")
	}
}
