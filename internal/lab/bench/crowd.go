package main

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/http"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"

	"tandem.example/tandem/internal/secret"
)

// Row 12 once more: one node on either store with 1,000 and 5,000 waiting verifiers. How long from ordering a revocation,
// and so with its commit, until the last has its answer.
func crowds(b *bench) error {
	if err := manyFiles(); err != nil {
		return err
	}
	floor, err := b.loopback()
	if err != nil {
		return err
	}
	for _, onPostgres := range []bool{false, true} {
		nodes, err := b.startNodes(1, onPostgres)
		if err != nil {
			return err
		}
		for _, size := range []int{b.scaled(1_000, 20), b.scaled(5_000, 40)} {
			if err = b.crowd(nodes[0], size, onPostgres, floor); err != nil {
				break
			}
		}
		nodes[0].stop()
		if err != nil {
			return err
		}
	}
	return nil
}

// crowd has so many wait, and revokes.
func (b *bench) crowd(p *process, size int, onPostgres bool, floor float64) error {
	// Longer polls for more of them, so that what a node does in idleness stays the same.
	f := &flock{size: size, poll: pollFor, rest: restFor}
	n := b.scaled(30, 3)
	if size > followers {
		f.poll, f.rest, n = f.poll*5, f.rest*5, n/2
	}
	ctx, stop := context.WithCancel(b.ctx)
	defer f.wait()
	defer stop()
	if err := f.gather(ctx, p.address, follow); err != nil {
		return err
	}
	var orders []float64
	cpu := p.cpu() + cpuTime()
	last, err := f.wake(b.ctx, n, func() error {
		s, err := each(1, func(int) error {
			return p.operate(b.ctx, http.MethodPost, "/v1/admin/revocations", map[string]string{"kind": "all", "reason": "bench"})
		})
		orders = append(orders, s.wallNS())
		return err
	})
	if err != nil {
		return err
	}
	busy := (p.cpu() + cpuTime() - cpu).Seconds() * 1e3 / float64(n) / float64(runtime.GOMAXPROCS(0))
	store := "SQLite"
	if onPostgres {
		store = "PostgreSQL"
	}
	worst := quantile(last, 0.99)
	r := result{Row: "12", Work: fmt.Sprintf("fan-out to %d, %s: p99 of the last", size, store), Floor: nanos(floor), Ours: nanos(worst), Value: worst / 1e6, CPU: busy}
	if size <= followers {
		r.Budget = new(within(50, "ms"))
	}
	r.note("under cpu, ms: processor time of node and verifiers for one revocation, by the number of processors")
	r.note("of the last of all: p50 %s, p99 %s, max %s; the order itself is answered in %s", nanos(median(last)), nanos(worst), nanos(quantile(last, 1)), nanos(median(orders)))
	if f.told.Load() > 0 {
		r.note("with revocations that close together, verifiers are asked to pause up to %d ms between polls; these do not", f.told.Load())
	}
	b.add(r)
	return nil
}

// loopback is what one response of a bare server takes, in ns.
func (b *bench) loopback() (float64, error) {
	bare, err := b.startBare()
	if err != nil {
		return 0, err
	}
	defer bare.stop()
	c, err := dial("tcp", bare.address)
	if err != nil {
		return 0, err
	}
	defer c.conn.Close()
	ask := request("GET", bare.address, "/", "", "")
	var times []float64
	for range 500 {
		s, err := each(1, func(int) error { _, err := c.do(ask, nil); return err })
		if err != nil {
			return 0, err
		}
		times = append(times, s.wallNS())
	}
	return median(times), nil
}

// startNodes starts nodes of one issuer, the first; more than one need PostgreSQL. On failure none is left.
func (b *bench) startNodes(n int, onPostgres bool) (nodes []*process, err error) {
	defer func() {
		if err != nil {
			for _, p := range nodes {
				p.stop()
			}
		}
	}()
	var env []string
	flags := []string{"--dev"}
	if onPostgres {
		db, err := b.database()
		if err != nil {
			return nil, err
		}
		flags = append(flags, "--store", db)
		env = []string{"TANDEM_MASTER_KEY=" + base64.StdEncoding.EncodeToString(secret.Random(32))}
	}
	for i := range n {
		b.nodes++
		if i > 0 {
			flags = append(flags[:len(flags):len(flags)], "--issuer", nodes[0].issuer())
		}
		p, err := b.startTandemWith(env, filepath.Join(b.dir, fmt.Sprint("node-", b.nodes)), flags...)
		if err != nil {
			return nodes, err
		}
		nodes = append(nodes, p)
	}
	return nodes, nil
}

// issuer is what a node in development calls itself.
func (p *process) issuer() string {
	_, port, _ := strings.Cut(p.address, ":")
	return "http://localhost:" + port
}

// manyFiles raises the number of open files to what is allowed; verifiers are connections.
func manyFiles() error {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return err
	}
	limit.Cur = limit.Max
	return syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit)
}
