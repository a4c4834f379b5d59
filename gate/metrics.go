package gate

import (
	"net/http"
	"strconv"
	"sync"

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
	series   sync.Map // outcome to *series
}

// outcome is what calls are told apart by.
type outcome struct {
	service, operation string
	status             int
	code               string
}

// series are the numbers of an outcome, looked up once.
type series struct {
	calls   prometheus.Counter
	latency prometheus.Observer
	in, out prometheus.Counter
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
	s := m.of(outcome{e.Service, e.Operation, e.Status, e.Code})
	s.calls.Inc()
	s.latency.Observe(e.Latency.Seconds())
	s.in.Add(float64(e.BytesIn))
	s.out.Add(float64(e.BytesOut))
}

func (m *metrics) of(o outcome) *series {
	if s, ok := m.series.Load(o); ok {
		return s.(*series)
	}
	s, _ := m.series.LoadOrStore(o, &series{
		calls:   m.calls.WithLabelValues(o.service, o.operation, strconv.Itoa(o.status), o.code),
		latency: m.latency.WithLabelValues(o.service, o.operation),
		in:      m.in.WithLabelValues(o.service),
		out:     m.out.WithLabelValues(o.service),
	})
	return s.(*series)
}

// Metrics is the handler that Prometheus scrapes.
func (g *Gate) Metrics() http.Handler {
	return promhttp.HandlerFor(g.metrics.registry, promhttp.HandlerOpts{})
}
