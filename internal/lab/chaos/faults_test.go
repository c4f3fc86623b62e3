package chaos

import (
	"context"
	"math/rand/v2"
	"sync"
	"syscall"
	"time"
)

// The faults.
const (
	cutVerifier    = "verifier cut off"
	cutOneWay      = "verifier cut off from one node"
	slowVerifier   = "delay that keeps the cadence"
	resetVerifier  = "connections reset"
	stopVerifiers  = "verifiers stopped"
	killNode       = "node killed"
	stopNode       = "node stopped"
	killAll        = "all nodes killed"
	cutNode        = "node cut off from its store"
	restartStore   = "PostgreSQL restarted"
	killStore      = "PostgreSQL killed"
	pauseStore     = "PostgreSQL paused"
	killRedis      = "Redis killed"
	pauseRedis     = "Redis paused"
	cutRedis       = "node cut off from Redis"
	emptyRedis     = "Redis emptied"
	restoreRedis   = "Redis restored from a backup"
	wholeStoreGone = "PostgreSQL gone for more than L"
	promoted       = "failover to a standby"
	restored       = "restore of a backup"
	restarted      = "node restarted in order"
)

// shortly is a time that no lease outlives, beyond is one that every lease does.
func shortly(rng *rand.Rand) time.Duration {
	return 200*time.Millisecond + time.Duration(rng.Int64N(int64(lease/2)))
}

func beyond(rng *rand.Rand) time.Duration { return lease + time.Duration(rng.Int64N(int64(lease))) }

func either(rng *rand.Rand) time.Duration {
	if rng.IntN(2) == 0 {
		return shortly(rng)
	}
	return beyond(rng)
}

// lane has the faults happen one after the other, in an order of its own, again and again until ctx ends.
func lane(ctx context.Context, rng *rand.Rand, faults []func()) {
	for ctx.Err() == nil {
		for _, i := range rng.Perm(len(faults)) {
			select {
			case <-ctx.Done():
				return
			case <-time.After(300*time.Millisecond + time.Duration(rng.Int64N(int64(time.Second)))):
			}
			faults[i]()
		}
	}
}

// slowFirst is the place of the delay among the faults of verifiers.
const slowFirst = 0

// ofVerifiers are the faults between verifiers and the nodes, and of their processes.
func (c *crowd) ofVerifiers(rng *rand.Rand) []func() {
	some := func() (g *group, from, to int) {
		g = c.groups[rng.IntN(len(c.groups))]
		from = rng.IntN(len(g.doors))
		return g, from, min(len(g.doors), from+1+rng.IntN(3))
	}
	network := func(name string, lasts func(*rand.Rand) time.Duration, begin, end func(*link), of func(*wire) []*link) func() {
		return func() {
			g, from, to := some()
			var links []*link
			for _, door := range g.doors[from:to] {
				links = append(links, of(door)...)
			}
			all := func(do func(*link)) func() {
				return func() {
					for _, l := range links {
						do(l)
					}
				}
			}
			c.during(name, g.numbers[from:to], lasts(rng), all(begin), all(end))
		}
	}
	every := func(w *wire) []*link { return w.links }
	one := func(w *wire) []*link { i := rng.IntN(len(w.links)); return w.links[i : i+1] }
	slow := func(l *link) { l.slow(lease * 5 / 6) }
	return []func(){
		slowFirst: network(slowVerifier, beyond, slow, func(l *link) { l.slow(0) }, every),
		network(cutVerifier, beyond, (*link).cut, (*link).heal, every),
		network(cutVerifier, either, (*link).cut, (*link).heal, every),
		network(cutOneWay, either, (*link).cut, (*link).heal, one),
		network(resetVerifier, func(*rand.Rand) time.Duration { return 50 * time.Millisecond }, (*link).reset, func(*link) {}, every),
		func() {
			g, _, _ := some()
			c.during(stopVerifiers, g.numbers, either(rng), func() { g.proc.signal(syscall.SIGSTOP) }, func() { g.proc.signal(syscall.SIGCONT) })
		},
	}
}

// ofNodes are the faults of nodes and between them and their stores. One node at a time is hit, but for once.
func (c *crowd) ofNodes(rng *rand.Rand) []func() {
	some := func() *node { return c.nodes[rng.IntN(len(c.nodes))] }
	stop := func(n *node) func() {
		return func() {
			c.during(stopNode, nil, either(rng), func() { n.process().signal(syscall.SIGSTOP) }, func() { n.process().signal(syscall.SIGCONT) })
		}
	}
	faults := []func(){
		func() { n := some(); c.during(killNode, nil, either(rng), n.kill, n.begin) },
		func() { n := some(); c.during(killNode, nil, shortly(rng), n.kill, n.begin) },
		func() { stop(some())() },
		func() {
			var all []func()
			begin := func() {
				for _, n := range c.nodes {
					n.kill()
					all = append(all, n.begin)
				}
			}
			c.during(killAll, nil, shortly(rng), begin, func() {
				for _, begin := range all {
					begin()
				}
			})
		},
	}
	if c.postgres != nil {
		faults = append(faults, func() { n := some(); c.during(cutNode, nil, either(rng), n.stores.cut, n.stores.heal) },
			func() {
				n := some()
				c.during(cutNode, nil, shortly(rng), n.stores.cut, func() { n.stores.reset(); n.stores.heal() })
			})
	}
	if c.redis != nil {
		faults = append(faults, func() { n := some(); c.during(cutRedis, nil, either(rng), n.redis.cut, n.redis.heal) })
	}
	return faults
}

// ofStores are the faults of the stores. They are for the test's own goroutine, which the rig wants.
func (c *crowd) ofStores(rng *rand.Rand) (faults []func()) {
	if db := c.postgres; db != nil {
		again := func() { db.Start(c.T) }
		faults = append(faults,
			func() { c.during(restartStore, nil, shortly(rng), func() { db.Stop(c.T) }, again) },
			func() { c.during(killStore, nil, shortly(rng), func() { db.Kill(c.T) }, again) },
			func() { c.during(wholeStoreGone, nil, beyond(rng), func() { db.Kill(c.T) }, again) },
			func() { c.during(pauseStore, nil, either(rng), func() { db.Pause(c.T) }, func() { db.Resume(c.T) }) })
	}
	if r := c.redis; r != nil {
		faults = append(faults,
			func() { c.during(killRedis, nil, either(rng), func() { r.Kill(c.T) }, func() { r.Start(c.T) }) },
			func() { c.during(pauseRedis, nil, either(rng), func() { r.Pause(c.T) }, func() { r.Resume(c.T) }) })
	}
	return faults
}

// storm has faults of all sorts happen at once for that long. All is healed when it returns.
func (c *crowd) storm(lasts time.Duration) {
	ctx, stop := context.WithTimeout(c.ctx, lasts)
	defer stop()
	var lanes sync.WaitGroup
	networks := c.ofVerifiers(c.chance(2))
	networks[slowFirst]() // alone: what it hides must not be hidden by other faults
	lanes.Go(func() { lane(ctx, c.chance(1), networks) })
	lanes.Go(func() { lane(ctx, c.chance(3), c.ofNodes(c.chance(4))) })
	if stores := c.ofStores(c.chance(5)); len(stores) > 0 {
		lane(ctx, c.chance(6), stores)
	}
	lanes.Wait()
}
