package gate

import (
	"net/http"
	"strconv"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"pileus/trail"
)

// metrics are what Prometheus reads at /_pileus/metrics.
type metrics struct {
	registry *prometheus.Registry
	calls    *prometheus.CounterVec
	latency  *prometheus.HistogramVec
	in, out  *prometheus.CounterVec
}

func newMetrics() *metrics {
	m := &metrics{
		registry: prometheus.NewRegistry(),
		calls: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "pileus_requests_total", Help: "API calls by service, operation, status and error code.",
		}, []string{"service", "operation", "status", "code"}),
		latency: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "pileus_request_duration_seconds", Help: "Time from the request's head to the answer's end.",
			Buckets: []float64{.0001, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 5, 20},
		}, []string{"service", "operation"}),
		in:  prometheus.NewCounterVec(prometheus.CounterOpts{Name: "pileus_request_bytes_total", Help: "Bytes of request bodies."}, []string{"service"}),
		out: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "pileus_response_bytes_total", Help: "Bytes of response bodies."}, []string{"service"}),
	}
	m.registry.MustRegister(m.calls, m.latency, m.in, m.out, collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

func (m *metrics) observe(e *trail.Event) {
	m.calls.WithLabelValues(e.Service, e.Operation, strconv.Itoa(e.Status), e.Code).Inc()
	m.latency.WithLabelValues(e.Service, e.Operation).Observe(e.Latency.Seconds())
	m.in.WithLabelValues(e.Service).Add(float64(e.BytesIn))
	m.out.WithLabelValues(e.Service).Add(float64(e.BytesOut))
}

// Metrics is the handler that Prometheus scrapes.
func (g *Gate) Metrics() http.Handler {
	return promhttp.HandlerFor(g.metrics.registry, promhttp.HandlerOpts{})
}
