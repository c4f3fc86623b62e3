package chaos

import (
	"context"
	"errors"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

const (
	probeEvery   = 100 * time.Millisecond
	probePatient = time.Second
)

// health is what the last probe of a node said.
type health int32

const (
	down health = iota // nobody listens
	hung               // it does not answer
	out                // it answers that it is not ready: it drains, or its store is gone
	up
)

// balancer spreads connections over the nodes that are ready, one after the other: no stickiness of any kind. It takes a
// node out when /readyz says so or nobody listens, leaving it the connections it has, and ends those of a node that hangs.
type balancer struct {
	t       *testing.T
	nodes   []string // addresses
	healths []atomic.Int32
	turn    atomic.Uint64

	mu    sync.Mutex
	doors []*wire
}

func newBalancer(t *testing.T, nodes []string) *balancer {
	b := &balancer{t: t, nodes: nodes, healths: make([]atomic.Int32, len(nodes))}
	ctx, stop := context.WithCancel(context.Background())
	var probing sync.WaitGroup
	for i := range nodes {
		probing.Go(func() { b.probe(ctx, i) })
	}
	t.Cleanup(func() { stop(); probing.Wait() })
	return b
}

// door is a way in with links of its own to each node.
func (b *balancer) door() *wire {
	links := make([]*link, len(b.nodes))
	for i, address := range b.nodes {
		links[i] = newLink(address)
	}
	w := newWire(b.t, b.order, links...)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.doors = append(b.doors, w)
	return w
}

// order is which nodes to try for a new connection: the ready ones in turn. If none is, whoever answers may say so.
func (b *balancer) order() (indices []int) {
	first := int(b.turn.Add(1) % uint64(len(b.nodes)))
	for _, want := range []health{up, out} {
		for i := range b.nodes {
			if k := (first + i) % len(b.nodes); b.health(k) == want {
				indices = append(indices, k)
			}
		}
		if len(indices) > 0 {
			return indices
		}
	}
	return nil
}

func (b *balancer) health(i int) health { return health(b.healths[i].Load()) }

// ready counts the nodes that are.
func (b *balancer) ready() (n int) {
	for i := range b.nodes {
		if b.health(i) == up {
			n++
		}
	}
	return n
}

func (b *balancer) probe(ctx context.Context, i int) {
	client := &http.Client{Timeout: probePatient, Transport: &http.Transport{DisableKeepAlives: true}}
	tick := time.NewTicker(probeEvery)
	defer tick.Stop()
	for ctx.Err() == nil {
		found := b.look(ctx, client, i)
		if health(b.healths[i].Swap(int32(found))) != hung && found == hung {
			b.mu.Lock()
			for _, door := range b.doors {
				door.links[i].reset()
			}
			b.mu.Unlock()
		}
		select {
		case <-ctx.Done():
		case <-tick.C:
		}
	}
}

func (b *balancer) look(ctx context.Context, client *http.Client, i int) health {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+b.nodes[i]+"/readyz", nil)
	if err != nil {
		return down
	}
	res, err := client.Do(req)
	var timeout net.Error
	switch {
	case errors.As(err, &timeout) && timeout.Timeout():
		if b.health(i) == up {
			return out // once is no proof; twice is
		}
		return hung
	case err != nil:
		return down
	}
	_ = res.Body.Close()
	if res.StatusCode == http.StatusOK {
		return up
	}
	return out
}
