package process

import (
	"bufio"
	"fmt"
	"os"
	"sort"
	"strings"
	"testing"
	"time"
)

// fault is something that was done to a verifier, or to the server, which is to all of them.
type fault struct {
	name     string
	verifier string // empty for all
	from, to moment
}

// calm is the fault under which what had no fault is listed.
const calm = "none"

// seen is what a verifier did under a fault.
type seen struct {
	accepted, revoked, unavailable int
	late                           int           // acceptances after the revocation had committed
	worst                          time.Duration // the longest after the commit
	worstSaid                      time.Duration // the same, reckoned from what the server calls the time of the commit
}

// judge holds what the verifiers decided against what was true.
type judge struct {
	*testing.T
	truth  []*issued
	faults []fault
	table  map[[2]string]*seen // by verifier and fault
	broken int                 // how often the promise was
}

// read judges every line of a verifier's log.
func (j *judge) read(f *follower) {
	log, err := os.Open(f.log)
	if err != nil {
		j.Fatal(err)
	}
	defer log.Close()
	lines := bufio.NewScanner(log)
	for lines.Scan() {
		d, err := parseDecision(lines.Text())
		if err != nil {
			j.Fatalf("%s wrote %q: %v", f.name, lines.Text(), err)
		}
		j.one(f.name, d)
	}
	if err := lines.Err(); err != nil {
		j.Fatal(err)
	}
}

// breach reports a broken promise. One that is broken all the time does not fill the screen.
func (j *judge) breach(format string, args ...any) {
	j.broken++
	if j.broken <= 20 {
		j.Errorf(format, args...)
	}
}

func (j *judge) one(verifier string, d decision) {
	c := j.truth[d.id]
	at := j.decidedAt(verifier, d)
	from := at
	if c.died != 0 && c.died < at {
		from = c.died
	}
	s := j.under(verifier, from, at)
	switch {
	case d.verdict == accepted:
		s.accepted++
		j.acceptance(verifier, s, c, d, at)
	case strings.HasPrefix(d.verdict, "503"):
		s.unavailable++
	case strings.HasPrefix(d.verdict, "401"):
		s.revoked++
		if c.ordered == 0 || d.end < c.ordered {
			j.breach("%s refused what nobody revoked: credential %d (access token: %v, aged %v) as %s", verifier, c.id, c.access(), d.end.since(c.from), d.verdict)
		}
	default:
		j.breach("%s: credential %d: %s", verifier, c.id, d.verdict)
	}
}

func (j *judge) acceptance(verifier string, s *seen, c *issued, d decision, at moment) {
	if c.enforced != 0 && d.begin > c.enforced {
		j.breach("%s accepted credential %d (%s) %v after its revocation was said to be enforced", verifier, c.id, c.kind, d.begin.since(c.enforced))
	}
	if c.died == 0 || at <= c.died {
		return
	}
	gap := at.since(c.died)
	s.late++
	s.worst = max(s.worst, gap)
	if c.committed != 0 {
		s.worstSaid = max(s.worstSaid, at.since(c.committed))
	}
	if gap > lease {
		j.breach("%s accepted credential %d (%s, access token: %v) %v after its revocation had committed, L is %v", verifier, c.id, c.kind, c.access(), gap, lease)
	}
}

// waited is how long a decision takes that waited for something, a sync or an answer; others take microseconds.
const waited = 250 * time.Millisecond

// decidedAt is when a decision was made. One that waited was made at its end. One that did not was made at its
// beginning: if it took long all the same, its process was kept from the processor, perhaps when all was decided. That
// goes for those too during which the process was stopped: those that began when it went on, some milliseconds later,
// show what it makes of its old lease.
func (j *judge) decidedAt(verifier string, d decision) moment {
	if d.end.since(d.begin) < waited {
		return d.begin
	}
	for _, f := range j.faults {
		if f.name == stopped && f.verifier == verifier && d.begin < f.to && d.end >= f.to {
			return d.begin
		}
	}
	return d.end
}

// under is the row for what happened between two moments: that of the fault that overlaps them.
func (j *judge) under(verifier string, from, to moment) *seen {
	name := calm
	for _, f := range j.faults {
		if (f.verifier == "" || f.verifier == verifier) && f.from <= to && f.to >= from {
			name = f.name
		}
	}
	key := [2]string{verifier, name}
	if j.table[key] == nil {
		j.table[key] = &seen{}
	}
	return j.table[key]
}

// report prints the table and answers the worst gap of all.
func (j *judge) report() (worst time.Duration) {
	keys := make([][2]string, 0, len(j.table))
	for key := range j.table {
		keys = append(keys, key)
	}
	sort.Slice(keys, func(a, b int) bool { return fmt.Sprint(keys[a]) < fmt.Sprint(keys[b]) })
	var b strings.Builder
	fmt.Fprintf(&b, "L = %v\n%-12s %-28s %9s %9s %9s %6s %14s %14s\n", lease, "verifier", "fault", "accepted", "401", "503", "late", "worst gap", "by the server")
	for _, key := range keys {
		s := j.table[key]
		fmt.Fprintf(&b, "%-12s %-28s %9d %9d %9d %6d %14v %14v\n", key[0], key[1], s.accepted, s.revoked, s.unavailable, s.late,
			s.worst.Round(time.Microsecond), s.worstSaid.Round(time.Microsecond))
		worst = max(worst, s.worst)
	}
	j.Log(b.String())
	return worst
}

// total adds up a fault's rows.
func (j *judge) total(fault string) (sum seen) {
	for key, s := range j.table {
		if key[1] == fault {
			sum.accepted += s.accepted
			sum.revoked += s.revoked
			sum.unavailable += s.unavailable
			sum.late += s.late
			sum.worst = max(sum.worst, s.worst)
		}
	}
	return sum
}
