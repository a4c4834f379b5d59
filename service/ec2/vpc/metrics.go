package vpc

import (
	"iter"
	"sync"

	"pileus/cloud"
	"pileus/plane"
	"pileus/store"
)

// publisher publishes the metrics of NAT gateways: it remembers the counters
// of the last sample.
// https://docs.aws.amazon.com/vpc/latest/userguide/metrics-dimensions-nat-gateway.html
type publisher struct {
	room *Room

	mu   sync.Mutex
	last map[string]plane.Counters // by NAT gateway
}

// Metrics yields what has passed the NAT gateways in the last minute.
func (s *Room) Metrics() func(c *cloud.Call) iter.Seq[cloud.Metric] {
	return (&publisher{room: s}).metrics
}

func (p *publisher) metrics(c *cloud.Call) iter.Seq[cloud.Metric] {
	return func(yield func(cloud.Metric) bool) {
		p.mu.Lock()
		defer p.mu.Unlock()
		list := publicNATs(c)
		now := map[string]plane.Counters{}
		traffic := map[string]map[string]plane.Counters{} // by VPC and interface
		for _, n := range list {
			if _, asked := traffic[n.VPC]; !asked {
				// A network that cannot be read is not published.
				traffic[n.VPC], _ = p.room.plane.Traffic(c, n.VPC)
			}
			if t, ok := traffic[n.VPC][n.Addresses[0].Interface]; ok {
				now[n.ID] = t
			}
		}
		last := p.last
		p.last = now
		for _, n := range list {
			before, known := last[n.ID]
			after, there := now[n.ID]
			if known && there && !n.publish(before, after, yield) {
				return
			}
		}
	}
}

// publicNATs are the public NAT gateways in use. What passes a private one is
// counted by nobody in a way that tells its sides apart.
func publicNATs(c *cloud.Call) (list []*NAT) {
	err := c.View(func(r store.Reader) error {
		list = nil
		for n := range nats.Scan(r) {
			if n.State == natAvailable && !n.Private && len(n.Addresses) > 0 {
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

// publish yields what has passed a NAT gateway between two readings. Both of
// its sides are one interface: what it sends through the internet gateway goes
// to the destination, and all else to the source.
func (n *NAT) publish(a, b plane.Counters, yield func(cloud.Metric) bool) bool {
	in, out, toDestination := minus(b.BytesIn, a.BytesIn), minus(b.BytesOut, a.BytesOut), minus(b.Internet, a.Internet)
	m := cloud.Metric{Account: n.Account, Region: n.Region, Namespace: "AWS/NATGateway", Unit: "Bytes", Dimensions: []cloud.Dimension{{Name: "NatGatewayId", Value: n.ID}}}
	for _, x := range []struct {
		name  string
		bytes uint64
	}{
		{"BytesInFromSource", min(toDestination, in)},
		{"BytesInFromDestination", minus(in, toDestination)},
		{"BytesOutToDestination", toDestination},
		{"BytesOutToSource", minus(out, toDestination)},
	} {
		if m.Name, m.Values = x.name, []float64{float64(x.bytes)}; !yield(m) {
			return false
		}
	}
	return true
}
