package chaos

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"tandem.example/tandem/internal/lab/rig"
)

// The store is gone for longer than a lease. Every route answers what docs/operations.md says, soon; nobody is told to sign
// in; and when the store is back, verifiers with many callers do not come as a herd.
func TestStoreGoneForLong(t *testing.T) {
	skipShort(t)
	s := setUp(t, setting{nodes: 3, postgres: &rig.PostgresConfig{}, groups: 2, perGroup: 5, asking: true, callers: 4})
	c := newCrowd(s, "only")
	c.populate(0)
	watched, stop := s.watchLoad()
	// Those of which the table tells do not act by themselves.
	calm := c.register("calm", "default")
	c.signIn(calm)
	phone := c.register("phone", c.phone)
	c.signIn(phone)
	time.Sleep(2 * time.Second)
	c.during(wholeStoreGone, nil, 0, func() {
		s.postgres.Kill(t)
		time.Sleep(rideOut)
		c.phase("the store is gone")
		c.policy(calm, phone)
		time.Sleep(max(lease, length(t, 0)/2))
		c.policy(calm, phone)
		c.phase("the store comes back")
	}, func() { s.postgres.Start(t) })
	back := now()
	c.recover()
	stop()
	for _, p := range []*person{calm, phone} {
		c.within("renew "+p.email, func() bool { return c.renew(p, false) == http.StatusOK })
	}
	c.judgement()
	watched.report(c, back)
}

// rideOut is how long nodes wait for a store that may only be restarting, with some time to notice.
const rideOut = 3 * time.Second

// policy asks each node everything, and compares with the table of docs/operations.md.
func (c *crowd) policy(calm, phone *person) {
	row := func(method, path, bearer string, body any, want int) {
		for _, n := range c.nodes {
			began := time.Now()
			a := exchange(c.client, method, "http://"+n.address+path, bearer, body)
			took := time.Since(began)
			c.count("outage: "+method+" "+path, a)
			switch {
			case a.code != want:
				c.wrong("outage: %s: %s %s answers %d, want %d: %v", n.name, method, path, a.code, want, a.body)
			case want == http.StatusServiceUnavailable && a.header.Get("Retry-After") == "":
				c.wrong("outage: %s: %s %s answers without Retry-After", n.name, method, path)
			case took > rideOut:
				c.wrong("outage: %s: %s %s answers after %v", n.name, method, path, took)
			}
		}
	}
	gone := http.StatusServiceUnavailable
	row("GET", "/v1/session", calm.secret, nil, gone)
	row("GET", "/v1/session", calm.token.text, nil, gone)
	row("POST", "/v1/session/token", calm.secret, map[string]any{}, gone)
	row("POST", "/v1/token/refresh", "", map[string]any{"refresh_token": phone.secret}, gone)
	row("POST", "/v1/sign-in", "", map[string]any{"email": calm.email, "password": password}, gone)
	row("POST", "/v1/sign-out", calm.secret, map[string]any{}, gone)
	row("POST", "/v1/admin/revocations", c.key, map[string]any{"kind": "subject", "id": calm.id}, gone)
	row("GET", "/readyz", "", nil, gone)
	row("GET", "/livez", "", nil, http.StatusOK)
	row("GET", "/.well-known/jwks.json", "", nil, http.StatusOK)
	row("GET", "/.well-known/oauth-authorization-server", "", nil, http.StatusOK)
}

// loads are how many requests nodes had answered at times, by route.
type loads struct {
	mu      sync.Mutex
	samples []sample
}

type sample struct {
	at              moment
	syncs, sessions float64
}

const sampleEvery = 250 * time.Millisecond

// watchLoad samples the metrics of the nodes until stop is called.
func (s *stage) watchLoad() (l *loads, stop func()) {
	l = &loads{}
	ctx, cancel := context.WithCancel(context.Background())
	var watching sync.WaitGroup
	watching.Go(func() {
		for ctx.Err() == nil {
			one := sample{at: now()}
			for _, n := range s.nodes {
				for name, value := range n.metrics() {
					switch {
					case !strings.HasPrefix(name, "tandem_http_requests_total{"):
					case strings.Contains(name, "/v1/revocations/sync"):
						one.syncs += value
					case strings.Contains(name, `"GET /v1/session"`), strings.Contains(name, `"/v1/session"`):
						one.sessions += value
					}
				}
			}
			l.mu.Lock()
			l.samples = append(l.samples, one)
			l.mu.Unlock()
			time.Sleep(sampleEvery)
		}
	})
	stop = sync.OnceFunc(func() { cancel(); watching.Wait() })
	s.Cleanup(stop)
	return l, stop
}

// peak is the highest rate between two samples in a time, in requests a second.
func (l *loads) peak(from, to moment) (syncs, sessions float64) {
	for i := 1; i < len(l.samples); i++ {
		a, b := l.samples[i-1], l.samples[i]
		if b.at < from || a.at > to {
			continue
		}
		seconds := b.at.since(a.at).Seconds()
		syncs, sessions = max(syncs, (b.syncs-a.syncs)/seconds), max(sessions, (b.sessions-a.sessions)/seconds)
	}
	return syncs, sessions
}

// report compares what came when the store was back with what was asked for.
func (l *loads) report(c *crowd, back moment) {
	var gone fault
	for _, f := range c.faults {
		if f.name == wholeStoreGone {
			gone = f
		}
	}
	text := ""
	for _, t := range []struct {
		name     string
		from, to moment
	}{{"before", 0, gone.from}, {"while it was gone", gone.from, gone.to}, {"in the second after", back, back.add(time.Second)}, {"later", back.add(time.Second), now()}} {
		syncs, sessions := l.peak(t.from, t.to)
		text += fmt.Sprintf("\n  %-20s %6.0f syncs/s %6.0f live checks/s", t.name, syncs, sessions)
	}
	verifiers := float64(c.setting.groups * c.perGroup)
	c.Logf("peaks at all nodes together, of %.0f verifiers with %d callers for each credential:%s", verifiers, c.callers, text)
	syncs, _ := l.peak(back, back.add(5*time.Second))
	// A second has room for a few polls that do not wait, as after a failure, of each verifier.
	if most := 8 * verifiers; syncs > most {
		c.Errorf("%.0f syncs a second came back at once, at most %.0f are expected of %.0f verifiers", syncs, most, verifiers)
	}
}
