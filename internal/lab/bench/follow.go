package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

const (
	followers    = 1_000
	revocations  = 40
	idleFor      = 8 * time.Second
	pollFor      = 2 * time.Second // how long a verifier lets its poll wait
	lastPatience = 10 * time.Second
	restFor      = 60 * time.Millisecond // until all wait again
)

// Row 12: one node with 1,000 waiting verifiers. How long from ordering a revocation until the last has been answered,
// what the verifiers cost while nothing happens, and what each weighs. The floor is one response of a bare server.
func revocationToMany(b *bench) error {
	bare, err := b.startBare()
	if err != nil {
		return err
	}
	defer bare.stop()
	floor, err := b.bareWaking(bare)
	if err != nil {
		return err
	}
	p, err := b.startTandem(filepath.Join(b.dir, "follow"), "--dev")
	if err != nil {
		return err
	}
	defer p.stop()
	before, err := p.memory("VmRSS")
	if err != nil {
		return err
	}
	f := &flock{size: followers, poll: pollFor, rest: restFor}
	ctx, stop := context.WithCancel(b.ctx)
	defer f.wait()
	defer stop()
	if err := f.gather(ctx, p.address, follow); err != nil {
		return err
	}
	idle, after, err := p.rest()
	if err != nil {
		return err
	}
	cpu, own := p.cpu(), cpuTime()
	last, err := f.wake(b.ctx, revocations, func() error {
		return p.operate(b.ctx, http.MethodPost, "/v1/admin/revocations", map[string]string{"kind": "all", "reason": "bench"})
	})
	if err != nil {
		return err
	}
	busy := (p.cpu() - cpu + cpuTime() - own).Seconds() * 1e3 / revocations / float64(runtime.GOMAXPROCS(0))
	worst := quantile(last, 0.99)
	r := result{Row: "12", Work: "revocation to 1,000 verifiers: p99 of the last", Floor: nanos(floor.one), Ours: nanos(worst), Value: worst / 1e6, CPU: busy,
		Budget: new(within(50, "ms"))}
	r.note("median of the last %s; a bare server that wakes 1,000: median %s, p99 %s", nanos(median(last)), nanos(median(floor.last)), nanos(quantile(floor.last, 0.99)))
	r.note("under cpu: processor time of server and verifiers for one revocation, by the number of processors")
	b.add(r)
	b.add(result{Row: "12", Work: "1,000 verifiers that wait: idle cost", Floor: "-", Ours: digits(idle) + " %", Value: idle, Budget: new(atMost(10, "% of a core"))})
	each := (after - before) / followers / 1024
	b.add(result{Row: "12", Work: "memory a waiting verifier", Floor: digits(floor.memory) + " KiB", Ours: digits(each) + " KiB", Value: each, Budget: new(atMost(40, "KiB"))})
	return nil
}

// rest watches the process while nothing happens, and answers the share of a processor it uses, in percent, and its
// memory in bytes: the median of some looks, since the garbage collector moves it up and down.
func (p *process) rest() (share, memory float64, err error) {
	const looks = 16
	cpu := p.cpu()
	var all []float64
	for range looks {
		time.Sleep(idleFor / looks)
		bytes, err := p.memory("VmRSS")
		if err != nil {
			return 0, 0, err
		}
		all = append(all, bytes)
	}
	return 100 * (p.cpu() - cpu).Seconds() / idleFor.Seconds(), median(all), nil
}

// waking is what the bare server does: one response, the last of 1,000 waiting ones, in ns, and KiB for each of these.
type waking struct {
	one    float64
	last   []float64
	memory float64
}

func (b *bench) bareWaking(p *process) (w waking, err error) {
	c, err := dial("tcp", p.address)
	if err != nil {
		return w, err
	}
	defer c.conn.Close()
	var times []float64
	ask, fire := request("GET", p.address, "/", "", ""), request("POST", p.address, "/fire", "", "")
	for range 500 {
		s, err := each(1, func(int) error { _, err := c.do(ask, nil); return err })
		if err != nil {
			return w, err
		}
		times = append(times, s.wallNS())
	}
	w.one = median(times)
	before, err := p.memory("VmRSS")
	if err != nil {
		return w, err
	}
	f := &flock{size: followers, poll: pollFor, rest: restFor}
	ctx, stop := context.WithCancel(b.ctx)
	defer f.wait()
	defer stop()
	if err := f.gather(ctx, p.address, hang); err != nil {
		return w, err
	}
	time.Sleep(200 * time.Millisecond) // until most hang; who is late is answered at once
	if w.last, err = f.wake(b.ctx, revocations/2, func() error { _, err := c.do(fire, nil); return err }); err != nil {
		return w, err
	}
	after, err := p.memory("VmRSS")
	w.memory = (after - before) / followers / 1024
	return w, err
}

