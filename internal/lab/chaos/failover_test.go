package chaos

import (
	"net/http"
	"testing"
	"time"

	"tandem.example/tandem/internal/lab/rig"
)

// begun has a crowd come for a while.
func begun(s *stage, name string, lasts time.Duration) *crowd {
	c := newCrowd(s, name)
	c.phase("set up: " + name)
	c.populate(2)
	time.Sleep(lasts)
	return c
}

// failOver has the first standby take the place of the primary, which is dead, as DNS or a virtual address does.
func (s *stage) failOver() {
	s.during(promoted, nil, 0, func() { s.postgres.Kill(s.T) }, func() {
		standby := s.postgres.Standby(0)
		standby.Promote(s.T)
		for _, n := range s.nodes {
			n.stores.lead(standby.Address())
		}
	})
	s.phase("the standby is the primary")
}

// A failover to a synchronous standby loses nothing that was answered: the promise holds across it, nobody is signed out,
// and no history begins anew.
func TestSynchronousFailover(t *testing.T) {
	skipShort(t)
	s := setUp(t, setting{nodes: 3, postgres: &rig.PostgresConfig{Standbys: 1, Synchronous: true}, groups: 2, perGroup: 5})
	c := begun(s, "only", length(t, 6*time.Second)/2)
	c.perform("ada", 3, 400)
	before := s.ask()
	time.Sleep(time.Second)
	s.failOver()
	s.awaitReady(len(s.nodes))
	time.Sleep(length(t, 6*time.Second) / 2)
	c.recover()
	for i, v := range s.ask() {
		if v.Epoch != before[i].Epoch || v.Alarms > 0 {
			c.Errorf("verifier-%d: epoch %s after %s, %d alarms (%s): nothing was lost", v.Number+1, v.Epoch, before[i].Epoch, v.Alarms, v.LastAlarm)
		}
	}
	c.judgement()
	c.checkHistories()
}

// A failover to a standby that lacks the end takes back what was answered last. Whoever knew of it obeys all the same, a
// new epoch begins, everybody is told, and from then on all is as ever.
func TestAsynchronousFailoverLosesTheTail(t *testing.T) {
	skipShort(t)
	s := setUp(t, setting{nodes: 3, postgres: &rig.PostgresConfig{Standbys: 1}, groups: 2, perGroup: 5})
	c := begun(s, "first", 2*time.Second)
	s.postgres.Standby(0).CatchUp(t)
	s.postgres.Standby(0).Hold(t)
	held := now()
	c.phase("the standby hears no more")
	time.Sleep(length(t, 6*time.Second) / 2)
	before := s.ask()
	c.forgiving.Store(true)
	killed := now()
	s.failOver()
	s.awaitReady(len(s.nodes))
	s.awaitNewEpoch(before[0].Epoch)
	c.leaveAll()
	lost, kept := s.forsake(held, killed)
	c.Logf("%d credentials were revoked in what was lost, %d of them with a receipt", lost, kept)
	if lost == 0 {
		c.Error("nothing was lost")
	}
	s.mustHaveToldOfLoss(c)
	s.begunAnew(c, before)
}

// begunAnew has another crowd live in the new epoch, and judges all.
func (s *stage) begunAnew(c *crowd, before []state) {
	since := now()
	next := begun(s, "second", length(s.T, 6*time.Second)/2)
	next.since = since
	next.perform("ada", 3, 400)
	time.Sleep(time.Second)
	next.recover()
	for i, v := range s.ask() {
		if v.Epoch == before[i].Epoch || v.Alarms == 0 {
			s.Errorf("verifier-%d follows epoch %s after %s and raised %d alarms", v.Number+1, v.Epoch, before[i].Epoch, v.Alarms)
		}
	}
	s.Logf("answers before the new epoch:\n%v", &c.tally)
	next.judgement()
	next.checkHistories()
}

// awaitNewEpoch waits until every verifier follows another epoch than that.
func (s *stage) awaitNewEpoch(old string) {
	began := time.Now()
	for {
		following := 0
		for _, v := range s.ask() {
			if v.Epoch != old && v.Ready {
				following++
			}
		}
		if following == s.setting.groups*s.perGroup {
			s.Logf("every verifier follows the new epoch after %v", time.Since(began).Round(time.Millisecond))
			return
		}
		if time.Since(began) > patience {
			s.Fatalf("%d verifiers follow a new epoch after %v", following, patience)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// forsake notes that orders which were answered in that time are undone, and counts what they had ended.
func (s *stage) forsake(from, to moment) (lost, withReceipt int) {
	s.ledger.mu.Lock()
	defer s.ledger.mu.Unlock()
	for _, c := range s.all {
		if c.ordered != 0 && (c.died == 0 || c.died > from) && c.ordered < to {
			c.gone = true
			if c.died != 0 {
				lost++
			}
			if c.enforced != 0 {
				withReceipt++
			}
		}
	}
	return lost, withReceipt
}

// mustHaveToldOfLoss looks for the alarm in logs, metrics and the audit trail.
func (s *stage) mustHaveToldOfLoss(c *crowd) {
	lines, counted := 0, 0.0
	for _, n := range s.nodes {
		lines += n.said("the store has lost the end of the revocation log")
		counted += n.metric("tandem_log_rollbacks_total")
	}
	trail := s.operate("GET", "/v1/admin/audit?type=store.rolled_back", nil)
	items, _ := trail.body["items"].([]any)
	if lines == 0 || counted == 0 || len(items) == 0 {
		c.Errorf("the loss was told in %d lines of logs, counted %v times by metrics, and is %d times in the trail (%d)", lines, counted, len(items), trail.code)
	}
	if trail.code != http.StatusOK {
		c.Errorf("audit: %d %v", trail.code, trail.body)
	}
}
