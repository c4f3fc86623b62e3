package main

import (
	"fmt"
	"time"
)

// Row 13: from starting the tandem binary on a large store to its /readyz, beside a bare net/http server; and what it
// keeps in memory when nothing happens.
func coldStart(b *bench) error {
	s, err := b.store(kind{sessions: b.sessions()})
	if err != nil {
		return err
	}
	var resident, bareResident []float64
	once := func(start func() (*process, error), memory *[]float64) func() (sample, error) {
		return func() (sample, error) {
			p, err := start()
			if err != nil {
				return sample{}, err
			}
			took := time.Since(p.began)
			defer p.stop()
			cpu := p.cpu()
			time.Sleep(300 * time.Millisecond) // what was set off by starting is over then
			bytes, err := p.memory("VmRSS")
			*memory = append(*memory, bytes/1e6)
			return sample{n: 1, wall: took, cpu: cpu}, err
		}
	}
	d, err := b.fight(once(b.startBare, &bareResident), once(func() (*process, error) { return b.startTandem(s.dir) }, &resident))
	if err != nil {
		return err
	}
	r := result{Row: "13", Work: fmt.Sprintf("cold start to /readyz, %d sessions: added", len(s.ids)), Floor: nanos(of(d.floor, sample.wallNS)),
		Ours: nanos(of(d.ours, sample.wallNS)), Value: d.extra(sample.wallNS) / 1e6, Budget: new(within(250, "ms more"))}
	if cpu := d.extra(sample.cpuNS) / 1e6; cpu > 0 {
		r.CPU = cpu
	}
	b.add(r)
	b.add(result{Row: "13", Work: "resident memory, idle", Floor: digits(median(bareResident)) + " MB", Ours: digits(median(resident)) + " MB",
		Value: median(resident), Budget: new(atMost(60, "MB"))})
	return nil
}
