package chaos

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"time"
)

// calm is the fault under which what had no fault is listed.
const calm = "none"

// seen is what verifiers did under a fault.
type seen struct {
	times                          int // that the fault happened
	accepted, refused, unavailable int
	late                           int           // acceptances after the revocation had been answered
	worst                          time.Duration // the longest after the answer
}

// judge holds what the verifiers decided against what was true.
type judge struct {
	*crowd
	truth     []issued
	calendars map[int]*calendar // by verifier
	table     map[string]*seen
	knew      map[[2]int]moment // when a verifier refused a credential as revoked, by verifier and credential
	refusals  map[string]int
	enforced  time.Duration // worst acceptance after a receipt; negative if there was none
	receipts  int
}

// judgement reads the logs of all verifiers, which have ended, and prints what they show.
func (c *crowd) judgement() *judge {
	c.Helper()
	j := newJudge(c)
	var ending sync.WaitGroup
	for _, g := range c.groups {
		ending.Go(g.end)
	}
	ending.Wait()
	for _, g := range c.groups {
		for _, v := range g.numbers {
			j.calendars[v] = newCalendar(c.faults, v)
		}
		j.read(g)
	}
	j.report()
	return j
}

func newJudge(c *crowd) *judge {
	j := &judge{crowd: c, calendars: make(map[int]*calendar), table: make(map[string]*seen), knew: make(map[[2]int]moment),
		refusals: make(map[string]int), enforced: -1}
	c.each(func(i issued) { j.truth = append(j.truth, i) })
	return j
}

// read judges every record of a log. The last one may be cut off where its process was killed.
func (j *judge) read(g *group) {
	b, err := os.ReadFile(g.log)
	if err != nil {
		j.Fatal(err)
	}
	for ; len(b) >= recordBytes; b = b[recordBytes:] {
		j.one(readDecision(b))
	}
	if len(b) > 0 {
		j.Logf("%s: %v", g.log, io.ErrUnexpectedEOF)
	}
}

func (j *judge) one(d decision) {
	c := &j.truth[d.id]
	at := j.madeAt(d)
	from := at
	if c.died != 0 && c.died < at {
		from = c.died
	}
	s := j.under(d.verifier, from, at)
	switch {
	case d.status == accepted:
		s.accepted++
		j.acceptance(s, c, d, at)
		return
	case d.status == http.StatusServiceUnavailable:
		s.unavailable++
	case d.status == http.StatusUnauthorized:
		s.refused++
		if d.reason == "revoked" || d.reason == "stale" {
			if _, known := j.knew[[2]int{d.verifier, d.id}]; !known {
				j.knew[[2]int{d.verifier, d.id}] = d.end
			}
		}
		if c.from > j.since && (c.ordered == 0 || d.end < c.ordered) {
			j.breach(d, "refused what nobody had revoked (%s, aged %v): %v", d.reason, d.end.since(c.from), c)
		}
	default:
		j.breach(d, "status %d: %v", d.status, c)
	}
	j.refusals[fmt.Sprintf("%d %s", d.status, d.reason)]++
}

func (j *judge) acceptance(s *seen, c *issued, d decision, at moment) {
	if knew, ok := j.knew[[2]int{d.verifier, d.id}]; ok && d.begin > knew {
		j.breach(d, "accepted, %v after it had refused the same as revoked: %v", d.begin.since(knew), c)
	}
	if c.enforced != 0 && d.begin > c.enforced {
		j.enforced = max(j.enforced, d.begin.since(c.enforced))
		j.breach(d, "accepted, %v after that was said to be impossible: %v", d.begin.since(c.enforced), c)
	}
	if c.died == 0 || at <= c.died || c.gone {
		return
	}
	gap := at.since(c.died)
	s.late++
	s.worst = max(s.worst, gap)
	if gap > lease {
		j.breach(d, "accepted, %v after its revocation was answered: %v", gap, c)
	}
}

// breach reports a broken promise with what was being done to the verifier.
func (j *judge) breach(d decision, format string, args ...any) {
	var around []string
	for _, f := range j.faults {
		if (f.verifiers == nil || slices.Contains(f.verifiers, d.verifier)) && f.from.add(-lease) <= d.end && f.to.add(2*lease) >= d.begin {
			around = append(around, fmt.Sprintf("%s from %v to %v", f.name, f.from.since(d.at), f.to.since(d.at)))
		}
	}
	j.wrong("verifier-%d %s\n\tdecided from %v to %v before and after %d; around it: %s\n\tlogs: %s", d.verifier+1, fmt.Sprintf(format, args...),
		d.begin.since(d.at), d.end.since(d.at), d.at, strings.Join(around, "; "), j.dir)
}

