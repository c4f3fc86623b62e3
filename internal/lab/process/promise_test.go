package process

import (
	"context"
	"math/rand/v2"
	"net/http"
	"os"
	"sync"
	"syscall"
	"testing"
	"time"
)

// The faults.
const (
	partitioned = "partition"
	delayed     = "delay that keeps the cadence"
	stopped     = "SIGSTOP"
	wasReset    = "connections reset"
	killed      = "server killed"
	gone        = "server gone for more than L"
)

// run is a test run in which faults happen.
type run struct {
	*crowd
	hoarder *person

	mu     sync.Mutex
	faults []fault
}

// TestPromiseUnderFaults has real verifiers decide while real processes and connections fail. Whatever fails: nothing
// is accepted more than L after its revocation committed, nothing at all once it is said to be enforced, and nothing
// unrevoked is refused as invalid.
func TestPromiseUnderFaults(t *testing.T) {
	if testing.Short() {
		t.Log("seconds of real time: left to the full run")
		return
	}
	rounds := 1
	if os.Getenv("TANDEM_TEST_SOAK") != "" {
		rounds = 20
	}
	r := &run{crowd: newCrowd(setUp(t))}
	people := []*person{r.register("ann", ""), r.register("bob", "side"), r.register("cyd", "side"), r.register("dan", "")}
	patient, bystander := r.register("eve", ""), r.register("fay", "")
	r.hoarder = r.register("gil", "")
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var acting sync.WaitGroup
	defer acting.Wait()
	defer stop()
	acting.Go(func() { r.live(ctx, people, rand.New(rand.NewPCG(1, 2))) })
	acting.Go(func() { r.wait(ctx, patient) })
	acting.Go(func() { r.stay(ctx, bystander) })
	for round := range rounds {
		r.play(round)
	}
	stop()
	acting.Wait()
	time.Sleep(lease + 300*time.Millisecond) // whoever still holds a lease may use it up
	for _, f := range r.followers {
		f.end()
	}
	r.judge()
}

// play has each fault happen once; the verifiers take turns.
func (r *run) play(round int) {
	f := func(i int) *follower { return r.followers[(i+round)%verifiers] }
	sessions := r.stock(r.hoarder, 10)
	time.Sleep(300 * time.Millisecond)
	var slow, meanwhile sync.WaitGroup
	slow.Go(func() { r.spend(sessions, 400*time.Millisecond) })
	slow.Go(func() { // a lease that arrives has half a second left
		r.during(delayed, f(1).name, lease+2*time.Second, func() { f(1).proxy.slow(lease * 5 / 6) }, func() { f(1).proxy.slow(0) })
	})
	meanwhile.Go(func() {
		r.during(partitioned, f(0).name, lease+500*time.Millisecond, f(0).proxy.cut, f(0).proxy.heal)
	})
	meanwhile.Go(func() {
		r.during(stopped, f(2).name, lease+500*time.Millisecond, f(2).signal(syscall.SIGSTOP), f(2).signal(syscall.SIGCONT))
	})
	meanwhile.Wait()
	for range 5 {
		r.during(wasReset, f(0).name, 200*time.Millisecond, f(0).proxy.reset, func() {})
	}
	slow.Wait()
	r.during(killed, "", 300*time.Millisecond, r.killServer, r.startServer)
	r.check()
	time.Sleep(700 * time.Millisecond)
	r.during(gone, "", lease+300*time.Millisecond, r.killServer, r.startServer)
	r.check()
	time.Sleep(700 * time.Millisecond)
}

// during has a fault happen for a while and notes it.
func (r *run) during(name, verifier string, d time.Duration, begin, end func()) {
	f := fault{name: name, verifier: verifier, from: now()}
	begin()
	time.Sleep(d)
	f.to = now()
	end()
	if name != stopped { // whose end is what decisions are judged by
		f.to = now()
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.faults = append(r.faults, f)
}

func (f *follower) signal(s syscall.Signal) func() {
	return func() { _ = f.cmd.Process.Signal(s) }
}

// check asks the server that came back about each session it has spoken of: no acknowledged sign-in and no acknowledged
// revocation may be lost.
func (r *run) check() {
	r.ledger.mu.Lock()
	var sessions []issued
	for _, c := range r.all {
		if !c.access() && !c.left {
			sessions = append(sessions, *c)
		}
	}
	r.ledger.mu.Unlock()
	for _, c := range sessions {
		code, _ := r.call("GET", "/v1/session", c.text, nil)
		switch {
		case code == http.StatusOK && c.died != 0:
			r.Errorf("after the kill a session is alive that was revoked (%s)", c.kind)
		case code == http.StatusUnauthorized && r.unspoiled(c.id): // nor was meanwhile
			r.Error("after the kill a session is gone that nobody revoked")
		}
	}
}

func (r *run) judge() {
	j := &judge{T: r.T, truth: r.all, faults: r.faults, table: make(map[[2]string]*seen)}
	for _, f := range r.followers {
		j.read(f)
	}
	worst := j.report()
	kinds := make(map[string]int)
	for _, c := range r.all {
		if c.died != 0 {
			kinds[c.kind]++
		}
	}
	r.Logf("%d credentials; revoked by kind: %v; worst gap between commit and last acceptance: %v (L = %v)", len(r.all), kinds, worst, lease)
	for _, kind := range []string{"session", "subject", "authz", "application", "key", "all", "lock", "sign-out"} {
		if kinds[kind] == 0 {
			r.Error("nothing was revoked by", kind)
		}
	}
	for _, fault := range []string{calm, partitioned, delayed, wasReset, killed, gone} {
		if sum := j.total(fault); sum.accepted == 0 || sum.revoked == 0 {
			r.Errorf("%s: %+v shows nothing", fault, sum)
		}
	}
	for _, fault := range []string{partitioned, gone} {
		if j.total(fault).unavailable == 0 {
			r.Errorf("%s: no lease was lost", fault)
		}
	}
	if j.total(partitioned).late == 0 {
		r.Error("the partition kept nothing from the verifier")
	}
}
