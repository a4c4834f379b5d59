package lb

import (
	"errors"
	"sync/atomic"
	"syscall"
	"time"
)

// streamCounts are what is counted of connections at a node.
// https://docs.aws.amazon.com/elasticloadbalancing/latest/network/load-balancer-cloudwatch-metrics.html
// https://docs.aws.amazon.com/elasticloadbalancing/latest/classic/elb-cloudwatch-metrics.html
type streamCounts struct {
	active                                  []*gauge
	begun                                   []*counter
	processed                               sums
	clientReset, targetReset, balancerReset *counter
	failedOpen, portsOut                    *counter
	handshakeFailed, targetHandshakeFailed  *counter
	// Of classic load balancers:
	backendFailed *counter
	latency       *values
	requests      *counter
}

// sums are counters that count the same under several names.
type sums []*counter

func (s sums) add(n int64) {
	for _, c := range s {
		c.add(n)
	}
}

func newStreamCounts(s *stats, kind Kind, zone string, tls bool) *streamCounts {
	count := func(name string) *counter { return s.counter(name, "Count", zone, "") }
	if kind == Classic {
		return &streamCounts{
			processed: sums{s.counter("EstimatedProcessedBytes", "Bytes", zone, "")}, requests: count("RequestCount"),
			begun: []*counter{count("EstimatedALBNewConnectionCount")}, active: []*gauge{s.gauge("EstimatedALBActiveConnectionCount", zone)},
			backendFailed: count("BackendConnectionErrors"), latency: s.value("Latency", "Seconds", zone, ""),
			handshakeFailed: count("EstimatedClientTLSNegotiationErrorCount"), targetHandshakeFailed: &counter{},
			clientReset: &counter{}, targetReset: &counter{}, balancerReset: &counter{}, failedOpen: &counter{}, portsOut: &counter{},
		}
	}
	suffix := "_TCP"
	if tls {
		suffix = "_TLS"
	}
	c := networkCounts(s, zone, suffix)
	c.clientReset, c.targetReset, c.balancerReset = count("TCP_Client_Reset_Count"), count("TCP_Target_Reset_Count"), count("TCP_ELB_Reset_Count")
	c.handshakeFailed, c.targetHandshakeFailed = count("ClientTLSNegotiationErrorCount"), count("TargetTLSNegotiationErrorCount")
	return c
}

// networkCounts are those that flows of all protocols have.
func networkCounts(s *stats, zone, suffix string) *streamCounts {
	c := &streamCounts{failedOpen: s.counter("UnhealthyRoutingFlowCount", "Count", zone, ""), portsOut: s.counter("PortAllocationErrorCount", "Count", zone, "")}
	for _, of := range []string{"", suffix} {
		c.active = append(c.active, s.gauge("ActiveFlowCount"+of, zone))
		c.begun = append(c.begun, s.counter("NewFlowCount"+of, "Count", zone, ""))
		c.processed = append(c.processed, s.counter("ProcessedBytes"+of, "Bytes", zone, ""))
	}
	return c
}

// open counts a flow that begins (1) or ends (-1).
func (c *streamCounts) open(n int64) {
	for _, g := range c.active {
		g.add(n)
	}
	if n > 0 {
		sums(c.begun).add(1)
	}
}

// reached counts a connection to a target, which took d.
func (c *streamCounts) reached(d time.Duration) {
	if c.requests != nil {
		c.requests.add(1)
		c.latency.add(d.Seconds())
	}
}

// failed counts a target that could not be reached.
func (c *streamCounts) failed(err error) {
	if c.backendFailed != nil {
		c.backendFailed.add(1)
	}
	if errors.Is(err, syscall.EADDRNOTAVAIL) {
		c.portsOut.add(1)
	}
}

// reset counts who broke a connection.
func (c *streamCounts) reset(why ending) {
	switch why {
	case endedByClient:
		c.clientReset.add(1)
	case endedByTarget:
		c.targetReset.add(1)
	case endedByBalancer:
		c.balancerReset.add(1)
	}
}

// gauge is a level: how many there are now.
type gauge struct{ n atomic.Int64 }

func (g *gauge) add(n int64) { g.n.Add(n) }

// gauge is the level of a metric in a zone.
func (s *stats) gauge(name, zone string) *gauge {
	g, _ := s.gauges.LoadOrStore(statKey{name, "Count", zone, ""}, &gauge{})
	return g.(*gauge)
}

// levels are the gauges as they stand, for each zone and summed.
func (s *stats) levels() (all []Statistic) {
	sums := map[statKey]int64{}
	s.gauges.Range(func(k, g any) bool {
		for _, to := range rollup(k.(statKey)) {
			sums[to] += g.(*gauge).n.Load()
		}
		return true
	})
	for k, n := range sums {
		all = append(all, Statistic{Name: k.name, Unit: k.unit, Zone: k.zone, Values: []float64{float64(n)}, Counts: []float64{1}})
	}
	return all
}

// flowUnit is what a capacity unit is of, for flows of a protocol.
type flowUnit struct {
	protocol    string
	new, active float64 // flows that begin in a minute, flows at a time
}

// https://aws.amazon.com/elasticloadbalancing/pricing/
var flowUnits = []flowUnit{{"_TCP", 800 * 60, 100_000}, {"_UDP", 400 * 60, 50_000}, {"_TLS", 50 * 60, 3_000}}

// networkCapacity adds ConsumedLCUs of a network load balancer: for each
// protocol the dimension that is used most, and their sum.
func (s *site) networkCapacity(sums map[statKey]float64, levels []Statistic) {
	total := 0.0
	for _, u := range flowUnits {
		active := 0.0
		for _, l := range levels {
			if l.Name == "ActiveFlowCount"+u.protocol && l.Zone == "" && l.Group == "" {
				active = l.Values[0]
			}
		}
		used := max(sums[statKey{"NewFlowCount" + u.protocol, "Count", "", ""}]/u.new, active/u.active,
			sums[statKey{"ProcessedBytes" + u.protocol, "Bytes", "", ""}]/unitBytes)
		sums[statKey{"ConsumedLCUs" + u.protocol, "Count", "", ""}] = used
		total += used
	}
	sums[statKey{"ConsumedLCUs", "Count", "", ""}] = total
}
