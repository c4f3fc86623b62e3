package relay

import (
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// AdminListener serves metrics and health. It must not be reachable from outside: it has no authentication.
func (r *Relay) AdminListener() http.Handler {
	registry := prometheus.NewRegistry()
	registry.MustRegister(collector{r}, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	mux.Handle("GET /livez", r.handler)
	mux.Handle("GET /readyz", r.handler)
	return mux
}

// collector reads the figures when they are asked for.
type collector struct{ relay *Relay }

var (
	readyDesc     = prometheus.NewDesc("tandem_relay_ready", "Whether the relay has a lease from upstream.", nil, nil)
	ageDesc       = prometheus.NewDesc("tandem_relay_age_seconds", "How old what the relay knows may be; absent if that cannot be told.", nil, nil)
	positionDesc  = prometheus.NewDesc("tandem_relay_position", "Position in the revocation log up to which the relay has read.", nil, nil)
	ackedDesc     = prometheus.NewDesc("tandem_relay_acknowledged_position", "Position up to which the relay's zone has enforced the log.", nil, nil)
	verifiersDesc = prometheus.NewDesc("tandem_relay_verifier_instances", "Verifier instances of the zone heard of in the last hour, by whether they hold a lease.", []string{"lease"}, nil)
	failuresDesc  = prometheus.NewDesc("tandem_relay_upstream_failures_total", "Requests upstream in vain.", nil, nil)
	alarmsDesc    = prometheus.NewDesc("tandem_relay_alarms_total", "Times the log was not what it must be; see the relay's own log.", nil, nil)
)

// Describe implements prometheus.Collector.
func (c collector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{readyDesc, ageDesc, positionDesc, ackedDesc, verifiersDesc, failuresDesc, alarmsDesc} {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (c collector) Collect(ch chan<- prometheus.Metric) {
	s := c.relay.Status()
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	ready, leased := 0.0, 0
	if s.Ready {
		ready = 1
	}
	for _, v := range s.Verifiers {
		if v.Lease > 0 {
			leased++
		}
	}
	gauge(readyDesc, ready)
	if s.Age >= 0 {
		gauge(ageDesc, s.Age.Seconds())
	}
	gauge(positionDesc, float64(s.Position))
	gauge(ackedDesc, float64(s.Acknowledged))
	gauge(verifiersDesc, float64(leased), "yes")
	gauge(verifiersDesc, float64(len(s.Verifiers)-leased), "no")
	ch <- prometheus.MustNewConstMetric(failuresDesc, prometheus.CounterValue, float64(s.Failures))
	ch <- prometheus.MustNewConstMetric(alarmsDesc, prometheus.CounterValue, float64(s.Alarms))
}
