package demo

import (
	"bufio"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"
)

// probe asks one bank with one credential, over and over, and notes when it was last let in.
type probe struct {
	bank, kind string
	last       time.Time // of the last acceptance: when the request was sent
	refused    answer
	done       bool
}

// probes watches credentials on every bank around an order.
type probes struct {
	stage *stage
	path  string
	all   []*probe
	stop  chan struct{}
	wg    sync.WaitGroup
}

// probe starts to ask each bank for the path with each credential, every few milliseconds.
func (s *stage) probe(path string, by map[string]credential) *probes {
	p := &probes{stage: s, path: path, stop: make(chan struct{})}
	for _, b := range s.banks {
		for kind, c := range by {
			one := &probe{bank: b.name, kind: kind}
			p.all = append(p.all, one)
			p.wg.Go(func() { p.run(one, b.url+path, c) })
		}
	}
	time.Sleep(100 * time.Millisecond) // each is let in before the order is given
	return p
}

func (p *probes) run(one *probe, url string, c credential) {
	for refusals := 0; refusals < 5; {
		select {
		case <-p.stop:
			return
		case <-time.After(4 * time.Millisecond):
		}
		sent := time.Now()
		a := p.stage.call(p.stage.api, "GET", url, c, nil)
		if a.code == http.StatusOK {
			one.last, refusals = sent, 0
			continue
		}
		one.refused = a
		refusals++ // a refusal that stays
	}
	one.done = true
}

// after waits until every probe is refused for good, or the lease is over, and reports the last acceptance on each
// bank, counted from the order.
func (p *probes) after(r *report, order time.Time, wantCode int, wantReason string) {
	timer := time.AfterFunc(lease+2*time.Second, func() { close(p.stop) })
	p.wg.Wait()
	timer.Stop()
	worst := map[string]time.Duration{}
	for _, one := range p.all {
		gap := max(0, one.last.Sub(order))
		worst[one.bank] = max(worst[one.bank], gap)
		reason := one.refused.header.Get("WWW-Authenticate")
		ok := one.done && one.refused.code == wantCode && strings.Contains(reason, wantReason) && gap <= lease
		if !ok {
			r.want(false, "%s with %s: refused for good %v, last answer %d %s", one.bank, one.kind, one.done, one.refused.code, reason)
		}
	}
	var parts []string
	for _, b := range p.stage.banks {
		parts = append(parts, fmt.Sprintf("%s %d ms", b.name, worst[b.name].Milliseconds()))
	}
	r.measured("last acceptance after the order: %s (bound %d ms)", strings.Join(parts, ", "), lease.Milliseconds())
}

// stream opens the bank's event stream and tells when it ended.
func (s *stage) stream(b *bankProcess, c credential) (<-chan time.Time, error) {
	req, err := http.NewRequestWithContext(s.ctx, "GET", b.url+"/events", nil)
	if err != nil {
		return nil, err
	}
	c.put(req)
	res, err := (&http.Client{}).Do(req)
	if err != nil {
		return nil, err
	}
	if res.StatusCode != http.StatusOK {
		res.Body.Close()
		return nil, fmt.Errorf("open stream: %d", res.StatusCode)
	}
	ended := make(chan time.Time, 1)
	go func() {
		defer res.Body.Close()
		lines := bufio.NewScanner(res.Body)
		for lines.Scan() {
		}
		ended <- time.Now()
	}()
	return ended, nil
}

// receipt prints what the server answered about enforcement.
func receipt(r *report, a answer) {
	got, _ := a.body["receipt"].(map[string]any)
	if got == nil {
		r.want(false, "no receipt: %d %v", a.code, a.body)
		return
	}
	n := func(key string) int { f, _ := got[key].(float64); return int(f) }
	r.want(n("verifiers") == banks && n("acknowledged")+n("lapsed") == banks,
		"receipt: enforced on %d of %d verifiers after %d ms, at position %d", n("acknowledged")+n("lapsed"), n("verifiers"), n("enforced_after_ms"), n("position"))
}
