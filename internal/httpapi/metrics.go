package httpapi

import (
	"net/http"
	"net/http/pprof"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"tandem.example/tandem/internal/web"
)

// Metrics are the figures that an operator watches. They live in a registry of their own, so that an embedding
// program keeps its own. Safe for concurrent use.
type Metrics struct {
	registry *prometheus.Registry
	requests *prometheus.CounterVec
	latency  *prometheus.HistogramVec
	entries  *prometheus.CounterVec
	refusals *prometheus.CounterVec
	store    *prometheus.HistogramVec
}

// NewMetrics makes the figures.
func NewMetrics() *Metrics {
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "tandem_http_requests_total", Help: "Requests answered, by route and status.",
		}, []string{"route", "code"}),
		latency: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "tandem_http_request_seconds", Help: "Time from the arrival of a request to its answer, by route. Syncs are held on purpose.",
			Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30},
		}, []string{"route"}),
		entries: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "tandem_entries_total", Help: "Sign-ups, sign-ins, refreshes, step-ups and password changes, by outcome: ok or the code of the problem.",
		}, []string{"flow", "outcome"}),
		refusals: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "tandem_refusals_total", Help: "Problems answered, by code and reason.",
		}, []string{"code", "reason"}),
		store: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "tandem_store_seconds", Help: "Time that the store took, by verb.",
			Buckets: []float64{.00001, .000025, .00005, .0001, .00025, .0005, .001, .0025, .005, .01, .025, .1, 1},
		}, []string{"verb"}),
	}
	m.registry.MustRegister(m.requests, m.latency, m.entries, m.refusals, m.store,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// ObserveStore records how long a verb of a store took. Verbs must be few: each is a label.
func (m *Metrics) ObserveStore(verb string, took time.Duration) {
	m.store.WithLabelValues(verb).Observe(took.Seconds())
}

// entered counts the outcome of a flow by which people get or keep access.
func (m *Metrics) entered(flow string, err error) {
	outcome := "ok"
	if err != nil {
		outcome = problemOf(err).Code
	}
	m.entries.WithLabelValues(flow, outcome).Inc()
}

// served counts a request that was answered.
func (m *Metrics) served(x *web.Exchange, route string, took time.Duration) {
	if route == "" || route == "/" {
		route = "none" // refused before it was routed, or nothing there: what was asked for is not a label
	}
	m.requests.WithLabelValues(route, strconv.Itoa(x.Status())).Inc()
	m.latency.WithLabelValues(route).Observe(took.Seconds())
	if p := x.Problem; p != nil {
		reason := p.Reason
		if reason == "" {
			reason = p.Cause
		}
		m.refusals.WithLabelValues(p.Code, reason).Inc()
	}
}

// AdminListener serves metrics and profiles, health too. It must not be reachable from outside: it has no
// authentication.
func (a *API) AdminListener() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(a.Metrics.registry, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	mux.HandleFunc("GET /debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	mux.Handle("GET /livez", a.handler)
	mux.Handle("GET /readyz", a.handler)
	return mux
}
