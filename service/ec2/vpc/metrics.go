package vpc

import (
	"context"
	"iter"
	"sync"
	"time"

	"pileus/cloud"
	"pileus/plane"
	"pileus/store"
)

// publisher publishes the metrics of NAT gateways: it remembers the counters
// of the last minute and of the last sample.
// https://docs.aws.amazon.com/vpc/latest/userguide/metrics-dimensions-nat-gateway.html
type publisher struct {
	room *Room

	mu      sync.Mutex
	last    map[string]translated // by NAT gateway
	sampled map[string]translated
	peaks   map[string]plane.Passed // the most between two samples of the minute
}

// sampleEvery is over how long, of the machine's time, AWS averages what it
// gives the peaks of.
const sampleEvery = 10 * time.Second

// watch samples the NAT gateways for their peaks.
func (p *publisher) watch(ctx context.Context, cl cloud.Cloud) {
	for cl.Clock().Wait(ctx, sampleEvery) == nil {
		p.sample(&cloud.Call{Context: ctx, Cloud: cl, Partition: "aws", Now: cl.Clock().Now()})
	}
}

func (p *publisher) sample(c *cloud.Call) {
	now := p.read(c, usableNATs(c))
	p.mu.Lock()
	defer p.mu.Unlock()
	for id, b := range now {
		a, known := p.sampled[id]
		if !known {
			continue
		}
		if p.peaks == nil {
			p.peaks = map[string]plane.Passed{}
		}
		most := p.peaks[id]
		most.Bytes, most.Packets = max(most.Bytes, minus(b.bytes(), a.bytes())), max(most.Packets, minus(b.packets(), a.packets()))
		p.peaks[id] = most
	}
	p.sampled = now
}

// Metrics yields what has passed the NAT gateways in the last minute.
func (s *Room) Metrics() func(c *cloud.Call) iter.Seq[cloud.Metric] { return s.natMetrics.metrics }

func (p *publisher) metrics(c *cloud.Call) iter.Seq[cloud.Metric] {
	return func(yield func(cloud.Metric) bool) {
		list := usableNATs(c)
		now := p.read(c, list)
		p.mu.Lock()
		last, peaks := p.last, p.peaks
		p.last, p.peaks = now, nil
		p.mu.Unlock()
		for _, n := range list {
			before, known := last[n.ID]
			after, there := now[n.ID]
			if known && there && !n.publish(before, after, peaks[n.ID], yield) {
				return
			}
		}
	}
}

// translated is what a NAT gateway has counted.
type translated struct{ plane.NATCounters }

func (c translated) bytes() uint64   { return c.FromSource.Bytes + c.FromDestination.Bytes }
func (c translated) packets() uint64 { return c.FromSource.Packets + c.FromDestination.Packets }

// usableNATs are the NAT gateways in use.
func usableNATs(c *cloud.Call) (list []*NAT) {
	err := c.View(func(r store.Reader) error {
		list = nil
		for n := range nats.Scan(r) {
			if n.State == natAvailable && len(n.Addresses) > 0 {
				list = append(list, n)
			}
		}
		return nil
	})
	if err != nil {
		return nil
	}
	return list
}

// read reads the counters of NAT gateways. A network that cannot be read, and a
// gateway that does not count, are not published.
func (p *publisher) read(c *cloud.Call, list []*NAT) map[string]translated {
	now := map[string]translated{}
	traffic := map[string]map[string]plane.Counters{} // by VPC and interface
	for _, n := range list {
		if _, asked := traffic[n.VPC]; !asked {
			traffic[n.VPC], _ = p.room.plane.Traffic(c, n.VPC)
		}
		if t, ok := traffic[n.VPC][n.Addresses[0].Interface]; ok && t.NAT != nil {
			now[n.ID] = translated{*t.NAT}
		}
	}
	return now
}

// publish yields what a NAT gateway has done between two readings.
func (n *NAT) publish(a, b translated, peak plane.Passed, yield func(cloud.Metric) bool) bool {
	m := cloud.Metric{Account: n.Account, Region: n.Region, Namespace: "AWS/NATGateway", Dimensions: []cloud.Dimension{{Name: "NatGatewayId", Value: n.ID}}}
	per := sampleEvery.Seconds()
	for _, x := range []struct {
		name, unit string
		value      float64
	}{
		{"ActiveConnectionCount", "Count", float64(b.Active)},
		{"BytesInFromDestination", "Bytes", since(b.FromDestination.Bytes, a.FromDestination.Bytes)},
		{"BytesInFromSource", "Bytes", since(b.FromSource.Bytes, a.FromSource.Bytes)},
		{"BytesOutToDestination", "Bytes", since(b.ToDestination.Bytes, a.ToDestination.Bytes)},
		{"BytesOutToSource", "Bytes", since(b.ToSource.Bytes, a.ToSource.Bytes)},
		{"ConnectionAttemptCount", "Count", since(b.Attempts, a.Attempts)},
		{"ConnectionEstablishedCount", "Count", since(b.Established, a.Established)},
		{"ErrorPortAllocation", "Count", since(b.PortErrors, a.PortErrors)},
		{"PacketsDropCount", "Count", since(b.Dropped, a.Dropped)},
		{"PacketsInFromDestination", "Count", since(b.FromDestination.Packets, a.FromDestination.Packets)},
		{"PacketsInFromSource", "Count", since(b.FromSource.Packets, a.FromSource.Packets)},
		{"PacketsOutToDestination", "Count", since(b.ToDestination.Packets, a.ToDestination.Packets)},
		{"PacketsOutToSource", "Count", since(b.ToSource.Packets, a.ToSource.Packets)},
		{"PeakBytesPerSecond", "None", float64(peak.Bytes) / per},
		{"PeakPacketsPerSecond", "Count", float64(peak.Packets) / per},
	} {
		if m.Name, m.Unit, m.Values = x.name, x.unit, []float64{x.value}; !yield(m) {
			return false
		}
	}
	return true
}

func since(b, a uint64) float64 { return float64(minus(b, a)) }
