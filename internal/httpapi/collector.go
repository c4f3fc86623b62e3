package httpapi

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// collector reads figures from the services when they are asked for.
type collector struct{ a *API }

// watch has the figures of the API's services collected too. Metrics belong to one API.
func (m *Metrics) watch(a *API) error { return m.registry.Register(collector{a}) }

var (
	positionDesc  = prometheus.NewDesc("tandem_log_position", "Last position of the revocation log in its epoch.", nil, nil)
	rollbacksDesc = prometheus.NewDesc("tandem_log_rollbacks_total", "Times this node found that the store had lost the end of the revocation log.", nil, nil)
	leasesDesc    = prometheus.NewDesc("tandem_verifier_instances", "Verifier instances heard of in the last hour, by name and whether they hold a lease.", []string{"verifier", "lease"}, nil)
	stalenessDesc = prometheus.NewDesc("tandem_verifier_staleness_seconds", "Longest time since an instance with a lease last asked, by verifier.", []string{"verifier"}, nil)
	lagDesc       = prometheus.NewDesc("tandem_verifier_lag_positions", "Positions that the slowest instance with a lease has not acknowledged, by verifier.", []string{"verifier"}, nil)
	runningDesc   = prometheus.NewDesc("tandem_hash_running", "Password hashes being computed.", nil, nil)
	waitingDesc   = prometheus.NewDesc("tandem_hash_waiting", "Callers waiting for their password hash.", nil, nil)
	hashesDesc    = prometheus.NewDesc("tandem_hash_total", "Password hashes, by outcome.", []string{"outcome"}, nil)
	mailDesc      = prometheus.NewDesc("tandem_mail_total", "Messages since the start of this node, by outcome: sent, given_up, or failed for each try that is made again or was the last.", []string{"outcome"}, nil)
	mailQueueDesc = prometheus.NewDesc("tandem_mail_waiting", "Messages that wait to be sent, on all nodes.", nil, nil)
	mailAgeDesc   = prometheus.NewDesc("tandem_mail_oldest_seconds", "How long the message has waited that has waited longest.", nil, nil)
	hashTimeDesc  = prometheus.NewDesc("tandem_hash_seconds_total", "Time spent waiting for and computing password hashes.", []string{"phase"}, nil)
)

// Describe implements prometheus.Collector.
func (c collector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{positionDesc, rollbacksDesc, leasesDesc, stalenessDesc, lagDesc, runningDesc, waitingDesc, hashesDesc, hashTimeDesc,
		mailDesc, mailQueueDesc, mailAgeDesc} {
		ch <- d
	}
}

// scrapeTimeout bounds the one read of the store that a scrape makes.
const scrapeTimeout = 2 * time.Second

// Collect implements prometheus.Collector.
func (c collector) Collect(ch chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), scrapeTimeout)
	defer cancel()
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	count := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, v, labels...)
	}
	head, err := c.a.Operator.Log.Head(ctx)
	if err == nil {
		gauge(positionDesc, float64(head.Position))
	}
	count(rollbacksDesc, float64(c.a.Feed.Rollbacks()))
	for name, v := range c.verifiers(head.Epoch, head.Position) {
		gauge(leasesDesc, float64(v.leased), name, "held")
		gauge(leasesDesc, float64(v.instances-v.leased), name, "lapsed")
		if v.leased > 0 {
			gauge(stalenessDesc, v.staleness.Seconds(), name)
			if err == nil {
				gauge(lagDesc, float64(v.lag), name)
			}
		}
	}
	if c.a.Mail != nil {
		m, err := c.a.Mail(ctx)
		count(mailDesc, float64(m.Sent), "sent")
		count(mailDesc, float64(m.Failed), "failed")
		count(mailDesc, float64(m.GivenUp), "given_up")
		if err == nil {
			gauge(mailQueueDesc, float64(m.Waiting))
			gauge(mailAgeDesc, m.Oldest.Seconds())
		}
	}
	s := c.a.Operator.Hasher.Stats()
	gauge(runningDesc, float64(s.Running))
	gauge(waitingDesc, float64(s.Waiting))
	count(hashesDesc, float64(s.Done), "done")
	count(hashesDesc, float64(s.Refused), "refused")
	count(hashesDesc, float64(s.GivenUp), "given_up")
	count(hashTimeDesc, s.WaitTime.Seconds(), "waiting")
	count(hashTimeDesc, s.WorkTime.Seconds(), "working")
}

// verifierFigures sum up the instances of one verifier. Instances are random names, and no labels.
type verifierFigures struct {
	instances, leased int
	staleness         time.Duration
	lag               uint64
}

// maxVerifierLabels bounds the names that are told apart: verifiers choose them.
const maxVerifierLabels = 200

func (c collector) verifiers(epoch string, head uint64) map[string]*verifierFigures {
	out := make(map[string]*verifierFigures)
	for _, v := range c.a.Operator.Verifiers() {
		name := v.Name
		if out[name] == nil && len(out) >= maxVerifierLabels {
			name = "other"
		}
		f := out[name]
		if f == nil {
			f = &verifierFigures{}
			out[name] = f
		}
		f.instances++
		if v.Lease <= 0 {
			continue
		}
		f.leased++
		f.staleness = max(f.staleness, v.Staleness)
		if v.Epoch != epoch {
			f.lag = max(f.lag, head)
		} else if v.Position < head {
			f.lag = max(f.lag, head-v.Position)
		}
	}
	return out
}
