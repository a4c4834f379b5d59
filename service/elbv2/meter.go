package elbv2

import (
	"iter"
	"sync"

	"pileus/cloud"
	"pileus/lb"
	"pileus/store"
)

// billed is the service on the bill.
const billed = "AWSELB"

// line is what an hour of the load balancer is billed as.
func (b *balancer) line(kind string, quantity float64) cloud.Usage {
	operation := "LoadBalancing:Application"
	if b.Type == network {
		operation = "LoadBalancing:Network"
	}
	return cloud.Usage{
		Account: b.Account, Region: b.Region, Service: billed, Type: kind, Operation: operation, Resource: b.ARN, Quantity: quantity, Tags: b.Tags.Map(),
	}
}

// level is that the load balancer is there.
func (b *balancer) level() cloud.Usage {
	u := b.line("LoadBalancerUsage", 1)
	u.Since = b.Made
	return u
}

// stored is what is billed by the hour.
func stored(r store.Reader) iter.Seq[cloud.Usage] {
	return func(yield func(cloud.Usage) bool) {
		for b := range balancers.Scan(r) {
			if !yield(b.level()) {
				return
			}
		}
	}
}

// bill counts the last hour of a load balancer that goes.
func (b *balancer) bill(c *cloud.Call, tx store.Tx) {
	u := b.level()
	tx.OnCommit(func() { c.Cloud.Meter(u) })
}

// units are what a minute of traffic is in load balancer capacity units, in
// each of the dimensions. The largest is billed.
// https://aws.amazon.com/elasticloadbalancing/pricing/
type units map[string]float64

func unitsOf(b *balancer, list []lb.Statistic) units {
	sum := func(name string) (total float64) {
		for _, v := range list {
			if v.Name == name && v.Zone == "" && v.Group == "" {
				for n, x := range v.Values {
					total += x * v.Counts[n]
				}
			}
		}
		return total
	}
	perHour := func(bytes float64) float64 { return bytes * 60 / (1 << 30) }
	if b.Type == application {
		return units{
			"NewConnections":    sum("NewConnectionCount") / 60 / 25,
			"ActiveConnections": sum("ActiveConnectionCount") / 3000,
			"ProcessedBytes":    perHour(sum("ProcessedBytes")),
			"RuleEvaluations":   sum("RuleEvaluations") / 60 / 1000,
		}
	}
	return units{
		"ConsumedLCUs_TCP": max(sum("NewFlowCount_TCP")/60/800, sum("ActiveFlowCount_TCP")/100_000, perHour(sum("ProcessedBytes_TCP"))),
		"ConsumedLCUs_UDP": max(sum("NewFlowCount_UDP")/60/400, sum("ActiveFlowCount_UDP")/50_000, perHour(sum("ProcessedBytes_UDP"))),
		"ConsumedLCUs_TLS": max(sum("NewFlowCount_TLS")/60/50, sum("ActiveFlowCount_TLS")/3000, perHour(sum("ProcessedBytes_TLS"))),
	}
}

// total is what is billed of them.
func (u units) total() (most float64) {
	for _, v := range u {
		most = max(most, v)
	}
	return most
}

// statistics are the units as metrics.
func (u units) statistics(b *balancer) []lb.Statistic {
	one := func(name string, x float64) lb.Statistic {
		return lb.Statistic{Name: name, Unit: "Count", Values: []float64{x}, Counts: []float64{1}}
	}
	list := []lb.Statistic{one("ConsumedLCUs", u.total())}
	if b.Type == network {
		for _, name := range []string{"ConsumedLCUs_TCP", "ConsumedLCUs_TLS", "ConsumedLCUs_UDP"} {
			list = append(list, one(name, u[name]))
		}
	}
	return list
}

// remainder keeps capacity units that are too few to be billed yet, so that
// idle load balancers do not write every minute.
type remainder struct {
	mu   sync.Mutex
	some map[string]float64
}

// least is what is billed at once, in hours of a unit.
const least = 1e-6

func (m *remainder) bill(c *cloud.Call, b *balancer, units float64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.some == nil {
		m.some = map[string]float64{}
	}
	m.some[b.ARN] += units / 60
	if m.some[b.ARN] >= least {
		c.Cloud.Meter(b.line("LCUUsage", m.some[b.ARN]))
		delete(m.some, b.ARN)
	}
}

func (m *remainder) reset() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.some = nil
}