// flock is so many connections that wait for news.
type flock struct {
	size   int
	poll   time.Duration // for how long each lets its poll wait
	rest   time.Duration // between two things that happen
	told   atomic.Int64  // the longest pause that the server asked for, in ms
	wg     sync.WaitGroup
	failed onceError
	ready  atomic.Int64
	mu     sync.Mutex
	woken  int
	last   time.Time
	all    chan struct{} // closed when all have been woken
}

// gather opens the connections and returns once each has its first answer, or hangs.
func (f *flock) gather(ctx context.Context, address string, live func(context.Context, *flock, *client, string) error) error {
	f.all = make(chan struct{})
	for range f.size {
		c, err := dial("tcp", address)
		if err != nil {
			return err
		}
		stop := context.AfterFunc(ctx, func() { _ = c.conn.Close() })
		f.wg.Go(func() {
			defer stop()
			defer c.conn.Close()
			if err := live(ctx, f, c, address); err != nil && ctx.Err() == nil {
				f.failed.set(err)
			}
		})
	}
	for range 1_000 {
		if err := errors.Join(f.failed.get(), ctx.Err()); err != nil || f.ready.Load() == int64(f.size) {
			return err
		}
		time.Sleep(10 * time.Millisecond)
	}
	return fmt.Errorf("only %d of %d verifiers were answered", f.ready.Load(), f.size)
}

func (f *flock) wait() { f.wg.Wait() }

// arrived notes that one has been told.
func (f *flock) arrived(at time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.woken++; at.After(f.last) {
		f.last = at
	}
	if f.woken == f.size {
		close(f.all)
	}
}

// wake has something happen n times and answers, for each, when the last was told, in ns.
func (f *flock) wake(ctx context.Context, n int, happen func() error) (times []float64, err error) {
	for range n {
		f.mu.Lock()
		f.woken, f.last, f.all = 0, time.Time{}, make(chan struct{})
		all := f.all
		f.mu.Unlock()
		start := time.Now()
		if err := happen(); err != nil {
			return nil, err
		}
		timeout := time.NewTimer(lastPatience)
		select {
		case <-all:
		case <-timeout.C:
			return nil, errors.Join(errors.New("not all verifiers were told"), f.failed.get())
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		timeout.Stop()
		f.mu.Lock()
		times = append(times, float64(f.last.Sub(start)))
		f.mu.Unlock()
		time.Sleep(f.rest)
	}
	return times, nil
}

// hang waits at the bare server.
func hang(ctx context.Context, f *flock, c *client, address string) error {
	f.ready.Add(1)
	for n := 0; ctx.Err() == nil; n++ {
		if _, err := c.do(request("GET", address, fmt.Sprint("/wait?after=", n), "", ""), nil); err != nil {
			return err
		}
		f.arrived(time.Now())
	}
	return nil
}

// follow polls as a verifier does, but believes what it is told and reads no more of it than it needs: real verifiers
// run elsewhere, so what they compute must not slow the server down here.
func follow(ctx context.Context, f *flock, c *client, address string) error {
	instance := rand.Text()
	var epoch, chain, position string = "", "", "0"
	var answer bytes.Buffer
	for first := true; ctx.Err() == nil; first = false {
		text := fmt.Sprintf(`{"verifier":"bench","instance":%q,"epoch":%q,"position":%s,"chain":%q,"nonce":%q,"wait_ms":%d}`,
			instance, epoch, position, chain, rand.Text(), f.poll.Milliseconds())
		status, err := c.do(request("POST", address, "/v1/revocations/sync", "", text), &answer)
		at := time.Now()
		if err != nil {
			return err
		}
		if status != http.StatusOK {
			return fmt.Errorf("sync: status %d: %s", status, answer.String())
		}
		to := member(answer.Bytes(), `"to":`)
		switch {
		case first:
			f.ready.Add(1)
		case to != position:
			f.arrived(at)
		}
		f.pause(member(answer.Bytes(), `"next_ms":`))
		epoch, chain, position = member(answer.Bytes(), `"epoch":`), member(answer.Bytes(), `"chain":`), to
	}
	return nil
}

// pause notes how long the server asked to be left alone.
func (f *flock) pause(text string) {
	ms, _ := strconv.ParseInt(text, 10, 64) // none, if it is left out
	for was := f.told.Load(); ms > was && !f.told.CompareAndSwap(was, ms); was = f.told.Load() {
	}
}

// member is the value of a member of a JSON object whose strings need no escapes.
func member(object []byte, name string) string {
	_, rest, _ := bytes.Cut(object, []byte(name))
	end := bytes.IndexAny(rest, ",}")
	return string(bytes.Trim(rest[:max(0, end)], `"`))
}
