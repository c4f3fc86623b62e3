package chaos

import (
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"tandem.example/tandem/internal/lab/rig"
)

// serverError finds an answer of the class 5xx in a tally, and no count that looks like one.
var serverError = regexp.MustCompile(`\b5\d\d( \w+)? x \d`)

// Nodes are replaced one after the other, as in an upgrade, behind a balancer that asks whether they are ready. No request
// fails: no client needs to try again, and no verifier loses its lease.
func TestRollingRestart(t *testing.T) {
	skipShort(t)
	s := setUp(t, setting{nodes: 3, postgres: &rig.PostgresConfig{}, groups: 2, perGroup: 5, drain: time.Second})
	c := newCrowd(s, "only")
	c.populate(2)
	c.perform("ada", 3, 400)
	time.Sleep(time.Second)
	c.phase("the restarts begin")
	for began, round := time.Now(), 0; round == 0 || time.Since(began) < length(t, 0); round++ {
		for _, n := range s.nodes {
			s.during(restarted, nil, 0, func() { n.finish(syscall.SIGTERM) }, func() { n.begin(); s.awaitNode(n) })
		}
	}
	c.phase("all nodes were restarted")
	c.recover()
	j := c.judgement()
	// On a machine that is busy with other things a poll may starve for a lease: that is one verifier for a second or two, not all.
	if n, all := j.unavailable(); n*50 > all {
		c.Errorf("verifiers could not decide %d times of %d", n, all)
	}
	if text := c.tally.String(); strings.Contains(text, "no answer") || serverError.MatchString(text) {
		c.Errorf("requests failed:\n%s", text)
	}
	c.checkHistories()
}

// awaitNode waits until the balancer sends people to a node that was begun.
func (s *stage) awaitNode(n *node) {
	s.Helper()
	for i, address := range s.balancer.nodes {
		for until := time.Now().Add(patience); address == n.address && s.balancer.health(i) != up; {
			if time.Now().After(until) {
				s.Fatalf("%s is not ready after %v; it last said:\n%s", n.name, patience, n.tail())
			}
			time.Sleep(20 * time.Millisecond)
		}
	}
}

// unavailable counts decisions that could not be made, and all.
func (j *judge) unavailable() (n, all int) {
	for _, s := range j.table {
		n += s.unavailable
		all += s.accepted + s.refused + s.unavailable
	}
	return n, all
}
