package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"runtime"
	"time"

	"tandem.example/tandem/verify"
)

// receiptVerifiers is how many real verifiers there are, spread over the nodes.
const receiptVerifiers = 100

// Receipts: a revocation with wait=enforced is answered when all verifiers have it. Beside one loopback HTTP response.
func receipts(b *bench) error {
	floor, err := b.loopback()
	if err != nil {
		return err
	}
	for _, n := range []int{1, 3} {
		nodes, err := b.startNodes(n, true)
		if err != nil {
			return err
		}
		err = b.receiptsOf(nodes, floor)
		for _, p := range nodes {
			p.stop()
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (b *bench) receiptsOf(nodes []*process, floor float64) (err error) {
	var person struct{ ID string }
	if err := nodes[0].ask(b.ctx, http.MethodPost, "/v1/admin/users", map[string]string{"email": email, "password": password}, &person); err != nil {
		return err
	}
	verifiers, err := b.verifiers(nodes, b.scaled(receiptVerifiers, 6))
	defer func() {
		for _, v := range verifiers {
			v.Close()
		}
	}()
	if err != nil {
		return err
	}
	var times []float64
	var order struct {
		Receipt struct{ Verifiers, Acknowledged, Lapsed int }
	}
	lapsed, missing := 0, 0
	cpu := cpuTime() + familyTime()
	n := b.scaled(60, 3)
	for i := range n {
		s, err := each(1, func(int) error {
			return nodes[i%len(nodes)].ask(b.ctx, http.MethodPost, "/v1/admin/revocations",
				map[string]string{"kind": "subject", "id": person.ID, "wait": "enforced"}, &order)
		})
		if err != nil {
			return err
		}
		lapsed += order.Receipt.Lapsed
		missing += len(verifiers) - order.Receipt.Acknowledged
		times = append(times, s.wallNS())
		time.Sleep(restFor)
	}
	busy := (cpuTime() + familyTime() - cpu).Seconds() * 1e3 / float64(n) / float64(runtime.GOMAXPROCS(0))
	r := result{Row: "12", Work: fmt.Sprintf("receipt of %d verifiers, %d nodes: p99", len(verifiers), len(nodes)),
		Floor: nanos(floor), Ours: nanos(quantile(times, 0.99)), Value: quantile(times, 0.99) / 1e6, CPU: busy}
	if len(nodes) == 1 {
		r.Work = fmt.Sprintf("receipt of %d verifiers, 1 node: p99", len(verifiers))
	}
	r.note("under cpu, ms: processor time of nodes, store and verifiers for one receipt, by the number of processors")
	r.note("POST /v1/admin/revocations with wait=enforced, PostgreSQL: p50 %s, p99 %s, max %s", nanos(median(times)), nanos(quantile(times, 0.99)), nanos(quantile(times, 1)))
	if lapsed+missing > 0 {
		r.note("%d leases were waited out, %d acknowledgements were missing", lapsed, missing)
	}
	b.add(r)
	return nil
}

// verifiers follow the nodes in turn, as if a load balancer had sent each to one.
func (b *bench) verifiers(nodes []*process, n int) ([]*verify.Verifier, error) {
	all := make([]*verify.Verifier, n)
	issuer := nodes[0].issuer()
	_, err := together(n, writers, func(i int) (err error) {
		address := nodes[i%len(nodes)].address
		transport := &http.Transport{MaxIdleConnsPerHost: 4, DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, network, address)
		}}
		all[i], err = verify.New(b.ctx, verify.Config{Issuer: issuer, Audience: issuer, Name: fmt.Sprint("bench-", i), CacheSize: 100,
			HTTPClient: &http.Client{Transport: transport}, Logger: slog.New(slog.DiscardHandler)})
		return err
	})
	made := all[:0]
	for _, v := range all {
		if v != nil {
			made = append(made, v)
		}
	}
	if err == nil && len(made) < n {
		err = errors.New("not all verifiers could be made")
	}
	return made, err
}