// madeAt is when a decision was made: what its process took for it, but that one during which the process was stopped
// may have been made before.
func (j *judge) madeAt(d decision) moment {
	if d.at == d.begin {
		return d.at
	}
	for _, f := range j.calendars[d.verifier].stops {
		if d.begin < f.to && d.end >= f.to {
			return d.begin
		}
	}
	return d.at
}

// under is the row for what happened between two moments: that of the fault that overlaps them.
func (j *judge) under(verifier int, from, to moment) *seen {
	return j.row(j.calendars[verifier].between(from, to))
}

func (j *judge) row(name string) *seen {
	if j.table[name] == nil {
		j.table[name] = &seen{}
	}
	return j.table[name]
}

// page is the stretch of time of one entry in a calendar.
const page = 20 * time.Millisecond

// calendar says which fault there was for one verifier at any time.
type calendar struct {
	first moment
	names []string // one for each page
	stops []fault  // of its process
}

func newCalendar(faults []fault, verifier int) *calendar {
	c := &calendar{}
	for _, f := range faults {
		if f.verifiers != nil && !slices.Contains(f.verifiers, verifier) {
			continue
		}
		if f.name == stopVerifiers {
			c.stops = append(c.stops, f)
		}
		if c.first == 0 || f.from < c.first {
			c.first = f.from
		}
	}
	for _, own := range []bool{false, true} { // what is done to this one verifier says more than what is done to all
		for _, f := range faults {
			if own == (f.verifiers != nil) && (!own || slices.Contains(f.verifiers, verifier)) {
				c.mark(f)
			}
		}
	}
	return c
}

func (c *calendar) mark(f fault) {
	for i := c.at(f.from); i <= c.at(f.to); i++ {
		for i >= len(c.names) {
			c.names = append(c.names, "")
		}
		c.names[i] = f.name
	}
}

func (c *calendar) at(m moment) int { return int(m.since(c.first) / page) }

func (c *calendar) between(from, to moment) string {
	for i := c.at(to); i >= c.at(from) && i >= 0; i-- {
		if i < len(c.names) && c.names[i] != "" {
			return c.names[i]
		}
	}
	return calm
}

// report prints the table.
func (j *judge) report() {
	for _, f := range j.faults {
		j.row(f.name).times++
	}
	names := make([]string, 0, len(j.table))
	var sum seen
	for name, s := range j.table {
		names = append(names, name)
		sum.times += s.times
		sum.accepted += s.accepted
		sum.refused += s.refused
		sum.unavailable += s.unavailable
		sum.late += s.late
		sum.worst = max(sum.worst, s.worst)
	}
	slices.Sort(names)
	kinds := make(map[string]int)
	commits := 0
	for _, c := range j.truth {
		if c.died != 0 {
			kinds[c.kind]++
			commits++
		}
		if c.enforced != 0 {
			j.receipts++
		}
	}
	var b strings.Builder
	fmt.Fprintf(&b, "\n%s, seed %d, L = %v: %d credentials, %d of them revoked (%v), %d with a receipt\n", j.Name(), j.seed, lease, len(j.truth), commits, kinds, j.receipts)
	fmt.Fprintf(&b, "%-34s %6s %9s %9s %9s %7s %10s\n", "fault", "times", "accepted", "401", "503", "late", "worst gap")
	for _, name := range append(names, "all") {
		s := &sum
		if name != "all" {
			s = j.table[name]
		}
		fmt.Fprintf(&b, "%-34s %6d %9d %9d %9d %7d %10v\n", name, s.times, s.accepted, s.refused, s.unavailable, s.late, s.worst.Round(time.Millisecond))
	}
	after := "none"
	if j.enforced >= 0 {
		after = j.enforced.String()
	}
	fmt.Fprintf(&b, "refusals by verifiers: %v; acceptances after a receipt: %s\nanswers of nodes:\n%v", j.refusals, after, &j.crowd.tally)
	j.Log(b.String())
}
